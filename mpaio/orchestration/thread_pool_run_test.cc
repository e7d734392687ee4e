// SPDX-License-Identifier: Apache-2.0

// Runs on a thread pool: the worker objects are shared by all ranks.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mpaio/array/dtype.h"
#include "mpaio/chunk/data_iterator.h"
#include "mpaio/dispatch/schedule.h"
#include "mpaio/dispatch/schedule_policy.h"
#include "mpaio/executor/inline_executor.h"
#include "mpaio/executor/thread_pool.h"
#include "mpaio/orchestration/test_pools.h"
#include "mpaio/orchestration/test_workers.h"
#include "mpaio/orchestration/worker_orchestrator.h"
#include "mpaio/testing/status_matchers.h"
#include "mpaio/window/shared_array.h"

namespace mpaio {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

std::unique_ptr<Executor> PoolOf(int threads, bool orchestrator_works) {
  ThreadPoolOptions options;
  options.threads = threads;
  options.orchestrator_works = orchestrator_works;
  return *MakeThreadPool(options);
}

// The parameters: the number of threads, and whether rank 0 works.
class ThreadPoolRun : public testing::TestWithParam<std::pair<int, bool>> {
 protected:
  const Watchdog watchdog_;
  const std::unique_ptr<Executor> pool_ = PoolOf(GetParam().first, GetParam().second);
};

INSTANTIATE_TEST_SUITE_P(Pools, ThreadPoolRun,
                         testing::Values(std::pair(1, true), std::pair(2, false),
                                         std::pair(2, true), std::pair(4, false),
                                         std::pair(4, true), std::pair(9, true)),
                         [](const auto& info) {
                           return absl::StrCat(info.param.first, "Threads",
                                               info.param.second ? "AllWork" : "Rank0Directs");
                         });

Index ChunksOfAllRanks(const RunStats& stats) {
  Index chunks = 0;
  for (const RankStats& rank : stats.ranks) chunks += rank.chunks;
  return chunks;
}

TEST_P(ThreadPoolRun, SeveralWorkersGiveWhatTheInlineExecutorGives) {
  constexpr int kSeed = 20;
  std::mt19937_64 random(kSeed);
  for (int round = 0; round < 20; ++round) {
    SCOPED_TRACE(absl::StrCat("seed ", kSeed, ", round ", round));
    const auto some = [&](Index most) { return static_cast<Index>(random() % (most + 1)); };
    const std::vector<std::int64_t> a = Counting(some(5000)), b = Counting(some(500));
    const DataIterator chunks_of_a = InChunks(a, 1 + some(100)), chunks_of_b = InChunks(b, 1);
    RunOptions options;
    options.credits = 1 + static_cast<int>(some(3));
    Echo inline_echo(chunks_of_a), echo(chunks_of_a);
    Letters inline_letters(chunks_of_b, 100), letters(chunks_of_b, 100);
    MPAIO_ASSERT_OK(RunToEnd(*MakeInlineExecutor(), {&inline_echo, &inline_letters}, options));
    MPAIO_ASSERT_OK(RunToEnd(*pool_, {&echo, &letters}, options));
    EXPECT_EQ(echo.rows, inline_echo.rows);
    EXPECT_EQ(echo.chunks, inline_echo.chunks);
    EXPECT_EQ(letters.callbacks, inline_letters.callbacks);
  }
}

TEST_P(ThreadPoolRun, EverySchedule) {
  const std::vector<std::int64_t> numbers = Counting(3000);
  for (const ScheduleKind kind : {ScheduleKind::kAuto, ScheduleKind::kStatic,
                                  ScheduleKind::kDynamic, ScheduleKind::kGuided}) {
    Echo echo(InChunks(numbers, 7));
    RunOptions options;
    options.policy = ComparisonPolicy(kind);
    MPAIO_ASSERT_OK(RunToEnd(*pool_, {&echo}, options));
    EXPECT_EQ(echo.rows, numbers);
  }
}

TEST_P(ThreadPoolRun, StatisticsCountEachChunkOnce) {
  const std::vector<std::int64_t> numbers = Counting(1000);
  Echo echo(InChunks(numbers, 1));
  absl::StatusOr<mpaio::Run> run = WorkerOrchestrator(*pool_, {&echo}).Start();
  MPAIO_ASSERT_OK(run);
  MPAIO_EXPECT_OK(run->Wait());
  EXPECT_EQ(run->stats().ranks.size(), static_cast<std::size_t>(pool_->size()));
  EXPECT_EQ(ChunksOfAllRanks(run->stats()), 1000);
  if (!pool_->orchestrator_works()) {
    EXPECT_EQ(run->stats().ranks[0].chunks, 0);
  }
}

// Each chunk waits until all working ranks are in Process.
TEST_P(ThreadPoolRun, AllRanksProcessAtOnceOnOneObject) {
  const int working = pool_->size() - (pool_->orchestrator_works() ? 0 : 1);
  const std::vector<std::int64_t> numbers = Counting(working);
  Echo echo(InChunks(numbers, 1));
  std::mutex mutex;
  std::set<std::thread::id> threads;
  std::atomic<bool> all_are_here = false;
  echo.before = [&](ChunkId) {
    {
      const std::lock_guard lock(mutex);
      threads.insert(std::this_thread::get_id());
      if (static_cast<int>(threads.size()) == working) all_are_here = true;
    }
    return WaitForFlag(all_are_here);
  };
  RunOptions options;
  options.policy = ComparisonPolicy(ScheduleKind::kStatic);
  MPAIO_EXPECT_OK(RunToEnd(*pool_, {&echo}, options));
  EXPECT_EQ(echo.rows, numbers);
}

TEST_P(ThreadPoolRun, CallbacksAreOnTheCallersThreadInOrder) {
  const std::vector<std::int64_t> numbers = Counting(500);
  Echo echo(InChunks(numbers, 1));
  const std::thread::id caller = std::this_thread::get_id();
  echo.callback = [&](ChunkId) {
    return std::this_thread::get_id() == caller ? absl::OkStatus()
                                                : absl::InternalError("another thread");
  };
  MPAIO_EXPECT_OK(RunToEnd(*pool_, {&echo}));
  EXPECT_TRUE(std::is_sorted(echo.chunks.begin(), echo.chunks.end()));
}

TEST_P(ThreadPoolRun, NextPollAndResults) {
  const std::vector<std::int64_t> numbers = Counting(300);
  {
    Echo echo(InChunks(numbers, 3));
    absl::StatusOr<mpaio::Run> run = WorkerOrchestrator(*pool_, {&echo}).Start();
    MPAIO_ASSERT_OK(run);
    ChunkId next = 0;
    while (const std::optional<Delivered> delivered = run->Next())
      EXPECT_EQ(delivered->chunk.id, next++);
    EXPECT_EQ(next, 100);
    MPAIO_EXPECT_OK(run->Wait());
  }
  {
    Echo echo(InChunks(numbers, 3));
    absl::StatusOr<mpaio::Run> run = WorkerOrchestrator(*pool_, {&echo}).Start();
    MPAIO_ASSERT_OK(run);
    while (run->Poll()) {
    }
    EXPECT_EQ(echo.rows, numbers);
    MPAIO_EXPECT_OK(run->Wait());
  }
  Echo echo(InChunks(numbers, 3));
  absl::StatusOr<mpaio::Run> run = WorkerOrchestrator(*pool_, {&echo}).Start();
  MPAIO_ASSERT_OK(run);
  Index results = 0;
  for (const Delivered& delivered : run->Results()) {
    EXPECT_EQ(delivered.Result<std::vector<std::int64_t>>()->size(), 3u);
    ++results;
  }
  EXPECT_EQ(results, 100);
}

// Counts the calls of Process that are running.
std::function<absl::Status(ChunkId)> Counted(std::atomic<int>& active, microseconds time) {
  return [&active, time](ChunkId) {
    ++active;
    Burn(time);
    --active;
    return absl::OkStatus();
  };
}

TEST_P(ThreadPoolRun, NothingIsProcessedAfterACancelledRunHasEnded) {
  const std::vector<std::int64_t> numbers = Counting(100'000);
  for (int round = 0; round < 20; ++round) {
    std::atomic<int> active = 0;
    Echo echo(InChunks(numbers, 1));
    echo.before = Counted(active, microseconds(300));
    absl::StatusOr<mpaio::Run> run = WorkerOrchestrator(*pool_, {&echo}).Start();
    MPAIO_ASSERT_OK(run);
    run->Next();
    run->Cancel();
    EXPECT_THAT(run->Wait(), StatusIs(absl::StatusCode::kCancelled));
    EXPECT_EQ(active, 0);
  }
}

TEST_P(ThreadPoolRun, MayBeCancelledFromAnotherThread) {
  const std::vector<std::int64_t> numbers = Counting(1'000'000);
  std::atomic<bool> has_begun = false;
  Echo echo(InChunks(numbers, 1));
  echo.before = [&](ChunkId) {
    has_begun = true;
    Burn(microseconds(100));
    return absl::OkStatus();
  };
  absl::StatusOr<mpaio::Run> run = WorkerOrchestrator(*pool_, {&echo}).Start();
  MPAIO_ASSERT_OK(run);
  std::thread other([&] {
    WaitForFlag(has_begun).IgnoreError();
    run->Cancel();
  });
  EXPECT_THAT(run->Wait(), StatusIs(absl::StatusCode::kCancelled));
  other.join();
}

TEST_P(ThreadPoolRun, ADeadlineEndsTheRun) {
  const std::vector<std::int64_t> numbers = Counting(1'000'000);
  Echo echo(InChunks(numbers, 1));
  echo.before = Taking(microseconds(200));
  RunOptions options;
  options.deadline = absl::Milliseconds(30);
  EXPECT_THAT(RunToEnd(*pool_, {&echo}, options), StatusIs(absl::StatusCode::kDeadlineExceeded));
}

TEST_P(ThreadPoolRun, AnErrorOrAnExceptionOfProcessEndsTheRunAndThePoolStaysUsable) {
  const std::vector<std::int64_t> numbers = Counting(1000);
  for (const bool throws : {false, true}) {
    Echo echo(InChunks(numbers, 1));
    echo.before = [throws](ChunkId chunk) -> absl::Status {
      if (chunk != 700) return absl::OkStatus();
      if (throws) throw std::runtime_error("a bad row");
      return absl::NotFoundError("a bad row");
    };
    EXPECT_THAT(
        RunToEnd(*pool_, {&echo}),
        StatusIs(throws ? absl::StatusCode::kInternal : absl::StatusCode::kNotFound, "chunk 700"));
    Echo good(InChunks(numbers, 10));
    MPAIO_EXPECT_OK(RunToEnd(*pool_, {&good}));
    EXPECT_EQ(good.rows, numbers);
  }
}

TEST_P(ThreadPoolRun, ThousandsOfShortRuns) {
  const std::vector<std::int64_t> numbers = Counting(16);
  for (int round = 0; round < 2000; ++round) {
    Echo echo(InChunks(numbers, 1 + round % 4));
    MPAIO_ASSERT_OK(RunToEnd(*pool_, {&echo}));
    ASSERT_EQ(echo.rows, numbers) << "round " << round;
  }
}

TEST_P(ThreadPoolRun, ARunMayBeDestroyedInItsMiddle) {
  const std::vector<std::int64_t> numbers = Counting(100'000);
  for (int round = 0; round < 30; ++round) {
    std::atomic<int> active = 0;
    // The worker's memory is reused as soon as the run is destroyed.
    auto echo = std::make_unique<Echo>(InChunks(numbers, 1));
    echo->before = Counted(active, microseconds(50));
    {
      absl::StatusOr<mpaio::Run> run = WorkerOrchestrator(*pool_, {echo.get()}).Start();
      MPAIO_ASSERT_OK(run);
      for (int results = 0; results < round; ++results) run->Next();
    }
    EXPECT_EQ(active, 0);
  }
}

TEST_P(ThreadPoolRun, CloseEndsAnActiveRun) {
  const std::vector<std::int64_t> numbers = Counting(1'000'000);
  Echo echo(InChunks(numbers, 1));
  echo.before = Taking(microseconds(50));
  absl::StatusOr<mpaio::Run> run = WorkerOrchestrator(*pool_, {&echo}).Start();
  MPAIO_ASSERT_OK(run);
  run->Next();
  MPAIO_EXPECT_OK(pool_->Close());
  EXPECT_FALSE(run->Wait().ok());
  EXPECT_FALSE(WorkerOrchestrator(*pool_, {&echo}).Start().ok());
}

// Thousands of results are waiting when the pool, and with it the array, is closed.
TEST_P(ThreadPoolRun, CloseFreesNothingThatTheRunStillUses) {
  for (const auto& advance : std::vector<std::function<void(mpaio::Run&)>>{
           [](mpaio::Run& run) { run.Next(); }, [](mpaio::Run& run) { run.Poll(); },
           [](mpaio::Run& run) { run.Wait().IgnoreError(); }, [](mpaio::Run&) {}}) {
    const std::unique_ptr<Executor> pool = PoolOf(GetParam().first, GetParam().second);
    constexpr Index kRows = 20'000;
    absl::StatusOr<SharedArray> array =
        SharedArray::Create(*pool, DType::Of<std::int64_t>(), {kRows});
    MPAIO_ASSERT_OK(array);
    MPAIO_ASSERT_OK(array->Seal(*pool));
    Echo echo(*DataIterator::Create(array->view(), Partition::ChunkSize(1)));
    const auto* const numbers = reinterpret_cast<const std::int64_t*>(array->view().data());
    echo.callback = [&](ChunkId chunk) {
      return numbers[chunk] == 0 ? absl::OkStatus() : absl::InternalError("not zero");
    };
    std::atomic<Index> processed = 0;
    echo.before = [&](ChunkId) {
      ++processed;
      return absl::OkStatus();
    };
    RunOptions options;
    options.policy = ComparisonPolicy(ScheduleKind::kStatic);
    absl::StatusOr<mpaio::Run> run = WorkerOrchestrator(*pool, {&echo}).Start(options);
    MPAIO_ASSERT_OK(run);
    run->Next();
    const Index others = pool->size() - 1, working = others + (pool->orchestrator_works() ? 1 : 0);
    while (processed < kRows / working * others) std::this_thread::yield();
    MPAIO_EXPECT_OK(pool->Close());
    advance(*run);
    EXPECT_THAT(run->Wait(), StatusIs(absl::StatusCode::kCancelled, "closed"));
    EXPECT_LT(echo.rows.size(), static_cast<std::size_t>(kRows));
  }
}

// Throws at the beginning of a run.
class Thrower final : public RunObserver {
 public:
  absl::Status OnPhase(RunPhase, const RunStats&) override { throw std::runtime_error("oh"); }
};

TEST_P(ThreadPoolRun, NoRankServesWhereAnObserverThrows) {
  const std::vector<std::int64_t> numbers = Counting(100);
  Echo echo(InChunks(numbers, 1));
  Thrower thrower;
  RunOptions options;
  options.observers = {&thrower};
  EXPECT_THROW(WorkerOrchestrator(*pool_, {&echo}).Start(options).IgnoreError(),
               std::runtime_error);
  MPAIO_EXPECT_OK(pool_->CheckCanServe());
  MPAIO_EXPECT_OK(RunToEnd(*pool_, {&echo}));
  EXPECT_EQ(echo.rows, numbers);
}

// The ranks have been told to finish, and have left the run, but rank 0 has not noticed.
TEST_P(ThreadPoolRun, ARunLastsUntilRank0HasSeenItsEnd) {
  const std::vector<std::int64_t> numbers = Counting(100);
  for (int round = 0; round < 20; ++round) {
    Echo first(InChunks(numbers, 1)), second(InChunks(numbers, 1));
    absl::StatusOr<mpaio::Run> run = WorkerOrchestrator(*pool_, {&first}).Start();
    MPAIO_ASSERT_OK(run);
    while (run->Poll()) {
      Burn(microseconds(200));
      EXPECT_THAT(WorkerOrchestrator(*pool_, {&second}).Start(),
                  StatusIs(absl::StatusCode::kFailedPrecondition, "has not ended"));
    }
    MPAIO_EXPECT_OK(RunToEnd(*pool_, {&second}));
    MPAIO_EXPECT_OK(run->Wait());
    EXPECT_EQ(first.rows, numbers);
    EXPECT_EQ(second.rows, numbers);
  }
}

TEST_P(ThreadPoolRun, OneRunAtATime) {
  const std::vector<std::int64_t> numbers = Counting(1000);
  Echo first(InChunks(numbers, 1)), second(InChunks(numbers, 1));
  absl::StatusOr<mpaio::Run> run = WorkerOrchestrator(*pool_, {&first}).Start();
  MPAIO_ASSERT_OK(run);
  EXPECT_THAT(WorkerOrchestrator(*pool_, {&second}).Start(),
              StatusIs(absl::StatusCode::kFailedPrecondition, "has not ended"));
  MPAIO_EXPECT_OK(run->Wait());
  MPAIO_EXPECT_OK(RunToEnd(*pool_, {&second}));
  EXPECT_EQ(first.rows, numbers);
  EXPECT_EQ(second.rows, numbers);
}

TEST_P(ThreadPoolRun, IsolatedWorkersRunInThisProcess) {
  const std::vector<std::int64_t> numbers = Counting(100);
  std::atomic<int> processed = 0;  // a child process would count for itself
  Echo echo(InChunks(numbers, 1));
  echo.set_isolated(true);
  echo.before = [&](ChunkId) {
    ++processed;
    return absl::OkStatus();
  };
  MPAIO_EXPECT_OK(RunToEnd(*pool_, {&echo}));
  EXPECT_EQ(processed, 100);
}

TEST_P(ThreadPoolRun, AChunkDeadlineIsRefused) {
  const std::vector<std::int64_t> numbers = Counting(100);
  Echo echo(InChunks(numbers, 1));
  RunOptions options;
  options.chunk_deadline = absl::Seconds(5);
  EXPECT_THAT(RunToEnd(*pool_, {&echo}, options),
              StatusIs(absl::StatusCode::kInvalidArgument, "chunk_deadline"));
}

// A rank that holds long chunks gives them to ranks that have nothing left.
TEST_P(ThreadPoolRun, IdleRanksStealChunks) {
  if (pool_->size() != 4 || !pool_->orchestrator_works()) GTEST_SKIP() << "one pool is enough";
  const std::vector<std::int64_t> numbers = Counting(400);
  Echo echo(InChunks(numbers, 1));
  // The last chunks take a hundred times as long as the first.
  echo.before = [](ChunkId chunk) {
    Burn(chunk < 300 ? microseconds(10) : microseconds(1000));
    return absl::OkStatus();
  };
  absl::StatusOr<mpaio::Run> run = WorkerOrchestrator(*pool_, {&echo}).Start();
  MPAIO_ASSERT_OK(run);
  MPAIO_EXPECT_OK(run->Wait());
  EXPECT_EQ(echo.rows, numbers);
  EXPECT_EQ(ChunksOfAllRanks(run->stats()), 400);
}

}  // namespace
}  // namespace mpaio
