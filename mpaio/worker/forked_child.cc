// SPDX-License-Identifier: Apache-2.0
#include "mpaio/worker/forked_child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cctype>
#include <cstdio>
#include <iostream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "mpaio/host/fault_handler.h"
#include "mpaio/host/process_end.h"

namespace mpaio {
namespace {

std::string CauseOf(int wait_status) {
  std::string cause = DescribeProcessEnd(wait_status);
  if (!WIFSIGNALED(wait_status) || cause.back() != ')') return cause;
  if (WTERMSIG(wait_status) == SIGKILL)
    return absl::StrCat(cause, ", as the system does when memory runs out");
  // Appends the meaning of the signal to its name.
  std::string description(sigdescr_np(WTERMSIG(wait_status)));
  description[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(description[0])));
  cause.pop_back();
  return absl::StrCat(cause, ": ", description, ")");
}

// exit() in user code ends the child with its status, and skips the rank's exit handlers: the child
// must not finalise MPI.
void LeaveAtOnce(int status, void*) {
  std::fflush(stdout);
  _exit(status);
}

// Makes a fork of a rank a plain child. All signals are blocked at the call; `mask` is the previous
// mask, which is restored with the deadly signals unblocked.
void BecomeChild(pid_t parent, sigset_t mask) {
  // The handlers belong to the rank: MPI's print backtraces, and the program's report on the run. A
  // fault of the child must kill it. All other signals are meant for the rank, even if they are
  // sent to the whole group.
  constexpr int kDeadly[] = {SIGSEGV, SIGBUS, SIGFPE, SIGABRT, SIGILL, SIGTRAP, SIGSYS};
  struct sigaction action = {};
  for (int number = 1; number < NSIG; ++number) {
    if (sigaction(number, nullptr, &action) == 0 && action.sa_handler != SIG_DFL &&
        action.sa_handler != SIG_IGN)
      signal(number, SIG_IGN);
  }
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2}) signal(number, SIG_IGN);
  // Process may wait for children of its own.
  signal(SIGCHLD, SIG_DFL);
  for (const int number : kDeadly) {
    signal(number, SIG_DFL);
    sigdelset(&mask, number);
  }
  // Inputs may be loaded on demand, through SIGSEGV.
  KeepFaultHandlerOnly(SIGSEGV);
  // The child does not outlive the rank, even if the rank ended just before this call.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(0);
  // If the system must kill a process, it should kill the child, not the rank. The system may
  // refuse this setting; it then chooses as usual.
  if (const int file = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC); file >= 0) {
    [[maybe_unused]] const ssize_t written = write(file, "1000", 4);
    close(file);
  }
  // A core file would contain all arrays, and the run would wait for it.
  rlimit core = {};
  if (getrlimit(RLIMIT_CORE, &core) == 0) {
    core.rlim_cur = 0;
    setrlimit(RLIMIT_CORE, &core);
  }
  // Line buffering shows what Process printed before a crash. The buffer is a new one, because
  // printf of glibc 2.41 otherwise keeps filling the old one.
  static char buffer[BUFSIZ];
  setvbuf(stdout, buffer, _IOLBF, sizeof(buffer));
  on_exit(LeaveAtOnce, nullptr);
  pthread_sigmask(SIG_SETMASK, &mask, nullptr);
}

}  // namespace

ForkedChild::~ForkedChild() {
  std::string cause;
  End(&cause);
}

absl::Status ForkedChild::Fork(const std::function<void(pid_t parent)>& run) {
  // Otherwise both processes would print what is buffered.
  std::fflush(nullptr);
  std::cout.flush();
  // Signals are blocked until the child has its own handling, so that none of the rank's handlers
  // runs in the child.
  sigset_t all, mask;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &mask);
  const pid_t parent = getpid();
  const pid_t child = fork();
  if (child == 0) {
    BecomeChild(parent, mask);
    run(parent);
    _exit(0);
  }
  const int error = errno;
  pthread_sigmask(SIG_SETMASK, &mask, nullptr);
  if (child < 0)
    return absl::ResourceExhaustedError(
        absl::StrCat("cannot isolate Process: fork: ", strerror(error)));
  pid_ = child;
  // pidfds are close-on-exec.
  pidfd_ = static_cast<int>(syscall(SYS_pidfd_open, child, 0));
  return absl::OkStatus();
}

// Until this call the child keeps its process id, so no other process can have it.
bool ForkedChild::Wait(bool until_it_ends, std::string* cause) {
  int status = 0;
  pid_t ended = 0;
  do {
    ended = waitpid(pid_, &status, until_it_ends ? 0 : WNOHANG);
  } while (ended < 0 && errno == EINTR);
  if (ended == 0) return false;
  pid_ = 0;
  if (pidfd_ >= 0) close(std::exchange(pidfd_, -1));
  *cause = ended > 0 ? CauseOf(status)
                     : "ended in an unknown way, because this process ignores SIGCHLD or waits for "
                       "its children elsewhere";
  return true;
}

void ForkedChild::End(std::string* cause) {
  if (pid_ == 0 || Reap(cause)) return;
  kill(pid_, SIGKILL);
  Wait(/*until_it_ends=*/true, cause);
}

}  // namespace mpaio
