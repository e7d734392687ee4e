// SPDX-License-Identifier: Apache-2.0

// Cost of waiting: the processor time of a rank while a long chunk runs elsewhere, and the time
// that a sleeping rank takes to begin its next chunk.
#include <mpi.h>
#include <time.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "benchmarks/loads.h"
#include "benchmarks/pool.h"
#include "benchmarks/suite.h"

namespace mpaio {
namespace {

double SecondsOn(clockid_t clock) {
  timespec now;
  clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

// Each chunk keeps its rank busy for `seconds`.
class LongChunks final : public Worker<std::int64_t, std::int64_t> {
 public:
  LongChunks(DataIterator data, double seconds) : Worker(std::move(data)), seconds_(seconds) {}
  absl::StatusOr<std::int64_t> Process(const ChunkView<std::int64_t>&) const override {
    const double end = SecondsOn(CLOCK_MONOTONIC) + seconds_;
    std::int64_t kept = 0;
    while (SecondsOn(CLOCK_MONOTONIC) < end) kept ^= Burn(1000);
    return kept & 0;
  }
  absl::Status ProcessCallback(const Chunk&, std::int64_t) override { return absl::OkStatus(); }
  absl::Status Check() const { return absl::OkStatus(); }

 private:
  double seconds_;
};

// The result of a chunk is the time at which it began.
class Begun final : public Worker<std::int64_t, double> {
 public:
  explicit Begun(DataIterator data) : Worker(std::move(data)) {}
  absl::StatusOr<double> Process(const ChunkView<std::int64_t>&) const override {
    return SecondsOn(CLOCK_MONOTONIC);
  }
  absl::Status ProcessCallback(const Chunk&, double begun) override {
    begun_ = begun;
    return absl::OkStatus();
  }
  double begun() const { return begun_; }

 private:
  double begun_ = 0;
};

// Returns the median of several latencies: the time from the moment when rank 0 assigns a chunk
// until a worker begins it. Rank 0 waits before each assignment, so that the workers sleep. Valid
// on rank 0.
absl::StatusOr<double> WakeUpMedian(BenchmarkPool& pool, const DataIterator& one_chunk) {
  constexpr int kTimes = 51;
  std::vector<double> latencies;
  for (int k = 0; k < kTimes; ++k) {
    Begun worker(one_chunk);
    MPAIO_ASSIGN_OR_RETURN(Run run, WorkerOrchestrator(pool.executor(), {&worker}).Start());
    if (pool.world().rank() == 0) std::this_thread::sleep_for(std::chrono::milliseconds(3));
    const double asked = SecondsOn(CLOCK_MONOTONIC);
    MPAIO_RETURN_IF_ERROR(run.Wait());
    latencies.push_back(worker.begun() - asked);
  }
  std::sort(latencies.begin(), latencies.end());
  return latencies[latencies.size() / 2];
}

absl::StatusOr<std::vector<BenchmarkCase>> MakeIdleCases(const Communicator& world) {
  MpiExecutorOptions without_rank_0;
  without_rank_0.orchestrator_works = false;
  MPAIO_ASSIGN_OR_RETURN(const std::shared_ptr<BenchmarkPool> pool,
                         BenchmarkPool::Create(world, without_rank_0));
  MPAIO_ASSIGN_OR_RETURN(const std::span<std::int64_t> numbers,
                         pool->Numbers(1, [](Index k) { return k; }));
  MPAIO_ASSIGN_OR_RETURN(const NdView one,
                         NdView::Create(numbers.data(), DType::Of<std::int64_t>(), {1}));
  MPAIO_ASSIGN_OR_RETURN(const DataIterator one_chunk,
                         DataIterator::Create(one, Partition::ChunkSize(1)));

  std::vector<BenchmarkCase> cases;
  for (const double seconds : {0.02, 2.0}) {
    // Returns the largest processor time of the ranks that waited, which is the second largest of
    // all: the rank that ran the chunk has the largest.
    cases.push_back({absl::StrCat("BM_Idle_CpuOfAWaitingRank/chunk_ms:", seconds * 1e3),
                     [=]() -> absl::StatusOr<double> {
                       const double before = SecondsOn(CLOCK_PROCESS_CPUTIME_ID);
                       MPAIO_RETURN_IF_ERROR(
                           pool->TimeRun([&] { return LongChunks(one_chunk, seconds); }).status());
                       const double used = SecondsOn(CLOCK_PROCESS_CPUTIME_ID) - before;
                       std::vector<double> of_rank(static_cast<std::size_t>(pool->world().size()));
                       MPI_Allgather(&used, 1, MPI_DOUBLE, of_rank.data(), 1, MPI_DOUBLE,
                                     pool->world().get());
                       std::sort(of_rank.begin(), of_rank.end());
                       return of_rank.size() < 2 ? 0 : of_rank[of_rank.size() - 2];
                     }});
  }
  cases.push_back({"BM_Idle_WakeUpMedian", [=] { return WakeUpMedian(*pool, one_chunk); }});
  return cases;
}

}  // namespace
}  // namespace mpaio

int main(int argc, char** argv) { return mpaio::RunSuite(argc, argv, mpaio::MakeIdleCases); }
