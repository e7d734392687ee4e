// Rank 0's end, which supervisors call; supervisors themselves are in supervisor_test.cc, and both under mpirun in loss_test.sh.
#include "mpaio/supervision/supervision.h"

#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
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
#include "mpaio/supervision/line.h"
#include "mpaio/supervision/sign_off.h"
#include "mpaio/testing/status_matchers.h"

namespace mpaio {
namespace {

constexpr std::chrono::seconds kPatience(20);

class SupervisionTest : public testing::Test {
 protected:
  // There is one for each process, and it can be started only as mpirun does it.
  static void SetUpTestSuite() {
    setenv("OMPI_COMM_WORLD_RANK", "0", 1);
    setenv("OMPI_COMM_WORLD_SIZE", "4", 1);
    setenv("PMIX_RANK", "0", 1);
    Supervision::Start(0, nullptr);
    if (Supervision::Get() == nullptr) return;
    const absl::StatusOr<std::string> text = Supervision::Get()->Listen(/*has_several_nodes=*/false);
    MPAIO_ASSERT_OK(text);
    absl::StatusOr<LineAddress> address = DecodeAddress(*text);
    MPAIO_ASSERT_OK(address);
    address_ = *address;
  }
  void SetUp() override {
    if (!CanSignOff()) GTEST_SKIP() << "there is no libpmix here";
    ASSERT_NE(Supervision::Get(), nullptr);
  }
  void TearDown() override {
    for (const int fd : lines_) Hangup(fd);
    // What is left of them is no other test's.
    if (Supervision::Get() != nullptr) Supervision::Get()->TakeDeaths();
  }

  int Call(int rank) {
    lines_.push_back(CallLine(address_, Hello{rank}, 10'000));
    EXPECT_GE(lines_.back(), 0);
    return lines_.back();
  }
  static void Say(int line, absl::string_view words) { EXPECT_EQ(send(line, words.data(), words.size(), MSG_NOSIGNAL), static_cast<ssize_t>(words.size())); }
  template <typename T>
  static std::string Bytes(const T& value) {
    return std::string(reinterpret_cast<const char*>(&value), sizeof(value));
  }
  static void Hangup(int line) { shutdown(line, SHUT_WR); }

  // The next deaths that are told; none after a while.
  static std::vector<Death> Await() {
    const auto end = std::chrono::steady_clock::now() + kPatience;
    std::vector<Death> deaths;
    while ((deaths = Supervision::Get()->TakeDeaths()).empty() && std::chrono::steady_clock::now() < end) sched_yield();
    return deaths;
  }
  // What comes of rank 0 on a line: "" where it has been closed. Meanwhile rank 0 looks, and must hear of no death.
  static std::string Hear(int line) {
    const auto end = std::chrono::steady_clock::now() + kPatience;
    pollfd polled = {line, POLLIN, 0};
    while (poll(&polled, 1, 0) == 0 && std::chrono::steady_clock::now() < end) EXPECT_TRUE(Supervision::Get()->TakeDeaths().empty());
    char byte = 0;
    const ssize_t length = recv(line, &byte, 1, MSG_DONTWAIT);
    return length < 0 && errno != ECONNRESET ? "nothing" : std::string(&byte, length < 0 ? 0 : static_cast<std::size_t>(length));
  }

  static LineAddress address_;
  std::vector<int> lines_;
};

LineAddress SupervisionTest::address_;

TEST_F(SupervisionTest, TellsDeathsOnceAndHow) {
  const int one = Call(1), two = Call(2);
  EXPECT_TRUE(Supervision::Get()->TakeDeaths().empty());
  Say(two, Bytes(Notice{SIGKILL}));
  std::vector<Death> deaths = Await();
  ASSERT_EQ(deaths.size(), 1u);
  EXPECT_EQ(deaths[0].rank, 2);
  EXPECT_EQ(deaths[0].cause, "was killed by signal 9 (SIGKILL)");
  Say(one, Bytes(Notice{3 << 8}));
  deaths = Await();
  ASSERT_EQ(deaths.size(), 1u);
  EXPECT_EQ(deaths[0].rank, 1);
  EXPECT_EQ(deaths[0].cause, "ended with exit status 3");
  Hangup(one);
  Hangup(two);
  EXPECT_TRUE(Supervision::Get()->TakeDeaths().empty());
}

TEST_F(SupervisionTest, ASupervisorThatIsGoneIsARankThatIsGone) {
  const int three = Call(3);
  EXPECT_TRUE(Supervision::Get()->TakeDeaths().empty());
  Hangup(three);
  const std::vector<Death> deaths = Await();
  ASSERT_EQ(deaths.size(), 1u);
  EXPECT_EQ(deaths[0].rank, 3);
  EXPECT_EQ(deaths[0].cause, "is gone, and its supervisor with it");
}

TEST_F(SupervisionTest, DoesNotListenToStrangers) {
  LineAddress wrong = address_;
  wrong.token[kTokenBytes - 1] = wrong.token[kTokenBytes - 1] == 'a' ? 'b' : 'a';
  for (const LineAddress& address : {wrong, address_}) {
    // There is no rank 0 to be supervised, nor one below.
    const int rank = address.token == address_.token ? 0 : 1;
    const int line = CallLine(address, Hello{rank}, 10'000);
    ASSERT_GE(line, 0);
    Say(line, Bytes(Notice{SIGKILL}));
    EXPECT_EQ(Hear(line), "");
    close(line);
  }
  // One who says too little and goes.
  const int line = Call(1);
  EXPECT_TRUE(Supervision::Get()->TakeDeaths().empty());
  Say(line, "x");
  Hangup(line);
  const std::vector<Death> deaths = Await();
  ASSERT_EQ(deaths.size(), 1u);
  EXPECT_EQ(deaths[0].cause, "is gone, and its supervisor with it");
}

TEST_F(SupervisionTest, WordsThatComeInPieces) {
  const int line = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  lines_.push_back(line);
  sockaddr_un name = {};
  name.sun_family = AF_UNIX;
  std::memcpy(name.sun_path + 1, address_.local_name.data(), address_.local_name.size());
  ASSERT_EQ(connect(line, reinterpret_cast<sockaddr*>(&name), static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + address_.local_name.size())), 0);
  const std::string words = address_.token + Bytes(Hello{2}) + Bytes(Notice{SIGSEGV});
  for (const char letter : words.substr(0, words.size() - 1)) {
    Say(line, absl::string_view(&letter, 1));
    EXPECT_TRUE(Supervision::Get()->TakeDeaths().empty());
  }
  Say(line, absl::string_view(words).substr(words.size() - 1));
  const std::vector<Death> deaths = Await();
  ASSERT_EQ(deaths.size(), 1u);
  EXPECT_EQ(deaths[0].rank, 2);
  EXPECT_EQ(deaths[0].cause, "was killed by signal 11 (SIGSEGV)");
}

TEST_F(SupervisionTest, KillIsSaidToTheSupervisorOfThatRankAlone) {
  const int one = Call(1), two = Call(2);
  EXPECT_TRUE(Supervision::Get()->TakeDeaths().empty());
  Supervision::Get()->Kill(2);
  EXPECT_EQ(Hear(two), std::string(1, kKill));
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
