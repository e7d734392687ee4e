// SPDX-License-Identifier: Apache-2.0

// The handle of a run: every way to advance it, and every way to end it.
#include "mpaio/orchestration/run.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <fstream>
#include <iostream>
#include <iterator>
#include <new>
#include <optional>
#include <random>
#include <ranges>
#include <stdexcept>
#include <string>
#include <thread>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mpaio/orchestration/test_pools.h"
#include "mpaio/orchestration/test_workers.h"
#include "mpaio/orchestration/worker_orchestrator.h"
#include "mpaio/telemetry/cpu_usage_observer.h"
#include "mpaio/telemetry/schedule_recorder.h"
#include "mpaio/testing/status_matchers.h"

namespace mpaio {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Clock = std::chrono::steady_clock;

static_assert(std::ranges::input_range<Run::ResultRange>);
static_assert(std::input_iterator<Run::ResultRange::Iterator> &&
              !std::forward_iterator<Run::ResultRange::Iterator>);
static_assert(std::is_nothrow_move_constructible_v<Run> && std::is_nothrow_move_assignable_v<Run> &&
              !std::is_copy_constructible_v<Run>);

class RunTest : public testing::TestWithParam<Pool> {};

INSTANTIATE_TEST_SUITE_P(Pools, RunTest, testing::ValuesIn(AllPools()), PoolName);

// ---- Progress ----

TEST_P(RunTest, CallsOfAllKindsInAnyOrder) {
  const std::uint32_t seed = std::random_device{}();
  std::cout << "seed " << seed << "\n";
  const std::vector<std::int64_t> numbers = Counting(2000);
  for (std::uint32_t round = 0; round < 3; ++round) {
    RunInPool(GetParam(), [&](Executor& executor) {
      Echo first(InChunks(numbers, 3)), second(InChunks(numbers, 40));
      auto run = WorkerOrchestrator(executor, {&first, &second}).Start();
      MPAIO_ASSERT_OK(run.status());
      std::mt19937 random(seed + round);
      for (bool is_over = executor.rank() != 0; !is_over;) {
        switch (random() % 4) {
          case 0:
            is_over = !run->Poll();
            break;
          case 1:
            is_over = run->WaitFor(absl::Microseconds(random() % 100));
            break;
          case 2:
            for (const Delivered& delivered : run->Results() | std::views::take(random() % 4)) {
              EXPECT_EQ((delivered.job == 0 ? first : second).chunks.back(), delivered.chunk.id);
            }
            break;
          default:
            if (const std::optional<Delivered> delivered = run->Next()) {
              const Echo& echo = delivered->job == 0 ? first : second;
              EXPECT_EQ(echo.chunks.back(), delivered->chunk.id) << "the callback comes first";
              const auto elements = delivered->Result<std::vector<std::int64_t>>();
              MPAIO_ASSERT_OK(elements.status());
              EXPECT_TRUE(std::equal(elements->rbegin(), elements->rend(), echo.rows.rbegin()));
              EXPECT_EQ(elements->front(), delivered->chunk.rows.begin);
              EXPECT_EQ(static_cast<Index>(elements->size()), delivered->chunk.rows.size());
              EXPECT_THAT(delivered->Result<std::int32_t>(), StatusIs(absl::StatusCode::kDataLoss))
                  << "the result is of another type";
            } else {
              is_over = true;
            }
        }
      }
      MPAIO_EXPECT_OK(run->Wait());
      EXPECT_FALSE(run->Poll());
      EXPECT_FALSE(run->Next().has_value());
      EXPECT_TRUE(run->WaitFor(absl::ZeroDuration()));
      if (executor.rank() != 0) return;
      EXPECT_EQ(first.rows, numbers);
      EXPECT_EQ(second.rows, numbers);
    });
  }
}

TEST_P(RunTest, ResultsAreARange) {
  const std::vector<std::int64_t> numbers = Counting(100);
  RunInPool(GetParam(), [&](Executor& executor) {
    Echo echo(InChunks(numbers, 1));
    auto run = WorkerOrchestrator(executor, {&echo}).Start();
    MPAIO_ASSERT_OK(run.status());
    std::vector<ChunkId> chunks;
    for (const Delivered& delivered : run->Results()) {
      chunks.push_back(delivered.chunk.id);
      if (chunks.size() == 10) break;
    }
    EXPECT_EQ(echo.chunks.size(), executor.rank() == 0 ? 10u : 0u)
        << "only requested results are taken";
    // The remaining results, filtered to even chunks.
    auto even = [](const Delivered& delivered) { return delivered.chunk.id % 2 == 0; };
    auto id = [](const Delivered& delivered) { return delivered.chunk.id; };
    for (const ChunkId chunk :
         run->Results() | std::views::filter(even) | std::views::transform(id))
      chunks.push_back(chunk);
    MPAIO_EXPECT_OK(run->Wait());
    if (executor.rank() != 0) return;
    std::vector<ChunkId> expected = Counting(10);
    for (ChunkId chunk = 10; chunk < 100; chunk += 2) expected.push_back(chunk);
    EXPECT_EQ(chunks, expected);
    EXPECT_EQ(echo.rows, numbers);
  });
}

// A case of the original library: two iterators over 10 items, in chunks of 2 and of 4.
TEST_P(RunTest, AsManyResultsAsChunksOfBothIterators) {
  const std::vector<std::int64_t> items = Counting(10);
  RunInPool(GetParam(), [&](Executor& executor) {
    Echo twos(InChunks(items, 2)), fours(InChunks(items, 4));
    auto run = WorkerOrchestrator(executor, {&twos, &fours}).Start();
    MPAIO_ASSERT_OK(run.status());
    std::vector<int> results(2);
    for (const Delivered& delivered : run->Results())
      ++results.at(static_cast<std::size_t>(delivered.job));
    EXPECT_EQ(results, executor.rank() == 0 ? (std::vector<int>{5, 3}) : (std::vector<int>{0, 0}));
    MPAIO_EXPECT_OK(run->Wait());
  });
}

// Rank 0 does not wait for a chunk that does not end.
TEST(RunWaitingTest, PollAndWaitForComeBackWhileAChunkIsStuck) {
  const std::vector<std::int64_t> numbers = Counting(10);
  std::atomic<bool> may_end = false;
  RunInPool({2, false, 1}, [&](Executor& executor) {
    Echo echo(InChunks(numbers, 1));
    echo.before = [&](ChunkId chunk) {
      return chunk == 4 ? WaitForFlag(may_end) : absl::OkStatus();
    };
    auto run = WorkerOrchestrator(executor, {&echo}).Start();
    MPAIO_ASSERT_OK(run.status());
    if (executor.rank() == 0) {
      for (int k = 0; k < 1000; ++k) ASSERT_TRUE(run->Poll());
      const Clock::time_point start = Clock::now();
      EXPECT_FALSE(run->WaitFor(absl::Milliseconds(30)));
      EXPECT_GE(Clock::now() - start, milliseconds(30));
      EXPECT_FALSE(run->WaitFor(-absl::InfiniteDuration()));
      EXPECT_LE(echo.chunks.size(), 4u);
      may_end = true;
      EXPECT_TRUE(run->WaitFor(absl::InfiniteDuration()));
      EXPECT_EQ(echo.rows, numbers);
    }
    MPAIO_EXPECT_OK(run->Wait());
  });
}

// ---- Held results ----

// Results of one element take 24 bytes in a message, and 10 of them may be held. The consumer is
// slow.
TEST_P(RunTest, ResultsHeldForASlowConsumerAreBounded) {
  const std::vector<std::int64_t> numbers = Counting(200);
  for (const Delivery delivery : {Delivery::kInOrder, Delivery::kAsCompleted}) {
    std::atomic<Index> processed = 0;
    RunInPool(GetParam(), [&](Executor& executor) {
      Echo echo(InChunks(numbers, 1));
      echo.before = [&](ChunkId) {
        ++processed;
        return absl::OkStatus();
      };
      auto run = WorkerOrchestrator(executor, {&echo})
                     .Start({.delivery = delivery, .max_held_bytes = 10 * 24});
      MPAIO_ASSERT_OK(run.status());
      Index most_held = 0, most_ahead = 0;
      while (run->Next()) {
        Burn(microseconds(100));
        const JobStats& job = run->stats().jobs[0];
        most_held = std::max(most_held, job.chunks_done - job.chunks_delivered);
        most_ahead = std::max(most_ahead, processed - job.chunks_delivered);
      }
      MPAIO_EXPECT_OK(run->Wait());
      if (executor.rank() != 0) return;
      EXPECT_EQ(echo.chunks.size(), numbers.size());
      // The size of the first results is unknown: two for each rank that processes.
      EXPECT_LE(most_held, std::max(10, 2 * executor.size()));
      EXPECT_LE(most_ahead, 12 + 2 * executor.size());
      // Nevertheless the workers are ahead of the consumer by more than one result.
      if (executor.size() > 1) {
        EXPECT_GE(most_held, 2);
      }
    });
  }
}

// There are more ready results than calls, and further ones are received during these calls.
TEST(RunKeepingUpTest, TheWorkersContinueWhileReadyResultsAreTaken) {
  const std::vector<std::int64_t> numbers = Counting(20'000);
  RunInPool({3, false, 1}, [&](Executor& executor) {
    Echo echo(InChunks(numbers, 1));
    echo.before = Taking(microseconds(50));
    auto run = WorkerOrchestrator(executor, {&echo}).Start();
    MPAIO_ASSERT_OK(run.status());
    if (executor.rank() == 0) {
      const auto ready = [&] {
        return run->stats().jobs[0].chunks_done - run->stats().jobs[0].chunks_delivered;
      };
      for (const Clock::time_point end = Clock::now() + seconds(20); ready() < 30;) {
        ASSERT_TRUE(run->Next().has_value());
        ASSERT_LT(Clock::now(), end);
        Burn(microseconds(200));
      }
      const Index done = run->stats().jobs[0].chunks_done;
      for (Index calls = ready() - 1; calls > 0 && run->stats().jobs[0].chunks_done == done;
           --calls) {
        Burn(milliseconds(10));
        ASSERT_TRUE(run->Next().has_value());
      }
      EXPECT_GT(run->stats().jobs[0].chunks_done, done);
      run->Cancel();
    }
    EXPECT_THAT(run->Wait(), StatusIs(absl::StatusCode::kCancelled));
  });
}

// ---- Cancel ----

TEST_P(RunTest, CancelFromAnotherThreadWhileRank0Waits) {
  const std::vector<std::int64_t> numbers = Counting(1'000'000);
  ByRank<std::string> reported;
  RunInPool(GetParam(), [&](Executor& executor) {
    Echo echo(InChunks(numbers, 1));
    echo.before = Taking(microseconds(20));
    std::atomic<bool> has_begun = false;
    echo.callback = [&](ChunkId chunk) {
      if (chunk == 30) has_begun = true;
      return absl::OkStatus();
    };
    auto run = WorkerOrchestrator(executor, {&echo}).Start();
    MPAIO_ASSERT_OK(run.status());
    std::thread canceller;
    if (executor.rank() == 0) {
      canceller = std::thread([&] {
        MPAIO_EXPECT_OK(WaitForFlag(has_begun));
        run->Cancel();
        run->Cancel();
      });
    }
    const absl::Status status = run->Wait();
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kCancelled));
    const std::size_t callbacks = echo.chunks.size();
    if (canceller.joinable()) canceller.join();
    EXPECT_FALSE(run->Poll());
    EXPECT_EQ(run->Wait(), status);
    EXPECT_EQ(echo.chunks.size(), callbacks);
    EXPECT_LT(callbacks, numbers.size());
    EXPECT_FALSE(run->is_broken());
    reported.Set(executor, status.ToString());
  });
  EXPECT_THAT(reported.values(), testing::Each(reported.values()[0]));
}

TEST_P(RunTest, CancelBeforeTheFirstCall) {
  const std::vector<std::int64_t> numbers = Counting(1000);
  RunInPool(GetParam(), [&](Executor& executor) {
    Echo echo(InChunks(numbers, 1));
    auto run = WorkerOrchestrator(executor, {&echo}).Start();
    MPAIO_ASSERT_OK(run.status());
    run->Cancel();
    EXPECT_FALSE(run->Next().has_value());
    EXPECT_THAT(run->Wait(), StatusIs(absl::StatusCode::kCancelled));
    EXPECT_TRUE(echo.chunks.empty());
  });
}

// No callback follows the one that cancels, even if more results arrived with its own.
TEST_P(RunTest, CancelInsideACallback) {
  const std::vector<std::int64_t> numbers = Counting(5000);
  const std::vector<std::function<void(mpaio::Run&)>> ways = {
      [](mpaio::Run& run) { run.Wait().IgnoreError(); },
      [](mpaio::Run& run) {
        while (run.Poll()) {
        }
      },
      [](mpaio::Run& run) {
        while (run.Next()) {
        }
      },
  };
  for (const std::function<void(mpaio::Run&)>& way : ways) {
    RunInPool(GetParam(), [&](Executor& executor) {
      Echo echo(InChunks(numbers, 1));
      mpaio::Run* active = nullptr;
      echo.callback = [&](ChunkId chunk) {
        if (chunk == 300) active->Cancel();
        return absl::OkStatus();
      };
      auto run = WorkerOrchestrator(executor, {&echo}).Start();
      MPAIO_ASSERT_OK(run.status());
      active = &*run;
      way(*run);
      EXPECT_THAT(run->Wait(), StatusIs(absl::StatusCode::kCancelled));
      if (executor.rank() == 0) {
        EXPECT_EQ(echo.chunks, Counting(301));
      }
    });
  }
}

// The next call ends the run, even if results are ready.
TEST_P(RunTest, CancelWhileResultsAreReady) {
  const std::vector<std::int64_t> numbers = Counting(20'000);
  RunInPool(GetParam(), [&](Executor& executor) {
    Echo echo(InChunks(numbers, 1));
    auto run = WorkerOrchestrator(executor, {&echo}).Start();
    MPAIO_ASSERT_OK(run.status());
    if (executor.rank() == 0) {
      const auto ready = [&] {
        return run->stats().jobs[0].chunks_done - run->stats().jobs[0].chunks_delivered;
      };
      while (ready() < 3) ASSERT_TRUE(run->Next().has_value());
      run->Cancel();
      const std::size_t callbacks = echo.chunks.size();
      EXPECT_FALSE(run->Next().has_value());
      EXPECT_EQ(echo.chunks.size(), callbacks);
    }
    EXPECT_THAT(run->Wait(), StatusIs(absl::StatusCode::kCancelled));
  });
}

TEST_P(RunTest, CancelAfterTheEndChangesNothing) {
  const std::vector<std::int64_t> numbers = Counting(10);
  RunInPool(GetParam(), [&](Executor& executor) {
    Echo echo(InChunks(numbers, 1));
    auto run = WorkerOrchestrator(executor, {&echo}).Start();
    MPAIO_ASSERT_OK(run.status());
    MPAIO_EXPECT_OK(run->Wait());
    run->Cancel();
    MPAIO_EXPECT_OK(run->Wait());
    // The cancellation does not affect the next run.
    auto next = WorkerOrchestrator(executor, {&echo}).Start();
    MPAIO_ASSERT_OK(next.status());
    MPAIO_EXPECT_OK(next->Wait());
    if (executor.rank() == 0) {
      EXPECT_EQ(echo.chunks.size(), 20u);
    }
  });
}

// ---- Deadline ----

TEST_P(RunTest, ADeadlineHoldsHoweverTheRunIsDriven) {
  const std::vector<std::int64_t> numbers = Counting(1'000'000);
  for (const bool by_next : {false, true}) {
    ByRank<std::string> reported;
    RunInPool(GetParam(), [&](Executor& executor) {
      Echo echo(InChunks(numbers, 100));
      echo.before = Taking(microseconds(10));
      auto run = WorkerOrchestrator(executor, {&echo}).Start({.deadline = absl::Milliseconds(10)});
      MPAIO_ASSERT_OK(run.status());
      while (by_next && run->Next()) Burn(microseconds(10));
      const absl::Status status = run->Wait();
      EXPECT_THAT(status,
                  StatusIs(absl::StatusCode::kDeadlineExceeded, "the run took longer than 10ms: "));
      EXPECT_THAT(status,
                  StatusIs(absl::StatusCode::kDeadlineExceeded, " of 10000 chunks were done"));
      if (executor.rank() == 0) {
        EXPECT_GE(run->stats().seconds, 0.010);
      }
      reported.Set(executor, status.ToString());
    });
    EXPECT_THAT(reported.values(), testing::Each(reported.values()[0]));
  }
}

TEST_P(RunTest, ADeadlineThatHasPassedEndsTheRunBeforeAnyCallback) {
  const std::vector<std::int64_t> numbers = Counting(100);
  for (const absl::Duration deadline : {absl::ZeroDuration(), -absl::InfiniteDuration()}) {
    RunInPool(GetParam(), [&](Executor& executor) {
      Echo echo(InChunks(numbers, 1));
      auto run = WorkerOrchestrator(executor, {&echo}).Start({.deadline = deadline});
      MPAIO_ASSERT_OK(run.status());
      EXPECT_THAT(run->Wait(), StatusIs(absl::StatusCode::kDeadlineExceeded));
      EXPECT_TRUE(echo.chunks.empty());
    });
  }
}

// ---- Failures ----

// A failure of a chunk, and the expected status.
struct Fault {
  std::function<absl::Status()> act;
  absl::StatusCode code;
  std::string text;
};
std::vector<Fault> Faults() {
  return {
      {[] { return absl::InvalidArgumentError("bad row"); }, absl::StatusCode::kInvalidArgument,
       ": bad row"},
      {[]() -> absl::Status { throw std::runtime_error("boom\nboom"); },
       absl::StatusCode::kInternal, "std::runtime_error: boom boom"},
      {[]() -> absl::Status { throw 5; }, absl::StatusCode::kInternal, "threw int"},
      {[]() -> absl::Status { throw std::bad_alloc(); }, absl::StatusCode::kResourceExhausted,
       "memory"},
  };
}

TEST_P(RunTest, AFailureInProcessEndsTheRunOnAllRanks) {
  const std::vector<std::int64_t> numbers = Counting(5000);
  for (const Fault& fault : Faults()) {
    SCOPED_TRACE(fault.text);
    ByRank<std::string> reported;
    RunInPool(GetParam(), [&](Executor& executor) {
      Echo good(InChunks(numbers, 5)), bad(InChunks(numbers, 5));
      bad.set_name("bad");
      bad.before = [&](ChunkId chunk) { return chunk == 17 ? fault.act() : absl::OkStatus(); };
      auto run = WorkerOrchestrator(executor, {&good, &bad}).Start();
      MPAIO_ASSERT_OK(run.status());
      const absl::Status status = run->Wait();
      EXPECT_THAT(status, StatusIs(fault.code, fault.text));
      EXPECT_THAT(status, StatusIs(fault.code, "job 1 (bad), chunk 17 (rows 85 to 89), rank "));
      EXPECT_FALSE(run->is_broken());
      reported.Set(executor, status.ToString());
      if (executor.rank() != 0) return;
      EXPECT_EQ(run->stats().failed_job, 1);
      for (const ChunkId chunk : bad.chunks) EXPECT_LT(chunk, 17);
      const std::size_t calls = good.chunks.size() + bad.chunks.size();
      EXPECT_FALSE(run->Next().has_value());
      EXPECT_FALSE(run->Poll());
      EXPECT_EQ(good.chunks.size() + bad.chunks.size(), calls) << "no callback after the end";
    });
    EXPECT_THAT(reported.values(), testing::Each(reported.values()[0]));
  }
}

TEST_P(RunTest, NoCallbackComesAfterOneThatFailsAndThePoolIsFree) {
  const std::vector<std::int64_t> numbers = Counting(1000);
  for (const Fault& fault : Faults()) {
    SCOPED_TRACE(fault.text);
    for (const Delivery delivery : {Delivery::kInOrder, Delivery::kAsCompleted}) {
      for (const bool by_next : {false, true}) {
        RunInPool(GetParam(), [&](Executor& executor) {
          Echo echo(InChunks(numbers, 1));
          echo.set_name("echo");
          echo.callback = [&](ChunkId chunk) {
            return chunk == 17 ? fault.act() : absl::OkStatus();
          };
          auto run = WorkerOrchestrator(executor, {&echo}).Start({.delivery = delivery});
          MPAIO_ASSERT_OK(run.status());
          while (by_next && run->Next()) {
          }
          const absl::Status status = run->Wait();
          EXPECT_THAT(status, StatusIs(fault.code, fault.text));
          EXPECT_THAT(status,
                      StatusIs(fault.code, "job 0 (echo), chunk 17 (rows 17 to 17), rank 0: "));
          EXPECT_FALSE(run->is_broken());
          Echo next(InChunks(numbers, 10));
          MPAIO_EXPECT_OK(RunToEnd(executor, {&next}));
          if (executor.rank() != 0) return;
          EXPECT_EQ(echo.chunks.back(), 17);
          if (delivery == Delivery::kInOrder) {
            EXPECT_EQ(echo.chunks, Counting(18));
          }
          EXPECT_EQ(next.rows, numbers);
        });
      }
    }
  }
}

// Every rank reports the first failure, however many there are.
TEST_P(RunTest, IfEveryChunkFailsOneIsNamed) {
  const std::vector<std::int64_t> numbers = Counting(1000);
  ByRank<std::string> reported;
  RunInPool(GetParam(), [&](Executor& executor) {
    Echo echo(InChunks(numbers, 1));
    echo.set_name("hopeless");
    echo.before = [](ChunkId) -> absl::Status { throw std::runtime_error("no luck"); };
    auto run = WorkerOrchestrator(executor, {&echo}).Start();
    MPAIO_ASSERT_OK(run.status());
    const absl::Status status = run->Wait();
    EXPECT_THAT(status,
                StatusIs(absl::StatusCode::kInternal, "Process threw std::runtime_error: no luck"));
    EXPECT_THAT(std::string(status.message()), testing::StartsWith("job 0 (hopeless), chunk "));
    EXPECT_TRUE(echo.chunks.empty());
    if (executor.rank() == 0) {
      EXPECT_EQ(run->stats().failed_job, 0);
    }
    reported.Set(executor, status.ToString());
  });
  EXPECT_THAT(reported.values(), testing::Each(reported.values()[0]));
}

// ---- The handle ----

TEST_P(RunTest, ARunMayBeMovedWhileItIsActive) {
  const std::vector<std::int64_t> numbers = Counting(100);
  RunInPool(GetParam(), [&](Executor& executor) {
    Echo echo(InChunks(numbers, 1));
    auto run = WorkerOrchestrator(executor, {&echo}).Start();
    MPAIO_ASSERT_OK(run.status());
    run->Next();
    mpaio::Run moved = *std::move(run);
    moved.Next();
    std::vector<mpaio::Run> runs;
    runs.push_back(std::move(moved));
    MPAIO_EXPECT_OK(runs[0].Wait());
    if (executor.rank() == 0) {
      EXPECT_EQ(echo.rows, numbers);
    }
  });
}

// Rank 1 stays in the first chunk of an assignment until another rank has processed the next chunk
// of the same assignment.
TEST(RunStealingTest, UnbegunChunksAreStolenByRanksOfTheSameNode) {
  constexpr Index kChunks = 2'000;
  const std::vector<std::int64_t> numbers = Counting(kChunks);
  for (const Pool pool : {Pool{3, false, 1}, Pool{3, true, 1}, Pool{4, true, 2}}) {
    bool was_taken = false;
    // A run may happen to leave nothing to steal, so it is repeated.
    for (int attempt = 0; attempt < 5 && !was_taken; ++attempt) {
      std::vector<std::atomic<bool>> is_done(kChunks + 1);
      RunInPool(pool, [&](Executor& executor) {
        Echo echo(InChunks(numbers, 1));
        ChunkId last = -1;
        bool has_waited = false;
        echo.before = [&](ChunkId chunk) {
          Burn(std::chrono::microseconds(20));
          const bool begins = chunk != last + 1;
          last = chunk;
          if (executor.rank() == 1 && begins && chunk > kChunks / 10 && !has_waited) {
            has_waited = true;
            for (const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(2);
                 std::chrono::steady_clock::now() < end;) {
              if (is_done[static_cast<std::size_t>(chunk) + 1]) {
                was_taken = true;
                break;
              }
              std::this_thread::yield();
            }
          }
          is_done[static_cast<std::size_t>(chunk)] = true;
          return absl::OkStatus();
        };
        RunOptions options;
        ScheduleRecorder recorder;
        options.observers = {&recorder};
        absl::StatusOr<mpaio::Run> run = WorkerOrchestrator(executor, {&echo}).Start(options);
        MPAIO_ASSERT_OK(run);
        MPAIO_EXPECT_OK(run->Wait());
        if (executor.rank() != 0) return;
        EXPECT_EQ(echo.rows, numbers);
        // The record shows who processed which chunks, so it can be replayed.
        ASSERT_EQ(recorder.records().size(), 1u);
        MPAIO_EXPECT_OK(
            recorder.records()[0].PlanFor(pool.ranks, executor.orchestrator_works(), {kChunks}));
      });
    }
    EXPECT_TRUE(was_taken) << pool;
  }
}

// The memory of a pool may be gone before the handles of its runs.
TEST(RunStealingTest, AnEndedRunOutlivesItsPool) {
  const std::vector<std::int64_t> numbers = Counting(100);
  Echo echo(InChunks(numbers, 1));
  std::optional<mpaio::Run> run;
  RunInPool(Pool{3, true, 1}, [&](Executor& executor) {
    Echo on_others(InChunks(numbers, 1));
    absl::StatusOr<mpaio::Run> mine =
        WorkerOrchestrator(executor, {executor.rank() == 0 ? &echo : &on_others}).Start();
    MPAIO_ASSERT_OK(mine);
    MPAIO_EXPECT_OK(mine->Wait());
    if (executor.rank() == 0) run = *std::move(mine);
  });
  run.reset();
  EXPECT_EQ(echo.rows, numbers);
}

TEST(RunAssignmentTest, EndsTheRunThatWasHeld) {
  const std::vector<std::int64_t> numbers = Counting(100);
  RunInPool(Pool{}, [&](Executor& executor) {
    Echo first(InChunks(numbers, 1)), second(InChunks(numbers, 1));
    auto run = WorkerOrchestrator(executor, {&first}).Start();
    MPAIO_ASSERT_OK(run.status());
    run->Next();
    *run = *WorkerOrchestrator(executor, {&second}).Start();
    MPAIO_EXPECT_OK(run->Wait());
    EXPECT_LT(first.chunks.size(), 100u);
    EXPECT_EQ(second.rows, numbers);
  });
}

TEST_P(RunTest, ADroppedRunIsOverOnAllRanksAndThePoolIsFree) {
  const std::vector<std::int64_t> numbers = Counting(100'000);
  RunInPool(GetParam(), [&](Executor& executor) {
    Echo echo(InChunks(numbers, 1)), next(InChunks(numbers, 1000));
    {
      auto run = WorkerOrchestrator(executor, {&echo}).Start();
      MPAIO_ASSERT_OK(run.status());
      run->Next();
    }
    const std::size_t calls = echo.chunks.size();
    MPAIO_EXPECT_OK(RunToEnd(executor, {&next}));
    EXPECT_EQ(echo.chunks.size(), calls);
    if (executor.rank() == 0) {
      EXPECT_EQ(next.rows, numbers);
    }
  });
}

TEST(RunDestructionTest, WaitsForTheChunksThatAreBeingProcessed) {
  const std::vector<std::int64_t> numbers = Counting(1000);
  std::atomic<bool> has_begun = false, may_end = false, has_ended = false;
  RunInPool({2, false, 1}, [&](Executor& executor) {
    Echo echo(InChunks(numbers, 1));
    echo.before = [&](ChunkId chunk) {
      if (chunk != 0) return absl::OkStatus();
      has_begun = true;
      const absl::Status status = WaitForFlag(may_end);
      Burn(milliseconds(5));
      has_ended = true;
      return status;
    };
    std::thread releaser;
    {
      auto run = WorkerOrchestrator(executor, {&echo}).Start();
      MPAIO_ASSERT_OK(run.status());
      if (executor.rank() == 0) {
        while (!has_begun) ASSERT_TRUE(run->Poll());
        releaser = std::thread([&] {
          Burn(milliseconds(5));
          may_end = true;
        });
      } else {
        EXPECT_THAT(run->Wait(), StatusIs(absl::StatusCode::kCancelled));
      }
    }
    EXPECT_TRUE(has_ended);
    if (releaser.joinable()) releaser.join();
    EXPECT_TRUE(echo.chunks.empty());
  });
}

TEST_P(RunTest, OnAWorkerRankTheRunIsOverWhenStartReturns) {
  const std::vector<std::int64_t> numbers = Counting(100);
  RunInPool(GetParam(), [&](Executor& executor) {
    Echo echo(InChunks(numbers, 1));
    auto run = WorkerOrchestrator(executor, {&echo}).Start();
    MPAIO_ASSERT_OK(run.status());
    if (executor.rank() != 0) {
      EXPECT_FALSE(run->Poll());
      EXPECT_FALSE(run->Next().has_value());
      EXPECT_TRUE(run->WaitFor(absl::ZeroDuration()));
      EXPECT_EQ(run->Results().begin(), run->Results().end());
      run->Cancel();
      EXPECT_TRUE(run->stats().jobs.empty() && run->stats().ranks.empty());
      EXPECT_FALSE(run->is_broken());
    }
    MPAIO_EXPECT_OK(run->Wait());
  });
}

// ---- Statistics ----

TEST_P(RunTest, ProgressOnlyGrowsAndAddsUp) {
  const std::vector<std::int64_t> numbers = Counting(3000);
  RunInPool(GetParam(), [&](Executor& executor) {
    Echo echo(InChunks(numbers, 7)), other(InChunks(numbers, 1000));
    echo.set_name("echo");
    auto run = WorkerOrchestrator(executor, {&echo, &other}).Start();
    MPAIO_ASSERT_OK(run.status());
    JobStats before;
    while (run->Poll()) {
      const JobStats& now = run->stats().jobs[0];
      EXPECT_EQ(now.chunks, 429);
      EXPECT_EQ(now.rows, 3000);
      EXPECT_LE(now.chunks_delivered, now.chunks_done);
      EXPECT_LE(now.chunks_done, now.chunks);
      EXPECT_LE(now.rows_done, now.chunks_done * 7);
      EXPECT_GE(now.chunks_done, before.chunks_done);
      EXPECT_GE(now.rows_done, before.rows_done);
      EXPECT_EQ(now.chunks_delivered, static_cast<Index>(echo.chunks.size()));
      before = now;
    }
    MPAIO_EXPECT_OK(run->Wait());
    if (executor.rank() != 0) return;
    const RunStats& stats = run->stats();
    const JobStats& job = stats.jobs.at(0);
    EXPECT_EQ(stats.jobs.size(), 2u);
    EXPECT_EQ(job.worker, "echo");
    EXPECT_EQ(std::tie(job.rows_done, job.chunks_done, job.chunks_delivered),
              std::make_tuple(3000, 429, 429));
    EXPECT_GT(job.seconds, 0);
    EXPECT_GE(stats.seconds, job.seconds);
    EXPECT_EQ(stats.failed_job, -1);
    ASSERT_EQ(static_cast<int>(stats.ranks.size()), executor.size());
    Index chunks = 0, rows = 0;
    for (int r = 0; r < executor.size(); ++r) {
      const RankStats& rank = stats.ranks[static_cast<std::size_t>(r)];
      EXPECT_EQ(rank.rank, r);
      EXPECT_EQ(rank.node, r % GetParam().nodes);
      EXPECT_EQ(rank.host, executor.host());
      chunks += rank.chunks;
      rows += rank.rows;
      EXPECT_GE(rank.busy_seconds, 0);
      EXPECT_LE(rank.busy_seconds, stats.seconds);
    }
    EXPECT_EQ(chunks, 429 + 3);
    EXPECT_EQ(rows, 6000);
    if (!executor.orchestrator_works()) {
      EXPECT_EQ(stats.ranks[0].chunks, 0);
    }
  });
}

// Returns the number of lines "cpuN" in /proc/stat.
int CoresOfThisHost() {
  std::ifstream file("/proc/stat");
  int cores = 0;
  for (std::string line; std::getline(file, line);)
    cores += line.size() > 3 && line.starts_with("cpu") && line[3] != ' ' ? 1 : 0;
  return cores;
}

// Cases of the original library: no samples unless asked for; otherwise at least one, of all cores.
TEST_P(RunTest, CpuUsageIsSampledIfAskedFor) {
  const std::vector<std::int64_t> numbers = Counting(40);
  for (const bool monitor : {false, true}) {
    RunInPool(GetParam(), [&](Executor& executor) {
      Echo echo(InChunks(numbers, 1));
      echo.before = Taking(milliseconds(1));
      RunOptions options;
      CpuUsageObserver usage(absl::Milliseconds(2));
      if (monitor) options.observers = {&usage};
      auto run = WorkerOrchestrator(executor, {&echo}).Start(options);
      MPAIO_ASSERT_OK(run.status());
      MPAIO_EXPECT_OK(run->Wait());
      const std::vector<CpuSample>& samples = usage.usage().samples;
      if (executor.rank() != 0 || !monitor) {
        EXPECT_TRUE(samples.empty());
        return;
      }
      // With one rank that processes, the run takes 40 ms. Shorter runs may be over before the
      // sampler gets a core again.
      ASSERT_GE(samples.size(), executor.size() == 1 ? 2u : 1u);
      for (const CpuSample& sample : samples) {
        const auto is_online = [](double percent) { return !std::isnan(percent); };
        EXPECT_EQ(std::count_if(sample.percent.begin(), sample.percent.end(), is_online),
                  CoresOfThisHost());
      }
    });
  }
}

TEST(RunCpuUsageTest, SamplingErrorsAreReportedAtTheEnd) {
  const std::vector<std::int64_t> numbers = Counting(10);
  RunInPool(Pool{}, [&](Executor& executor) {
    Echo echo(InChunks(numbers, 1));
    RunOptions options;
    CpuUsageObserver usage(absl::ZeroDuration());
    options.observers = {&usage};
    auto run = WorkerOrchestrator(executor, {&echo}).Start(options);
    MPAIO_ASSERT_OK(run.status());
    EXPECT_THAT(run->Wait(), StatusIs(absl::StatusCode::kInvalidArgument));
    EXPECT_EQ(echo.rows, numbers);
  });
}

}  // namespace
}  // namespace mpaio
