// SPDX-License-Identifier: Apache-2.0
#include "mpaio/transport/mpi_transport.h"

#include <sched.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mpaio/host/doorbell.h"
#include "mpaio/mpi/communicator.h"
#include "mpaio/mpi/shared_window.h"
#include "mpaio/testing/mpi_test_environment.h"
#include "mpaio/testing/random_bytes.h"
#include "mpaio/testing/status_matchers.h"
#include "mpaio/transport/transport_conformance.h"

namespace mpaio {
namespace {

using std::chrono::seconds;
using std::chrono::steady_clock;

constexpr Index kLargeBytes = Index{8} << 20;

TransportPool OverMpi(const MpiTransportOptions& options) {
  TransportPool pool;
  pool.run = [options](const std::function<void(Transport&)>& body) {
    const absl::StatusOr<std::unique_ptr<Transport>> transport =
        MakeMpiTransport(TestWorld(), options);
    MPAIO_ASSERT_OK(transport);
    body(**transport);
  };
  return pool;
}

// With doorbells, in memory that all ranks share: tests run on one node. A rank that is not woken
// sleeps for a minute.
TransportPool WithDoorbells(MpiTransportOptions options) {
  options.longest_sleep = absl::Minutes(1);
  TransportPool pool;
  pool.run = [options](const std::function<void(Transport&)>& body) {
    absl::StatusOr<SharedWindow> window =
        SharedWindow::Allocate(TestWorld(), Index{kDoorbellStrideBytes} * TestWorld().size());
    MPAIO_ASSERT_OK(window.status());
    MpiTransportOptions own = options;
    for (int rank = 0; rank < TestWorld().size(); ++rank) {
      own.doorbells.push_back(
          reinterpret_cast<Doorbell*>(window->data() + Index{kDoorbellStrideBytes} * rank));
    }
    {
      const absl::StatusOr<std::unique_ptr<Transport>> transport =
          MakeMpiTransport(TestWorld(), own);
      MPAIO_ASSERT_OK(transport);
      body(**transport);
      MPAIO_EXPECT_OK(TestWorld().Barrier());
    }
    MPAIO_EXPECT_OK(window->Free());
  };
  return pool;
}

const bool kRegistered = [] {
  RegisterTransportConformance("MpiTransport", OverMpi({}));
  RegisterTransportConformance("MpiTransportWithDoorbells", WithDoorbells({}));
  // Nearly every message is announced, and has many pieces.
  MpiTransportOptions tiny;
  tiny.slot_bytes = 64;
  tiny.piece_bytes = 1000;
  TransportPool pool = OverMpi(tiny);
  pool.large_bytes = Index{3} << 20;
  pool.flood_bytes = 40000;
  RegisterTransportConformance("MpiTransportWithTinyPieces", pool);
  pool = WithDoorbells(tiny);
  pool.large_bytes = Index{3} << 20;
  pool.flood_bytes = 40000;
  RegisterTransportConformance("MpiTransportWithDoorbellsAndTinyPieces", pool);
  // A slot holds only the frame, and there is one message at a time.
  MpiTransportOptions tiniest;
  tiniest.slots = 1;
  tiniest.slot_bytes = 16;
  tiniest.piece_bytes = 500;
  pool = OverMpi(tiniest);
  pool.large_bytes = Index{1} << 20;
  pool.flood_bytes = 10000;
  RegisterTransportConformance("MpiTransportWithOneSlotAndFramesOnly", pool);
  return true;
}();

class MpiTransportTest : public testing::Test {
 protected:
  void SetUp() override { transport_ = Make(); }

  static std::unique_ptr<Transport> Make() {
    absl::StatusOr<std::unique_ptr<Transport>> transport = MakeMpiTransport(TestWorld());
    EXPECT_THAT(transport, IsOk());
    return transport.ok() ? *std::move(transport) : nullptr;
  }

  // Returns the next message that arrives within `timeout`.
  static std::optional<Message> Next(Transport& transport, seconds timeout = seconds(20)) {
    for (const auto end = steady_clock::now() + timeout; steady_clock::now() < end;) {
      absl::StatusOr<std::optional<Message>> message = transport.Receive();
      EXPECT_THAT(message, IsOk());
      if (!message.ok() || *message) return message.ok() ? *std::move(message) : std::nullopt;
      transport.WaitForMessage(absl::Milliseconds(1));
    }
    return std::nullopt;
  }

  static int rank() { return TestWorld().rank(); }
  static int size() { return TestWorld().size(); }

  std::unique_ptr<Transport> transport_;
};

TEST_F(MpiTransportTest, OneRankNeedsNone) {
  EXPECT_THAT(MakeMpiTransport(Communicator()), StatusIs(absl::StatusCode::kFailedPrecondition));
}

// Rank 0 signals through shared memory, without a message.
TEST_F(MpiTransportTest, ASleeperIsWokenWithoutAMessage) {
  if (size() < 2) return;
  constexpr int kWaiting = 1, kSomething = 2, kTaken = 3;
  absl::StatusOr<SharedWindow> window =
      SharedWindow::Allocate(TestWorld(), sizeof(std::atomic<int>));
  MPAIO_ASSERT_OK(window.status());
  auto& word = *reinterpret_cast<std::atomic<int>*>(window->data());
  WithDoorbells({}).run([&](Transport& transport) {
    const auto start = steady_clock::now();
    if (rank() == 0) {
      while (word != kWaiting) sched_yield();
      // Gives rank 1 time to fall asleep; if it does not, the test checks less.
      for (int k = 0; k < 2000; ++k) sched_yield();
      for (word = kSomething; word != kTaken; sched_yield()) transport.WakeOne();
    } else if (rank() == 1) {
      for (word = kWaiting; word == kWaiting; transport.WaitForMessage(absl::Minutes(1)))
        MPAIO_EXPECT_OK(transport.Receive().status());
      word = kTaken;
    }
    EXPECT_LT(steady_clock::now() - start, seconds(30));
  });
  MPAIO_EXPECT_OK(window->Free());
}

TEST_F(MpiTransportTest, HasTheRanksOfThePool) {
  EXPECT_EQ(transport_->rank(), rank());
  EXPECT_EQ(transport_->size(), size());
}

TEST_F(MpiTransportTest, UnsentBytesCountUnreceivedMessages) {
  if (rank() == 1) {
    MPAIO_EXPECT_OK(transport_->Send(0, std::string(kLargeBytes, 'u')));
    EXPECT_GE(transport_->unsent_bytes(), kLargeBytes);
  }
  MPAIO_ASSERT_OK(TestWorld().Barrier());
  if (rank() == 0) {
    const std::optional<Message> message = Next(*transport_);
    EXPECT_TRUE(message && message->bytes == std::string(kLargeBytes, 'u'));
    MPAIO_EXPECT_OK(transport_->Send(1, "taken"));
  } else if (rank() == 1) {
    const std::optional<Message> message = Next(*transport_);
    EXPECT_TRUE(message && message->bytes == "taken");
    EXPECT_EQ(transport_->unsent_bytes(), 0);
  }
}

// Two transports over the same ranks, and the communicator that both are made from, do not receive
// each other's messages.
TEST_F(MpiTransportTest, MessagesOfTwoTransportsDoNotMix) {
  const std::unique_ptr<Transport> second = Make();
  if (rank() != 0) {
    MPAIO_EXPECT_OK(second->Send(0, "by the second"));
    MPAIO_EXPECT_OK(transport_->Send(0, "by the first"));
  }
  std::string bytes = rank() == 0 ? "by the world" : "";
  MPAIO_ASSERT_OK(TestWorld().Broadcast(0, &bytes));
  EXPECT_EQ(bytes, "by the world");
  for (int k = 1; rank() == 0 && k < size(); ++k) {
    const std::optional<Message> of_first = Next(*transport_), of_second = Next(*second);
    EXPECT_TRUE(of_first && of_first->bytes == "by the first");
    EXPECT_TRUE(of_second && of_second->bytes == "by the second");
  }
}

// All ranks stop with large messages in flight in both directions: each ends without waiting for
// another, and MPI's later accesses to the buffers do no harm.
TEST_F(MpiTransportTest, MayCloseWithMessagesInFlight) {
  for (int round = 0; round < 10; ++round) {
    const std::unique_ptr<Transport> transport = Make();
    for (int other = 0; other < size(); ++other) {
      if (other != rank() && (rank() == 0 || other == 0)) {
        MPAIO_EXPECT_OK(transport->Send(other, std::string(kLargeBytes, 'x')));
      }
    }
    for (int calls = 0; calls < 3 * round; ++calls) MPAIO_EXPECT_OK(transport->Receive());
    MPAIO_EXPECT_OK(transport->Close());
    EXPECT_THAT(transport->Send(rank() == 0 ? 1 : 0, "late"),
                StatusIs(absl::StatusCode::kFailedPrecondition));
  }
  // MPI makes progress during these calls.
  for (int k = 0; k < 100; ++k) MPAIO_ASSERT_OK(TestWorld().Barrier());
}

// A sender closes right after its Send. The message may be lost; if it arrives, it arrives
// undamaged.
TEST_F(MpiTransportTest, AMessageOfAClosedSenderIsNeverDamaged) {
  const std::string bytes = RandomBytes(1, kLargeBytes);
  if (rank() == 1) {
    MPAIO_EXPECT_OK(transport_->Send(0, bytes));
    transport_.reset();
  } else if (rank() == 0) {
    const std::optional<Message> message = Next(*transport_, seconds(2));
    if (message) {
      EXPECT_TRUE(message->bytes == bytes);
    }
  }
  MPAIO_ASSERT_OK(TestWorld().Barrier());
}

}  // namespace
}  // namespace mpaio
