// SPDX-License-Identifier: Apache-2.0

// The jobs of a command line, with the workers that they name.
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

// A job of the command line, and the worker it names.
struct PlannedJob {
  JobSpec line;
  const WorkerInfo* info = nullptr;
  Parameters parameters;
  // Where the output is a word key=value that is one only if there is such a file: why it would be
  // refused, or OK as there is one. Ranks may differ, and rank 0's word counts; that there is one
  // of these is the same on all.
  std::optional<absl::Status> doubt = {};
  // One line, where the command may mean something else than it says; else nothing.
  std::string warning = {};

  // The parameters that name arrays, and these names.
  std::vector<std::pair<std::string, std::string>> ExtraInputs() const;
  // The files that the job writes: OUTPUT, if given, with an empty key; then those of parameters,
  // with theirs.
  std::vector<std::pair<std::string, std::string>> Outputs() const;

  // Whether `file` may be one of its inputs, by whatever name.
  bool MayRead(const std::string& file) const;
};

// Looks up workers and checks parameters and output files' names: all that can be wrong with a
// command line. Reads no array. A word key=value in the place of the output is one where the worker
// has no such key and the word contains a '/', ends in .npy or .npz, or names a file that exists.
// Errors: InvalidArgument, one line.
absl::StatusOr<std::vector<PlannedJob>> PlanJobs(const CommandLine& line);

// What can be wrong with the command line of doctor. Errors: InvalidArgument, one line.
absl::Status CheckDoctorLine(const CommandLine& line);

}  // namespace mpaio

#endif  // MPAIO_CLI_PLAN_H_
