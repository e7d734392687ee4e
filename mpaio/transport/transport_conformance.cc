#include "mpaio/transport/transport_conformance.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <set>
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
constexpr seconds kPatience(20);

// ---- Steps of which the checks are made. Each rank runs the same check; a step that fails says so and the check goes on or ends.

// The next message; a failure and nothing, if none comes or the transport is broken.
std::optional<Message> Next(Transport& transport) {
  const auto end = steady_clock::now() + kPatience;
  for (;;) {
    absl::StatusOr<std::optional<Message>> message = transport.Receive();
    if (!message.ok()) {
      ADD_FAILURE() << message.status();
      return std::nullopt;
    }
    if (*message) return *std::move(message);
    if (steady_clock::now() > end) {
      ADD_FAILURE() << "no message came";
      return std::nullopt;
    }
    transport.WaitForMessage(absl::Milliseconds(1));
  }
}

void Send(Transport& transport, int to, std::string bytes) { MPAIO_EXPECT_OK(transport.Send(to, std::move(bytes))); }

void ExpectMessage(Transport& transport, int from, const std::string& bytes) {
  const std::optional<Message> message = Next(transport);
  if (!message) return;
  EXPECT_EQ(message->from, from);
  EXPECT_EQ(message->bytes.size(), bytes.size());
  EXPECT_TRUE(message->bytes == bytes) << bytes.size() << " bytes arrived changed";
}

// Until the channel holds nothing of this rank any more.
void ExpectAllSent(Transport& transport) {
  const auto end = steady_clock::now() + kPatience;
  while (transport.unsent_bytes() > 0 && steady_clock::now() < end) {
    const absl::StatusOr<std::optional<Message>> message = transport.Receive();
    ASSERT_THAT(message, IsOk());
    EXPECT_FALSE(message->has_value()) << "a message that nobody sent: " << (*message)->bytes.size() << " bytes of rank " << (*message)->from;
    transport.WaitForMessage(absl::Milliseconds(1));
  }
  EXPECT_EQ(transport.unsent_bytes(), 0);
}

// Ends a check: when it returns, all ranks have reached it, and nothing is on its way. A message that came twice, or that nobody sent, is met here.
void Meet(Transport& transport) {
  if (transport.rank() == 0) {
    std::vector<int> from;
    for (int rank = 1; rank < transport.size(); ++rank) {
      const std::optional<Message> message = Next(transport);
      if (!message) return;
      EXPECT_EQ(message->bytes, "met") << "a message too many";
      from.push_back(message->from);
    }
    std::vector<int> all;
    for (int rank = 1; rank < transport.size(); ++rank) all.push_back(rank);
    EXPECT_THAT(from, testing::UnorderedElementsAreArray(all));
    for (const int rank : all) Send(transport, rank, "leave");
  } else {
    Send(transport, 0, "met");
    ExpectMessage(transport, 0, "leave");
  }
  ExpectAllSent(transport);
}

// The message `number` of those from one rank to another: its number, and contents that follow from it.
std::string Numbered(const Transport& transport, int from, int to, int number, Index contents_bytes) {
  std::string bytes;
  WireAppend<std::int64_t>(number, &bytes);
  const std::uint64_t pair = static_cast<std::uint64_t>(from) * transport.size() + to;
  return bytes + RandomBytes(kSeed + pair * 1000003 + number, contents_bytes);
}

// All ranks send `count` numbered messages on each of their lines before any of them receives; then each receives all of them, in the order of
// each sender. `contents_bytes` gives the size by number.
void ExchangeNumbered(Transport& transport, int count, const std::function<Index(int)>& contents_bytes) {
  const int rank = transport.rank();
  std::vector<int> peers;
  for (int peer = 0; peer < transport.size(); ++peer) {
    if (peer != rank && (rank == 0 || peer == 0)) peers.push_back(peer);
  }
  Index sent_bytes = 0;
  for (int number = 0; number < count; ++number) {
    for (const int peer : peers) {
      std::string bytes = Numbered(transport, rank, peer, number, contents_bytes(number));
      sent_bytes += static_cast<Index>(bytes.size());
      MPAIO_ASSERT_OK(transport.Send(peer, std::move(bytes)));
    }
  }
  EXPECT_GE(transport.unsent_bytes(), 0);
  // A frame of 64 bytes for each message, at most.
  EXPECT_LE(transport.unsent_bytes(), sent_bytes + Index{64} * count * static_cast<Index>(peers.size()));
  std::map<int, int> next_number;
  for (std::size_t k = 0; k < count * peers.size(); ++k) {
    const std::optional<Message> message = Next(transport);
    if (!message) return;
    const int number = next_number[message->from]++;
    ASSERT_TRUE(message->bytes == Numbered(transport, message->from, rank, number, contents_bytes(number)))
        << "message " << number << " of rank " << message->from << " is not as it was sent, or not the next";
  }
  Meet(transport);
}

// ---- The checks.

using Check = void (*)(Transport&, const TransportPool&);

// What each rank says of itself arrives as coming from it.
void RanksAreNumbered(Transport& transport, const TransportPool&) {
  EXPECT_GE(transport.rank(), 0);
  EXPECT_LT(transport.rank(), transport.size());
  if (transport.rank() == 0) {
    std::set<int> ranks;
    for (int k = 1; k < transport.size(); ++k) {
      const std::optional<Message> message = Next(transport);
      if (!message) return;
      EXPECT_EQ(message->bytes, absl::StrCat("rank ", message->from, " of ", transport.size()));
      EXPECT_TRUE(ranks.insert(message->from).second) << "rank " << message->from << " is there twice";
    }
  } else {
    Send(transport, 0, absl::StrCat("rank ", transport.rank(), " of ", transport.size()));
  }
  Meet(transport);
}

// Sizes around those at which implementations change their ways: a slot of 64 bytes or 64 KiB with a frame of 16, a piece of 1000 bytes, MPI's
// 4 KiB.
void MessagesOfEverySizeArriveWholeAndUnchanged(Transport& transport, const TransportPool& pool) {
  std::vector<Index> sizes = {0,    1,    2,    15,   16,   17,    31,    32,    33,    47,    48,    49,           63,
                              64,   65,   999,  1000, 1001, 1999,  2000,  2001,  4079,  4080,  4081,  4096,         65519,
                              65520, 65521, 65535, 65536, 65537, 100000, Index{1} << 20, pool.large_bytes};
  for (const Index size_bytes : sizes) {
    SCOPED_TRACE(absl::StrCat(size_bytes, " bytes, seed ", kSeed));
    const std::string bytes = RandomBytes(kSeed + size_bytes, size_bytes);
    for (int rank = 1; rank < transport.size(); ++rank) {
      // To it, and back.
      if (transport.rank() == 0) {
        Send(transport, rank, bytes);
        ExpectMessage(transport, rank, bytes);
      } else if (transport.rank() == rank) {
        ExpectMessage(transport, 0, bytes);
        Send(transport, 0, bytes);
      }
    }
  }
  Meet(transport);
}

// Small ones, and now and then a larger one that takes longer and must not be overtaken.
void MessagesOfOneSenderKeepTheirOrder(Transport& transport, const TransportPool&) {
  SCOPED_TRACE(absl::StrCat("seed ", kSeed));
  std::mt19937_64 random(kSeed);
  std::vector<Index> sizes;
  for (int number = 0; number < 400; ++number) {
    const std::uint64_t kind = random() % 20;
    sizes.push_back(static_cast<Index>(random() % (kind == 0 ? 200000 : kind < 5 ? 6000 : 100)));
  }
  ExchangeNumbered(transport, static_cast<int>(sizes.size()), [&](int number) { return sizes[number]; });
}

void ManySmallMessagesBothWaysAtOnce(Transport& transport, const TransportPool&) {
  ExchangeNumbered(transport, 3000, [](int number) { return number % 40; });
}

void LargeMessagesBothWaysAtOnce(Transport& transport, const TransportPool& pool) {
  ExchangeNumbered(transport, 24, [&](int number) { return pool.flood_bytes + number; });
}

void ThereAreOnlyTheLinesOfAStar(Transport& transport, const TransportPool&) {
  const int rank = transport.rank();
  std::vector<int> wrong = {-1, rank, transport.size(), 1000000};
  for (int other = 1; rank != 0 && other < transport.size(); ++other) wrong.push_back(other);
  for (const int to : wrong) {
    EXPECT_THAT(transport.Send(to, "to nobody"),
                StatusIs(absl::StatusCode::kInvalidArgument, absl::StrCat("rank ", rank, " has no line to rank ", to)));
  }
  EXPECT_EQ(transport.unsent_bytes(), 0);
  Meet(transport);
}

void UnsentBytesFallToZero(Transport& transport, const TransportPool& pool) {
  constexpr int kCount = 8;
  EXPECT_EQ(transport.unsent_bytes(), 0);
  if (transport.rank() == 0) {
    for (int rank = 1; rank < transport.size(); ++rank) {
      for (int number = 0; number < kCount; ++number) Send(transport, rank, std::string(pool.flood_bytes, 'u'));
    }
    // Nobody sends to rank 0 until it has sent all.
    ExpectAllSent(transport);
    for (int rank = 1; rank < transport.size(); ++rank) Send(transport, rank, "all sent");
  } else {
    for (int number = 0; number < kCount; ++number) ExpectMessage(transport, 0, std::string(pool.flood_bytes, 'u'));
    ExpectMessage(transport, 0, "all sent");
  }
  Meet(transport);
}

// Waits of every length end, with nothing to wait for.
void WaitForMessageIsBounded(Transport& transport, const TransportPool&) {
  const auto start = steady_clock::now();
  for (const absl::Duration at_most : {-absl::InfiniteDuration(), absl::Seconds(-1), absl::ZeroDuration(), absl::Nanoseconds(1),
                                       absl::Microseconds(10), absl::Milliseconds(1)}) {
    for (int k = 0; k < 30; ++k) transport.WaitForMessage(at_most);
  }
  EXPECT_LT(steady_clock::now() - start, seconds(10));
  Meet(transport);
}

// A message ends a wait that is much longer than the test.
void WaitForMessageWakes(Transport& transport, const TransportPool&) {
  constexpr int kRounds = 200;
  const auto wait = [&](int from) {
    for (int waits = 0; waits < 1000000; ++waits) {
      const absl::StatusOr<std::optional<Message>> message = transport.Receive();
      ASSERT_THAT(message, IsOk());
      if (*message) {
        EXPECT_EQ((*message)->from, from);
        return;
      }
      transport.WaitForMessage(waits == 0 ? absl::InfiniteDuration() : absl::Seconds(30));
    }
    ADD_FAILURE() << "no message came";
  };
  for (int rank = 1; rank < transport.size(); ++rank) {
    const auto start = steady_clock::now();
    for (int round = 0; round < kRounds; ++round) {
      if (transport.rank() == 0) {
        Send(transport, rank, "ping");
        wait(rank);
      } else if (transport.rank() == rank) {
        wait(0);
        Send(transport, 0, "pong");
      }
    }
    if (transport.rank() == 0 || transport.rank() == rank) {
      EXPECT_LT(steady_clock::now() - start, rank == transport.rank() ? kPatience * rank : kPatience) << "a wait was not ended by its message";
    }
  }
  Meet(transport);
}

void CloseIsIdempotent(Transport& transport, const TransportPool&) {
  Meet(transport);
  MPAIO_EXPECT_OK(transport.Close());
  MPAIO_EXPECT_OK(transport.Close());
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
    {"ThereAreOnlyTheLinesOfAStar", ThereAreOnlyTheLinesOfAStar},
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
      check_(transport, pool_);
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
                          [pool, run = check.run]() -> TransportConformance* { return new TransportConformance(pool, run); });
  }
}

}  // namespace mpaio
