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
#include "mpaio/supervision/in_time.h"
#include "mpaio/supervision/line.h"
#include "mpaio/supervision/sign_off.h"

namespace mpaio {
namespace {

constexpr int kCallTimeoutMs = 3000;
constexpr std::size_t kMostSaid = 4096;  // by the child at once
constexpr int kParentPeriodMs = 1000;  // between looks whether the parent is still there
// When rank 0 is gone, how long its rank has to come to its end by itself.
constexpr std::chrono::milliseconds kOrphanPatience(1000);
// After SIGTERM mpirun is at its end soon, or it was not the one who sent it.
constexpr std::chrono::seconds kEndPatience(5);
// Meanwhile rank 0 may be stopping in order.
constexpr std::chrono::seconds kStopPatience(2);
// Where several ranks sign off at once PMIx may wait for a word that has been lost (seen with 4.2.2, once in some thousand deaths); and a launcher that is on
// its own way out does not answer at all. It takes a few ms, or some hundred where there are many processes for a core.
constexpr int kSignOffAttempts = 4;
constexpr std::chrono::seconds kSignOffPatience(5);

class Supervisor {
 public:
  Supervisor(pid_t child, int rank, SupervisedState* state, int from_child, int signals)
      : child_(child), rank_(rank), state_(state), signals_(signals), from_child_(from_child) {}

  [[noreturn]] void Run() {
    // It may be gone already: a signal that came before it was waited for is not told.
    Reap();
    for (;;) {
      pollfd polled[] = {{signals_, POLLIN, 0}, {from_child_, POLLIN, 0}, {line_, POLLIN, 0}};
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
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(*orphaned_ + kOrphanPatience - std::chrono::steady_clock::now());
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
      const absl::StatusOr<LineAddress> address = DecodeAddress(message.bytes);
      if (address.ok()) line_ = CallLine(*address, {rank_}, kCallTimeoutMs);
      state_->line.store(line_ >= 0 ? SupervisedState::kOpen : SupervisedState::kFailed, std::memory_order_release);
    }
  }

  void Listen() {
    HearRank0();
    if (line_ < 0) orphaned_ = std::chrono::steady_clock::now();
  }

  void Tell(int status) {
    const Notice notice{status};
    if (line_ >= 0) (void)!send(line_, &notice, sizeof(notice), MSG_NOSIGNAL);
  }

  // Rank 0 speaks, or is gone: true if it needs nothing of this rank any more.
  bool HearRank0() {
    char word = 0;
    const ssize_t length = recv(line_, &word, 1, MSG_DONTWAIT);
    if (length == 1) {
      if (word == kKill && !is_reaped_) kill(child_, SIGKILL);
      rank_0_has_ended_ = rank_0_has_ended_ || word == kEnd;
      return rank_0_has_ended_;
    }
    if (length < 0 && (errno == EINTR || errno == EAGAIN)) return rank_0_has_ended_;
    // Where its host does not answer it may be alive, and may answer again.
    if (length == 0 || !IsSilence(errno)) rank_0_has_ended_ = true;
    close(line_);
    line_ = -1;
    return rank_0_has_ended_;
  }

  // Until rank 0 has ended, and whoever else is connected to this rank, as far as can be seen. What is kept goes with this process.
  void AwaitEndOfRank0() {
    while (!kept_.empty() && !rank_0_has_ended_) {
      // It cannot be heard where the line is gone: then each connection is waited for to be closed by its other end.
      std::vector<pollfd> polled = {{signals_, POLLIN, 0}, {line_, POLLIN, 0}};
      if (line_ < 0) {
        for (const int connection : kept_) polled.push_back({connection, POLLRDHUP, 0});
      }
      int patience_ms = kParentPeriodMs;
      if (told_to_end_) {
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(*told_to_end_ + kStopPatience - std::chrono::steady_clock::now());
        if (left.count() <= 0) return;
        patience_ms = std::min(patience_ms, static_cast<int>(left.count()) + 1);
      }
      if (poll(polled.data(), polled.size(), patience_ms) < 0 && errno != EINTR) return;
      // mpirun's daemon is gone, which would have ended this.
      if (getppid() != parent_) return;
      signalfd_siginfo info;
      while (read(signals_, &info, sizeof(info)) == static_cast<ssize_t>(sizeof(info))) {
        if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT || info.ssi_signo == SIGHUP || info.ssi_signo == SIGQUIT) {
          told_to_end_ = std::chrono::steady_clock::now();
        }
      }
      if (line_ >= 0 && HearRank0()) return;
      for (std::size_t k = 2; k < polled.size(); ++k) {
        if (polled[k].revents == 0) continue;
        close(polled[k].fd);
        kept_.erase(std::find(kept_.begin(), kept_.end(), polled[k].fd));
      }
    }
  }

  [[noreturn]] void End(int status) {
    is_reaped_ = true;
    // What the child has said just before its end.
    for (pollfd polled = {from_child_, POLLIN, 0}; from_child_ >= 0 && poll(&polled, 1, 0) > 0; polled.fd = from_child_) HearChild(/*also_calls=*/false);
    // mpirun is ending the job then, and wants no more of it.
    const bool is_being_ended = told_to_end_ && std::chrono::steady_clock::now() - *told_to_end_ < kEndPatience;
    const std::uint32_t phase = state_->phase.load(std::memory_order_acquire);
    if (phase == SupervisedState::kArmed && !is_being_ended) {
      Tell(status);
      DoInTime([] { return SignOffFromLauncher(/*is_other_process=*/true); }, kSignOffAttempts, kSignOffPatience);
      AwaitEndOfRank0();
      _exit(0);
    }
    if (phase == SupervisedState::kLeft) {
      Tell(status);
      AwaitEndOfRank0();
      // It had nothing more to do, and mpirun has been told that it is at its end: the signal would be reported as the job's.
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
  int line_ = -1;
  std::vector<int> kept_;  // connections of the child's
  bool is_reaped_ = false;
  bool rank_0_has_ended_ = false;
  std::optional<std::chrono::steady_clock::time_point> told_to_end_;  // last, by SIGTERM
  std::optional<std::chrono::steady_clock::time_point> orphaned_;
};

}  // namespace

void SuperviseChild(pid_t child, int rank, SupervisedState* state, int from_child) {
  sigset_t passed;
  sigemptyset(&passed);
  for (const int number : {SIGCHLD, SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGTSTP, SIGCONT}) sigaddset(&passed, number);
  sigprocmask(SIG_BLOCK, &passed, nullptr);
  const int signals = signalfd(-1, &passed, SFD_CLOEXEC | SFD_NONBLOCK);
  Supervisor(child, rank, state, from_child, signals).Run();
}

}  // namespace mpaio
