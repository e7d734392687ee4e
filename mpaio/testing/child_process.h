// SPDX-License-Identifier: Apache-2.0

// Runs code that may kill its process, in a child.
#ifndef MPAIO_TESTING_CHILD_PROCESS_H_
#define MPAIO_TESTING_CHILD_PROCESS_H_

#include <cstddef>
#include <functional>
#include <ostream>

namespace mpaio {

// The end of a child: the signal that killed it, or else its exit status.
struct ChildEnd {
  int signal = 0;
  int exit_status = 0;
  friend bool operator==(const ChildEnd&, const ChildEnd&) = default;
};
std::ostream& operator<<(std::ostream& out, const ChildEnd& end);

// Runs `body` in a forked child and returns how it ended. The child exits with the value that
// `body` returns, without cleaning up. Fatal signals kill it, whatever handlers this process has;
// SIGALRM kills it after 20 s. The body may use MPI's memory, but must not call MPI. The exit
// status is -1 if the child could not be started or awaited.
ChildEnd RunInChild(const std::function<int()>& body);

// Stores to `address`, in a child, the value that is already there. Returns {SIGSEGV} if the
// address is not writable.
ChildEnd StoreInChild(std::byte* address);

}  // namespace mpaio

#endif  // MPAIO_TESTING_CHILD_PROCESS_H_
