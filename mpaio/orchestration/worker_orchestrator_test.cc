#include "mpaio/orchestration/worker_orchestrator.h"

#include <atomic>
#include <mutex>
#include <new>
#include <random>
#include <ranges>
#include <stdexcept>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mpaio/executor/inline_executor.h"
#include "mpaio/executor/thread_pool_executor.h"
#include "mpaio/orchestration/test_workers.h"
#include "mpaio/testing/status_matchers.h"
#include "mpaio/transport/faulty_transport.h"

namespace mpaio {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Le;
using ::testing::UnorderedElementsAreArray;

static_assert(std::ranges::input_range<mpaio::Run::ResultRange>);

// A pool of threads, in every shape that matters: ranks, whether rank 0 works, nodes.
struct PoolShape {
  int ranks;
  bool orchestrator_works;
  int nodes;
};

class InPool : public ::testing::TestWithParam<PoolShape> {
 protected:
  // `body` is called on each rank's thread.
  void OnAllRanks(const std::function<void(Executor&)>& body) {
    ThreadPoolOptions options;
    options.orchestrator_works = GetParam().orchestrator_works;
    options.num_nodes = GetParam().nodes;
    RunOnThreads(GetParam().ranks, options, body);
  }
};

INSTANTIATE_TEST_SUITE_P(Pools, InPool,
                         ::testing::Values(PoolShape{1, true, 1}, PoolShape{2, true, 1}, PoolShape{2, false, 1}, PoolShape{4, true, 1},
                                           PoolShape{4, false, 2}, PoolShape{5, true, 2}),
                         [](const auto& info) {
                           return absl::StrCat(info.param.ranks, "Ranks", info.param.nodes, "Nodes",
                                               info.param.orchestrator_works ? "AllWork" : "Rank0Directs");
                         });

TEST_P(InPool, EveryRowOnceAndInOrderForEveryChunkSize) {
  const std::vector<std::int64_t> numbers = Counting(1000);
  for (const Index chunk_rows : {1, 3, 7, 64, 999, 1000, 5000}) {
    OnAllRanks([&](Executor& executor) {
      Echo echo(InChunks(numbers, chunk_rows));
      absl::StatusOr<mpaio::Run> run = WorkerOrchestrator(executor, {&echo}).Start();
      MPAIO_ASSERT_OK(run.status());
      MPAIO_EXPECT_OK(run->Wait());
      if (executor.rank() != 0) {
        EXPECT_TRUE(echo.rows.empty()) << "callbacks are called on rank 0 only";
        return;
      }
      EXPECT_EQ(echo.rows, numbers) << "chunks of " << chunk_rows;
      EXPECT_EQ(echo.chunks, Counting(CeilDivide(1000, chunk_rows)));
    });
  }
}

TEST_P(InPool, AsCompletedCallsBackOnceForEachChunk) {
  const std::vector<std::int64_t> numbers = Counting(500);
  OnAllRanks([&](Executor& executor) {
    Echo echo(InChunks(numbers, 1));
    RunOptions options;
    options.delivery = Delivery::kAsCompleted;
    absl::StatusOr<mpaio::Run> run = WorkerOrchestrator(executor, {&echo}).Start(options);
    MPAIO_ASSERT_OK(run.status());
    MPAIO_EXPECT_OK(run->Wait());
    if (executor.rank() == 0) {
      EXPECT_THAT(echo.chunks, UnorderedElementsAreArray(numbers));
    }
  });
}

TEST_P(InPool, SeveralJobsOfDifferentTypesAtOnce) {
  const std::vector<std::int64_t> numbers = Counting(1000);
  const std::vector<std::int64_t> few = Counting(10);
  OnAllRanks([&](Executor& executor) {
    Echo echo(InChunks(numbers, 3));
    Letters letters(InChunks(few, 4), 1000);
    Echo again(InChunks(few, 1));
    absl::StatusOr<mpaio::Run> run = WorkerOrchestrator(executor, {&echo, &letters, &again}).Start();
    MPAIO_ASSERT_OK(run.status());
    MPAIO_EXPECT_OK(run->Wait());
    if (executor.rank() != 0) return;
    EXPECT_EQ(echo.rows, numbers);
    EXPECT_EQ(letters.callbacks, 3);
    EXPECT_EQ(again.rows, few);
  });
}

// The original library's case: two iterators over 10 items, in chunks of 2 and of 4.
TEST_P(InPool, AsManyResultsAsChunksOfBothIterators) {
  const std::vector<std::int64_t> items = Counting(10);
  OnAllRanks([&](Executor& executor) {
    Echo twos(InChunks(items, 2)), fours(InChunks(items, 4));
    absl::StatusOr<mpaio::Run> run = WorkerOrchestrator(executor, {&twos, &fours}).Start();
    MPAIO_ASSERT_OK(run.status());
    if (executor.rank() == 0) {
      Index results = 0;
      for (const Delivered& delivered : run->Results()) {
        EXPECT_TRUE(delivered.job == 0 || delivered.job == 1);
        ++results;
      }
      EXPECT_EQ(results, 5 + 3);
      EXPECT_TRUE(run->stats().cpu_usage.samples.empty());
    }
    MPAIO_EXPECT_OK(run->Wait());
  });
}

TEST_P(InPool, ASlowJobDoesNotStarveAFastOne) {
  const std::vector<std::int64_t> many = Counting(400), few = Counting(64);
  OnAllRanks([&](Executor& executor) {
    // 400 chunks of 1 ms beside 64 of next to nothing. The slow one is given first. (A core that is taken away for a while makes
    // a fast chunk look slow, so that not much less than half can be asked for.)
    Echo slow(InChunks(many, 1)), fast(InChunks(few, 1));
    slow.before = [](ChunkId) {
      Burn(std::chrono::milliseconds(1));
      return absl::OkStatus();
    };
    Index slow_when_fast_ended = -1;
    fast.callback = [&](ChunkId chunk) {
      if (chunk == 63) slow_when_fast_ended = static_cast<Index>(slow.chunks.size());
      return absl::OkStatus();
    };
    absl::StatusOr<mpaio::Run> run = WorkerOrchestrator(executor, {&slow, &fast}).Start();
    MPAIO_ASSERT_OK(run.status());
    MPAIO_EXPECT_OK(run->Wait());
    if (executor.rank() == 0) {
      EXPECT_THAT(slow_when_fast_ended, AllOf(testing::Ge(0), Le(200)));
    }
  });
}

TEST_P(InPool, ResultsOfAnyLength) {
  const std::vector<std::int64_t> numbers = Counting(6);
  for (const std::size_t bytes : {std::size_t{0}, std::size_t{1}, std::size_t{100'000}, std::size_t{20'000'000}}) {
    OnAllRanks([&](Executor& executor) {
      Letters letters(InChunks(numbers, 1), bytes);
      absl::StatusOr<mpaio::Run> run = WorkerOrchestrator(executor, {&letters}).Start();
      MPAIO_ASSERT_OK(run.status());
      MPAIO_EXPECT_OK(run->Wait());
      if (executor.rank() == 0) {
        EXPECT_EQ(letters.callbacks, 6);
      }
    });
  }
}

TEST_P(InPool, ResultsLargerThanWhatMayBeHeldGetThrough) {
  const std::vector<std::int64_t> numbers = Counting(40);
  for (const Delivery delivery : {Delivery::kInOrder, Delivery::kAsCompleted}) {
    OnAllRanks([&](Executor& executor) {
      Letters letters(InChunks(numbers, 1), 10'000);
      RunOptions options;
      options.delivery = delivery;
      options.max_held_bytes = 1;
      absl::StatusOr<mpaio::Run> run = WorkerOrchestrator(executor, {&letters}).Start(options);
      MPAIO_ASSERT_OK(run.status());
      MPAIO_EXPECT_OK(run->Wait());
      if (executor.rank() == 0) {
        EXPECT_EQ(letters.callbacks, 40);
      }
    });
  }
}

TEST_P(InPool, AConsumerThatDoesNotAskHoldsBackTheWorkers) {
  const std::vector<std::int64_t> numbers = Counting(200);
  std::atomic<Index> processed{0};
  OnAllRanks([&](Executor& executor) {
    Echo echo(InChunks(numbers, 1));
    echo.before = [&](ChunkId) {
      ++processed;
      return absl::OkStatus();
    };
    RunOptions options;
    options.max_held_bytes = 10 * 24;  // an encoded result of one element: its length, the vector's, the element
    absl::StatusOr<mpaio::Run> run = WorkerOrchestrator(executor, {&echo}).Start(options);
    MPAIO_ASSERT_OK(run.status());
    if (executor.rank() == 0) {
      Index taken = 0;
      while (std::optional<Delivered> delivered = run->Next()) {
        ++taken;
        // Ahead: what may be held, and the first chunks, whose results' size nobody knew.
        EXPECT_LE(processed.load() - taken, 12 + 2 * executor.size());
      }
      EXPECT_EQ(taken, 200);
    }
    MPAIO_EXPECT_OK(run->Wait());
  });
}

TEST_P(InPool, NextGivesResultsInOrderAfterTheirCallback) {
  const std::vector<std::int64_t> numbers = Counting(100);
  OnAllRanks([&](Executor& executor) {
    Echo echo(InChunks(numbers, 3));
    absl::StatusOr<mpaio::Run> run = WorkerOrchestrator(executor, {&echo}).Start();
    MPAIO_ASSERT_OK(run.status());
    if (executor.rank() != 0) {
      EXPECT_FALSE(run->Poll());
      EXPECT_FALSE(run->Next().has_value());
    } else {
      ChunkId expected = 0;
      while (std::optional<Delivered> delivered = run->Next()) {
        EXPECT_EQ(delivered->chunk.id, expected++);
        EXPECT_EQ(static_cast<ChunkId>(echo.chunks.size()), expected);
        const auto elements = delivered->Result<std::vector<std::int64_t>>();
        MPAIO_ASSERT_OK(elements.status());
        EXPECT_EQ(elements->front(), delivered->chunk.rows.begin);
        EXPECT_EQ(static_cast<Index>(elements->size()), delivered->chunk.rows.size());
        EXPECT_THAT(delivered->Result<std::int32_t>(), StatusIs(absl::StatusCode::kDataLoss));
      }
      EXPECT_EQ(expected, 34);
      EXPECT_FALSE(run->Next().has_value()) << "the end stays the end";
    }
    MPAIO_EXPECT_OK(run->Wait());
  });
}

TEST_P(InPool, CallsMayBeMixed) {
  const std::vector<std::int64_t> numbers = Counting(300);
  OnAllRanks([&](Executor& executor) {
    Echo echo(InChunks(numbers, 1));
    absl::StatusOr<mpaio::Run> run = WorkerOrchestrator(executor, {&echo}).Start();
    MPAIO_ASSERT_OK(run.status());
    run->Next();
    run->Poll();
    run->WaitFor(absl::ZeroDuration());
    run->Next();
    while (run->Poll()) {
    }
    EXPECT_TRUE(run->WaitFor(absl::ZeroDuration()));
    EXPECT_FALSE(run->Next().has_value());
    MPAIO_EXPECT_OK(run->Wait());
    if (executor.rank() == 0) {
      EXPECT_EQ(echo.rows, numbers);
    }
  });
}

TEST_P(InPool, StartReturnsBeforeAnythingIsDelivered) {
  const std::vector<std::int64_t> numbers = Counting(10);
  OnAllRanks([&](Executor& executor) {
    Echo echo(InChunks(numbers, 1));
    absl::StatusOr<mpaio::Run> run = WorkerOrchestrator(executor, {&echo}).Start();
    MPAIO_ASSERT_OK(run.status());
    EXPECT_TRUE(echo.chunks.empty());
    MPAIO_EXPECT_OK(run->Wait());
  });
}

// How chunk 17 of 1000 fails, and what the status must then say.
struct Fault {
  std::string name;
  std::function<absl::Status()> act;
  absl::StatusCode code;
  std::string text;
};
const std::vector<Fault>& Faults() {
  static const auto* const faults = new std::vector<Fault>{
      {"error", [] { return absl::InvalidArgumentError("bad row"); }, absl::StatusCode::kInvalidArgument, "bad row"},
      {"exception", []() -> absl::Status { throw std::runtime_error("boom\nboom"); }, absl::StatusCode::kInternal, "std::runtime_error: boom boom"},
      {"int", []() -> absl::Status { throw 5; }, absl::StatusCode::kInternal, "threw int"},
      {"memory", []() -> absl::Status { throw std::bad_alloc(); }, absl::StatusCode::kResourceExhausted, "memory"},
  };
  return *faults;
}

TEST_P(InPool, AFailureInProcessEndsTheRunOnAllRanks) {
  const std::vector<std::int64_t> numbers = Counting(5000);
  for (const Fault& fault : Faults()) {
    SCOPED_TRACE(fault.name);
    std::mutex mutex;
    std::vector<std::string> messages;
    OnAllRanks([&](Executor& executor) {
      Echo good(InChunks(numbers, 5)), bad(InChunks(numbers, 5));
      bad.set_name("bad");
      bad.before = [&](ChunkId chunk) { return chunk == 17 ? fault.act() : absl::OkStatus(); };
      absl::StatusOr<mpaio::Run> run = WorkerOrchestrator(executor, {&good, &bad}).Start();
      MPAIO_ASSERT_OK(run.status());
      const absl::Status status = run->Wait();
      EXPECT_THAT(status, StatusIs(fault.code, fault.text));
      EXPECT_THAT(std::string(status.message()), AllOf(HasSubstr("job 1 (bad), chunk 17 (rows 85 to 89), rank ")));
      EXPECT_FALSE(run->is_broken());
      if (executor.rank() == 0) {
        EXPECT_EQ(run->stats().failed_job, 1);
        for (const ChunkId chunk : bad.chunks) EXPECT_LT(chunk, 17);
        const std::size_t calls = good.chunks.size() + bad.chunks.size();
        EXPECT_FALSE(run->Next().has_value());
        EXPECT_FALSE(run->Poll());
        EXPECT_EQ(good.chunks.size() + bad.chunks.size(), calls) << "no callback after the end";
      }
      const std::lock_guard lock(mutex);
      messages.emplace_back(status.message());
    });
    EXPECT_THAT(messages, testing::Each(messages.front())) << "every rank says the same";
  }
}

TEST_P(InPool, AFailureInACallbackEndsTheRun) {
  const std::vector<std::int64_t> numbers = Counting(1000);
  for (const Fault& fault : Faults()) {
    SCOPED_TRACE(fault.name);
    OnAllRanks([&](Executor& executor) {
      Echo echo(InChunks(numbers, 1));
      echo.set_name("echo");
      echo.callback = [&](ChunkId chunk) { return chunk == 17 ? fault.act() : absl::OkStatus(); };
      absl::StatusOr<mpaio::Run> run = WorkerOrchestrator(executor, {&echo}).Start();
      MPAIO_ASSERT_OK(run.status());
      const absl::Status status = run->Wait();
      EXPECT_THAT(status, StatusIs(fault.code, fault.text));
      EXPECT_THAT(std::string(status.message()), HasSubstr("job 0 (echo), chunk 17 (rows 17 to 17), rank 0: "));
      if (executor.rank() == 0) {
        EXPECT_EQ(echo.chunks, Counting(18));
      }
    });
  }
}

TEST_P(InPool, CancelEndsTheRun) {
  const std::vector<std::int64_t> numbers = Counting(100'000);
  OnAllRanks([&](Executor& executor) {
    Echo echo(InChunks(numbers, 1));
    absl::StatusOr<mpaio::Run> run = WorkerOrchestrator(executor, {&echo}).Start();
    MPAIO_ASSERT_OK(run.status());
    if (executor.rank() == 0) {
      run->Next();
      std::thread([&run] { run->Cancel(); }).join();
      run->Cancel();
    }
    EXPECT_THAT(run->Wait(), StatusIs(absl::StatusCode::kCancelled));
    EXPECT_LT(echo.chunks.size(), numbers.size());
  });
}

TEST_P(InPool, CancelBeforeTheFirstCall) {
  const std::vector<std::int64_t> numbers = Counting(1000);
  OnAllRanks([&](Executor& executor) {
    Echo echo(InChunks(numbers, 1));
    absl::StatusOr<mpaio::Run> run = WorkerOrchestrator(executor, {&echo}).Start();
    MPAIO_ASSERT_OK(run.status());
    run->Cancel();
    EXPECT_FALSE(run->Next().has_value());
    EXPECT_THAT(run->Wait(), StatusIs(absl::StatusCode::kCancelled));
    EXPECT_TRUE(echo.chunks.empty());
  });
}

TEST_P(InPool, ADeadlineEndsTheRun) {
  const std::vector<std::int64_t> numbers = Counting(1'000'000);
  OnAllRanks([&](Executor& executor) {
    Echo echo(InChunks(numbers, 1));
    echo.before = [](ChunkId) {
      Burn(std::chrono::microseconds(100));
      return absl::OkStatus();
    };
    RunOptions options;
    options.deadline = absl::Milliseconds(20);
    absl::StatusOr<mpaio::Run> run = WorkerOrchestrator(executor, {&echo}).Start(options);
    MPAIO_ASSERT_OK(run.status());
    EXPECT_THAT(run->Wait(), StatusIs(absl::StatusCode::kDeadlineExceeded, "of 1000000 chunks"));
  });
}

TEST_P(InPool, ADroppedRunIsOverOnAllRanks) {
  const std::vector<std::int64_t> numbers = Counting(100'000);
  OnAllRanks([&](Executor& executor) {
    Echo echo(InChunks(numbers, 1));
    {
      absl::StatusOr<mpaio::Run> run = WorkerOrchestrator(executor, {&echo}).Start();
      MPAIO_ASSERT_OK(run.status());
      run->Next();
    }
    const std::size_t calls = echo.chunks.size();
    // The pool is free for the next.
    Echo next(InChunks(numbers, 1000));
    absl::StatusOr<mpaio::Run> run = WorkerOrchestrator(executor, {&next}).Start();
    MPAIO_ASSERT_OK(run.status());
    MPAIO_EXPECT_OK(run->Wait());
    EXPECT_EQ(echo.chunks.size(), calls);
    if (executor.rank() == 0) {
      EXPECT_EQ(next.rows, numbers);
    }
  });
}

TEST_P(InPool, RunsOneAfterTheOther) {
  const std::vector<std::int64_t> numbers = Counting(50);
  OnAllRanks([&](Executor& executor) {
    Echo echo(InChunks(numbers, 2));
    WorkerOrchestrator orchestrator(executor, {&echo});
    for (int k = 1; k <= 20; ++k) {
      absl::StatusOr<mpaio::Run> run = orchestrator.Start();
      MPAIO_ASSERT_OK(run.status());
      MPAIO_EXPECT_OK(run->Wait());
      if (executor.rank() == 0) {
        EXPECT_EQ(echo.chunks.size(), static_cast<std::size_t>(25 * k));
      }
    }
  });
}

TEST_P(InPool, NoRowsNoChunksNoCallbacks) {
  const std::vector<std::int64_t> none;
  const std::vector<std::int64_t> some = Counting(10);
  OnAllRanks([&](Executor& executor) {
    Echo empty(InChunks(none, 5)), other(InChunks(some, 5));
    for (const std::vector<WorkerBase*>& workers : {std::vector<WorkerBase*>{&empty}, std::vector<WorkerBase*>{&empty, &other}}) {
      absl::StatusOr<mpaio::Run> run = WorkerOrchestrator(executor, workers).Start();
      MPAIO_ASSERT_OK(run.status());
      MPAIO_EXPECT_OK(run->Wait());
    }
    EXPECT_TRUE(empty.chunks.empty());
    if (executor.rank() == 0) {
      EXPECT_EQ(other.rows, some);
    }
  });
}

TEST_P(InPool, WhatCannotStartIsRefusedOnAllRanks) {
  const std::vector<double> doubles(10, 1.0);
  const std::vector<std::int64_t> numbers = Counting(10);
  OnAllRanks([&](Executor& executor) {
    EXPECT_THAT(WorkerOrchestrator(executor, {}).Start(), StatusIs(absl::StatusCode::kInvalidArgument));
    EXPECT_THAT(WorkerOrchestrator(executor, {nullptr}).Start(), StatusIs(absl::StatusCode::kInvalidArgument, "worker 0 is null"));
    Echo wrong(*DataIterator::Create(*NdView::Create(doubles.data(), DType::Of<double>(), {10}), Partition::Auto()));
    EXPECT_THAT(WorkerOrchestrator(executor, {&wrong}).Start(), StatusIs(absl::StatusCode::kInvalidArgument, "float64"));
    Echo without(*DataIterator::Create(*NdView::Create(nullptr, DType::Of<std::int64_t>(), {10}), Partition::Auto()));
    EXPECT_THAT(WorkerOrchestrator(executor, {&without}).Start(), StatusIs(absl::StatusCode::kInvalidArgument, "no data"));
    Echo fine(InChunks(numbers, 1));
    absl::StatusOr<mpaio::Run> run = WorkerOrchestrator(executor, {&fine}).Start();
    MPAIO_ASSERT_OK(run.status());
    MPAIO_EXPECT_OK(run->Wait());
  });
}

TEST_P(InPool, StatsAddUp) {
  const std::vector<std::int64_t> numbers = Counting(1001);
  OnAllRanks([&](Executor& executor) {
    Echo echo(InChunks(numbers, 10));
    echo.set_name("echo");
    RunOptions options;
    options.monitor_cpu_usage = true;
    absl::StatusOr<mpaio::Run> run = WorkerOrchestrator(executor, {&echo}).Start(options);
    MPAIO_ASSERT_OK(run.status());
    MPAIO_EXPECT_OK(run->Wait());
    const RunStats& stats = run->stats();
    if (executor.rank() != 0) {
      EXPECT_TRUE(stats.jobs.empty());
      return;
    }
    ASSERT_EQ(stats.jobs.size(), 1u);
    EXPECT_EQ(stats.jobs[0].worker, "echo");
    EXPECT_EQ(std::tie(stats.jobs[0].rows, stats.jobs[0].rows_done), std::make_tuple(1001, 1001));
    EXPECT_EQ(std::tie(stats.jobs[0].chunks, stats.jobs[0].chunks_done, stats.jobs[0].chunks_delivered), std::make_tuple(101, 101, 101));
    EXPECT_GT(stats.jobs[0].seconds, 0);
    EXPECT_GE(stats.seconds, stats.jobs[0].seconds);
    EXPECT_EQ(stats.failed_job, -1);
    ASSERT_EQ(static_cast<int>(stats.ranks.size()), executor.size());
    Index chunks = 0, rows = 0;
    for (int rank = 0; rank < executor.size(); ++rank) {
      const RankStats& one = stats.ranks[static_cast<std::size_t>(rank)];
      EXPECT_EQ(one.rank, rank);
      EXPECT_EQ(one.node, rank % GetParam().nodes);
      EXPECT_EQ(one.host, executor.host());
      chunks += one.chunks;
      rows += one.rows;
    }
    EXPECT_EQ(chunks, 101);
    EXPECT_EQ(rows, 1001);
    if (!executor.orchestrator_works()) {
      EXPECT_EQ(stats.ranks[0].chunks, 0);
    }
    ASSERT_FALSE(stats.cpu_usage.samples.empty());
    EXPECT_FALSE(stats.cpu_usage.samples.back().percent.empty());
  });
}

TEST(InlineExecutorRun, NeedsNoOtherRank) {
  const std::vector<std::int64_t> numbers = Counting(100);
  const std::unique_ptr<Executor> executor = MakeInlineExecutor();
  Echo echo(InChunks(numbers, 7));
  absl::StatusOr<mpaio::Run> run = WorkerOrchestrator(*executor, {&echo}).Start();
  MPAIO_ASSERT_OK(run.status());
  MPAIO_EXPECT_OK(run->Wait());
  EXPECT_EQ(echo.rows, numbers);
}

TEST(InlineExecutorRun, AssigningToARunEndsWhatItHeld) {
  const std::vector<std::int64_t> numbers = Counting(100);
  const std::unique_ptr<Executor> executor = MakeInlineExecutor();
  Echo first(InChunks(numbers, 1)), second(InChunks(numbers, 1));
  absl::StatusOr<mpaio::Run> run = WorkerOrchestrator(*executor, {&first}).Start();
  MPAIO_ASSERT_OK(run.status());
  run->Next();
  *run = *WorkerOrchestrator(*executor, {&second}).Start();
  MPAIO_EXPECT_OK(run->Wait());
  EXPECT_LT(first.chunks.size(), 100u);
  EXPECT_EQ(second.rows, numbers);
}

// ---- A line that misbehaves ----

TEST(FaultyLine, DelaysAndRepetitionsChangeNothing) {
  const std::vector<std::int64_t> numbers = Counting(2000);
  const std::uint64_t seed = std::random_device()();
  RecordProperty("seed", std::to_string(seed));
  SCOPED_TRACE(absl::StrCat("seed ", seed));
  for (const Delivery delivery : {Delivery::kInOrder, Delivery::kAsCompleted}) {
    ThreadPoolOptions options;
    options.wrap_transport = [seed](std::unique_ptr<Transport> inner) {
      FaultPlan plan;
      plan.delay_chance = 0.5;
      plan.seed = seed + static_cast<std::uint64_t>(inner->rank());
      // Results, which are what can be told from other messages by their length; never Bye, which ends the line.
      plan.duplicate = [](const Message& message) { return message.bytes.size() > 60 && message.bytes[0] == 2; };
      return MakeFaultyTransport(std::move(inner), std::move(plan));
    };
    RunOnThreads(4, options, [&](Executor& executor) {
      Echo echo(InChunks(numbers, 3));
      RunOptions run_options;
      run_options.delivery = delivery;
      absl::StatusOr<mpaio::Run> run = WorkerOrchestrator(executor, {&echo}).Start(run_options);
      MPAIO_ASSERT_OK(run.status());
      MPAIO_EXPECT_OK(run->Wait());
      if (executor.rank() == 0) {
        EXPECT_THAT(echo.rows, UnorderedElementsAreArray(numbers));
        if (delivery == Delivery::kInOrder) {
          EXPECT_EQ(echo.rows, numbers);
        }
      }
    });
  }
}

TEST(FaultyLine, WhereRank0HearsNothingTheRunBreaksWithAStatus) {
  const std::vector<std::int64_t> numbers = Counting(1000);
  for (const Index cut_at : {0, 1, 10, 100}) {
    ThreadPoolOptions options;
    options.wrap_transport = [cut_at](std::unique_ptr<Transport> inner) {
      FaultPlan plan;
      if (inner->rank() == 0) plan.fail_receive_at = cut_at;
      return MakeFaultyTransport(std::move(inner), std::move(plan));
    };
    RunOnThreads(3, options, [&](Executor& executor) {
      Echo echo(InChunks(numbers, 1));
      echo.before = [](ChunkId) {
        Burn(std::chrono::microseconds(20));
        return absl::OkStatus();
      };
      absl::StatusOr<mpaio::Run> run = WorkerOrchestrator(executor, {&echo}).Start();
      MPAIO_ASSERT_OK(run.status());
      // Rank 0 can still tell the others.
      EXPECT_THAT(run->Wait(), StatusIs(absl::StatusCode::kInternal, "the line was cut (receive)"));
      EXPECT_EQ(run->is_broken(), executor.rank() == 0);
    });
  }
}

}  // namespace
}  // namespace mpaio
