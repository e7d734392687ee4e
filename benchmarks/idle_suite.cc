// What waiting costs: processor time while a long chunk runs elsewhere, and how long a rank that sleeps takes to begin with its next chunk.
#include <mpi.h>
#include <time.h>

#include <algorithm>
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

// Each chunk keeps its rank busy.
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

// A chunk says when it was begun; rank 0 takes its time with each, so that the workers have long been asleep when it gives out the next.
class WakeUps final : public Worker<std::int64_t, double> {
 public:
  explicit WakeUps(DataIterator data) : Worker(std::move(data)) {}
  absl::StatusOr<double> Process(const ChunkView<std::int64_t>&) const override { return SecondsOn(CLOCK_MONOTONIC); }
  absl::Status ProcessCallback(const Chunk& chunk, double begun) override {
    // Where there are several workers, one may have begun before rank 0 was asked.
    if (chunk.id > 0 && begun > asked_) latencies_.push_back(begun - asked_);
    std::this_thread::sleep_for(std::chrono::milliseconds(3));
    asked_ = SecondsOn(CLOCK_MONOTONIC);
    return absl::OkStatus();
  }
  absl::Status Check() const { return absl::OkStatus(); }
  double Median() {
    std::sort(latencies_.begin(), latencies_.end());
    return latencies_.empty() ? 0 : latencies_[latencies_.size() / 2];
  }

 private:
  double asked_ = 0;
  std::vector<double> latencies_;
};

absl::StatusOr<std::vector<BenchmarkCase>> MakeIdleCases(const Communicator& world) {
  constexpr Index kWakeUps = 200;
  MpiExecutorOptions directing;
  directing.orchestrator_works = false;
  MPAIO_ASSIGN_OR_RETURN(const std::shared_ptr<BenchmarkPool> pool, BenchmarkPool::Create(world, directing));
  MPAIO_ASSIGN_OR_RETURN(const std::span<std::int64_t> numbers, pool->Numbers(kWakeUps, [](Index k) { return k; }));
  MPAIO_ASSIGN_OR_RETURN(const NdView one, NdView::Create(numbers.data(), DType::Of<std::int64_t>(), {1}));
  MPAIO_ASSIGN_OR_RETURN(const NdView many, NdView::Create(numbers.data(), DType::Of<std::int64_t>(), {kWakeUps}));
  MPAIO_ASSIGN_OR_RETURN(const DataIterator one_chunk, DataIterator::Create(one, Partition::ChunkSize(1)));
  MPAIO_ASSIGN_OR_RETURN(const DataIterator many_chunks, DataIterator::Create(many, Partition::ChunkSize(1)));

  std::vector<BenchmarkCase> cases;
  for (const double seconds : {0.02, 2.0}) {
    // The processor time of the rank that used most of it, of those that waited.
    cases.push_back({absl::StrCat("BM_Idle_CpuOfAWaitingRank/chunk_ms:", seconds * 1e3), [=]() -> absl::StatusOr<double> {
                       const double before = SecondsOn(CLOCK_PROCESS_CPUTIME_ID);
                       MPAIO_RETURN_IF_ERROR(pool->TimeRun([&] { return LongChunks(one_chunk, seconds); }).status());
                       const double used = SecondsOn(CLOCK_PROCESS_CPUTIME_ID) - before;
                       std::vector<double> of_rank(static_cast<std::size_t>(pool->world().size()));
                       MPI_Allgather(&used, 1, MPI_DOUBLE, of_rank.data(), 1, MPI_DOUBLE, pool->world().get());
                       std::sort(of_rank.begin(), of_rank.end());
                       return of_rank.size() < 2 ? 0 : of_rank[of_rank.size() - 2];
                     }});
  }
  cases.push_back({"BM_Idle_WakeUpMedian", [=]() -> absl::StatusOr<double> {
                     RunOptions options;
                     options.schedule = ScheduleKind::kDynamic;
                     options.credits = 1;
                     double median = 0;
                     MPAIO_RETURN_IF_ERROR(
                         pool->TimeRun([&] { return WakeUps(many_chunks); }, options, [&](WakeUps& worker) { median = worker.Median(); }).status());
                     return median;
                   }});
  return cases;
}

}  // namespace
}  // namespace mpaio

int main(int argc, char** argv) { return mpaio::RunSuite(argc, argv, mpaio::MakeIdleCases); }
