// SPDX-License-Identifier: Apache-2.0

// Tests of rank 0's end of the channels. supervisor_test.cc tests supervisors, and
// tests/supervision tests both under mpirun.
#include "mpaio/supervision/supervision.h"

#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <cstddef>
#include <cstring>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mpaio/launcher/pmix.h"
#include "mpaio/launcher/scoped_launch.h"
#include "mpaio/supervision/supervisor_channel.h"
#include "mpaio/testing/status_matchers.h"

namespace mpaio {
namespace {

constexpr std::chrono::seconds kTimeout(20);

class SupervisionTest : public testing::Test {
 protected:
  // There is one Supervision for each process, and it can be started only in mpirun's environment.
  static void SetUpTestSuite() {
    static const ScopedLaunch launch(Mpirun(0, 4));
    Supervision::Start(0, nullptr);
    if (Supervision::Get() == nullptr) return;
    const absl::StatusOr<std::string> text =
        Supervision::Get()->Listen(/*has_several_nodes=*/false);
    MPAIO_ASSERT_OK(text);
    absl::StatusOr<ChannelAddress> address = DecodeAddress(*text);
    MPAIO_ASSERT_OK(address);
    address_ = *address;
  }
  void SetUp() override {
    if (!HasPmix()) GTEST_SKIP() << "there is no libpmix here";
    ASSERT_NE(Supervision::Get(), nullptr);
  }
  void TearDown() override {
    for (const int fd : channels_) Hangup(fd);
    // Discards the remaining reports, so that the next test does not get them.
    if (Supervision::Get() != nullptr) Supervision::Get()->PollLostRanks();
  }

  int Connect(int rank) {
    channels_.push_back(ConnectChannel(address_, Hello{rank}, 10'000));
    EXPECT_GE(channels_.back(), 0);
    return channels_.back();
  }
  static void SendBytes(int channel, absl::string_view words) {
    EXPECT_EQ(send(channel, words.data(), words.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(words.size()));
  }
  template <typename T>
  static std::string Bytes(const T& value) {
    return std::string(reinterpret_cast<const char*>(&value), sizeof(value));
  }
  static void Hangup(int channel) { shutdown(channel, SHUT_WR); }

  // Returns the next lost ranks that are reported; none after a timeout.
  static std::vector<LostRank> WaitForLostRanks() {
    const auto end = std::chrono::steady_clock::now() + kTimeout;
    std::vector<LostRank> lost_ranks;
    while ((lost_ranks = Supervision::Get()->PollLostRanks()).empty() &&
           std::chrono::steady_clock::now() < end)
      sched_yield();
    return lost_ranks;
  }
  // Returns the next byte from rank 0 on a channel; "" if the channel has been closed, "nothing"
  // after a timeout. Meanwhile rank 0 polls, and must report no lost rank.
  static std::string ReceiveByte(int channel) {
    const auto end = std::chrono::steady_clock::now() + kTimeout;
    pollfd polled = {channel, POLLIN, 0};
    while (poll(&polled, 1, 0) == 0 && std::chrono::steady_clock::now() < end)
      EXPECT_TRUE(Supervision::Get()->PollLostRanks().empty());
    char byte = 0;
    const ssize_t length = recv(channel, &byte, 1, MSG_DONTWAIT);
    return length < 0 && errno != ECONNRESET
               ? "nothing"
               : std::string(&byte, length < 0 ? 0 : static_cast<std::size_t>(length));
  }

  static ChannelAddress address_;
  std::vector<int> channels_;
};

ChannelAddress SupervisionTest::address_;

TEST_F(SupervisionTest, ReportsEachDeathOnceWithItsCause) {
  const int one = Connect(1), two = Connect(2);
  EXPECT_TRUE(Supervision::Get()->PollLostRanks().empty());
  SendBytes(two, Bytes(Notice{SIGKILL}));
  std::vector<LostRank> lost_ranks = WaitForLostRanks();
  ASSERT_EQ(lost_ranks.size(), 1u);
  EXPECT_EQ(lost_ranks[0].rank, 2);
  EXPECT_EQ(lost_ranks[0].cause, "was killed by signal 9 (SIGKILL)");
  SendBytes(one, Bytes(Notice{3 << 8}));
  lost_ranks = WaitForLostRanks();
  ASSERT_EQ(lost_ranks.size(), 1u);
  EXPECT_EQ(lost_ranks[0].rank, 1);
  EXPECT_EQ(lost_ranks[0].cause, "ended with exit status 3");
  Hangup(one);
  Hangup(two);
  EXPECT_TRUE(Supervision::Get()->PollLostRanks().empty());
}

TEST_F(SupervisionTest, ALostSupervisorIsALostRank) {
  const int three = Connect(3);
  EXPECT_TRUE(Supervision::Get()->PollLostRanks().empty());
  Hangup(three);
  const std::vector<LostRank> lost_ranks = WaitForLostRanks();
  ASSERT_EQ(lost_ranks.size(), 1u);
  EXPECT_EQ(lost_ranks[0].rank, 3);
  EXPECT_EQ(lost_ranks[0].cause, "is gone, together with its supervisor");
}

TEST_F(SupervisionTest, IgnoresStrangers) {
  ChannelAddress wrong = address_;
  wrong.token[kTokenBytes - 1] = wrong.token[kTokenBytes - 1] == 'a' ? 'b' : 'a';
  for (const ChannelAddress& address : {wrong, address_}) {
    // Rank 0 has no supervisor, and there are no negative ranks.
    const int rank = address.token == address_.token ? 0 : 1;
    const int channel = ConnectChannel(address, Hello{rank}, 10'000);
    ASSERT_GE(channel, 0);
    SendBytes(channel, Bytes(Notice{SIGKILL}));
    EXPECT_EQ(ReceiveByte(channel), "");
    close(channel);
  }
  // A supervisor that sends an incomplete message and closes the channel.
  const int channel = Connect(1);
  EXPECT_TRUE(Supervision::Get()->PollLostRanks().empty());
  SendBytes(channel, "x");
  Hangup(channel);
  const std::vector<LostRank> lost_ranks = WaitForLostRanks();
  ASSERT_EQ(lost_ranks.size(), 1u);
  EXPECT_EQ(lost_ranks[0].cause, "is gone, together with its supervisor");
}

TEST_F(SupervisionTest, MessagesMayArriveInPieces) {
  const int channel = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  channels_.push_back(channel);
  sockaddr_un name = {};
  name.sun_family = AF_UNIX;
  std::memcpy(name.sun_path + 1, address_.local_name.data(), address_.local_name.size());
  ASSERT_EQ(connect(channel, reinterpret_cast<sockaddr*>(&name),
                    static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 +
                                           address_.local_name.size())),
            0);
  const std::string words = address_.token + Bytes(Hello{2}) + Bytes(Notice{SIGSEGV});
  for (const char letter : words.substr(0, words.size() - 1)) {
    SendBytes(channel, absl::string_view(&letter, 1));
    EXPECT_TRUE(Supervision::Get()->PollLostRanks().empty());
  }
  SendBytes(channel, absl::string_view(words).substr(words.size() - 1));
  const std::vector<LostRank> lost_ranks = WaitForLostRanks();
  ASSERT_EQ(lost_ranks.size(), 1u);
  EXPECT_EQ(lost_ranks[0].rank, 2);
  EXPECT_EQ(lost_ranks[0].cause, "was killed by signal 11 (SIGSEGV)");
}

TEST_F(SupervisionTest, KillIsSentToThatRanksSupervisorAlone) {
  const int one = Connect(1), two = Connect(2);
  EXPECT_TRUE(Supervision::Get()->PollLostRanks().empty());
  Supervision::Get()->Kill(2);
  EXPECT_EQ(ReceiveByte(two), std::string(1, kKill));
  pollfd polled = {one, POLLIN, 0};
  EXPECT_EQ(poll(&polled, 1, 0), 0);
}

TEST_F(SupervisionTest, Rank0IsNeverArmed) {
  Supervision::Get()->Arm();
  EXPECT_FALSE(Supervision::Get()->is_armed());
  Supervision::Get()->Disarm();
  EXPECT_FALSE(Supervision::Get()->is_armed());
}

TEST_F(SupervisionTest, WaitUntilAllRanksStartedReturnsWhereNoLauncherAnswers) {
  EXPECT_TRUE(WaitUntilAllRanksStarted(std::chrono::seconds(60)));
}

}  // namespace
}  // namespace mpaio
