// SPDX-License-Identifier: Apache-2.0

// How a process reports its end to its launcher, by PMIx (PMIx Standard 4.1: PMIx_Init,
// PMIx_Finalize, PMIx_Fence).
#ifndef MPAIO_SUPERVISION_PMIX_H_
#define MPAIO_SUPERVISION_PMIX_H_

#include <chrono>

namespace mpaio {

// True if a PMIx library is available for the calls below. It is looked up at run time, as an Open
// MPI may contain one of its own.
bool HasPmix();

// Reports to the launcher that this rank has finished. Called in the process that has called
// MPI_Init; or, with `is_other_process`, in another process with the same environment, on behalf of
// a rank that is gone. Returns true if the launcher has acknowledged it.
bool FinalizePmix(bool is_other_process);

// Collective over the world, for a process that ends without MPI_Init: returns when the launcher
// has started all ranks. If a rank ends with an error while the launcher is still starting others,
// the launcher may crash, hang or report another status (mpirun 4.1: "A pipe could not be setup
// between a daemon and one of its local processes").
//
// Returns true at once where there is one rank, no launcher that speaks PMIx, or where the launcher
// has not started this process itself but a script, say, that goes on after it. Returns false when
// `timeout` has passed, as where another rank has died; a thread may still be inside PMIx then, so
// leave by _exit.
bool WaitUntilAllRanksStarted(std::chrono::milliseconds timeout);

}  // namespace mpaio

#endif  // MPAIO_SUPERVISION_PMIX_H_
