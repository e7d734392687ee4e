// SPDX-License-Identifier: Apache-2.0

// A process's end in the eyes of its launcher, by way of PMIx (PMIx Standard 4.1: PMIx_Init,
// PMIx_Finalize, PMIx_Fence).
#ifndef MPAIO_SUPERVISION_PMIX_H_
#define MPAIO_SUPERVISION_PMIX_H_

#include <chrono>

namespace mpaio {

// Whether there is a PMIx library to sign off with. It is looked up when the program runs, as an
// Open MPI may have one of its own inside.
bool HasPmix();

// Tells the launcher that this rank has finished. In the process that has called MPI_Init; or, with
// `is_other_process`, in another one with the same environment, on behalf of a rank that is gone.
// Whether the launcher has heard it.
bool FinalizePmix(bool is_other_process);

// Collective over the world, for a process that ends without MPI_Init: returns when the launcher
// has started all ranks. A launcher that is still starting ranks when one of them ends with an
// error may crash, hang or report another status (mpirun 4.1: "A pipe could not be setup between a
// daemon and one of its local processes").
//
// Returns true at once where there is one rank, no launcher that speaks PMIx, or where the launcher
// has not started this process itself but a script, say, that goes on after it. Returns false when
// `timeout` has passed, as where another rank has died; a thread may still be inside PMIx then, so
// leave by _exit.
bool WaitUntilAllRanksStarted(std::chrono::milliseconds timeout);

}  // namespace mpaio

#endif  // MPAIO_SUPERVISION_PMIX_H_
