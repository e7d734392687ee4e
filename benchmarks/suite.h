// SPDX-License-Identifier: Apache-2.0

// Benchmarks that several ranks run together: rank 0 runs Google Benchmark, and tells the other
// ranks which case to run.
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

// One way to do a piece of work, by mpaio or by a peer.
struct BenchmarkCase {
  // For example "BM_Dispatch_TbbAuto/rows:64".
  std::string name;
  // Called on all ranks at once. Rank 0's return value, in seconds, is reported; an error on any
  // rank ends the program.
  std::function<absl::StatusOr<double>()> run;
  // Number of chunks and of bytes, each reported as a rate unless 0.
  double items = 0;
  double bytes = 0;
  // Constants of the case for the report, for example the duration of a chunk.
  std::vector<std::pair<std::string, double>> counters = {};
};

// Makes the cases of a suite. Called on every rank; must return the same cases on each, in the same
// order.
using MakeCases =
    std::function<absl::StatusOr<std::vector<BenchmarkCase>>(const Communicator& world)>;

// The main() of a suite: starts MPI and runs each case --benchmark_repetitions times (default: 7).
// The cases are interleaved at random, so that a disturbance of the machine affects all of them
// equally; the k-th repetitions of two cases are a pair. While a case runs only in rank 0's
// threads, the other ranks sleep. Accepts Google Benchmark's flags. Returns the exit status.
int RunSuite(int argc, char** argv, const MakeCases& make_cases);

// Calls `measure()` on rank 0 and returns its value on every rank. Collective.
template <typename Measure>
absl::StatusOr<double> SameOnAllRanks(const Communicator& world, Measure&& measure) {
  std::string bytes;
  if (world.rank() == 0) WireAppend(static_cast<double>(measure()), &bytes);
  MPAIO_RETURN_IF_ERROR(world.Broadcast(0, &bytes));
  double value = 0;
  WireReader(bytes).Read(&value);
  return value;
}

// Returns the seconds from the time at which all ranks are ready until `work` has returned on this
// rank. This includes a barrier, without which a rank could begin before rank 0 starts its clock.
// Collective over `world`.
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
