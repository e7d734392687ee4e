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
#include "mpaio/supervision/connections.h"
#include "mpaio/supervision/pmix.h"
#include "mpaio/supervision/run_with_timeout.h"
#include "mpaio/supervision/supervisor_channel.h"

namespace mpaio {
namespace {

constexpr int kCallTimeoutMs = 3000;
constexpr std::size_t kMostSaid = 4096;  // by the child at once
constexpr int kParentPeriodMs = 1000;    // between looks whether the parent is still there
constexpr int kStopPeriodMs = 50;
// When rank 0 is gone, how long its rank has to come to its end by itself.
constexpr std::chrono::milliseconds kOrphanPatience(1000);
// After SIGTERM mpirun is at its end soon, or it was not the one who sent it.
constexpr std::chrono::seconds kEndPatience(5);
// Meanwhile rank 0 may be stopping in order.
constexpr std::chrono::seconds kStopPatience(2);
// Where several ranks sign off at once PMIx may wait for a word that has been lost (seen with
// 4.2.2, once in some thousand lost_ranks); and a launcher that is on its own way out does not
// answer at all. It takes a few ms, or some hundred where there are many processes for a core.
constexpr int kFinalizeAttempts = 4;
constexpr std::chrono::seconds kFinalizeTimeout(5);

class Supervisor {
 public:
  Supervisor(pid_t child, int rank, SupervisedState* state, int from_child, int signals)
      : child_(child), rank_(rank), state_(state), signals_(signals), from_child_(from_child) {}

  [[noreturn]] void Run() {
    // It may be gone already: a signal that came before it was waited for is not told.
    Reap();
    for (;;) {
      pollfd polled[] = {{signals_, POLLIN, 0}, {from_child_, POLLIN, 0}, {channel_, POLLIN, 0}};
      const int ready = poll(polled, 3, TimeoutMs());
      if (ready == 0) kill(child_, SIGKILL);
      if (ready <= 0) {
        orphaned_.reset();
        continue;
      }
      if (polled[0].revents != 0) PassSignals();
      if (polled[1].revents != 0) HearChild(/*also_calls=*/true);
      if (polled[2].revents != 0) Listen();
    }
  }

 private:
  int TimeoutMs() const {
    if (!orphaned_) return -1;
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        *orphaned_ + kOrphanPatience - std::chrono::steady_clock::now());
    return static_cast<int>(std::max<std::int64_t>(0, left.count()));
  }

  void PassSignals() {
    signalfd_siginfo info;
    while (read(signals_, &info, sizeof(info)) == static_cast<ssize_t>(sizeof(info))) {
      if (info.ssi_signo == SIGCHLD) {
        Reap();
      } else {
        if (info.ssi_signo == SIGTERM) told_to_end_ = std::chrono::steady_clock::now();
        kill(child_, static_cast<int>(info.ssi_signo));
      }
    }
  }

  // Several changes may be told by one signal.
  void Reap() {
    for (int status = 0; waitpid(child_, &status, WNOHANG | WUNTRACED | WCONTINUED) == child_;) {
      if (WIFEXITED(status) || WIFSIGNALED(status)) End(status);
      Tell(status);
    }
  }

  // The child says where to call, or which connections are to stay open.
  void HearChild(bool also_calls) {
    ReceivedMessage message = ReceiveMessage(from_child_, kMostSaid);
    if (message.bytes.empty()) {
      close(from_child_);
      from_child_ = -1;
    } else if (message.bytes == absl::string_view(&kKeep, 1)) {
      kept_.swap(message.descriptors);
      for (const int before : message.descriptors) close(before);
    } else if (also_calls) {
      const absl::StatusOr<ChannelAddress> address = DecodeAddress(message.bytes);
      if (address.ok()) {
        for (const ChannelAddress::Internet& one : address->internet)
          rank_0_hosts_.push_back(one.host);
        channel_ = ConnectChannel(*address, {rank_}, kCallTimeoutMs);
      }
      state_->channel.store(channel_ >= 0 ? SupervisedState::kOpen : SupervisedState::kFailed,
                            std::memory_order_release);
    }
  }

  void Listen() {
    HearRank0();
    if (channel_ < 0) orphaned_ = std::chrono::steady_clock::now();
  }

  void Tell(int status) {
    const Notice notice{status};
    if (channel_ >= 0) (void)!send(channel_, &notice, sizeof(notice), MSG_NOSIGNAL);
  }

  // Rank 0 speaks, or is gone.
  void HearRank0() {
    char word = 0;
    const ssize_t length = recv(channel_, &word, 1, MSG_DONTWAIT);
    if (length < 0 && (errno == EINTR || errno == EAGAIN)) return;
    if (length == 1) {
      if (word == kKill && !is_reaped_) kill(child_, SIGKILL);
      if (word == kEnd) rank_0_has_ended_ = true;
      return;
    }
    // After an error it may be alive: its host may have been silent for a while.
    if (length == 0) rank_0_has_ended_ = true;
    close(channel_);
    channel_ = -1;
  }

  // Without a channel rank 0 is there as long as it has not closed its end of a connection. What
  // came by such a one is nobody's, and would keep its end from being seen.
  void DropWhatRank0HasClosed() {
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

  // Until rank 0 has ended, as far as that can be seen; not much longer than a signal to end. What
  // is kept goes with this process.
  void AwaitEndOfRank0() {
    using Clock = std::chrono::steady_clock;
    std::optional<Clock::time_point> limit;
    if (told_to_end_) limit = Clock::now() + kStopPatience;
    for (;;) {
      if (channel_ >= 0) {
        HearRank0();
      } else {
        DropWhatRank0HasClosed();
      }
      // When mpirun's daemon is gone, who would have ended this, it is somebody else's child.
      if (rank_0_has_ended_ || kept_.empty() || getppid() != parent_ ||
          (limit && Clock::now() >= *limit))
        return;
      std::vector<pollfd> polled = {{signals_, POLLIN, 0}, {channel_, POLLIN, 0}};
      if (channel_ < 0) {
        for (const int connection : kept_) polled.push_back({connection, POLLIN | POLLRDHUP, 0});
      }
      poll(polled.data(), polled.size(), limit ? kStopPeriodMs : kParentPeriodMs);
      if (HasSignalToEnd() && !limit) limit = Clock::now() + kStopPatience;
    }
  }

  // Whether one has come; all that have come are forgotten.
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
    // What the child has said just before its end.
    for (pollfd polled = {from_child_, POLLIN, 0}; from_child_ >= 0 && poll(&polled, 1, 0) > 0;
         polled.fd = from_child_) {
      HearChild(/*also_calls=*/phase == SupervisedState::kLeft);
    }
    // mpirun is ending the job then, and wants no more of it.
    const bool is_being_ended =
        told_to_end_ && std::chrono::steady_clock::now() - *told_to_end_ < kEndPatience;
    if (phase == SupervisedState::kArmed && !is_being_ended) {
      Tell(status);
      RunWithTimeout([] { return FinalizePmix(/*is_other_process=*/true); }, kFinalizeAttempts,
                     kFinalizeTimeout);
      AwaitEndOfRank0();
      _exit(0);
    }
    if (phase == SupervisedState::kLeft) {
      Tell(status);
      AwaitEndOfRank0();
      // It had nothing more to do, and mpirun has been told that it is at its end: the signal would
      // be reported as the job's.
      if (WIFSIGNALED(status) && !is_being_ended) _exit(0);
    }
    // As if it had been this process.
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
  std::vector<int> kept_;  // connections of the child's
  std::vector<std::string> rank_0_hosts_;
  bool is_reaped_ = false;
  bool rank_0_has_ended_ = false;
  std::optional<std::chrono::steady_clock::time_point> told_to_end_;  // last, by SIGTERM
  std::optional<std::chrono::steady_clock::time_point> orphaned_;
};

}  // namespace

void SuperviseChild(pid_t child, int rank, SupervisedState* state, int from_child) {
  sigset_t passed;
  sigemptyset(&passed);
  for (const int number :
       {SIGCHLD, SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGTSTP, SIGCONT})
    sigaddset(&passed, number);
  sigprocmask(SIG_BLOCK, &passed, nullptr);
  const int signals = signalfd(-1, &passed, SFD_CLOEXEC | SFD_NONBLOCK);
  Supervisor(child, rank, state, from_child, signals).Run();
}

}  // namespace mpaio
