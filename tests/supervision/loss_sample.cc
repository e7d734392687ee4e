// SPDX-License-Identifier: Apache-2.0

// Usage: mpirun -n 3 loss_sample armed|unarmed EXIT_STATUS
//
// For loss_test.sh. Rank 1 kills itself; if "armed", it arms its supervision first. Rank 2 ends in
// order at once. Rank 0 ends with EXIT_STATUS when it has been informed of the loss of rank 1.
#include <sched.h>
#include <signal.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "mpaio/mpi/communicator.h"
#include "mpaio/mpi/environment.h"
#include "mpaio/supervision/supervision.h"

int main(int argc, char** argv) {
  mpaio::Environment environment(&argc, &argv);
  if (argc != 3 || !environment.status().ok()) return 90;
  mpaio::Supervision* const supervision = mpaio::Supervision::Get();
  const int rank = environment.world().rank();
  if (supervision == nullptr) {
    if (rank == 0) std::puts("SKIPPED: there is no supervision here");
    return 0;
  }
  if (rank == 1) {
    if (std::strcmp(argv[1], "armed") == 0) supervision->Arm();
    raise(SIGKILL);
  }
  if (rank == 2) return 0;
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (std::chrono::steady_clock::now() < end) {
    for (const mpaio::LostRank& lost : supervision->PollLostRanks()) {
      // Rank 2, which ended in order, is reported as well.
      if (lost.rank != 1) continue;
      std::printf("rank %d %s\n", lost.rank, lost.cause.c_str());
      std::fflush(stdout);
      return std::atoi(argv[2]);
    }
    sched_yield();
  }
  return 91;
}
