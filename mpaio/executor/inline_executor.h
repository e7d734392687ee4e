// SPDX-License-Identifier: Apache-2.0

// A pool of one: everything runs in this process, without MPI. What a single rank falls back to,
// and what unit tests use.
#ifndef MPAIO_EXECUTOR_INLINE_EXECUTOR_H_
#define MPAIO_EXECUTOR_INLINE_EXECUTOR_H_

#include <memory>

#include "mpaio/executor/executor.h"
#include "mpaio/executor/huge_pages.h"

namespace mpaio {

// Its memory is mapped shared and anonymous, so that children of this process see it. Every call
// returns at once.
std::unique_ptr<Executor> MakeInlineExecutor(HugePages huge_pages = HugePages::kAuto);

// Memory outside of any pool, as MakeInlineExecutor gives it: shared and anonymous, zero-filled.
// Freed with the object. There must be room for `kept_bytes` more.
absl::StatusOr<std::unique_ptr<SharedMemory>> MapAnonymousMemory(
    Index size_bytes, HugePages huge_pages = HugePages::kAuto,
    PagePolicy page_policy = PagePolicy::kNow, Index kept_bytes = 0);

}  // namespace mpaio

#endif  // MPAIO_EXECUTOR_INLINE_EXECUTOR_H_
