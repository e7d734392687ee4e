// SPDX-License-Identifier: Apache-2.0

// Preflight checks: all of them for `orchestrator doctor`, a few before each run.
#ifndef MPAIO_DIAGNOSIS_DOCTOR_H_
#define MPAIO_DIAGNOSIS_DOCTOR_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "mpaio/base/index.h"
#include "mpaio/diagnosis/finding.h"
#include "mpaio/diagnosis/machine.h"
#include "mpaio/executor/executor.h"
#include "mpaio/mpi/communicator.h"

namespace mpaio {

// Examines every node, through its first rank, for a run over `inputs`. If `world` is null,
// examines this node, for as many ranks as there are CPUs that this process may use. Collective
// over `world`. `launcher` must have been read before MPI was started. Returns the findings, node
// by node, on rank 0, and nothing on other ranks. Takes about 10 ms. Errors: those of MPI.
absl::StatusOr<std::vector<Finding>> Examine(const std::vector<std::string>& inputs,
                                             const Communicator& world, LauncherFacts launcher);

// Returns one line, the same on every rank, that says why the run will be much slower than it could
// be and what to do about it; empty if nothing is wrong. `mapped_bytes`: size of the mapped inputs.
// Collective over the pool and over `world`, the pool's communicator; call it between runs. Takes
// about 10 us, and 70 us if inputs of 256 MiB or more are mapped.
absl::StatusOr<std::string> WarningBeforeRun(Executor& executor, const Communicator& world,
                                             Index mapped_bytes);

}  // namespace mpaio

#endif  // MPAIO_DIAGNOSIS_DOCTOR_H_
