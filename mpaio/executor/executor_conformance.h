// SPDX-License-Identifier: Apache-2.0

// Tests of the contract in executor.h for every implementation, and helpers for tests on any pool.
#ifndef MPAIO_EXECUTOR_EXECUTOR_CONFORMANCE_H_
#define MPAIO_EXECUTOR_EXECUTOR_CONFORMANCE_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "mpaio/executor/executor.h"

namespace mpaio {

// Makes a new pool, runs `body` on every rank, each with its executor, and returns when all ranks
// have finished it. Under mpirun every process calls it, and it runs `body` for this process's
// rank.
using RunOnPool = std::function<void(const std::function<void(Executor&)>& body)>;

// Registers one test SUITE.<check> for each promise of executor.h. Call it before RUN_ALL_TESTS(),
// for instance in the initializer of a global.
void RegisterExecutorConformance(const std::string& suite, const RunOnPool& run);

// The same for a pool whose other ranks run no program of their own: `run` calls `body` on rank 0
// alone. Checks that need every rank are left out.
void RegisterExecutorConformanceOfRank0(const std::string& suite, const RunOnPool& run);

// Collective over the pool. Returns to every rank the `mine` of all ranks, indexed by rank.
std::vector<std::string> Gather(Executor& executor, absl::string_view mine);

// Collective over the pool. Expects that every rank passes the same `mine`.
void ExpectSameOnAllRanks(Executor& executor, absl::string_view mine);

// Collective over the pool. A barrier: returns on no rank before all have called it.
void Meet(Executor& executor);

}  // namespace mpaio

#endif  // MPAIO_EXECUTOR_EXECUTOR_CONFORMANCE_H_
