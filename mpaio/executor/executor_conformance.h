// SPDX-License-Identifier: Apache-2.0

// What executor.h promises, as tests that every implementation is held to; and steps for tests on
// any pool.
#ifndef MPAIO_EXECUTOR_EXECUTOR_CONFORMANCE_H_
#define MPAIO_EXECUTOR_EXECUTOR_CONFORMANCE_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "mpaio/executor/executor.h"

namespace mpaio {

// Makes a new pool, runs the body on every rank of it, each with its executor, and returns when all
// have ended it. Under mpirun it does so for this process's rank, and every process calls it.
using RunOnPool = std::function<void(const std::function<void(Executor&)>& body)>;

// Registers one test SUITE.<check> for each promise. Called before RUN_ALL_TESTS(), for instance by
// the initializer of a global.
void RegisterExecutorConformance(const std::string& suite, const RunOnPool& run);

// Collective over the pool: what each rank says, by rank, on every rank.
std::vector<std::string> Gather(Executor& executor, absl::string_view mine);

// Collective over the pool: expects that every rank says the same.
void ExpectSameOnAllRanks(Executor& executor, absl::string_view mine);

// Collective over the pool: returns on no rank before all have called it.
void Meet(Executor& executor);

}  // namespace mpaio

#endif  // MPAIO_EXECUTOR_EXECUTOR_CONFORMANCE_H_
