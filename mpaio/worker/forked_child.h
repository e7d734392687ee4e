// SPDX-License-Identifier: Apache-2.0

// A fork of a rank that is a plain child process: with the default handling of signals, without the
// rank's exit handlers.
#ifndef MPAIO_WORKER_FORKED_CHILD_H_
#define MPAIO_WORKER_FORKED_CHILD_H_

#include <sys/types.h>

#include <functional>
#include <string>

#include "absl/status/status.h"

namespace mpaio {

// At most one child at a time. sandbox.h describes what such a child inherits and ignores.
class ForkedChild {
 public:
  ForkedChild() = default;
  // Ends the child.
  ~ForkedChild();
  ForkedChild(const ForkedChild&) = delete;
  ForkedChild& operator=(const ForkedChild&) = delete;

  // Forks a child that calls `run(parent)`, which must not return. The child is killed when the
  // thread that forked it ends. `parent` is the process id of the caller: a child whose getppid()
  // differs has lost its parent. Precondition: !exists(). Errors: ResourceExhausted.
  absl::Status Fork(const std::function<void(pid_t parent)>& run);

  // True until the child's end has been noticed by Reap() or End().
  bool exists() const { return pid_ != 0; }

  // Readable when the child has ended; -1 if the system has no pidfds (before Linux 5.3).
  int pidfd() const { return pidfd_; }

  // Returns true if the child has ended, and sets `*cause`: how, as the predicate of a sentence.
  bool Reap(std::string* cause) { return Wait(false, cause); }

  // Kills the child, whatever it is doing, and waits for its end. Sets `*cause` if there was one.
  void End(std::string* cause);

 private:
  bool Wait(bool until_it_ends, std::string* cause);

  pid_t pid_ = 0;
  int pidfd_ = -1;
};

}  // namespace mpaio

#endif  // MPAIO_WORKER_FORKED_CHILD_H_
