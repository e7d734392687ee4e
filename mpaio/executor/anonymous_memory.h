// SPDX-License-Identifier: Apache-2.0

// Shared memory of one process: for nodes with a single rank, and for ranks that are threads.
#ifndef MPAIO_EXECUTOR_ANONYMOUS_MEMORY_H_
#define MPAIO_EXECUTOR_ANONYMOUS_MEMORY_H_

#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "mpaio/base/index.h"
#include "mpaio/executor/executor.h"
#include "mpaio/host/huge_pages.h"

namespace mpaio {

// Allocates memory outside of any pool: mapped shared and anonymous, so that child processes see
// it, and zero-filled. Freed with the object. Its Synchronize does nothing. Errors: InvalidArgument
// where `size_bytes` is negative; ResourceExhausted where less than `size_bytes` + `kept_bytes` is
// available.
absl::StatusOr<std::unique_ptr<SharedMemory>> MapAnonymousMemory(
    Index size_bytes, HugePages huge_pages = HugePages::kAuto,
    PagePolicy page_policy = PagePolicy::kNow, Index kept_bytes = 0);

// The memory of an executor whose ranks all belong to one process. Used by one thread.
class AnonymousMemories {
 public:
  explicit AnonymousMemories(HugePages huge_pages) : huge_pages_(huge_pages) {}

  // Executor::Allocate.
  absl::StatusOr<SharedMemory*> Allocate(Index size_bytes, PagePolicy page_policy);
  // Frees everything.
  void Clear();

 private:
  HugePages huge_pages_;
  std::vector<std::unique_ptr<SharedMemory>> memories_;
  std::vector<const SharedMemory*> on_demand_;
};

}  // namespace mpaio

#endif  // MPAIO_EXECUTOR_ANONYMOUS_MEMORY_H_
