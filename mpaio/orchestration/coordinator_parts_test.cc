// SPDX-License-Identifier: Apache-2.0

// The parts of RunCoordinator, each alone on rank 0 of a pool whose other ranks do nothing.
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mpaio/base/wire.h"
#include "mpaio/orchestration/assigner.h"
#include "mpaio/orchestration/delivery.h"
#include "mpaio/orchestration/loss_recovery.h"
#include "mpaio/orchestration/messages.h"
#include "mpaio/orchestration/run_state.h"
#include "mpaio/orchestration/test_pools.h"
#include "mpaio/orchestration/test_workers.h"
#include "mpaio/testing/status_matchers.h"
#include "mpaio/worker/codec.h"

namespace mpaio {
namespace {

using testing::ElementsAre;

// Records which rank was given which chunks.
class Given : public RunObserver {
 public:
  void OnAssigned(int rank, const Assignment& assignment) override {
    chunks[rank] += assignment.chunks.size();
    last = assignment;
  }
  std::map<int, Index> chunks;
  Assignment last;
};

// Calls `test` on rank 0 of a pool of three ranks, with an Echo over 100 rows in chunks of one.
void OnRankZero(const std::function<void(RunState&, Echo&, Given&)>& test,
                const RunOptions& options = {}, bool orchestrator_works = false) {
  const std::vector<std::int64_t> numbers = Counting(100);
  RunInPool({3, orchestrator_works, 1}, [&](Executor& executor) {
    if (executor.rank() != 0) return;
    Echo echo(InChunks(numbers, 1));
    Given given;
    RunOptions with_observer = options;
    with_observer.observers = {&given};
    RunState run(executor, {&echo}, with_observer, Schedule());
    run.now = RunState::Clock::now();
    test(run, echo, given);
  });
}

// Returns the message of a rank that has processed the chunks of an Echo over Counting.
std::string ResultsOf(ChunkRange chunks) {
  std::string message = StartResults();
  for (ChunkId chunk = chunks.begin; chunk < chunks.end; ++chunk) {
    std::string encoded;
    Codec<std::vector<std::int64_t>>::Encode({chunk}, &encoded);
    WireAppendBytes(encoded, &message);
  }
  Results head;
  head.chunks = chunks;
  EndResults(head, &message);
  return message;
}

absl::Status KeepAll(ResultDelivery& delivery, ChunkRange chunks) {
  std::string message = ResultsOf(chunks);
  const Results results = std::get<Results>(*DecodeMessage(message));
  return delivery.Keep(results, chunks, results.encoded, std::move(message));
}

// ---- ResultDelivery ----

TEST(ResultDeliveryTest, DeliversInOrderAndSkipsWhatIsQuarantined) {
  OnRankZero([](RunState& run, Echo& echo, Given&) {
    ResultDelivery delivery(run);
    EXPECT_THAT(delivery.frontier(), ElementsAre(0));
    MPAIO_ASSERT_OK(KeepAll(delivery, {3, 5}));
    EXPECT_EQ(delivery.DeliverOne(), std::nullopt);
    MPAIO_ASSERT_OK(KeepAll(delivery, {0, 2}));
    for (const ChunkId chunk : {0, 1}) {
      const std::optional<DeliveredResult> result = delivery.DeliverOne();
      ASSERT_TRUE(result);
      EXPECT_EQ(result->chunk.id, chunk);
    }
    EXPECT_EQ(delivery.DeliverOne(), std::nullopt);
    EXPECT_THAT(delivery.frontier(), ElementsAre(2));
    MPAIO_ASSERT_OK(delivery.Skip(0, 2));
    const std::atomic<bool> is_cancelled = false;
    delivery.StartClock();
    while (delivery.DeliverSome(is_cancelled)) {
    }
    EXPECT_FALSE(delivery.failure());
    EXPECT_THAT(delivery.frontier(), ElementsAre(5));
    EXPECT_THAT(echo.chunks, ElementsAre(0, 1, 3, 4));
    EXPECT_THAT(echo.rows, ElementsAre(0, 1, 3, 4));
    EXPECT_EQ(run.stats.jobs[0].chunks_delivered, 4);
  });
}

// The first half of a message repeats what another rank has sent.
TEST(ResultDeliveryTest, KeepsAPartOfAMessage) {
  OnRankZero([](RunState& run, Echo& echo, Given&) {
    ResultDelivery delivery(run);
    const std::string message = ResultsOf({0, 4});
    const Results results = std::get<Results>(*DecodeMessage(message));
    WireReader reader(results.encoded);
    absl::string_view skipped;
    ASSERT_TRUE(reader.ReadBytes(&skipped) && reader.ReadBytes(&skipped));
    MPAIO_ASSERT_OK(delivery.Keep(results, {2, 4}, reader.rest(), message));
    MPAIO_ASSERT_OK(KeepAll(delivery, {0, 2}));
    while (delivery.DeliverOne()) {
    }
    EXPECT_THAT(echo.rows, ElementsAre(0, 1, 2, 3));
  });
}

TEST(ResultDeliveryTest, ReportsWhichCallbackFailed) {
  for (const bool one_by_one : {false, true}) {
    OnRankZero([&](RunState& run, Echo& echo, Given&) {
      echo.callback = [](ChunkId chunk) {
        return chunk == 2 ? absl::NotFoundError("gone") : absl::OkStatus();
      };
      ResultDelivery delivery(run);
      MPAIO_ASSERT_OK(KeepAll(delivery, {0, 4}));
      const std::atomic<bool> is_cancelled = false;
      delivery.StartClock();
      while (one_by_one ? delivery.DeliverOne().has_value() : delivery.DeliverSome(is_cancelled)) {
      }
      ASSERT_TRUE(delivery.failure());
      EXPECT_EQ(delivery.failure()->job, 0);
      EXPECT_EQ(delivery.failure()->chunk, 2);
      EXPECT_THAT(delivery.failure()->status, StatusIs(absl::StatusCode::kNotFound));
      EXPECT_EQ(run.stats.jobs[0].chunks_delivered, 2);
      EXPECT_EQ(delivery.DeliverOne(), std::nullopt);
    });
  }
}

// ---- LossRecovery ----

TEST(LossRecoveryTest, AFailedChunkIsRetriedOnAnotherRank) {
  OnRankZero([](RunState& run, Echo&, Given&) {
    LossRecovery recovery(run);
    run.ledger.Assign(1, *run.dispatcher.Next({0}, 0), run.now);
    EXPECT_EQ(recovery.OnCrash(1, 0, 0), std::nullopt);
    EXPECT_EQ(recovery.NextRetry(1), std::nullopt);
    EXPECT_EQ(recovery.NextRetry(2), (Assignment{0, 1, {0, 1}}));
    EXPECT_EQ(recovery.NextRetry(2), std::nullopt);
  });
}

TEST(LossRecoveryTest, ARetryStaysOnItsRankIfThereIsNoOther) {
  OnRankZero([](RunState& run, Echo&, Given&) {
    LossRecovery recovery(run);
    run.ledger.Assign(1, *run.dispatcher.Next({0}, 0), run.now);
    EXPECT_EQ(recovery.OnCrash(1, 0, 0), std::nullopt);
    EXPECT_EQ(recovery.NextRetry(1), std::nullopt);
    recovery.MarkLost(2);
    EXPECT_EQ(recovery.NextRetry(1), (Assignment{0, 1, {0, 1}}));
  });
}

TEST(LossRecoveryTest, AChunkIsGivenUpAfterItsRetries) {
  RunOptions options;
  options.retries = 2;
  OnRankZero(
      [](RunState& run, Echo&, Given&) {
        LossRecovery recovery(run);
        run.ledger.Assign(1, *run.dispatcher.Next({0}, 0), run.now);
        EXPECT_EQ(recovery.OnCrash(1, 0, 0), std::nullopt);
        EXPECT_EQ(recovery.OnCrash(2, 0, 0), std::nullopt);
        EXPECT_EQ(recovery.OnCrash(1, 0, 0), 3);
      },
      options);
}

TEST(LossRecoveryTest, ACommittedChunkIsNotRetried) {
  OnRankZero([](RunState& run, Echo&, Given&) {
    LossRecovery recovery(run);
    run.ledger.Assign(1, *run.dispatcher.Next({0}, 0), run.now);
    EXPECT_EQ(recovery.OnCrash(1, 0, 0), std::nullopt);
    run.ledger.Commit(0, {0, 1});
    EXPECT_EQ(recovery.NextRetry(2), std::nullopt);
    EXPECT_EQ(recovery.OnCrash(2, 0, 0), std::nullopt);
    EXPECT_EQ(recovery.NextRetry(1), std::nullopt);
  });
}

TEST(LossRecoveryTest, ASilentRanksWorkIsCopiedOnce) {
  for (const bool speculates : {false, true}) {
    RunOptions options;
    options.speculates = speculates;
    OnRankZero(
        [&](RunState& run, Echo&, Given&) {
          LossRecovery recovery(run);
          const Assignment first = *run.dispatcher.Next({0}, 0);
          run.ledger.Assign(1, first, run.now);
          run.ranks.OnSent(1, run.now);
          EXPECT_TRUE(recovery.CopiesOfSilentRank().empty());
          run.now += std::chrono::minutes(1);
          if (speculates) {
            EXPECT_THAT(recovery.CopiesOfSilentRank(), ElementsAre(Assignment{0, 1, first.chunks}));
          }
          EXPECT_TRUE(recovery.CopiesOfSilentRank().empty());
        },
        options);
  }
}

TEST(LossRecoveryTest, RankZeroWorksWhenNobodyElseDoes) {
  OnRankZero([](RunState& run, Echo&, Given&) {
    LossRecovery recovery(run);
    EXPECT_FALSE(run.rank_0_works);
    recovery.MarkLost(1);
    recovery.EnableOrchestratorWork();
    EXPECT_FALSE(run.rank_0_works);
    run.ledger.Assign(2, *run.dispatcher.Next({0}, 1), run.now);
    run.now += std::chrono::hours(1);
    recovery.EnableOrchestratorWork();
    EXPECT_TRUE(run.rank_0_works);
  });
  OnRankZero([](RunState& run, Echo&, Given&) {
    LossRecovery recovery(run);
    recovery.MarkLost(1);
    recovery.MarkLost(2);
    EXPECT_TRUE(run.rank_0_works);
  });
}

// ---- Assigner ----

TEST(AssignerTest, GivesRanksWorkInTurnAndNoneToALostRank) {
  OnRankZero([](RunState& run, Echo&, Given& given) {
    LossRecovery recovery(run);
    const std::vector<ChunkId> frontier = {0};
    Assigner assigner(run, recovery, frontier);
    EXPECT_THAT(*assigner.AssignWork(), true);
    // The cost of a chunk is unknown, so every rank gets two single chunks.
    EXPECT_THAT(given.chunks, ElementsAre(testing::Pair(1, 2), testing::Pair(2, 2)));
    EXPECT_THAT(*assigner.AssignWork(), false);
    recovery.MarkLost(1);
    recovery.ReturnChunksOf(1);
    run.ranks.OnReceived(2, 2, run.now);
    EXPECT_THAT(*assigner.AssignWork(), true);
    EXPECT_EQ(given.chunks[1], 2);
    // The chunks of the lost rank come first.
    EXPECT_EQ(given.chunks[2], 4);
    EXPECT_EQ(given.last.attempt, 1);
    EXPECT_LT(given.last.chunks.begin, 4);
  });
}

TEST(AssignerTest, RankZeroTakesItsWorkItself) {
  OnRankZero(
      [](RunState& run, Echo&, Given& given) {
        LossRecovery recovery(run);
        const std::vector<ChunkId> frontier = {0};
        Assigner assigner(run, recovery, frontier);
        EXPECT_TRUE(run.own_work.is_idle());
        EXPECT_TRUE(assigner.AssignOwnWork());
        EXPECT_FALSE(run.own_work.is_idle());
        EXPECT_EQ(given.chunks[0], 1);
        run.own_work.Clear();
        run.dispatcher.Remove(0, {0, 100});
        run.ledger.Commit(0, {0, 100});
        EXPECT_FALSE(assigner.AssignOwnWork());
      },
      {}, /*orchestrator_works=*/true);
}

}  // namespace
}  // namespace mpaio
