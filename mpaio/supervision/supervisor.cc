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

#include "absl/strings/string_view.h"
#include "mpaio/supervision/in_time.h"
#include "mpaio/supervision/line.h"
#include "mpaio/supervision/sign_off.h"

namespace mpaio {
namespace {

constexpr int kCallTimeoutMs = 3000;
// When rank 0 is gone, how long its rank has to come to its end by itself.
constexpr std::chrono::milliseconds kOrphanPatience(1000);
// After SIGTERM mpirun is at its end soon, or it was not the one who sent it.
constexpr std::chrono::seconds kEndPatience(5);
// Where several ranks sign off at once PMIx may wait for a word that has been lost (seen with 4.2.2, once in some thousand deaths); and a launcher that is on
// its own way out does not answer at all. It takes a few ms, or some hundred where there are many processes for a core.
constexpr int kSignOffAttempts = 4;
constexpr std::chrono::seconds kSignOffPatience(5);

class Supervisor {
 public:
  Supervisor(pid_t child, int rank, SupervisedState* state, int from_child) : child_(child), rank_(rank), state_(state), from_child_(from_child) {}

  [[noreturn]] void Run(int signals) {
    // It may be gone already: a signal that came before it was waited for is not told.
    Reap();
    for (;;) {
      pollfd polled[] = {{signals, POLLIN, 0}, {from_child_, POLLIN, 0}, {line_, POLLIN, 0}};
      const int ready = poll(polled, 3, TimeoutMs());
      if (ready == 0) kill(child_, SIGKILL);
      if (ready <= 0) {
        orphaned_.reset();
        continue;
      }
      if (polled[0].revents != 0) PassSignals(signals);
      if (polled[1].revents != 0) Call();
      if (polled[2].revents != 0) Listen();
    }
  }

 private:
  int TimeoutMs() const {
    if (!orphaned_) return -1;
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(*orphaned_ + kOrphanPatience - std::chrono::steady_clock::now());
    return static_cast<int>(std::max<std::int64_t>(0, left.count()));
  }

  void PassSignals(int signals) {
    signalfd_siginfo info;
    while (read(signals, &info, sizeof(info)) == static_cast<ssize_t>(sizeof(info))) {
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

  // The child says where to call.
  void Call() {
    char text[4096];
    const ssize_t length = recv(from_child_, text, sizeof(text), 0);
    close(from_child_);
    from_child_ = -1;
    if (length <= 0) return;
    const absl::StatusOr<LineAddress> address = DecodeAddress(absl::string_view(text, static_cast<std::size_t>(length)));
    if (address.ok()) line_ = CallLine(*address, {rank_}, kCallTimeoutMs);
    state_->line.store(line_ >= 0 ? SupervisedState::kOpen : SupervisedState::kFailed, std::memory_order_release);
  }

  // Rank 0 speaks, or is gone.
  void Listen() {
    char word = 0;
    const ssize_t length = recv(line_, &word, 1, 0);
    if (length < 0 && errno == EINTR) return;
    if (length == 1) {
      if (word == kKill) kill(child_, SIGKILL);
      return;
    }
    close(line_);
    line_ = -1;
    orphaned_ = std::chrono::steady_clock::now();
  }

  void Tell(int status) {
    const Notice notice{status};
    if (line_ >= 0) (void)!send(line_, &notice, sizeof(notice), MSG_NOSIGNAL);
  }

  [[noreturn]] void End(int status) {
    // mpirun is ending the job then, and wants no more of it.
    const bool is_being_ended = told_to_end_ && std::chrono::steady_clock::now() - *told_to_end_ < kEndPatience;
    const std::uint32_t phase = state_->phase.load(std::memory_order_acquire);
    if (phase == SupervisedState::kArmed && !is_being_ended) {
      Tell(status);
      DoInTime([] { return SignOffFromLauncher(/*is_other_process=*/true); }, kSignOffAttempts, kSignOffPatience);
      _exit(0);
    }
    // It had nothing more to do, and mpirun has been told that it is at its end: the signal would be reported as the job's.
    if (phase == SupervisedState::kLeft && WIFSIGNALED(status) && !is_being_ended) _exit(0);
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

  const pid_t child_;
  const int rank_;
  SupervisedState* const state_;
  int from_child_;
  int line_ = -1;
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
  Supervisor(child, rank, state, from_child).Run(signals);
}

}  // namespace mpaio
