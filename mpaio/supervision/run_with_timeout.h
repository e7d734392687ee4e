// SPDX-License-Identifier: Apache-2.0

// Runs a function that may never return.
#ifndef MPAIO_SUPERVISION_RUN_WITH_TIMEOUT_H_
#define MPAIO_SUPERVISION_RUN_WITH_TIMEOUT_H_

#include <chrono>
#include <functional>

namespace mpaio {

// Runs `work` in a fork of this process until it returns true, at most `attempts` times. A fork
// that has not ended after `timeout` is killed. Returns true if `work` has returned true.
// Preconditions: the caller has one thread, and does not collect the forks itself, by a handler of
// SIGCHLD or by ignoring that signal. If fork() fails, this process runs `work` itself, and SIGALRM
// ends the process after `timeout`.
bool RunWithTimeout(const std::function<bool()>& work, int attempts,
                    std::chrono::milliseconds timeout);

}  // namespace mpaio

#endif  // MPAIO_SUPERVISION_RUN_WITH_TIMEOUT_H_
