// SPDX-License-Identifier: Apache-2.0

// The jobs of a command line and the workers that they name.
#ifndef MPAIO_CLI_PLAN_H_
#define MPAIO_CLI_PLAN_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "mpaio/cli/command_line.h"
#include "mpaio/jobs/parameters.h"
#include "mpaio/jobs/registry.h"

namespace mpaio {

// A job of the command line and its worker.
struct PlannedJob {
  JobSpec line;
  const WorkerInfo* info = nullptr;
  Parameters parameters;
  // Not OK if the output is a word key=value that counts as an output only if a file of that name
  // exists: the error to return if there is none.
  absl::Status unless_file_exists = {};
  // One line if the user may have meant something else than the command says; else empty.
  std::string warning = {};

  // Returns the key and the array name of each array parameter that is given.
  std::vector<std::pair<std::string, std::string>> ExtraInputs() const;
  // Returns the files that the job writes: OUTPUT, if given, with an empty key; then the output
  // parameters with their keys.
  std::vector<std::pair<std::string, std::string>> Outputs() const;

  // Returns true if `file` may be one of the job's inputs, under any name.
  bool MayRead(const std::string& file) const;
};

// Looks up workers and checks parameters and the names of output files, by the text of the command
// line alone, so that every rank comes to the same result. A word key=value in the place of the
// output is an output if the worker has no such key and the word contains a '/', ends in .npy or
// .npz, or names an existing file (CheckFiles). Errors: InvalidArgument, one line.
absl::StatusOr<std::vector<PlannedJob>> PlanJobs(const CommandLine& line);

// Checks what depends on the files that exist, such as that outputs, inputs and the files of flags
// are different files. Ranks on several hosts may come to different results, so only rank 0's
// result counts there. Reads no array. Errors: InvalidArgument, one line.
absl::Status CheckFiles(const std::vector<PlannedJob>& plan, const CommandLine& line);

// The same for the command line of doctor.
absl::Status CheckDoctorFiles(const CommandLine& line);

}  // namespace mpaio

#endif  // MPAIO_CLI_PLAN_H_
