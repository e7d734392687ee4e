// SPDX-License-Identifier: Apache-2.0

// Tests of the in-process transport and of the faulty transport.
#include "mpaio/transport/transport.h"

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mpaio/testing/status_matchers.h"
#include "mpaio/transport/faulty_transport.h"
#include "mpaio/transport/in_process_transport.h"
#include "mpaio/transport/transport_conformance.h"

namespace mpaio {
namespace {

using Wrap = std::function<std::unique_ptr<Transport>(std::unique_ptr<Transport>)>;

// Runs each rank on a thread.
TransportPool Threads(int size, const Wrap& wrap) {
  TransportPool pool;
  pool.run = [size, wrap](const std::function<void(Transport&)>& body) {
    std::vector<std::unique_ptr<Transport>> ends = MakeInProcessTransports(size);
    std::vector<std::thread> threads;
    for (std::unique_ptr<Transport>& end : ends) {
      threads.emplace_back([&body, &wrap, end = std::move(end)]() mutable {
        if (wrap) end = wrap(std::move(end));
        body(*end);
      });
    }
    for (std::thread& thread : threads) thread.join();
  };
  return pool;
}

std::unique_ptr<Transport> Delayed(std::unique_ptr<Transport> inner, double chance,
                                   std::uint64_t seed) {
  FaultPlan plan;
  plan.delay_chance = chance;
  plan.seed = seed;
  return MakeFaultyTransport(std::move(inner), plan);
}

const bool kRegistered = [] {
  for (const int size : {1, 2, 4}) {
    RegisterTransportConformance(absl::StrCat("InProcessTransport", size), Threads(size, nullptr));
    RegisterTransportConformance(absl::StrCat("FaultyTransportWithEmptyPlan", size),
                                 Threads(size, [](std::unique_ptr<Transport> inner) {
                                   return MakeFaultyTransport(std::move(inner), {});
                                 }));
  }
  // Delays break no promise: the order of one sender's messages is kept.
  RegisterTransportConformance("FaultyTransportWithDelays",
                               Threads(3, [](std::unique_ptr<Transport> inner) {
                                 const int rank = inner->rank();
                                 return Delayed(std::move(inner), 0.4, 20240611 + rank);
                               }));
  return true;
}();

// Returns the next message from Receive, or "" if there is none.
std::string Take(Transport& transport) {
  const absl::StatusOr<std::optional<Message>> message = transport.Receive();
  EXPECT_THAT(message, IsOk());
  return message.ok() && *message ? (*message)->bytes : "";
}

TEST(InProcessTransport, SendHappensBeforeReceive) {
  std::vector<std::unique_ptr<Transport>> ends = MakeInProcessTransports(2);
  int number = 0;  // not atomic: the thread sanitizer would report a race
  constexpr int kRounds = 1000;
  const auto play = [&number](Transport& transport, int turn) {
    for (int round = 0; round < kRounds; ++round) {
      if (round % 2 == turn) {
        EXPECT_EQ(number, round);
        ++number;
        MPAIO_EXPECT_OK(transport.Send(1 - transport.rank(), "your turn"));
      } else {
        const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
        while (Take(transport).empty()) {
          ASSERT_LT(std::chrono::steady_clock::now(), end);
          transport.WaitForMessage(absl::Milliseconds(10));
        }
      }
    }
  };
  std::thread other([&] { play(*ends[1], 1); });
  play(*ends[0], 0);
  other.join();
  EXPECT_EQ(number, kRounds);
}

TEST(InProcessTransport, EndsMayBeDestroyedInAnyOrder) {
  for (int first = 0; first < 3; ++first) {
    std::vector<std::unique_ptr<Transport>> ends = MakeInProcessTransports(3);
    MPAIO_ASSERT_OK(ends[1]->Send(0, "from 1"));
    ends[first].reset();
    const int left = first == 0 ? 1 : 0;
    MPAIO_EXPECT_OK(ends[left]->Send(left == 0 ? 1 : 0, "to one that may be gone"));
    if (left == 0) {
      EXPECT_EQ(Take(*ends[0]), "from 1");
    }
  }
}

TEST(InProcessTransport, AfterItsCloseRank0ReceivesNothing) {
  std::vector<std::unique_ptr<Transport>> ends = MakeInProcessTransports(2);
  for (int message = 0; message < 1000; ++message) {
    MPAIO_ASSERT_OK(ends[1]->Send(0, "a result"));
    MPAIO_ASSERT_OK(ends[0]->Send(1, "an order"));
  }
  EXPECT_EQ(Take(*ends[0]), "a result");
  MPAIO_ASSERT_OK(ends[0]->Close());
  EXPECT_THAT(ends[0]->Receive(), StatusIs(absl::StatusCode::kCancelled, "closed"));
  ends[0]->WaitForMessage(absl::InfiniteDuration());
  for (int message = 0; message < 1000; ++message) EXPECT_EQ(Take(*ends[1]), "an order");
  EXPECT_THAT(ends[1]->Receive(), StatusIs(absl::StatusCode::kCancelled, "closed"));
}

// Ranks 0 and 1 sleep, and rank 2 wakes one of them at a time until rank 1 is awake.
TEST(InProcessTransport, WakesRank0OnlyIfItWorks) {
  for (const bool rank_0_works : {false, true}) {
    std::vector<std::unique_ptr<Transport>> ends = MakeInProcessTransports(3, rank_0_works);
    std::atomic<bool> is_awake[2] = {};
    std::vector<std::thread> sleepers;
    for (int rank = 0; rank < 2; ++rank) {
      sleepers.emplace_back([&, rank] {
        ends[rank]->WaitForMessage(absl::InfiniteDuration());
        is_awake[rank] = true;
      });
    }
    const auto wake_until = [&](int rank) {
      while (!is_awake[rank]) {
        ends[2]->WakeOne();
        std::this_thread::yield();
      }
    };
    wake_until(1);
    if (rank_0_works) {
      wake_until(0);
    } else {
      for (int call = 0; call < 100; ++call) ends[2]->WakeOne();
      EXPECT_FALSE(is_awake[0]);
      MPAIO_EXPECT_OK(ends[2]->Send(0, "get up"));
    }
    for (std::thread& sleeper : sleepers) sleeper.join();
  }
}

TEST(FaultyTransport, PassesRankAndSizeThrough) {
  std::vector<std::unique_ptr<Transport>> ends = MakeInProcessTransports(3);
  const std::unique_ptr<Transport> faulty = MakeFaultyTransport(std::move(ends[2]), {});
  EXPECT_EQ(faulty->rank(), 2);
  EXPECT_EQ(faulty->size(), 3);
  EXPECT_EQ(faulty->unsent_bytes(), 0);
}

// The order of two senders' messages, and the number of calls until they arrive, depend on the seed
// alone.
TEST(FaultyTransport, DelayLetsOtherSendersOvertake) {
  std::set<std::string> orders;
  bool was_held_back = false;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    std::string received[2];
    for (std::string& all : received) {
      std::vector<std::unique_ptr<Transport>> ends = MakeInProcessTransports(3);
      for (const char* bytes : {"a", "b", "c"}) MPAIO_ASSERT_OK(ends[1]->Send(0, bytes));
      for (const char* bytes : {"x", "y"}) MPAIO_ASSERT_OK(ends[2]->Send(0, bytes));
      const std::unique_ptr<Transport> faulty = Delayed(std::move(ends[0]), 0.5, seed);
      std::string letters;
      for (int calls = 0; calls < 1000 && letters.size() < 5; ++calls) {
        const std::string bytes = Take(*faulty);
        if (bytes.empty()) was_held_back = true;
        letters += bytes;
        all += bytes.empty() ? "-" : bytes;
      }
      std::string of_1, of_2;
      for (const char letter : letters) (letter < 'x' ? of_1 : of_2) += letter;
      EXPECT_EQ(of_1, "abc") << "seed " << seed;
      EXPECT_EQ(of_2, "xy") << "seed " << seed;
      EXPECT_EQ(Take(*faulty), "");
      orders.insert(letters);
    }
    EXPECT_EQ(received[0], received[1]) << "seed " << seed;
  }
  EXPECT_TRUE(was_held_back);
  EXPECT_GT(orders.size(), 1u) << "nothing was ever overtaken";
}

TEST(FaultyTransport, ChannelIsCutForSending) {
  std::vector<std::unique_ptr<Transport>> ends = MakeInProcessTransports(2);
  FaultPlan plan;
  plan.fail_send_at = 2;
  const std::unique_ptr<Transport> faulty = MakeFaultyTransport(std::move(ends[1]), plan);
  MPAIO_EXPECT_OK(faulty->Send(0, "first"));
  MPAIO_EXPECT_OK(faulty->Send(0, "second"));
  for (int k = 0; k < 3; ++k)
    EXPECT_THAT(faulty->Send(0, "third"), StatusIs(absl::StatusCode::kInternal));
  EXPECT_EQ(Take(*ends[0]), "first");
  EXPECT_EQ(Take(*ends[0]), "second");
  EXPECT_EQ(Take(*ends[0]), "");
  // The other direction still works.
  MPAIO_EXPECT_OK(ends[0]->Send(1, "back"));
  EXPECT_EQ(Take(*faulty), "back");
}

TEST(FaultyTransport, ChannelIsCutForReceiving) {
  std::vector<std::unique_ptr<Transport>> ends = MakeInProcessTransports(2);
  FaultPlan plan;
  plan.fail_receive_at = 1;
  const std::unique_ptr<Transport> faulty = MakeFaultyTransport(std::move(ends[0]), plan);
  MPAIO_EXPECT_OK(ends[1]->Send(0, "first"));
  MPAIO_EXPECT_OK(ends[1]->Send(0, "second"));
  EXPECT_EQ(Take(*faulty), "first");
  for (int k = 0; k < 3; ++k) EXPECT_THAT(faulty->Receive(), StatusIs(absl::StatusCode::kInternal));
  MPAIO_EXPECT_OK(faulty->Send(1, "still sends"));
}

TEST(FaultyTransport, DuplicatesMessagesOfThePlan) {
  std::vector<std::unique_ptr<Transport>> ends = MakeInProcessTransports(3);
  FaultPlan plan;
  plan.duplicate = [](const Message& message) {
    return message.from == 2 && message.bytes == "twice";
  };
  const std::unique_ptr<Transport> faulty = MakeFaultyTransport(std::move(ends[0]), plan);
  for (const int from : {1, 2}) {
    MPAIO_EXPECT_OK(ends[from]->Send(0, absl::StrCat("once by ", from)));
    MPAIO_EXPECT_OK(ends[from]->Send(0, "twice"));
  }
  std::multiset<std::string> received;
  for (int calls = 0; calls < 10; ++calls) received.insert(Take(*faulty));
  received.erase("");
  EXPECT_THAT(received,
              testing::UnorderedElementsAre("once by 1", "once by 2", "twice", "twice", "twice"));
}

TEST(FaultyTransport, DoesNotWaitWhileItHoldsAMessage) {
  std::vector<std::unique_ptr<Transport>> ends = MakeInProcessTransports(2);
  const std::unique_ptr<Transport> faulty = Delayed(std::move(ends[0]), 1, 0);
  MPAIO_EXPECT_OK(ends[1]->Send(0, "held"));
  for (int calls = 0; calls < 10; ++calls) EXPECT_EQ(Take(*faulty), "");
  const auto start = std::chrono::steady_clock::now();
  faulty->WaitForMessage(absl::Seconds(30));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(15));
}

}  // namespace
}  // namespace mpaio
