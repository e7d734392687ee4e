// SPDX-License-Identifier: Apache-2.0

// How a process ended, in words.
#ifndef MPAIO_HOST_PROCESS_END_H_
#define MPAIO_HOST_PROCESS_END_H_

#include <string>

namespace mpaio {

// Describes a status that waitpid() gives for an ended process: "was killed by signal 11
// (SIGSEGV)", "ended with exit status 3".
std::string DescribeProcessEnd(int wait_status);

}  // namespace mpaio

#endif  // MPAIO_HOST_PROCESS_END_H_
