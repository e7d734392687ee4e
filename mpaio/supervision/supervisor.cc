// SPDX-License-Identifier: Apache-2.0
#include "mpaio/supervision/supervisor.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "mpaio/launcher/pmix.h"
#include "mpaio/supervision/connections.h"
#include "mpaio/supervision/run_with_timeout.h"
#include "mpaio/supervision/supervisor_channel.h"

namespace mpaio {
namespace {

constexpr int kConnectTimeoutMs = 3000;
constexpr std::size_t kMostMessageBytes = 4096;  // in one message of the child
constexpr int kParentPeriodMs = 1000;            // between checks that the parent still exists
constexpr int kStopPeriodMs = 50;
// The time that a rank has to end by itself after rank 0 has gone.
constexpr std::chrono::milliseconds kOrphanTimeout(1000);
// If a SIGTERM came from mpirun, the job ends within this time.
constexpr std::chrono::seconds kJobEndTimeout(5);
// The time that rank 0 has, after a signal, to stop the run in order.
constexpr std::chrono::seconds kStopTimeout(2);
// If several ranks sign off at once, PMIx may wait for a message that has been lost (seen with
// 4.2.2, once in some thousand deaths); and a launcher that is itself ending does not answer at
// all. Normally it takes a few ms, or a few hundred where there are many processes per core.
constexpr int kFinalizeAttempts = 4;
constexpr std::chrono::seconds kFinalizeTimeout(5);

class Supervisor {
 public:
  Supervisor(pid_t child, int rank, SupervisedState* state, int from_child, int signals)
      : child_(child), rank_(rank), state_(state), signals_(signals), from_child_(from_child) {}

  [[noreturn]] void Run() {
    // The child may have ended already: the signalfd does not report an earlier SIGCHLD.
    Reap();
    for (;;) {
      pollfd polled[] = {{signals_, POLLIN, 0}, {from_child_, POLLIN, 0}, {channel_, POLLIN, 0}};
      const int ready = poll(polled, 3, TimeoutMs());
      if (ready == 0) kill(child_, SIGKILL);
      if (ready <= 0) {
        orphaned_at_.reset();
        continue;
      }
      if (polled[0].revents != 0) ForwardSignals();
      if (polled[1].revents != 0) ReadChild(/*may_connect=*/true);
      if (polled[2].revents != 0) ReadChannel();
    }
  }

 private:
  int TimeoutMs() const {
    if (!orphaned_at_) return -1;
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        *orphaned_at_ + kOrphanTimeout - std::chrono::steady_clock::now());
    return static_cast<int>(std::max<std::int64_t>(0, left.count()));
  }

  void ForwardSignals() {
    signalfd_siginfo info;
    while (read(signals_, &info, sizeof(info)) == static_cast<ssize_t>(sizeof(info))) {
      if (info.ssi_signo == SIGCHLD) {
        Reap();
      } else {
        if (info.ssi_signo == SIGTERM) terminated_at_ = std::chrono::steady_clock::now();
        kill(child_, static_cast<int>(info.ssi_signo));
      }
    }
  }

  // One SIGCHLD may stand for several changes of state.
  void Reap() {
    for (int status = 0; waitpid(child_, &status, WNOHANG | WUNTRACED | WCONTINUED) == child_;) {
      if (WIFEXITED(status) || WIFSIGNALED(status)) End(status);
      SendNotice(status);
    }
  }

  // The child sends the address to connect to, or the connections to keep open.
  void ReadChild(bool may_connect) {
    ReceivedMessage message = ReceiveMessage(from_child_, kMostMessageBytes);
    if (message.bytes.empty()) {
      close(from_child_);
      from_child_ = -1;
    } else if (message.bytes == absl::string_view(&kKeep, 1)) {
      kept_.swap(message.descriptors);
      for (const int before : message.descriptors) close(before);
    } else if (may_connect) {
      const absl::StatusOr<ChannelAddress> address = DecodeAddress(message.bytes);
      if (address.ok()) {
        for (const ChannelAddress::Internet& one : address->internet)
          rank_0_hosts_.push_back(one.host);
        channel_ = ConnectChannel(*address, {rank_}, kConnectTimeoutMs);
      }
      state_->channel.store(channel_ >= 0 ? SupervisedState::kOpen : SupervisedState::kFailed,
                            std::memory_order_release);
    }
  }

  void ReadChannel() {
    ReadRank0();
    if (channel_ < 0) orphaned_at_ = std::chrono::steady_clock::now();
  }

  void SendNotice(int status) {
    const Notice notice{status};
    if (channel_ >= 0) (void)!send(channel_, &notice, sizeof(notice), MSG_NOSIGNAL);
  }

  // Rank 0 has sent a command, or is gone.
  void ReadRank0() {
    char word = 0;
    const ssize_t length = recv(channel_, &word, 1, MSG_DONTWAIT);
    if (length < 0 && (errno == EINTR || errno == EAGAIN)) return;
    if (length == 1) {
      if (word == kKill && !is_reaped_) kill(child_, SIGKILL);
      if (word == kEnd) rank_0_has_ended_ = true;
      return;
    }
    // After an error rank 0 may be alive: its host may have been silent for a while.
    if (length == 0) rank_0_has_ended_ = true;
    close(channel_);
    channel_ = -1;
  }

  // Without a channel, rank 0 counts as alive until it has closed its ends of the connections. Data
  // that arrives on them is discarded, because unread data would hide that the other end is closed.
  void DropClosedConnections() {
    static char unread[1 << 16];
    for (std::size_t k = 0; k < kept_.size();) {
      const ssize_t length = LeadsTo(kept_[k], rank_0_hosts_)
                                 ? recv(kept_[k], unread, sizeof(unread), MSG_DONTWAIT)
                                 : 0;
      if (length > 0 || (length < 0 && (errno == EAGAIN || errno == EINTR))) {
        ++k;
        continue;
      }
      close(kept_[k]);
      kept_.erase(kept_.begin() + static_cast<std::ptrdiff_t>(k));
    }
  }

  // Waits until rank 0 has ended, as far as that can be detected, and for at most kStopTimeout
  // after a signal to end. The kept connections are closed when this process exits.
  void WaitForEndOfRank0() {
    using Clock = std::chrono::steady_clock;
    std::optional<Clock::time_point> limit;
    if (terminated_at_) limit = Clock::now() + kStopTimeout;
    for (;;) {
      if (channel_ >= 0) {
        ReadRank0();
      } else {
        DropClosedConnections();
      }
      // A changed parent means that mpirun's daemon, which would have ended this process, is gone.
      if (rank_0_has_ended_ || kept_.empty() || getppid() != parent_ ||
          (limit && Clock::now() >= *limit))
        return;
      std::vector<pollfd> polled = {{signals_, POLLIN, 0}, {channel_, POLLIN, 0}};
      if (channel_ < 0) {
        for (const int connection : kept_) polled.push_back({connection, POLLIN | POLLRDHUP, 0});
      }
      poll(polled.data(), polled.size(), limit ? kStopPeriodMs : kParentPeriodMs);
      if (HasSignalToEnd() && !limit) limit = Clock::now() + kStopTimeout;
    }
  }

  // Returns true if a signal that asks for the end has arrived. Discards all arrived signals.
  bool HasSignalToEnd() {
    bool has_one = false;
    signalfd_siginfo info;
    while (read(signals_, &info, sizeof(info)) == static_cast<ssize_t>(sizeof(info))) {
      for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGQUIT})
        has_one = has_one || info.ssi_signo == static_cast<std::uint32_t>(number);
    }
    return has_one;
  }

  [[noreturn]] void End(int status) {
    is_reaped_ = true;
    const std::uint32_t phase = state_->phase.load(std::memory_order_acquire);
    // The child may have sent messages just before its end.
    for (pollfd polled = {from_child_, POLLIN, 0}; from_child_ >= 0 && poll(&polled, 1, 0) > 0;
         polled.fd = from_child_) {
      ReadChild(/*may_connect=*/phase == SupervisedState::kLeft);
    }
    // After a recent SIGTERM mpirun is ending the job, and expects no sign-off.
    const bool is_being_ended =
        terminated_at_ && std::chrono::steady_clock::now() - *terminated_at_ < kJobEndTimeout;
    if (phase == SupervisedState::kArmed && !is_being_ended) {
      SendNotice(status);
      RunWithTimeout([] { return FinalizePmix(/*is_other_process=*/true); }, kFinalizeAttempts,
                     kFinalizeTimeout);
      WaitForEndOfRank0();
      _exit(0);
    }
    if (phase == SupervisedState::kLeft) {
      SendNotice(status);
      WaitForEndOfRank0();
      // The rank had nothing left to do, and mpirun has been told that it has ended. mpirun would
      // report a signal now as the end of the job.
      if (WIFSIGNALED(status) && !is_being_ended) _exit(0);
    }
    // End in the same way as the child.
    if (WIFEXITED(status)) _exit(WEXITSTATUS(status));
    const int signal_number = WTERMSIG(status);
    signal(signal_number, SIG_DFL);
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_UNBLOCK, &all, nullptr);
    raise(signal_number);
    _exit(128 + signal_number);
  }

  const pid_t parent_ = getppid();
  const pid_t child_;
  const int rank_;
  SupervisedState* const state_;
  const int signals_;
  int from_child_;
  int channel_ = -1;
  std::vector<int> kept_;  // the child's connections
  std::vector<std::string> rank_0_hosts_;
  bool is_reaped_ = false;
  bool rank_0_has_ended_ = false;
  std::optional<std::chrono::steady_clock::time_point> terminated_at_;  // the last SIGTERM
  std::optional<std::chrono::steady_clock::time_point> orphaned_at_;
};

}  // namespace

void SuperviseChild(pid_t child, int rank, SupervisedState* state, int from_child) {
  sigset_t handled;
  sigemptyset(&handled);
  for (const int number :
       {SIGCHLD, SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGTSTP, SIGCONT})
    sigaddset(&handled, number);
  sigprocmask(SIG_BLOCK, &handled, nullptr);
  const int signals = signalfd(-1, &handled, SFD_CLOEXEC | SFD_NONBLOCK);
  Supervisor(child, rank, state, from_child, signals).Run();
}

}  // namespace mpaio
