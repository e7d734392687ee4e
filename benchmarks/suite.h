// SPDX-License-Identifier: Apache-2.0

// Benchmarks of several ranks: Google Benchmark on rank 0, which the other ranks follow.
#ifndef MPAIO_BENCHMARKS_SUITE_H_
#define MPAIO_BENCHMARKS_SUITE_H_

#include <chrono>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "mpaio/base/status_macros.h"
#include "mpaio/base/wire.h"
#include "mpaio/mpi/communicator.h"

namespace mpaio {

// One way to do a piece of work: ours, or a peer's.
struct BenchmarkCase {
  // "BM_Dispatch_TbbAuto/rows:64".
  std::string name;
  // Called on all ranks at once. What it gives on rank 0 is the seconds that count; a status that
  // is not OK, on any rank, ends the program.
  std::function<absl::StatusOr<double>()> run;
  // Chunks, or bytes: shown as a rate.
  double items = 0;
  double bytes = 0;
  // Further numbers for the report: constants of the case, like a chunk's duration.
  std::vector<std::pair<std::string, double>> counters = {};
};

// Makes a suite's cases; called on every rank, and giving the same list on each.
using MakeCases =
    std::function<absl::StatusOr<std::vector<BenchmarkCase>>(const Communicator& world)>;

// The main() of a suite: starts MPI, and runs the cases as often as --benchmark_repetitions says (7
// times), in an order that mixes them, so that what disturbs the machine disturbs all of them;
// repetition k of two cases is a pair. While a case runs in rank 0's threads alone the other ranks
// sleep. Takes Google Benchmark's flags. Returns the exit status.
int RunSuite(int argc, char** argv, const MakeCases& make_cases);

// Collective: rank 0's `measure()`, on every rank.
template <typename Measure>
absl::StatusOr<double> SameOnAllRanks(const Communicator& world, Measure&& measure) {
  std::string bytes;
  if (world.rank() == 0) WireAppend(static_cast<double>(measure()), &bytes);
  MPAIO_RETURN_IF_ERROR(world.Broadcast(0, &bytes));
  double value = 0;
  WireReader(bytes).Read(&value);
  return value;
}

// The seconds that `work` takes from when all ranks are ready until it has returned here, and one
// barrier: else a rank could begin before the clock of rank 0 does. Collective over `world`.
template <typename Work>
absl::StatusOr<double> Timed(const Communicator& world, Work&& work) {
  MPAIO_RETURN_IF_ERROR(world.Barrier());
  const auto start = std::chrono::steady_clock::now();
  MPAIO_RETURN_IF_ERROR(world.Barrier());
  MPAIO_RETURN_IF_ERROR(work());
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace mpaio

#endif  // MPAIO_BENCHMARKS_SUITE_H_
