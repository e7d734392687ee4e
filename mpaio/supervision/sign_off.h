// A process's end in the eyes of its launcher, by way of PMIx (PMIx Standard 4.1, section 6.2: PMIx_Init, PMIx_Finalize).
#ifndef MPAIO_SUPERVISION_SIGN_OFF_H_
#define MPAIO_SUPERVISION_SIGN_OFF_H_

namespace mpaio {

// Whether there is a PMIx library to sign off with. It is looked up when the program runs, as an Open MPI may have one of its own inside.
bool CanSignOff();

// Tells the launcher that this rank has finished. In the process that has called MPI_Init; or, with `is_other_process`, in another one with the same
// environment, on behalf of a rank that is gone. Whether the launcher has heard it.
bool SignOffFromLauncher(bool is_other_process);

}  // namespace mpaio

#endif  // MPAIO_SUPERVISION_SIGN_OFF_H_
