// SPDX-License-Identifier: Apache-2.0

// Tests of the contract in shared_array.h that run on any pool.
#ifndef MPAIO_WINDOW_SHARED_ARRAY_CHECKS_H_
#define MPAIO_WINDOW_SHARED_ARRAY_CHECKS_H_

#include <string>

#include "mpaio/executor/executor_conformance.h"

namespace mpaio {

// Registers one test, `suite`.<check>, for each promise of the contract; `run` provides the pool.
// Called before RUN_ALL_TESTS(), for instance by the initializer of a global.
void RegisterSharedArrayChecks(const std::string& suite, const RunOnPool& run);

}  // namespace mpaio

#endif  // MPAIO_WINDOW_SHARED_ARRAY_CHECKS_H_
