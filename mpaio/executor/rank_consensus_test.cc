// SPDX-License-Identifier: Apache-2.0
#include "mpaio/executor/rank_consensus.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <functional>
#include <iostream>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mpaio/base/wire.h"
#include "mpaio/testing/status_matchers.h"
#include "mpaio/transport/faulty_transport.h"
#include "mpaio/transport/in_process_transport.h"
#include "mpaio/transport/transport.h"

namespace mpaio {
namespace {

// Simulates deaths: a rank declares its own, and rank 0 learns of it with Poll().
class Deaths {
 public:
  explicit Deaths(int size)
      : is_dead_(static_cast<std::size_t>(size)), is_lost_(static_cast<std::size_t>(size), false) {}
  void Die(int rank) { is_dead_[static_cast<std::size_t>(rank)] = true; }
  void Poll() {
    for (std::size_t rank = 0; rank < is_lost_.size(); ++rank) is_lost_[rank] = is_dead_[rank];
  }
  bool is_lost(int rank) const { return is_lost_[static_cast<std::size_t>(rank)]; }

 private:
  std::vector<std::atomic<bool>> is_dead_;
  std::vector<bool> is_lost_;  // used by rank 0 alone
};

using Wrap = std::function<std::unique_ptr<Transport>(std::unique_ptr<Transport>)>;

// Runs `body` on a thread for each rank.
void OnThreads(int size, const std::function<void(RankConsensus&, int rank)>& body,
               Deaths* deaths = nullptr, const Wrap& wrap = nullptr) {
  std::vector<std::unique_ptr<Transport>> transports = MakeInProcessTransports(size);
  std::vector<std::thread> threads;
  for (int rank = 0; rank < size; ++rank) {
    std::unique_ptr<Transport> transport = std::move(transports[static_cast<std::size_t>(rank)]);
    if (wrap) transport = wrap(std::move(transport));
    threads.emplace_back([&body, deaths, rank, transport = std::move(transport)]() mutable {
      const auto poll = [deaths, rank] {
        if (deaths != nullptr && rank == 0) deaths->Poll();
      };
      const auto is_lost = [deaths](int other) {
        return deaths != nullptr && deaths->is_lost(other);
      };
      RankConsensus consensus(std::move(transport), poll, is_lost);
      body(consensus, rank);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

// Returns the message that a rank sends in Agree.
std::string AgreementMessage(const absl::Status& status) {
  std::string message = "A";
  EncodeStatus(status, &message);
  return message;
}

TEST(RankConsensusTest, OkIfAllAreOk) {
  for (const int size : {1, 2, 3, 8}) {
    OnThreads(size, [](RankConsensus& consensus, int) {
      for (int k = 0; k < 100; ++k) MPAIO_EXPECT_OK(consensus.Agree(absl::OkStatus()));
      EXPECT_FALSE(consensus.is_broken());
    });
  }
}

TEST(RankConsensusTest, AllGetTheStatusOfTheLowestFailedRank) {
  const std::uint32_t seed = std::random_device{}();
  std::cout << "seed " << seed << "\n";
  std::mt19937 random(seed);
  constexpr int kSize = 5, kCalls = 200;
  std::vector<std::vector<bool>> fails(kCalls, std::vector<bool>(kSize));
  for (std::vector<bool>& call : fails) {
    for (int rank = 0; rank < kSize; ++rank)
      call[static_cast<std::size_t>(rank)] = random() % 3 == 0;
  }
  OnThreads(kSize, [&](RankConsensus& consensus, int rank) {
    for (int k = 0; k < kCalls; ++k) {
      const std::vector<bool>& call = fails[static_cast<std::size_t>(k)];
      const absl::Status agreed =
          consensus.Agree(call[static_cast<std::size_t>(rank)]
                              ? absl::NotFoundError(absl::StrCat("rank ", rank, ", call ", k))
                              : absl::OkStatus());
      const auto first = std::find(call.begin(), call.end(), true) - call.begin();
      EXPECT_EQ(agreed, first == kSize
                            ? absl::OkStatus()
                            : absl::NotFoundError(absl::StrCat("rank ", first, ", call ", k)));
    }
    // Errors that ranks agree on do not break the consensus.
    EXPECT_FALSE(consensus.is_broken());
  });
}

TEST(RankConsensusTest, BroadcastGivesRank0sBytes) {
  for (const int size : {1, 2, 5}) {
    OnThreads(size, [](RankConsensus& consensus, int rank) {
      for (const std::string& sent : {std::string(), std::string("one"), std::string("\0\xff", 2),
                                      std::string(1 << 20, 'x')}) {
        std::string bytes = rank == 0 ? sent : "mine";
        MPAIO_EXPECT_OK(consensus.Broadcast(&bytes));
        EXPECT_EQ(bytes, sent);
        MPAIO_EXPECT_OK(consensus.Agree(absl::OkStatus()));
      }
    });
  }
}

// A transport of rank 0 whose messages leave only after it has received `*left` more messages.
class SlowTransport final : public Transport {
 public:
  SlowTransport(std::unique_ptr<Transport> inner, std::atomic<int>* left)
      : inner_(std::move(inner)), left_(left) {}
  int rank() const override { return inner_->rank(); }
  int size() const override { return inner_->size(); }
  absl::Status Send(int to, std::string message) override {
    return inner_->Send(to, std::move(message));
  }
  absl::StatusOr<std::optional<Message>> Receive() override {
    absl::StatusOr<std::optional<Message>> message = inner_->Receive();
    if (message.ok() && message->has_value() && *left_ > 0) --*left_;
    return message;
  }
  Index unsent_bytes() const override { return *left_; }
  void WaitForMessage(absl::Duration at_most) override { inner_->WaitForMessage(at_most); }
  void Abandon(int rank) override { inner_->Abandon(rank); }
  absl::Status Close() override { return inner_->Close(); }

 private:
  std::unique_ptr<Transport> inner_;
  std::atomic<int>* left_;
};

TEST(RankConsensusTest, EarlyMessagesOfTheNextCallCount) {
  std::atomic<int> left = 0;
  const Wrap wrap = [&left](std::unique_ptr<Transport> inner) -> std::unique_ptr<Transport> {
    if (inner->rank() != 0) return inner;
    return std::make_unique<SlowTransport>(std::move(inner), &left);
  };
  const auto body = [&left](RankConsensus& consensus, int rank) {
    // Rank 0 returns from the broadcast only after it has received the other three ranks' messages
    // of the next call.
    if (rank == 0) left = 3;
    std::string bytes = "now";
    MPAIO_EXPECT_OK(consensus.Broadcast(&bytes));
    if (rank == 0) {
      EXPECT_EQ(left, 0);
    }
    EXPECT_EQ(consensus.Agree(rank == 2 ? absl::AbortedError("early") : absl::OkStatus()),
              absl::AbortedError("early"));
    MPAIO_EXPECT_OK(consensus.Agree(absl::OkStatus()));
  };
  OnThreads(4, body, nullptr, wrap);
}

TEST(RankConsensusTest, ContinuesWithoutARankThatDiesDuringACall) {
  Deaths deaths(4);
  OnThreads(
      4,
      [&deaths](RankConsensus& consensus, int rank) {
        MPAIO_EXPECT_OK(consensus.Agree(absl::OkStatus()));
        if (rank == 2) return deaths.Die(2);
        EXPECT_EQ(consensus.Agree(rank == 3 ? absl::NotFoundError("three") : absl::OkStatus()),
                  absl::NotFoundError("three"));
        std::string bytes = rank == 0 ? "after" : "";
        MPAIO_EXPECT_OK(consensus.Broadcast(&bytes));
        EXPECT_EQ(bytes, "after");
        MPAIO_EXPECT_OK(consensus.Agree(absl::OkStatus()));
        EXPECT_FALSE(consensus.is_broken());
      },
      &deaths);
}

TEST(RankConsensusTest, Rank0ContinuesAlone) {
  Deaths deaths(3);
  OnThreads(
      3,
      [&deaths](RankConsensus& consensus, int rank) {
        if (rank != 0) return deaths.Die(rank);
        EXPECT_EQ(consensus.Agree(absl::NotFoundError("zero")), absl::NotFoundError("zero"));
        std::string bytes = "to nobody";
        MPAIO_EXPECT_OK(consensus.Broadcast(&bytes));
      },
      &deaths);
}

TEST(RankConsensusTest, AMessageSentBeforeDeathCounts) {
  Deaths deaths(4);
  OnThreads(
      4,
      [&deaths](RankConsensus& consensus, int rank) {
        if (rank == 1) {
          MPAIO_EXPECT_OK(
              consensus.transport().Send(0, AgreementMessage(absl::DataLossError("my last word"))));
          return deaths.Die(1);
        }
        EXPECT_EQ(consensus.Agree(rank == 2 ? absl::NotFoundError("two") : absl::OkStatus()),
                  absl::DataLossError("my last word"));
        // The message counts only once.
        EXPECT_EQ(consensus.Agree(rank == 2 ? absl::NotFoundError("two") : absl::OkStatus()),
                  absl::NotFoundError("two"));
      },
      &deaths);
}

TEST(RankConsensusTest, MismatchedCallsAreDetected) {
  OnThreads(2, [](RankConsensus& consensus, int rank) {
    std::string bytes = "bytes";
    if (rank == 0) {
      MPAIO_EXPECT_OK(consensus.Broadcast(&bytes));
      return;
    }
    EXPECT_THAT(consensus.Agree(absl::OkStatus()),
                StatusIs(absl::StatusCode::kInternal, "the ranks do not make the same calls"));
    EXPECT_TRUE(consensus.is_broken());
  });
}

TEST(RankConsensusTest, UnexpectedMessagesAreErrors) {
  const std::string ok = AgreementMessage(absl::OkStatus());
  for (const auto& [messages, error] :
       std::vector<std::pair<std::vector<std::string>, std::string>>{
           {{""}, "do not make the same calls"},
           {{"B"}, "do not make the same calls"},
           {{ok, ok}, "do not make the same calls"},
           {{"A"}, "damaged"},
           {{ok.substr(0, ok.size() - 1)}, "damaged"},
       }) {
    OnThreads(3, [&messages = messages, &error = error](RankConsensus& consensus, int rank) {
      if (rank == 2) return;
      if (rank == 1) {
        for (const std::string& message : messages)
          MPAIO_EXPECT_OK(consensus.transport().Send(0, message));
        return;
      }
      EXPECT_THAT(consensus.Agree(absl::OkStatus()), StatusIs(absl::StatusCode::kInternal, error));
      EXPECT_TRUE(consensus.is_broken());
    });
  }
  // Unexpected messages from rank 0.
  for (const std::string& message :
       {std::string(), std::string("B"), std::string("A"), ok.substr(0, ok.size() - 1)}) {
    OnThreads(2, [&message](RankConsensus& consensus, int rank) {
      if (rank == 0) {
        MPAIO_EXPECT_OK(consensus.transport().Send(1, message));
        return;
      }
      EXPECT_THAT(consensus.Agree(absl::OkStatus()), StatusIs(absl::StatusCode::kInternal));
      EXPECT_TRUE(consensus.is_broken());
    });
  }
}

TEST(RankConsensusTest, ABrokenChannelIsTheErrorOfEveryLaterCall) {
  for (const int rank : {0, 1}) {
    for (const bool is_send : {false, true}) {
      std::vector<std::unique_ptr<Transport>> transports = MakeInProcessTransports(2);
      FaultPlan plan;
      (is_send ? plan.fail_send_at : plan.fail_receive_at) = 0;
      RankConsensus consensus(
          MakeFaultyTransport(std::move(transports[static_cast<std::size_t>(rank)]),
                              std::move(plan)),
          [] {}, [](int) { return false; });
      // With rank 1's message, rank 0 gets as far as its reply.
      if (rank == 0) {
        MPAIO_ASSERT_OK(transports[1]->Send(0, AgreementMessage(absl::OkStatus())));
      }
      EXPECT_FALSE(consensus.is_broken());
      const absl::Status first = consensus.Agree(absl::NotFoundError("mine"));
      EXPECT_THAT(first, StatusIs(absl::StatusCode::kInternal, "the line was cut"));
      EXPECT_TRUE(consensus.is_broken());
      std::string bytes = "bytes";
      EXPECT_EQ(consensus.Broadcast(&bytes), first);
      EXPECT_EQ(consensus.Agree(absl::OkStatus()), first);
    }
  }
}

}  // namespace
}  // namespace mpaio
