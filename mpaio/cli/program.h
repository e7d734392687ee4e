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

// What `main` does. Results go to the standard output, all else to the standard error, both from
// rank 0 alone. Only rank 0 returns anything but 0: mpirun then passes its status on, and says what
// it says once.
int RunProgram(int argc, char** argv);

}  // namespace mpaio

#endif  // MPAIO_CLI_PROGRAM_H_
