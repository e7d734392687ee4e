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

}  // namespace mpaio

#endif  // MPAIO_EXECUTOR_INLINE_EXECUTOR_H_
