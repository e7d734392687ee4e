// SPDX-License-Identifier: Apache-2.0

// Runs with ranks that die or fall silent.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <iostream>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mpaio/executor/thread_ranks.h"
#include "mpaio/orchestration/test_pools.h"
#include "mpaio/orchestration/test_workers.h"
#include "mpaio/orchestration/worker_orchestrator.h"
#include "mpaio/testing/status_matchers.h"
#include "mpaio/transport/faulty_transport.h"

namespace mpaio {
namespace {

// The outcome of a run on rank 0.
struct Outcome {
  absl::Status status;
  RunStats stats;
};

// Runs the workers. A worker rank whose transport fails counts as dead.
void RunOrDie(Executor& executor, std::vector<WorkerBase*> workers, const RunOptions& options,
              Outcome* outcome) {
  absl::StatusOr<Run> run = WorkerOrchestrator(executor, std::move(workers)).Start(options);
  ASSERT_THAT(run.status(), IsOk());
  const absl::Status status = run->Wait();
  if (executor.rank() == 0) *outcome = {status, run->stats()};
  if (executor.rank() != 0 && run->is_broken()) Lose(executor, "was lost");
}

// Ranks die according to their plans.
WrapTransport Dying(std::vector<FaultPlan> plans) {
  return [plans = std::move(plans)](std::unique_ptr<Transport> inner) {
    const auto rank = static_cast<std::size_t>(inner->rank());
    return MakeFaultyTransport(std::move(inner), plans[rank]);
  };
}

class LossesTest : public testing::TestWithParam<Pool> {};

std::vector<Pool> PoolsOfSeveral() {
  std::vector<Pool> pools;
  for (const Pool& pool : AllPools()) {
    if (pool.ranks > 1) pools.push_back(pool);
  }
  return pools;
}

INSTANTIATE_TEST_SUITE_P(Pools, LossesTest, testing::ValuesIn(PoolsOfSeveral()), PoolName);

TEST_P(LossesTest, AnswersAreExactWhicheverRanksDieAndWhenever) {
  const Pool pool = GetParam();
  const std::uint64_t seed = std::random_device()();
  std::cout << "seed " << seed << "\n";
  std::mt19937_64 random(seed);
  const std::vector<std::int64_t> numbers = Counting(3000);
  for (int round = 0; round < 12; ++round) {
    std::vector<FaultPlan> plans(static_cast<std::size_t>(pool.ranks));
    for (std::size_t rank = 1; rank < plans.size(); ++rank) {
      if (random() % 4 == 0) continue;
      (random() % 2 == 0 ? plans[rank].fail_send_at : plans[rank].fail_receive_at) =
          static_cast<Index>(random() % 60);
    }
    RunOptions options;
    options.policy = ComparisonPolicy(static_cast<ScheduleKind>(random() % ScheduleNames().size()));
    const Index chunk_rows = 1 + static_cast<Index>(random() % 20);
    Outcome outcome;
    std::vector<std::int64_t> rows_a, rows_b;
    RunInPool(
        pool,
        [&](Executor& executor) {
          Echo a(InChunks(numbers, chunk_rows)), b(InChunks(numbers, 100));
          a.before = Taking(std::chrono::microseconds(5));
          RunOrDie(executor, {&a, &b}, options, &outcome);
          if (executor.rank() != 0) return;
          rows_a = a.rows;
          rows_b = b.rows;
        },
        Dying(plans));
    ASSERT_THAT(outcome.status, IsOk());
    ASSERT_EQ(rows_a, numbers) << "round " << round;
    ASSERT_EQ(rows_b, numbers) << "round " << round;
    for (const LostRank& lost : outcome.stats.lost_ranks) EXPECT_EQ(lost.cause, "was lost");
  }
}

TEST_P(LossesTest, Rank0FinishesAlone) {
  const Pool pool = GetParam();
  const std::vector<std::int64_t> numbers = Counting(500);
  std::vector<FaultPlan> plans(static_cast<std::size_t>(pool.ranks));
  // The workers accept some work and send nothing.
  for (std::size_t rank = 1; rank < plans.size(); ++rank) plans[rank].fail_send_at = 0;
  Outcome outcome;
  std::vector<std::int64_t> rows;
  RunInPool(
      pool,
      [&](Executor& executor) {
        Echo echo(InChunks(numbers, 1));
        RunOrDie(executor, {&echo}, {}, &outcome);
        if (executor.rank() == 0) rows = echo.rows;
      },
      Dying(plans));
  ASSERT_THAT(outcome.status, IsOk());
  EXPECT_EQ(rows, numbers);
  EXPECT_EQ(outcome.stats.lost_ranks.size(), static_cast<std::size_t>(pool.ranks) - 1);
  EXPECT_EQ(outcome.stats.ranks[0].chunks, 500);
}

TEST_P(LossesTest, TheNextRunsDoWithoutTheDeadRank) {
  const Pool pool = GetParam();
  const std::vector<std::int64_t> numbers = Counting(300);
  std::vector<FaultPlan> plans(static_cast<std::size_t>(pool.ranks));
  plans[1].fail_send_at = 0;
  std::vector<Outcome> outcomes(3);
  RunInPool(
      pool,
      [&](Executor& executor) {
        for (Outcome& outcome : outcomes) {
          Echo echo(InChunks(numbers, 1));
          RunOrDie(executor, {&echo}, {}, &outcome);
          if (executor.rank() == 0) {
            EXPECT_EQ(echo.rows, numbers);
          }
          if (executor.rank() == 1) return;
        }
      },
      Dying(plans));
  for (const Outcome& outcome : outcomes) ASSERT_THAT(outcome.status, IsOk());
  // Each loss is reported once.
  std::size_t reported = 0;
  for (const Outcome& outcome : outcomes) reported += outcome.stats.lost_ranks.size();
  EXPECT_EQ(reported, 1u);
  EXPECT_EQ(outcomes[2].stats.ranks[1].chunks, 0);
}

// A rank that is silent in a chunk does not delay the others: another rank processes that chunk,
// and the rest of the silent rank's work.
TEST(Speculation, OtherRanksDoTheWorkOfASilentOne) {
  const std::vector<std::int64_t> numbers = Counting(200);
  std::atomic<bool> all_are_delivered = false;
  std::atomic<int> stuck = 0;
  RunInPool({.ranks = 3, .orchestrator_works = false, .nodes = 2}, [&](Executor& executor) {
    Echo echo(InChunks(numbers, 1));
    echo.before = [&](ChunkId) {
      Burn(std::chrono::microseconds(100));
      // Rank 1 gets stuck in its first chunk.
      if (executor.rank() != 1 || stuck.exchange(1) != 0) return absl::OkStatus();
      return WaitForFlag(all_are_delivered);
    };
    echo.callback = [&](ChunkId chunk) {
      if (chunk == 199) all_are_delivered = true;
      return absl::OkStatus();
    };
    EXPECT_THAT(RunToEnd(executor, {&echo}), IsOk());
    if (executor.rank() == 0) {
      EXPECT_EQ(echo.rows, numbers);
    }
  });
  EXPECT_EQ(stuck, 1);
}

TEST(Speculation, CanBeSwitchedOff) {
  const std::vector<std::int64_t> numbers = Counting(20);
  std::atomic<int> times_done = 0;
  RunOptions options;
  options.speculates = false;
  RunInPool({.ranks = 3, .orchestrator_works = false}, [&](Executor& executor) {
    Echo echo(InChunks(numbers, 1));
    echo.before = [&](ChunkId chunk) {
      if (chunk == 19) {
        ++times_done;
        // Longer than a rank may be silent before it counts as stuck.
        Burn(std::chrono::milliseconds(200));
      }
      return absl::OkStatus();
    };
    EXPECT_THAT(RunToEnd(executor, {&echo}, options), IsOk());
    if (executor.rank() == 0) {
      EXPECT_EQ(echo.rows, numbers);
    }
  });
  EXPECT_EQ(times_done, 1);
}

}  // namespace
}  // namespace mpaio
