// SPDX-License-Identifier: Apache-2.0
#include "mpaio/supervision/run_with_timeout.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>

namespace mpaio {
namespace {

// Waits until the other end of the pipe is closed; false if `timeout` passes first.
bool IsClosedWithin(int pipe_end, std::chrono::milliseconds timeout) {
  const auto until = std::chrono::steady_clock::now() + timeout;
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
                          until - std::chrono::steady_clock::now())
                          .count();
    pollfd polled = {pipe_end, POLLIN, 0};
    const int ready = poll(&polled, 1, static_cast<int>(std::max<std::int64_t>(0, left)));
    if (ready > 0 || (ready < 0 && errno != EINTR)) return true;
    if (left <= 0) return false;
  }
}

bool RunHere(const std::function<bool()>& work, std::chrono::milliseconds timeout) {
  alarm(static_cast<unsigned>(std::chrono::ceil<std::chrono::seconds>(timeout).count()));
  const bool done = work();
  alarm(0);
  return done;
}

}  // namespace

bool RunWithTimeout(const std::function<bool()>& work, int attempts,
                    std::chrono::milliseconds timeout) {
  for (int k = 0; k < attempts; ++k) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return RunHere(work, timeout);
    const pid_t parent = getpid(), child = fork();
    if (child == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (getppid() != parent) _exit(1);
      // Exiting also closes the pipe.
      _exit(work() ? 0 : 1);
    }
    close(ends[1]);
    if (child < 0) {
      close(ends[0]);
      return RunHere(work, timeout);
    }
    if (!IsClosedWithin(ends[0], timeout)) kill(child, SIGKILL);
    close(ends[0]);
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return true;
  }
  return false;
}

}  // namespace mpaio
