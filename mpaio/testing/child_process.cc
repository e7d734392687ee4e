// SPDX-License-Identifier: Apache-2.0
#include "mpaio/testing/child_process.h"

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>

namespace mpaio {

std::ostream& operator<<(std::ostream& out, const ChildEnd& end) {
  return end.signal != 0 ? out << "killed by signal " << end.signal
                         : out << "exit status " << end.exit_status;
}

ChildEnd RunInChild(const std::function<int()>& body) {
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    for (const int number : {SIGSEGV, SIGBUS, SIGABRT, SIGALRM}) signal(number, SIG_DFL);
    const rlimit no_core = {0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    alarm(20);
    const int status = body();
    std::fflush(nullptr);
    _exit(status);
  }
  int status = 0;
  if (child < 0) return {.signal = 0, .exit_status = -1};
  while (waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return {.signal = 0, .exit_status = -1};
  }
  if (WIFSIGNALED(status)) return {.signal = WTERMSIG(status), .exit_status = 0};
  return {.signal = 0, .exit_status = WEXITSTATUS(status)};
}

ChildEnd StoreInChild(std::byte* address) {
  return RunInChild([address] {
    volatile std::byte* const target = address;
    *target = *target;
    return 0;
  });
}

}  // namespace mpaio
