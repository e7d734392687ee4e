// SPDX-License-Identifier: Apache-2.0

// Reports the end of a process to its launcher through PMIx (PMIx Standard 4.1: PMIx_Init,
// PMIx_Finalize, PMIx_Fence).
#ifndef MPAIO_LAUNCHER_PMIX_H_
#define MPAIO_LAUNCHER_PMIX_H_

#include <chrono>

namespace mpaio {

// True if a PMIx library is available for the calls below. It is looked up at run time, because
// Open MPI may contain its own.
bool HasPmix();

// Reports to the launcher that this rank has finished. Called in the process that has called
// MPI_Init; or, with `is_other_process`, in another process with the same environment, on behalf of
// a rank that is gone. Returns true if the launcher has acknowledged it.
bool FinalizePmix(bool is_other_process);

// Waits until the launcher has started all ranks. For a process that ends without MPI_Init;
// collective over the world. If a rank ended with an error while the launcher is still starting
// others, the launcher might crash, hang or report another status (mpirun 4.1: "A pipe could not be
// setup between a daemon and one of its local processes").
//
// Returns true at once if there is only one rank, if the launcher does not use PMIx, or if the
// launcher has not started this process directly but, say, through a script, which continues after
// it. Returns false after `timeout`, as when another rank has died. A thread may then still be
// inside PMIx, so leave by _exit.
bool WaitUntilAllRanksStarted(std::chrono::milliseconds timeout);

}  // namespace mpaio

#endif  // MPAIO_LAUNCHER_PMIX_H_
