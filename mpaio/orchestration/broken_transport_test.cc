// SPDX-License-Identifier: Apache-2.0

// Runs over transports that delay, repeat, mangle and lose messages.
#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <iostream>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mpaio/base/wire.h"
#include "mpaio/orchestration/messages.h"
#include "mpaio/orchestration/test_pools.h"
#include "mpaio/orchestration/test_workers.h"
#include "mpaio/orchestration/worker_orchestrator.h"
#include "mpaio/testing/status_matchers.h"
#include "mpaio/transport/faulty_transport.h"
#include "mpaio/transport/transport.h"

namespace mpaio {
namespace {

// Returns the message as Results, if it is one.
std::optional<Results> AsResults(const std::string& bytes) {
  const absl::StatusOr<AnyMessage> message = DecodeMessage(bytes);
  if (!message.ok() || !std::holds_alternative<Results>(*message)) return std::nullopt;
  return std::get<Results>(*message);
}

// Forwards every call; subclasses override the calls that should go wrong.
class PassingTransport : public Transport {
 public:
  explicit PassingTransport(std::unique_ptr<Transport> inner) : inner_(std::move(inner)) {}
  int rank() const override { return inner_->rank(); }
  int size() const override { return inner_->size(); }
  absl::Status Send(int to, std::string message) override {
    return inner_->Send(to, std::move(message));
  }
  absl::StatusOr<std::optional<Message>> Receive() override { return inner_->Receive(); }
  Index unsent_bytes() const override { return inner_->unsent_bytes(); }
  void WaitForMessage(absl::Duration at_most) override { inner_->WaitForMessage(at_most); }
  void Abandon(int rank) override { inner_->Abandon(rank); }
  absl::Status Close() override { return inner_->Close(); }

 protected:
  std::unique_ptr<Transport> inner_;
};

// Replaces each received message with those that `change` returns.
class ChangingTransport : public PassingTransport {
 public:
  using Change = std::function<std::vector<std::string>(const Message&)>;
  ChangingTransport(std::unique_ptr<Transport> inner, Change change)
      : PassingTransport(std::move(inner)), change_(std::move(change)) {}

  absl::StatusOr<std::optional<Message>> Receive() override {
    if (queue_.empty()) {
      absl::StatusOr<std::optional<Message>> message = inner_->Receive();
      if (!message.ok() || !*message) return message;
      for (std::string& bytes : change_(**message))
        queue_.push_back({(*message)->from, std::move(bytes)});
      if (queue_.empty()) return std::optional<Message>();
    }
    std::optional<Message> next = std::move(queue_.front());
    queue_.pop_front();
    return next;
  }
  void WaitForMessage(absl::Duration at_most) override {
    if (queue_.empty()) inner_->WaitForMessage(at_most);
  }

 private:
  Change change_;
  std::deque<Message> queue_;
};

// Every call fails once the switch is set, so that a test can release ranks that no message can
// reach.
class SwitchedTransport : public PassingTransport {
 public:
  SwitchedTransport(std::unique_ptr<Transport> inner, const std::atomic<bool>* is_down)
      : PassingTransport(std::move(inner)), is_down_(is_down) {}
  absl::StatusOr<std::optional<Message>> Receive() override {
    if (*is_down_) return absl::InternalError("the switch is off");
    return inner_->Receive();
  }
  absl::Status Send(int to, std::string message) override {
    if (*is_down_) return absl::InternalError("the switch is off");
    return inner_->Send(to, std::move(message));
  }

 private:
  const std::atomic<bool>* is_down_;
};

// ---- Transports over which the answer is still exact ----

class ImperfectTransportTest : public testing::TestWithParam<Pool> {
 protected:
  // Runs two jobs; expects each row once, and in order if the delivery is in order.
  void ExpectExactAnswers(const WrapTransport& wrap) {
    const std::vector<std::int64_t> numbers = Counting(1500);
    for (const Delivery delivery : {Delivery::kInOrder, Delivery::kAsCompleted}) {
      for (const auto& [max_held_bytes, schedule] :
           {std::pair{Index{500}, ScheduleKind::kAuto},
            std::pair{Index{1} << 40, ScheduleKind::kAuto},
            std::pair{Index{500}, ScheduleKind::kStatic},
            std::pair{Index{500}, ScheduleKind::kDynamic},
            std::pair{Index{1} << 40, ScheduleKind::kFactoring}}) {
        RunInPool(
            GetParam(),
            [&, max_held_bytes = max_held_bytes, schedule = schedule](Executor& executor) {
              Echo fine(InChunks(numbers, 2)), coarse(InChunks(numbers, 90));
              RunOptions options;
              options.delivery = delivery;
              options.max_held_bytes = max_held_bytes;
              options.policy = ComparisonPolicy(schedule);
              auto run = WorkerOrchestrator(executor, {&fine, &coarse}).Start(options);
              MPAIO_ASSERT_OK(run.status());
              MPAIO_EXPECT_OK(run->Wait());
              EXPECT_FALSE(run->is_broken());
              if (executor.rank() != 0) return;
              for (Echo* echo : {&fine, &coarse}) {
                if (delivery == Delivery::kAsCompleted) {
                  std::sort(echo->rows.begin(), echo->rows.end());
                  std::sort(echo->chunks.begin(), echo->chunks.end());
                }
                EXPECT_EQ(echo->rows, numbers);
                EXPECT_EQ(echo->chunks, Counting(echo->data_iterator().num_chunks()));
              }
              EXPECT_EQ(run->stats().jobs[0].rows_done, 1500);
              EXPECT_EQ(run->stats().jobs[0].chunks_done, 750);
            },
            wrap);
      }
    }
  }
};

std::vector<Pool> PoolsOfSeveralRanks() {
  std::vector<Pool> pools;
  for (const Pool& pool : AllPools()) {
    if (pool.ranks > 1 && pool.nodes == 1) pools.push_back(pool);
  }
  return pools;
}

INSTANTIATE_TEST_SUITE_P(Pools, ImperfectTransportTest, testing::ValuesIn(PoolsOfSeveralRanks()),
                         PoolName);

TEST_P(ImperfectTransportTest, DelaysAndReorderedSenders) {
  const std::uint64_t seed = std::random_device{}();
  std::cout << "seed " << seed << "\n";
  ExpectExactAnswers([seed](std::unique_ptr<Transport> inner) {
    FaultPlan plan;
    plan.delay_chance = 0.6;
    plan.seed = seed + static_cast<std::uint64_t>(inner->rank());
    return MakeFaultyTransport(std::move(inner), std::move(plan));
  });
}

TEST_P(ImperfectTransportTest, ResultsThatArriveTwiceAndLate) {
  const std::uint64_t seed = std::random_device{}();
  std::cout << "seed " << seed << "\n";
  ExpectExactAnswers([seed](std::unique_ptr<Transport> inner) {
    FaultPlan plan;
    plan.delay_chance = 0.5;
    plan.seed = seed + static_cast<std::uint64_t>(inner->rank());
    plan.duplicate = [](const Message& message) { return AsResults(message.bytes).has_value(); };
    return MakeFaultyTransport(std::move(inner), std::move(plan));
  });
}

// A part of a batch arrives before the whole batch, so the ledger accepts only the rest of it: one
// range at an end, or two ranges.
TEST_P(ImperfectTransportTest, PartsOfResultsThatArriveTwice) {
  const std::uint32_t seed = std::random_device{}();
  std::cout << "seed " << seed << "\n";
  std::atomic<int> parts = 0;
  ExpectExactAnswers([&](std::unique_ptr<Transport> inner) -> std::unique_ptr<Transport> {
    if (inner->rank() != 0) return inner;
    auto random = std::make_shared<std::mt19937>(seed);
    return std::make_unique<ChangingTransport>(
        std::move(inner), [random, &parts](const Message& message) {
          std::vector<std::string> messages;
          const std::optional<Results> whole = AsResults(message.bytes);
          if (whole && whole->chunks.size() > 1) {
            const Index begin =
                static_cast<Index>((*random)() % static_cast<std::uint64_t>(whole->chunks.size()));
            const Index count =
                1 + static_cast<Index>((*random)() %
                                       static_cast<std::uint64_t>(whole->chunks.size() - begin));
            std::string part = StartResults();
            WireReader reader(whole->encoded);
            absl::string_view result;
            for (Index k = 0; k < begin + count; ++k) {
              EXPECT_TRUE(reader.ReadBytes(&result));
              if (k >= begin) WireAppendBytes(result, &part);
            }
            Results head = *whole;
            head.chunks = {whole->chunks.begin + begin, whole->chunks.begin + begin + count};
            EndResults(head, &part);
            messages.push_back(std::move(part));
            ++parts;
          }
          messages.push_back(message.bytes);
          return messages;
        });
  });
  EXPECT_GT(parts, 10);
}

// ---- Mangled messages ----

// Truncates the first Results that rank 0 receives to `keep_bytes`.
WrapTransport CutFirstResults(std::size_t keep_bytes) {
  return [keep_bytes](std::unique_ptr<Transport> inner) -> std::unique_ptr<Transport> {
    if (inner->rank() != 0) return inner;
    return std::make_unique<ChangingTransport>(
        std::move(inner), [keep_bytes, is_cut = false](const Message& message) mutable {
          if (is_cut || !AsResults(message.bytes)) return std::vector<std::string>{message.bytes};
          is_cut = true;
          return std::vector<std::string>{message.bytes.substr(0, keep_bytes)};
        });
  };
}

TEST(MangledMessageTest, ResultsCutAnywhereEndTheRunWithAStatus) {
  const std::vector<std::int64_t> numbers = Counting(100);
  // A result of one element takes 24 bytes, after the head of 40 bytes.
  for (std::size_t keep_bytes = 0; keep_bytes < 64; ++keep_bytes) {
    SCOPED_TRACE(keep_bytes);
    RunInPool(
        {3, false, 1},
        [&](Executor& executor) {
          Echo echo(InChunks(numbers, 1));
          auto run = WorkerOrchestrator(executor, {&echo}).Start();
          MPAIO_ASSERT_OK(run.status());
          EXPECT_THAT(run->Wait(), StatusIs(absl::StatusCode::kDataLoss));
          // If not even the head can be read, rank 0 cannot trust any message, so it waits for no
          // other rank.
          EXPECT_EQ(run->is_broken(), executor.rank() == 0 && keep_bytes < 40);
        },
        CutFirstResults(keep_bytes));
  }
}

// Plays rank 1 by hand: sends `messages` as soon as the run has begun, and then a regular
// SummaryMessage. Returns the status of the run on rank 0.
absl::Status RunAgainst(const std::vector<std::string>& messages, bool* is_broken) {
  const std::vector<std::int64_t> numbers = Counting(100);
  absl::Status status;
  RunInPool({2, false, 1}, [&](Executor& executor) {
    if (executor.rank() == 1) {
      MPAIO_ASSERT_OK(executor.Agree(absl::OkStatus()));
      for (const std::string& message : messages)
        MPAIO_EXPECT_OK(executor.transport().Send(0, message));
      for (;;) {
        const absl::StatusOr<std::optional<Message>> message = executor.transport().Receive();
        MPAIO_ASSERT_OK(message.status());
        if (!*message) {
          executor.transport().WaitForMessage(absl::Milliseconds(10));
          continue;
        }
        const absl::StatusOr<AnyMessage> what = DecodeMessage((*message)->bytes);
        MPAIO_ASSERT_OK(what.status());
        if (std::holds_alternative<Finish>(*what)) break;
      }
      MPAIO_EXPECT_OK(executor.transport().Send(0, EncodeMessage(SummaryMessage{})));
      return;
    }
    Echo echo(InChunks(numbers, 1));
    auto run = WorkerOrchestrator(executor, {&echo}).Start();
    MPAIO_ASSERT_OK(run.status());
    status = run->Wait();
    *is_broken = run->is_broken();
    EXPECT_TRUE(echo.chunks.empty());
  });
  return status;
}

std::string ResultsMessage(std::int32_t job, ChunkRange chunks) {
  std::string message = StartResults();
  EndResults({job, chunks, 0, 0, {}}, &message);
  return message;
}

TEST(MangledMessageTest, InvalidMessagesEndTheRun) {
  bool is_broken = false;
  for (const std::string& message :
       {std::string(), std::string("\x77 garbage"), std::string(1000, '\0')}) {
    EXPECT_THAT(RunAgainst({message}, &is_broken),
                StatusIs(absl::StatusCode::kDataLoss, "from rank 1"));
    EXPECT_TRUE(is_broken);
  }
  EXPECT_THAT(RunAgainst({EncodeMessage(SummaryMessage{})}, &is_broken),
              StatusIs(absl::StatusCode::kInternal, "rank 1 left the run"));
  EXPECT_TRUE(is_broken);
  for (const std::string& message :
       {ResultsMessage(1, {0, 1}), ResultsMessage(-1, {0, 1}), ResultsMessage(0, {100, 101}),
        ResultsMessage(0, {-1, 1}), ResultsMessage(0, {5, 4}),
        ResultsMessage(0, {0, Index{1} << 62})}) {
    EXPECT_THAT(RunAgainst({message}, &is_broken),
                StatusIs(absl::StatusCode::kInternal, "rank 1 sent results of"));
    EXPECT_FALSE(is_broken);
  }
  // Results of no chunks change nothing. The failure is of a job that does not exist.
  EXPECT_THAT(RunAgainst({ResultsMessage(0, {3, 3}),
                          EncodeMessage(Failure{7, 1000, absl::AbortedError("why")})},
                         &is_broken),
              StatusIs(absl::StatusCode::kAborted, "job 7, rank 1: why"));
  EXPECT_FALSE(is_broken);
}

TEST(MangledMessageTest, RanksOfDifferentProgramsAreDetected) {
  const std::vector<std::int64_t> numbers = Counting(100), fewer = Counting(3);
  for (const bool fewer_jobs : {false, true}) {
    RunInPool({3, false, 1}, [&](Executor& executor) {
      const bool is_other = executor.rank() == 2;
      Echo echo(InChunks(is_other ? fewer : numbers, 1)), second(InChunks(numbers, 1));
      std::vector<WorkerBase*> workers = {&echo, &second};
      if (fewer_jobs && is_other) workers = {&second};
      auto run = WorkerOrchestrator(executor, workers).Start();
      MPAIO_ASSERT_OK(run.status());
      EXPECT_THAT(run->Wait(), StatusIs(absl::StatusCode::kInternal,
                                        "rank 2: this rank does not have the same jobs as rank 0"));
    });
  }
}

// ---- Broken transports ----

TEST(BrokenTransportTest, IfRank0CannotSendEveryRankReportsThatTheRunIsBroken) {
  const std::vector<std::int64_t> numbers = Counting(1000);
  for (const Index cut_at : {0, 1, 2, 5, 8}) {
    SCOPED_TRACE(cut_at);
    std::atomic<bool> is_down = false;
    RunInPool(
        {4, false, 1},
        [&](Executor& executor) {
          Echo echo(InChunks(numbers, 1));
          auto run = WorkerOrchestrator(executor, {&echo}).Start();
          MPAIO_ASSERT_OK(run.status());
          const absl::Status status = run->Wait();
          EXPECT_THAT(status, StatusIs(absl::StatusCode::kInternal, executor.rank() == 0
                                                                        ? "the line was cut (send)"
                                                                        : "the switch is off"));
          EXPECT_TRUE(run->is_broken());
          EXPECT_LT(echo.chunks.size(), numbers.size());
          // Release the other ranks, which would wait forever.
          if (executor.rank() == 0) is_down = true;
        },
        [&](std::unique_ptr<Transport> inner) -> std::unique_ptr<Transport> {
          FaultPlan plan;
          if (inner->rank() == 0) plan.fail_send_at = cut_at;
          return std::make_unique<SwitchedTransport>(
              MakeFaultyTransport(std::move(inner), std::move(plan)), &is_down);
        });
  }
}

// Rank 0 cannot reach rank 1 when the run ends; ranks 2 and 3 receive the end nevertheless.
TEST(BrokenTransportTest, OneRankThatCannotBeReachedDoesNotHoldUpTheOthers) {
  class NoFinishToRank1 : public PassingTransport {
   public:
    using PassingTransport::PassingTransport;
    absl::Status Send(int to, std::string message) override {
      const absl::StatusOr<AnyMessage> what = DecodeMessage(message);
      if (to == 1 && what.ok() && std::holds_alternative<Finish>(*what))
        return absl::InternalError("rank 1 is gone");
      return inner_->Send(to, std::move(message));
    }
  };
  const std::vector<std::int64_t> numbers = Counting(200);
  std::atomic<bool> is_down = false;
  std::atomic<int> num_received = 0;
  RunInPool(
      {4, false, 1},
      [&](Executor& executor) {
        Echo echo(InChunks(numbers, 1));
        auto run = WorkerOrchestrator(executor, {&echo}).Start();
        MPAIO_ASSERT_OK(run.status());
        const absl::Status status = run->Wait();
        if (executor.rank() == 0) {
          EXPECT_THAT(status, StatusIs(absl::StatusCode::kInternal, "rank 1 is gone"));
          EXPECT_EQ(echo.rows, numbers);
          while (num_received < 2) std::this_thread::yield();
          is_down = true;
        } else if (executor.rank() == 1) {
          EXPECT_THAT(status, StatusIs(absl::StatusCode::kInternal, "the switch is off"));
        } else {
          MPAIO_EXPECT_OK(status);
          ++num_received;
        }
        EXPECT_EQ(run->is_broken(), executor.rank() < 2);
      },
      [&](std::unique_ptr<Transport> inner) -> std::unique_ptr<Transport> {
        if (inner->rank() == 0) inner = std::make_unique<NoFinishToRank1>(std::move(inner));
        if (inner->rank() < 2)
          inner = std::make_unique<SwitchedTransport>(std::move(inner), &is_down);
        return inner;
      });
}

TEST(BrokenTransportTest, IfRank0CannotReceiveItStillEndsTheOthers) {
  const std::vector<std::int64_t> numbers = Counting(1000);
  for (const Index cut_at : {0, 1, 10, 100}) {
    SCOPED_TRACE(cut_at);
    RunInPool(
        {3, false, 1},
        [&](Executor& executor) {
          Echo echo(InChunks(numbers, 1));
          echo.before = Taking(std::chrono::microseconds(20));
          auto run = WorkerOrchestrator(executor, {&echo}).Start();
          MPAIO_ASSERT_OK(run.status());
          EXPECT_THAT(run->Wait(),
                      StatusIs(absl::StatusCode::kInternal, "the line was cut (receive)"));
          EXPECT_EQ(run->is_broken(), executor.rank() == 0);
        },
        [cut_at](std::unique_ptr<Transport> inner) {
          FaultPlan plan;
          if (inner->rank() == 0) plan.fail_receive_at = cut_at;
          return MakeFaultyTransport(std::move(inner), std::move(plan));
        });
  }
}

// Only the worker notices. Rank 0's calls keep returning meanwhile, and the test can end the run by
// cutting off every rank.
TEST(BrokenTransportTest, AWorkerThatCannotSendOrReceiveReportsItItself) {
  const std::vector<std::int64_t> numbers = Counting(1000);
  for (const bool cut_send : {false, true}) {
    for (const Index cut_at : {0, 1, 3}) {
      std::atomic<bool> is_down = false, worker_has_ended = false;
      RunInPool(
          {3, false, 1},
          [&](Executor& executor) {
            Echo echo(InChunks(numbers, 1));
            auto run = WorkerOrchestrator(executor, {&echo}).Start();
            MPAIO_ASSERT_OK(run.status());
            if (executor.rank() == 1) {
              EXPECT_THAT(run->Wait(), StatusIs(absl::StatusCode::kInternal, "the line was cut"));
              EXPECT_TRUE(run->is_broken());
              worker_has_ended = true;
              return;
            }
            while (executor.rank() == 0 && !worker_has_ended)
              ASSERT_FALSE(run->WaitFor(absl::Milliseconds(1)));
            if (executor.rank() == 0) {
              for (int k = 0; k < 20; ++k) EXPECT_FALSE(run->WaitFor(absl::Milliseconds(1)));
              is_down = true;
            }
            EXPECT_THAT(run->Wait(), StatusIs(absl::StatusCode::kInternal, "the switch is off"));
            EXPECT_TRUE(run->is_broken());
          },
          [&](std::unique_ptr<Transport> inner) -> std::unique_ptr<Transport> {
            FaultPlan plan;
            if (inner->rank() == 1) (cut_send ? plan.fail_send_at : plan.fail_receive_at) = cut_at;
            return std::make_unique<SwitchedTransport>(
                MakeFaultyTransport(std::move(inner), std::move(plan)), &is_down);
          });
    }
  }
}

}  // namespace
}  // namespace mpaio
