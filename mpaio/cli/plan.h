// SPDX-License-Identifier: Apache-2.0

// The jobs of a command line and the workers that they name.
#ifndef MPAIO_CLI_PLAN_H_
#define MPAIO_CLI_PLAN_H_

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "mpaio/cli/command_line.h"
#include "mpaio/worker/parameters.h"
#include "mpaio/worker/registry.h"

namespace mpaio {

// A job of the command line and its worker.
struct PlannedJob {
  JobSpec line;
  const WorkerInfo* info = nullptr;
  Parameters parameters;
  // Set if OUTPUT is a word key=value that is an output only if such a file exists: OK if the file
  // exists, else the error to report. The status may differ between ranks, and rank 0's counts;
  // whether it is set is the same on all ranks.
  std::optional<absl::Status> doubt = {};
  // One line if the command may mean something other than what it says; else empty.
  std::string warning = {};

  // Returns the key and the array name of each array parameter that is given.
  std::vector<std::pair<std::string, std::string>> ExtraInputs() const;
  // Returns the files that the job writes: OUTPUT, if given, with an empty key; then the output
  // parameters with their keys.
  std::vector<std::pair<std::string, std::string>> Outputs() const;

  // Returns true if `file` may be one of the job's inputs, under any name.
  bool MayRead(const std::string& file) const;
};

// Looks up the workers and checks the parameters and the names of the output files. Finds every
// error that a command line alone can have, and reads no array. A word key=value in the position of
// the output is the output if the worker has no such key and the word contains a '/', ends in .npy
// or .npz, or names an existing file. Errors: InvalidArgument, one line.
absl::StatusOr<std::vector<PlannedJob>> PlanJobs(const CommandLine& line);

// Checks the command line of doctor. Errors: InvalidArgument, one line.
absl::Status CheckDoctorLine(const CommandLine& line);

}  // namespace mpaio

#endif  // MPAIO_CLI_PLAN_H_
