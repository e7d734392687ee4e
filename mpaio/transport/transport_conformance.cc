// SPDX-License-Identifier: Apache-2.0
#include "mpaio/transport/transport_conformance.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <random>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mpaio/base/wire.h"
#include "mpaio/testing/random_bytes.h"
#include "mpaio/testing/status_matchers.h"

namespace mpaio {
namespace {

using std::chrono::seconds;
using std::chrono::steady_clock;

constexpr std::uint64_t kSeed = 20240611;
constexpr seconds kTimeout(20);

// A rank's end within a check. Each rank runs the same check; a failed step is reported, and the
// check continues or ends.
class End {
 public:
  explicit End(Transport& transport)
      : transport_(transport), arrived_(static_cast<std::size_t>(transport.size())) {}

  Transport& transport() { return transport_; }
  int rank() const { return transport_.rank(); }
  int size() const { return transport_.size(); }

  // Returns the ranks that this one has a channel to.
  std::vector<int> Peers() const {
    std::vector<int> peers;
    for (int peer = 0; peer < size(); ++peer) {
      if (peer != rank() && (rank() == 0 || peer == 0)) peers.push_back(peer);
    }
    return peers;
  }

  void Send(int to, std::string bytes) { MPAIO_EXPECT_OK(transport_.Send(to, std::move(bytes))); }

  // Calls Receive once. The message is queued by sender, because messages of different senders
  // arrive in any order.
  bool Receive() {
    absl::StatusOr<std::optional<Message>> message = transport_.Receive();
    EXPECT_THAT(message, IsOk());
    if (!message.ok()) return false;
    if (*message) arrived_[(*message)->from].push_back(std::move((*message)->bytes));
    return true;
  }

  // Returns the next message of one sender, if it has arrived.
  std::optional<std::string> TakeFrom(int from) {
    std::deque<std::string>& queue = arrived_[from];
    if (queue.empty()) return std::nullopt;
    std::optional<std::string> bytes = std::move(queue.front());
    queue.pop_front();
    return bytes;
  }

  // Returns the next message of one sender. If none arrives or the transport is broken, fails the
  // test and returns nothing.
  std::optional<std::string> NextFrom(int from) {
    const auto end = steady_clock::now() + kTimeout;
    for (;;) {
      if (std::optional<std::string> bytes = TakeFrom(from)) return bytes;
      if (!Receive()) return std::nullopt;
      if (!arrived_[from].empty()) continue;
      if (steady_clock::now() > end) {
        ADD_FAILURE() << "no message from rank " << from << " arrived";
        return std::nullopt;
      }
      transport_.WaitForMessage(absl::Milliseconds(1));
    }
  }

  void ExpectFrom(int from, const std::string& bytes) {
    const std::optional<std::string> got = NextFrom(from);
    EXPECT_TRUE(got && *got == bytes)
        << "instead of a message of " << bytes.size() << " bytes, rank " << from << " sent "
        << (got ? absl::StrCat("a different one of ", got->size(), " bytes") : "nothing");
  }

  void ExpectNothingArrived() {
    for (int from = 0; from < size(); ++from)
      EXPECT_TRUE(arrived_[from].empty()) << "unexpected message from rank " << from;
  }

 private:
  Transport& transport_;
  std::vector<std::deque<std::string>> arrived_;
};

// Waits until the channel holds no more bytes of this rank.
void ExpectAllSent(End& end) {
  const auto deadline = steady_clock::now() + kTimeout;
  while (end.transport().unsent_bytes() > 0 && steady_clock::now() < deadline) {
    if (!end.Receive()) return;
    end.transport().WaitForMessage(absl::Milliseconds(1));
  }
  EXPECT_EQ(end.transport().unsent_bytes(), 0);
}

// Ends a check: when it returns, all ranks have reached it, and no message is in flight. Detects
// messages that arrived twice, or that were never sent.
void Meet(End& end) {
  if (end.rank() == 0) {
    for (const int peer : end.Peers()) end.ExpectFrom(peer, "met");
    for (const int peer : end.Peers()) end.Send(peer, "leave");
  } else {
    end.Send(0, "met");
    end.ExpectFrom(0, "leave");
  }
  ExpectAllSent(end);
  end.ExpectNothingArrived();
}

// Returns message `number` from one rank to another: its number, and contents derived from it.
std::string Numbered(int from, int to, int number, Index contents_bytes) {
  std::string bytes;
  WireAppend<std::int64_t>(number, &bytes);
  return bytes +
         RandomBytes(kSeed + 1000003 * (std::uint64_t{1000} * from + to) + number, contents_bytes);
}

// All ranks send `count` numbered messages on each of their channels before any of them receives;
// then each receives all of them, in the order of each sender. `contents_bytes` returns the size by
// number.
void ExchangeNumbered(End& end, int count, const std::function<Index(int)>& contents_bytes) {
  const std::vector<int> peers = end.Peers();
  Index sent_bytes = 0;
  for (int number = 0; number < count; ++number) {
    for (const int peer : peers) {
      std::string bytes = Numbered(end.rank(), peer, number, contents_bytes(number));
      sent_bytes += static_cast<Index>(bytes.size());
      end.Send(peer, std::move(bytes));
    }
  }
  EXPECT_GE(end.transport().unsent_bytes(), 0);
  // A frame adds at most 64 bytes to each message.
  EXPECT_LE(end.transport().unsent_bytes(),
            sent_bytes + Index{64} * count * static_cast<Index>(peers.size()));
  for (int number = 0; number < count; ++number) {
    for (const int peer : peers) {
      const std::optional<std::string> bytes = end.NextFrom(peer);
      ASSERT_TRUE(bytes && *bytes == Numbered(peer, end.rank(), number, contents_bytes(number)))
          << "message " << number << " of rank " << peer << " is damaged or out of order";
    }
  }
  Meet(end);
}

// ---- The checks.

using Check = void (*)(End&, const TransportPool&);

// Each rank's message arrives with its rank as the sender.
void RanksAreNumbered(End& end, const TransportPool&) {
  EXPECT_GE(end.rank(), 0);
  EXPECT_LT(end.rank(), end.size());
  if (end.rank() == 0) {
    for (const int peer : end.Peers())
      end.ExpectFrom(peer, absl::StrCat("rank ", peer, " of ", end.size()));
  } else {
    end.Send(0, absl::StrCat("rank ", end.rank(), " of ", end.size()));
  }
  Meet(end);
}

// Sizes around the thresholds of the implementations: a slot of 64 bytes or 64 KiB with a frame of
// 16, a piece of 1000 bytes, MPI's 4 KiB.
void MessagesOfEverySizeArriveWholeAndUnchanged(End& end, const TransportPool& pool) {
  for (const Index size_bytes : std::vector<Index>{0,       1,
                                                   2,       15,
                                                   16,      17,
                                                   31,      32,
                                                   33,      47,
                                                   48,      49,
                                                   63,      64,
                                                   65,      999,
                                                   1000,    1001,
                                                   1999,    2000,
                                                   2001,    4079,
                                                   4080,    4081,
                                                   4096,    65519,
                                                   65520,   65521,
                                                   65535,   65536,
                                                   65537,   100000,
                                                   1 << 20, pool.large_bytes}) {
    SCOPED_TRACE(absl::StrCat(size_bytes, " bytes, seed ", kSeed));
    const std::string bytes = RandomBytes(kSeed + size_bytes, size_bytes);
    // To each rank, and back.
    for (int rank = 1; rank < end.size(); ++rank) {
      if (end.rank() == 0) {
        end.Send(rank, bytes);
        end.ExpectFrom(rank, bytes);
      } else if (end.rank() == rank) {
        end.ExpectFrom(0, bytes);
        end.Send(0, bytes);
      }
    }
  }
  Meet(end);
}

// Small messages, and occasionally a larger one that takes longer and must not be overtaken.
void MessagesOfOneSenderKeepTheirOrder(End& end, const TransportPool&) {
  SCOPED_TRACE(absl::StrCat("seed ", kSeed));
  std::mt19937_64 random(kSeed);
  std::vector<Index> sizes;
  for (int number = 0; number < 400; ++number) {
    const std::uint64_t kind = random() % 20;
    sizes.push_back(static_cast<Index>(random() % (kind == 0 ? 200000 : kind < 5 ? 6000 : 100)));
  }
  ExchangeNumbered(end, static_cast<int>(sizes.size()), [&](int number) { return sizes[number]; });
}

void ManySmallMessagesBothWaysAtOnce(End& end, const TransportPool&) {
  ExchangeNumbered(end, 3000, [](int number) { return number % 40; });
}

void LargeMessagesBothWaysAtOnce(End& end, const TransportPool& pool) {
  ExchangeNumbered(end, 24, [&](int number) { return pool.flood_bytes + number; });
}

void OnlyTheChannelsOfAStarExist(End& end, const TransportPool&) {
  const int rank = end.rank();
  std::vector<int> wrong = {-1, rank, end.size(), 1000000};
  for (int other = 1; rank != 0 && other < end.size(); ++other) wrong.push_back(other);
  for (const int to : wrong) {
    EXPECT_THAT(end.transport().Send(to, "to nobody"),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         absl::StrCat("rank ", rank, " has no channel to rank ", to)));
  }
  EXPECT_EQ(end.transport().unsent_bytes(), 0);
  Meet(end);
}

void UnsentBytesFallToZero(End& end, const TransportPool& pool) {
  constexpr int kCount = 8;
  EXPECT_EQ(end.transport().unsent_bytes(), 0);
  if (end.rank() == 0) {
    for (const int peer : end.Peers()) {
      for (int number = 0; number < kCount; ++number)
        end.Send(peer, std::string(pool.flood_bytes, 'u'));
    }
    // No rank may have sent to rank 0 before all bytes of rank 0 have left.
    ExpectAllSent(end);
    end.ExpectNothingArrived();
    for (const int peer : end.Peers()) end.Send(peer, "all sent");
  } else {
    for (int number = 0; number < kCount; ++number)
      end.ExpectFrom(0, std::string(pool.flood_bytes, 'u'));
    end.ExpectFrom(0, "all sent");
  }
  Meet(end);
}

// Waits of every length end without a message.
void WaitForMessageIsBounded(End& end, const TransportPool&) {
  const auto start = steady_clock::now();
  for (const absl::Duration at_most :
       {-absl::InfiniteDuration(), absl::Seconds(-1), absl::ZeroDuration(), absl::Nanoseconds(1),
        absl::Microseconds(10), absl::Milliseconds(1)}) {
    for (int k = 0; k < 30; ++k) end.transport().WaitForMessage(at_most);
  }
  EXPECT_LT(steady_clock::now() - start, seconds(10));
  Meet(end);
}

// A message ends a wait that is much longer than the test.
void WaitForMessageWakes(End& end, const TransportPool&) {
  constexpr int kRounds = 200;
  const auto wait_for = [&end](int from) {
    for (int waits = 0; waits < 1000000; ++waits) {
      if (!end.Receive() || end.TakeFrom(from)) return;
      end.transport().WaitForMessage(waits == 0 ? absl::InfiniteDuration() : absl::Seconds(30));
    }
    ADD_FAILURE() << "no message arrived";
  };
  const auto start = steady_clock::now();
  for (int rank = 1; rank < end.size(); ++rank) {
    for (int round = 0; round < kRounds; ++round) {
      if (end.rank() == 0) {
        end.Send(rank, "ping");
        wait_for(rank);
      } else if (end.rank() == rank) {
        wait_for(0);
        end.Send(0, "pong");
      }
    }
  }
  EXPECT_LT(steady_clock::now() - start, kTimeout) << "a message did not end the wait for it";
  Meet(end);
}

void CloseIsIdempotent(End& end, const TransportPool&) {
  Meet(end);
  MPAIO_EXPECT_OK(end.transport().Close());
  MPAIO_EXPECT_OK(end.transport().Close());
}

struct NamedCheck {
  const char* name;
  Check run;
};

constexpr NamedCheck kChecks[] = {
    {"RanksAreNumbered", RanksAreNumbered},
    {"MessagesOfEverySizeArriveWholeAndUnchanged", MessagesOfEverySizeArriveWholeAndUnchanged},
    {"MessagesOfOneSenderKeepTheirOrder", MessagesOfOneSenderKeepTheirOrder},
    {"ManySmallMessagesBothWaysAtOnce", ManySmallMessagesBothWaysAtOnce},
    {"LargeMessagesBothWaysAtOnce", LargeMessagesBothWaysAtOnce},
    {"OnlyTheChannelsOfAStarExist", OnlyTheChannelsOfAStarExist},
    {"UnsentBytesFallToZero", UnsentBytesFallToZero},
    {"WaitForMessageIsBounded", WaitForMessageIsBounded},
    {"WaitForMessageWakes", WaitForMessageWakes},
    {"CloseIsIdempotent", CloseIsIdempotent},
};

class TransportConformance : public testing::Test {
 public:
  TransportConformance(const TransportPool& pool, Check check) : pool_(pool), check_(check) {}

  void TestBody() override {
    pool_.run([this](Transport& transport) {
      SCOPED_TRACE(absl::StrCat("rank ", transport.rank(), " of ", transport.size()));
      End end(transport);
      check_(end, pool_);
    });
  }

 private:
  const TransportPool pool_;
  const Check check_;
};

}  // namespace

void RegisterTransportConformance(const std::string& suite, const TransportPool& pool) {
  for (const NamedCheck& check : kChecks) {
    testing::RegisterTest(suite.c_str(), check.name, nullptr, nullptr, __FILE__, __LINE__,
                          [pool, run = check.run]() -> TransportConformance* {
                            return new TransportConformance(pool, run);
                          });
  }
}

}  // namespace mpaio
