// SPDX-License-Identifier: Apache-2.0

// A pool of one rank: everything runs in this process, without MPI. Used for runs with a single
// rank, and by unit tests.
#ifndef MPAIO_EXECUTOR_INLINE_EXECUTOR_H_
#define MPAIO_EXECUTOR_INLINE_EXECUTOR_H_

#include <memory>

#include "mpaio/executor/executor.h"
#include "mpaio/host/huge_pages.h"

namespace mpaio {

// Its memory is mapped shared and anonymous, so that child processes see it. No call blocks.
std::unique_ptr<Executor> MakeInlineExecutor(HugePages huge_pages = HugePages::kAuto);

// Allocates memory outside of any pool, as the executor of MakeInlineExecutor does: shared and
// anonymous, zero-filled. Freed with the object. Errors: ResourceExhausted where less than
// `size_bytes` + `kept_bytes` is available.
absl::StatusOr<std::unique_ptr<SharedMemory>> MapAnonymousMemory(
    Index size_bytes, HugePages huge_pages = HugePages::kAuto,
    PagePolicy page_policy = PagePolicy::kNow, Index kept_bytes = 0);

}  // namespace mpaio

#endif  // MPAIO_EXECUTOR_INLINE_EXECUTOR_H_
