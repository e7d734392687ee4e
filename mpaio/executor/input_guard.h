// SPDX-License-Identifier: Apache-2.0

// Inputs that are still read from their file while they are processed, so that a read may fail or
// the file may change. Each such input registers a guard with its executor, and every run of that
// executor asks it: no caller has to.
#ifndef MPAIO_EXECUTOR_INPUT_GUARD_H_
#define MPAIO_EXECUTOR_INPUT_GUARD_H_

#include <memory>
#include <mutex>
#include <vector>

#include "absl/status/status.h"

namespace mpaio {

// Thread-safe.
class InputGuard {
 public:
  virtual ~InputGuard() = default;

  // Returns an error if input that this process, or any rank of the node, has read so far was not
  // available. Takes nanoseconds: a run calls it on every rank after every few chunks, before their
  // results are sent, also where Process has failed; on an error these chunks fail with that
  // status, and the run with them.
  virtual absl::Status ReadFailure() const = 0;

  // Returns an error if what was read so far may differ from what the file held when it was opened.
  // May make a few system calls: rank 0 calls it once, when all chunks are done or one has failed.
  virtual absl::Status CheckUnchanged() const = 0;
};

using InputGuardList = std::vector<std::shared_ptr<const InputGuard>>;

// The guards of an executor. The inputs own them: a guard whose input has been destroyed is
// forgotten. Thread-safe.
class InputGuards {
 public:
  void Add(std::weak_ptr<const InputGuard> guard);
  // The guards of inputs that exist; the caller keeps them alive.
  InputGuardList List() const;

 private:
  mutable std::mutex mutex_;
  std::vector<std::weak_ptr<const InputGuard>> guards_;
};

}  // namespace mpaio

#endif  // MPAIO_EXECUTOR_INPUT_GUARD_H_
