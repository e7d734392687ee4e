// SPDX-License-Identifier: Apache-2.0

// What happens to a process that does something deadly.
#ifndef MPAIO_TESTING_CHILD_PROCESS_H_
#define MPAIO_TESTING_CHILD_PROCESS_H_

#include <cstddef>
#include <functional>
#include <ostream>

namespace mpaio {

// How a child ended: killed by a signal, or else with an exit status.
struct ChildEnd {
  int signal = 0;
  int exit_status = 0;
  friend bool operator==(const ChildEnd&, const ChildEnd&) = default;
};
std::ostream& operator<<(std::ostream& out, const ChildEnd& end);

// Runs `body` in a forked child, which ends with what it returns as exit status, and without
// cleaning up. Fatal signals kill it, whatever handlers this process has; it is killed (SIGALRM)
// after 20 s. The body may use MPI's memory, but must not call MPI.
ChildEnd RunInChild(const std::function<int()>& body);

// How a child ends that stores to `address` what is there: {SIGSEGV} if it may not be written.
ChildEnd StoreInChild(std::byte* address);

}  // namespace mpaio

#endif  // MPAIO_TESTING_CHILD_PROCESS_H_
