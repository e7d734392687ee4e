// SPDX-License-Identifier: Apache-2.0

// Checks that the files of a command are different files: outputs, inputs, and files that the run
// itself writes.
#ifndef MPAIO_JOBS_FILE_CHECKS_H_
#define MPAIO_JOBS_FILE_CHECKS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "mpaio/jobs/plan.h"

namespace mpaio {

// The files of a run besides those of its jobs; empty: not given. The members are named like the
// program's flags, which messages name.
struct RunFiles {
  std::string cpu_usage = {};
  std::string record = {};
  std::string journal = {};
  std::string results = {};
  std::string replay = {};  // read; the others are written
};

// Checks what depends on the files that exist: whether outputs, inputs and `files` are different
// files. Ranks on different hosts may come to different results, so only rank 0's counts there.
// Reads no array. Errors: InvalidArgument, one line.
absl::Status CheckFiles(const std::vector<PlannedJob>& plan, const RunFiles& files);

// Returns true if `input`, in the syntax of ArrayFile::Open, may name `file`: as a whole, as the
// archive before a member ("a.npz:x"), as the file after the description of raw bytes
// ("raw:<f8:a.bin"), or through standard input.
bool MayName(const std::string& input, const std::string& file);

}  // namespace mpaio

#endif  // MPAIO_JOBS_FILE_CHECKS_H_
