// SPDX-License-Identifier: Apache-2.0
#include "mpaio/supervision/supervisor.h"

#include <linux/sockios.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <new>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mpaio/supervision/connections.h"
#include "mpaio/supervision/supervisor_channel.h"
#include "mpaio/testing/child_process.h"
#include "mpaio/testing/status_matchers.h"

namespace mpaio {
namespace {

constexpr int kRank = 3;
constexpr int kTimeoutMs = 20'000;

// A supervisor with its child, in processes of their own; this process has rank 0's end of the
// channel.
class SupervisorTest : public testing::Test {
 protected:
  void SetUp() override {
    void* const page = mmap(nullptr, sizeof(SupervisedState), PROT_READ | PROT_WRITE,
                            MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ASSERT_NE(page, MAP_FAILED);
    state_ = new (page) SupervisedState();
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends_), 0);
    // The child reports through `ready_` that it has started, and waits for `go_`.
    ASSERT_EQ(pipe(ready_), 0);
    ASSERT_EQ(pipe(go_), 0);
    const absl::StatusOr<ChannelAddress> address =
        OpenListeners(/*has_several_nodes=*/false, &listeners_);
    MPAIO_ASSERT_OK(address);
    address_ = *address;
  }
  void TearDown() override {
    if (supervisor_ > 0) kill(supervisor_, SIGKILL);
    if (supervisor_ > 0) waitpid(supervisor_, nullptr, 0);
    for (const int fd : {ends_[0], ends_[1], ready_[0], ready_[1], go_[0], go_[1], channel_}) {
      if (fd >= 0) close(fd);
    }
    for (const int fd : listeners_) close(fd);
    munmap(state_, sizeof(SupervisedState));
  }

  // `child` returns its exit status. With `is_late` the supervisor starts after the child has died.
  void Start(const std::function<int()>& child, bool is_late = false) {
    supervisor_ = fork();
    ASSERT_GE(supervisor_, 0);
    if (supervisor_ > 0) return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    const rlimit no_core = {0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    const pid_t pid = fork();
    if (pid == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      for (const int number : {SIGSEGV, SIGABRT, SIGTERM}) signal(number, SIG_DFL);
      _exit(child());
    }
    siginfo_t info;
    if (is_late) waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT);
    SuperviseChild(pid, kRank, state_, ends_[1]);
  }

  // In the child: reports that it has started, and waits for Go().
  void Pause() {
    char byte = 0;
    if (write(ready_[1], &byte, 1) != 1 || read(go_[0], &byte, 1) != 1) _exit(99);
  }
  void WaitForPause() {
    char byte = 0;
    pollfd polled = {ready_[0], POLLIN, 0};
    ASSERT_EQ(poll(&polled, 1, kTimeoutMs), 1);
    ASSERT_EQ(read(ready_[0], &byte, 1), 1);
  }
  void Go() { ASSERT_EQ(write(go_[1], "", 1), 1); }

  // Sends the address to the supervisor, and receives its first message.
  void Connect() {
    const std::string text = EncodeAddress(address_);
    ASSERT_EQ(send(ends_[0], text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
    pollfd polled = {listeners_[0], POLLIN, 0};
    ASSERT_EQ(poll(&polled, 1, kTimeoutMs), 1);
    channel_ = accept(listeners_[0], nullptr, nullptr);
    const Hello hello{kRank};
    EXPECT_EQ(ReceiveBytes(kTokenBytes + sizeof(hello)),
              address_.token + std::string(reinterpret_cast<const char*>(&hello), sizeof(hello)));
  }
  // Receives `size` bytes from the channel, or fewer when it ends.
  std::string ReceiveBytes(std::size_t size) {
    std::string received(size, '\0');
    pollfd polled = {channel_, POLLIN, 0};
    EXPECT_EQ(poll(&polled, 1, kTimeoutMs), 1);
    const ssize_t length = recv(channel_, received.data(), size, MSG_WAITALL);
    received.resize(length < 0 ? 0 : static_cast<std::size_t>(length));
    return received;
  }
  // Returns the child's wait status from its Notice; -1 where there is none.
  int ReceiveWaitStatus() {
    Notice notice{-1};
    const std::string received = ReceiveBytes(sizeof(notice));
    if (received.size() == sizeof(notice)) std::memcpy(&notice, received.data(), sizeof(notice));
    return notice.wait_status;
  }

  // Waits until the supervisor has read an unknown command. If its child is gone, it then waits for
  // rank 0.
  void WaitUntilCommandIsRead() {
    ASSERT_EQ(send(channel_, "?", 1, MSG_NOSIGNAL), 1);
    for (int unread = 1; unread > 0;) {
      ASSERT_EQ(ioctl(channel_, SIOCOUTQ, &unread), 0);
      pollfd polled = {channel_, POLLIN, 0};
      ASSERT_EQ(poll(&polled, 1, 0), 0) << "the supervisor has ended";
      sched_yield();
    }
  }

  void Hangup() {
    if (channel_ >= 0) close(channel_);
    channel_ = -1;
  }

  ChildEnd End() {
    int status = 0;
    EXPECT_EQ(waitpid(supervisor_, &status, 0), supervisor_);
    supervisor_ = -1;
    if (WIFSIGNALED(status)) return {.signal = WTERMSIG(status), .exit_status = 0};
    return {.signal = 0, .exit_status = WEXITSTATUS(status)};
  }

  SupervisedState* state_ = nullptr;
  int ends_[2] = {-1, -1};
  int ready_[2] = {-1, -1};
  int go_[2] = {-1, -1};
  int channel_ = -1;
  std::vector<int> listeners_;
  ChannelAddress address_;
  pid_t supervisor_ = -1;
};

constexpr ChildEnd Exits(int status) { return {.signal = 0, .exit_status = status}; }
constexpr ChildEnd DiesOf(int number) { return {.signal = number, .exit_status = 0}; }

TEST_F(SupervisorTest, EndsAsAnUnarmedChildDoes) {
  for (const bool is_late : {false, true}) {
    for (const int status : {0, 1, 77}) {
      Start([status] { return status; }, is_late);
      EXPECT_EQ(End(), Exits(status));
    }
    for (const int number : {SIGKILL, SIGSEGV, SIGABRT, SIGTERM}) {
      Start([number] { return raise(number); }, is_late);
      EXPECT_EQ(End(), DiesOf(number));
    }
  }
}

TEST_F(SupervisorTest, EndsAsAChildThatHasSignedOffDoes) {
  state_->phase = SupervisedState::kLeft;
  Start([] { return 5; });
  EXPECT_EQ(End(), Exits(5));
}

TEST_F(SupervisorTest, AnArmedChildsDeathIsReportedToRank0Only) {
  for (const int number : {0, SIGKILL, SIGSEGV}) {
    Start([this, number] {
      Pause();
      return number == 0 ? 7 : raise(number);
    });
    WaitForPause();
    Connect();
    state_->phase = SupervisedState::kArmed;
    Go();
    const int status = ReceiveWaitStatus();
    if (number == 0) {
      EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 7) << status;
    } else {
      EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == number) << status;
    }
    EXPECT_EQ(End(), Exits(0));
    // Nothing else is sent.
    EXPECT_EQ(ReceiveBytes(1), "");
    Hangup();
  }
}

// The peers of the child's connections do not see them closed until rank 0 no longer needs them, or
// until shortly after a signal from mpirun.
enum class Reason { kRank0SendsEnd, kRank0IsGone, kSignal };
TEST_F(SupervisorTest, KeepsConnectionsOfAChildThatIsGone) {
  for (const std::uint32_t phase : {SupervisedState::kArmed, SupervisedState::kLeft}) {
    for (const Reason reason : {Reason::kRank0SendsEnd, Reason::kRank0IsGone, Reason::kSignal}) {
      state_->phase = SupervisedState::kStarting;
      Start([this] {
        // Twice: the second set replaces the first.
        for (int times = 0; times < 2; ++times) {
          const int connection = ConnectChannel(address_, Hello{7}, kTimeoutMs);
          if (connection < 0 || !SendMessage(ends_[0], {&kKeep, 1}, {connection})) return 98;
          close(connection);
        }
        Pause();
        return 5;
      });
      WaitForPause();
      int connections[2];
      for (int& connection : connections) {
        connection = accept(listeners_[0], nullptr, nullptr);
        ASSERT_GE(connection, 0);
        std::string words(kTokenBytes + sizeof(Hello), '\0');
        ASSERT_EQ(recv(connection, words.data(), words.size(), MSG_WAITALL),
                  static_cast<ssize_t>(words.size()));
      }
      Connect();
      state_->phase = phase;
      Go();
      const int status = ReceiveWaitStatus();
      EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 5) << status;
      char byte = 0;
      EXPECT_EQ(recv(connections[0], &byte, 1, 0), 0);
      WaitUntilCommandIsRead();
      EXPECT_EQ(recv(connections[1], &byte, 1, MSG_DONTWAIT), -1);
      EXPECT_EQ(errno, EAGAIN);
      switch (reason) {
        case Reason::kRank0SendsEnd:
          EXPECT_EQ(send(channel_, &kEnd, 1, MSG_NOSIGNAL), 1);
          break;
        case Reason::kRank0IsGone:
          Hangup();
          break;
        case Reason::kSignal:
          kill(supervisor_, SIGTERM);
          WaitUntilCommandIsRead();
          break;
      }
      EXPECT_EQ(End(), Exits(phase == SupervisedState::kArmed ? 0 : 5));
      EXPECT_EQ(recv(connections[1], &byte, 1, 0), 0);
      for (const int connection : connections) close(connection);
      Hangup();
    }
  }
}

// Without a channel, the supervisor waits until rank 0 has closed its ends of the connections. It
// does not wait for connections to other hosts.
TEST_F(SupervisorTest, WithoutAChannelWaitsUntilRank0ClosesItsConnections) {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in at = {};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof(at);
  ASSERT_EQ(bind(listener, reinterpret_cast<sockaddr*>(&at), length), 0);
  ASSERT_EQ(getsockname(listener, reinterpret_cast<sockaddr*>(&at), &length), 0);
  ASSERT_EQ(listen(listener, 8), 0);
  // Nothing listens at port 1 of the loopback.
  const ChannelAddress rank_0{address_.token, "mpaio-nobody", {{"127.0.0.1", 1}}},
      same_host{address_.token, "mpaio-nobody", {{"127.0.0.1", ntohs(at.sin_port)}}};
  Start([&] {
    const std::vector<int> connections = {ConnectChannel(same_host, Hello{7}, kTimeoutMs),
                                          ConnectChannel(same_host, Hello{7}, kTimeoutMs),
                                          ConnectChannel(address_, Hello{7}, kTimeoutMs)};
    if (!SendMessage(ends_[0], EncodeAddress(rank_0), {}) ||
        !SendMessage(ends_[0], {&kKeep, 1}, connections))
      return 98;
    Pause();
    return 5;
  });
  WaitForPause();
  const int one = accept(listener, nullptr, nullptr), two = accept(listener, nullptr, nullptr),
            elsewhere = accept(listeners_[0], nullptr, nullptr);
  ASSERT_TRUE(one >= 0 && two >= 0 && elsewhere >= 0);
  std::string words(kTokenBytes + sizeof(Hello), '\0');
  for (const int end : {one, two, elsewhere})
    ASSERT_EQ(recv(end, words.data(), words.size(), MSG_WAITALL),
              static_cast<ssize_t>(words.size()));
  // Unread data would hide the closing of the other end.
  ASSERT_EQ(send(one, "unread", 6, 0), 6);
  state_->phase = SupervisedState::kLeft;
  Go();
  char byte = 0;
  EXPECT_EQ(recv(elsewhere, &byte, 1, 0), 0);
  shutdown(one, SHUT_WR);
  EXPECT_EQ(recv(one, &byte, 1, 0), 0);
  EXPECT_EQ(recv(two, &byte, 1, MSG_DONTWAIT), -1);
  EXPECT_EQ(waitpid(supervisor_, nullptr, WNOHANG), 0);
  close(two);
  EXPECT_EQ(End(), Exits(5));
  for (const int fd : {listener, one, elsewhere}) close(fd);
}

TEST_F(SupervisorTest, ReportsAnOpenChannel) {
  Start([this] {
    Pause();
    const std::uint32_t channel = state_->channel;
    Pause();
    return channel == SupervisedState::kNone && state_->channel == SupervisedState::kOpen ? 0 : 1;
  });
  WaitForPause();
  Go();
  WaitForPause();
  Connect();
  // The supervisor changes the state only after it has sent its first message.
  while (state_->channel == SupervisedState::kNone && kill(supervisor_, 0) == 0) sched_yield();
  Go();
  EXPECT_EQ(End(), Exits(0));
}

TEST_F(SupervisorTest, ReportsAFailedChannel) {
  for (const std::string& text :
       {std::string("damaged"), std::string(kTokenBytes, 'a') + " mpaio-nobody"}) {
    state_->channel = SupervisedState::kNone;
    Start([this] {
      Pause();
      return state_->channel == SupervisedState::kFailed ? 0 : 1;
    });
    WaitForPause();
    ASSERT_EQ(send(ends_[0], text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
    while (state_->channel == SupervisedState::kNone && kill(supervisor_, 0) == 0) sched_yield();
    Go();
    EXPECT_EQ(End(), Exits(0));
  }
}

TEST_F(SupervisorTest, KillsItsChildOnRank0sCommand) {
  Start([this] {
    Pause();
    return 0;
  });
  WaitForPause();
  Connect();
  state_->phase = SupervisedState::kArmed;
  ASSERT_EQ(send(channel_, "?", 1, 0), 1);  // an unknown command
  ASSERT_EQ(send(channel_, &kKill, 1, 0), 1);
  const int status = ReceiveWaitStatus();
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << status;
  EXPECT_EQ(End(), Exits(0));
}

TEST_F(SupervisorTest, EndsItsChildWhenRank0IsGone) {
  for (const bool is_armed : {false, true}) {
    Start([this] {
      Pause();
      return 0;
    });
    WaitForPause();
    Connect();
    state_->phase = is_armed ? SupervisedState::kArmed : SupervisedState::kStarting;
    Hangup();
    EXPECT_EQ(End(), is_armed ? Exits(0) : DiesOf(SIGKILL));
  }
}

TEST_F(SupervisorTest, ForwardsSignals) {
  // If mpirun ends even an armed child, the supervisor ends in the same way: the job need not
  // survive that death.
  for (const int number : {SIGTERM, SIGUSR1}) {
    Start([this] {
      Pause();
      return 0;
    });
    WaitForPause();
    // A supervisor that has connected also handles signals.
    Connect();
    state_->phase = number == SIGTERM ? SupervisedState::kArmed : SupervisedState::kStarting;
    EXPECT_EQ(kill(supervisor_, number), 0);
    EXPECT_EQ(End(), DiesOf(number));
    EXPECT_EQ(ReceiveBytes(1), "");
    Hangup();
  }
}

}  // namespace
}  // namespace mpaio
