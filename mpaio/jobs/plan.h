// SPDX-License-Identifier: Apache-2.0

// Jobs by name: what to do with which input, and the workers that the names stand for.
#ifndef MPAIO_JOBS_PLAN_H_
#define MPAIO_JOBS_PLAN_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "mpaio/jobs/parameters.h"
#include "mpaio/jobs/registry.h"

namespace mpaio {

// A job as written. An input is a file, in the syntax of ArrayFile::Open, or an array in memory by
// its name (JobRun::AddArray).
struct JobSpec {
  std::string worker;
  std::string input;
  std::string output = {};  // a .npy file; empty: not given
  std::vector<std::pair<std::string, std::string>> parameters = {};
};

// A job and its worker.
struct PlannedJob {
  JobSpec spec;
  const WorkerInfo* info = nullptr;
  Parameters parameters;
  // Not OK if the output is a word key=value that counts as an output only if a file of that name
  // exists: the error to return if there is none.
  absl::Status unless_file_exists = {};
  // One line if the user may have meant something else than the command says; else empty.
  std::string warning = {};

  // Returns the key and the array name of each array parameter that is given.
  std::vector<std::pair<std::string, std::string>> ExtraInputs() const;
  // Returns the names of all inputs: that of the spec first.
  std::vector<std::string> InputNames() const;
  // Returns the files that the job writes: OUTPUT, if given, with an empty key; then the output
  // parameters with their keys.
  std::vector<std::pair<std::string, std::string>> Outputs() const;

  // Returns true if `file` may be one of the job's inputs, under any name.
  bool MayRead(const std::string& file) const;
};

struct PlanOptions {
  // True for the words of a command line, where a word key=value in the place of the output may be
  // the name of the output: if the worker has no such key and the word contains a '/', ends in .npy
  // or .npz, or names an existing file (CheckFiles).
  bool reads_words = false;
  // True if a worker that writes an array must be given an output file. Else the array stays in
  // memory (JobOutcome::output).
  bool needs_output_files = false;
};

// Looks up workers and checks parameters and the names of output files, by the specs alone, so that
// every rank comes to the same result. Errors: InvalidArgument, one line.
absl::StatusOr<std::vector<PlannedJob>> PlanJobs(const std::vector<JobSpec>& jobs,
                                                 const PlanOptions& options = {});

// Errors: InvalidArgument if the name of an output is that of a file of another format.
absl::Status CheckOutputName(const std::string& output);

}  // namespace mpaio

#endif  // MPAIO_JOBS_PLAN_H_
