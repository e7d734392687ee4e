// SPDX-License-Identifier: Apache-2.0

// The parts of mpaio that the suites' cases need: a pool, arrays in its memory, and a worker that
// calls a function.
#ifndef MPAIO_BENCHMARKS_POOL_H_
#define MPAIO_BENCHMARKS_POOL_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "benchmarks/suite.h"
#include "mpaio/array/nd_view.h"
#include "mpaio/base/status_macros.h"
#include "mpaio/chunk/data_iterator.h"
#include "mpaio/executor/executor.h"
#include "mpaio/executor/mpi_executor.h"
#include "mpaio/mpi/communicator.h"
#include "mpaio/orchestration/worker_orchestrator.h"
#include "mpaio/worker/worker.h"

namespace mpaio {

// A pool over `world`, which must outlive the pool. The destructor closes the pool and is
// collective.
class BenchmarkPool {
 public:
  static absl::StatusOr<std::shared_ptr<BenchmarkPool>> Create(
      const Communicator& world, const MpiExecutorOptions& options = {}) {
    auto pool = std::make_shared<BenchmarkPool>(world);
    MPAIO_ASSIGN_OR_RETURN(pool->executor_, MpiExecutor::Create(world, options));
    return pool;
  }
  explicit BenchmarkPool(const Communicator& world) : world_(world) {}
  ~BenchmarkPool() {
    if (executor_) executor_->Close().IgnoreError();
  }

  const Communicator& world() const { return world_; }
  Executor& executor() { return *executor_; }

  // Returns `count` int64 in the node's shared memory, filled by rank 0 from fill(k). Every rank
  // has mapped every page of it. Collective.
  template <typename Fill>
  absl::StatusOr<std::span<std::int64_t>> Numbers(Index count, Fill&& fill) {
    MPAIO_ASSIGN_OR_RETURN(SharedMemory* const memory,
                           executor_->Allocate(count * Index{sizeof(std::int64_t)}));
    const std::span<std::int64_t> numbers(reinterpret_cast<std::int64_t*>(memory->data()),
                                          static_cast<std::size_t>(count));
    if (world_.rank() == 0) {
      for (Index k = 0; k < count; ++k) numbers[static_cast<std::size_t>(k)] = fill(k);
    }
    MPAIO_RETURN_IF_ERROR(memory->Synchronize());
    std::int64_t sum = 0;
    for (const std::int64_t number : numbers) sum += number;
    volatile std::int64_t kept = sum;
    static_cast<void>(kept);
    return numbers;
  }

  // Runs the worker that `make` returns. Returns the seconds from the start to the last callback.
  // Calls `look(worker)` on rank 0 after the run. Collective.
  template <typename Make>
  absl::StatusOr<double> TimeRun(Make&& make, const RunOptions& options = {}) {
    return TimeRun(std::forward<Make>(make), options, [](const auto&) {});
  }
  template <typename Make, typename Look>
  absl::StatusOr<double> TimeRun(Make&& make, const RunOptions& options, Look&& look) {
    auto worker = make();
    WorkerOrchestrator orchestrator(*executor_, {&worker});
    MPAIO_ASSIGN_OR_RETURN(const double seconds, Timed(world_, [&]() -> absl::Status {
                             MPAIO_ASSIGN_OR_RETURN(Run run, orchestrator.Start(options));
                             return run.Wait();
                           }));
    if (world_.rank() == 0) {
      MPAIO_RETURN_IF_ERROR(worker.Check());
      look(worker);
    }
    return seconds;
  }

 private:
  const Communicator& world_;
  std::unique_ptr<Executor> executor_;
};

// A worker that calls `function(elements, chunk id)`, which returns an int64. Rank 0 adds the
// results up; Check() fails unless their sum, which may wrap around, is `total`.
template <typename Function>
class FunctionWorker final : public Worker<std::int64_t, std::int64_t> {
 public:
  FunctionWorker(DataIterator data, Function function, std::int64_t total)
      : Worker(std::move(data)), function_(function), expected_(total) {}

  absl::StatusOr<std::int64_t> Process(const ChunkView<std::int64_t>& chunk) const override {
    return function_(chunk.elements(), chunk.id());
  }
  absl::Status ProcessCallback(const Chunk&, std::int64_t value) override {
    total_ += static_cast<std::uint64_t>(value);
    return absl::OkStatus();
  }
  absl::Status Check() const {
    if (static_cast<std::int64_t>(total_) == expected_) return absl::OkStatus();
    return absl::InternalError("the results' sum is wrong");
  }

 private:
  Function function_;
  std::uint64_t total_ = 0;  // unsigned, because it may wrap around
  std::int64_t expected_;
};

}  // namespace mpaio

#endif  // MPAIO_BENCHMARKS_POOL_H_
