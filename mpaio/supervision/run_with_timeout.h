// SPDX-License-Identifier: Apache-2.0

// For what may never return.
#ifndef MPAIO_SUPERVISION_RUN_WITH_TIMEOUT_H_
#define MPAIO_SUPERVISION_RUN_WITH_TIMEOUT_H_

#include <chrono>
#include <functional>

namespace mpaio {

// Does `work` in a fork of this process, `attempts` times at most: a fork that has not ended when
// `patience` has passed is killed, and another one is made, as is one where `work` returned false.
// Whether it ever returned true. The caller has one thread, and no use for the SIGCHLD of the
// forks. Where there can be no fork, this process does it, and SIGALRM ends it when `patience` has
// passed.
bool RunWithTimeout(const std::function<bool()>& work, int attempts,
                    std::chrono::milliseconds patience);

}  // namespace mpaio

#endif  // MPAIO_SUPERVISION_RUN_WITH_TIMEOUT_H_
