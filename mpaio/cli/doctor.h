// SPDX-License-Identifier: Apache-2.0

// Preflight checks: at length for `orchestrator doctor`, shortly before each run.
#ifndef MPAIO_CLI_DOCTOR_H_
#define MPAIO_CLI_DOCTOR_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "mpaio/base/index.h"
#include "mpaio/executor/executor.h"
#include "mpaio/mpi/communicator.h"
#include "mpaio/preflight/finding.h"
#include "mpaio/preflight/machine.h"

namespace mpaio {

// Collective over `world`. Examines every node, by its first rank, with a view to a run over
// `inputs`; with a null `world`, this node for as many ranks as the process may use CPUs.
// `launcher` as read before MPI was started. On rank 0, what has been found, node by node;
// elsewhere nothing. Takes some 10 ms. Errors: what MPI says.
absl::StatusOr<std::vector<Finding>> Examine(const std::vector<std::string>& inputs,
                                             const Communicator& world, LauncherFacts launcher);

// Collective over the pool and `world`, which is its communicator, between runs. Why the run will
// be much slower than it could be, and what to do about it: one line, the same on every rank; empty
// where nothing is amiss. `mapped_bytes`: of the inputs that are mapped. Takes some 10 us.
absl::StatusOr<std::string> WarningBeforeRun(Executor& executor, const Communicator& world,
                                             Index mapped_bytes);

}  // namespace mpaio

#endif  // MPAIO_CLI_DOCTOR_H_
