// SPDX-License-Identifier: Apache-2.0

// The orchestrator program: from a command line to an exit status.
#ifndef MPAIO_CLI_PROGRAM_H_
#define MPAIO_CLI_PROGRAM_H_

namespace mpaio {

enum ExitStatus : int {
  kDone = 0,
  kJobFailed = 1,
  kWrongUsage = 2,
  kCouldNotStart = 3,
};

// The body of `main`. Writes results to the standard output, or to the file of --results, and
// everything else to the standard error, from rank 0 alone. The exception is a rank on which MPI
// fails: it reports the failure itself. Only rank 0 returns a status other than 0, because mpirun
// then passes that status on and prints its own message only once.
int RunProgram(int argc, char** argv);

}  // namespace mpaio

#endif  // MPAIO_CLI_PROGRAM_H_
