// SPDX-License-Identifier: Apache-2.0

// Additions of a program to a JobRun: observers of its passes, and files of its own.
#ifndef MPAIO_JOBS_RUN_EXTENSION_H_
#define MPAIO_JOBS_RUN_EXTENSION_H_

#include <vector>

#include "absl/status/status.h"
#include "mpaio/orchestration/run_options.h"
#include "mpaio/worker/worker.h"

namespace mpaio {

// All functions are called on rank 0, the last two only if the run has begun. An error of Open,
// Check or BeginPass reaches every rank.
class RunExtension {
 public:
  virtual ~RunExtension() = default;

  // Called before any input is opened: reads what the run needs.
  virtual absl::Status Open() { return absl::OkStatus(); }
  // Called before anything large is read: checks that the extension's files can be written.
  virtual absl::Status Check() { return absl::OkStatus(); }
  // Called before pass number `pass`, from 0, of `workers`, one for each job: adds observers to
  // `options`, or sets other members of which only rank 0's value is used.
  virtual absl::Status BeginPass(int pass, const std::vector<WorkerBase*>& workers,
                                 RunOptions& options) {
    (void)pass, (void)workers, (void)options;
    return absl::OkStatus();
  }
  // Called after the last pass, before outputs are saved; an error keeps them from being saved.
  virtual absl::Status EndPasses(int num_passes) {
    (void)num_passes;
    return absl::OkStatus();
  }
  // Called after the outputs have been saved. `status` is that of the JobRun so far; the result is
  // the status of the JobRun if `status` is OK.
  virtual absl::Status Finish(const absl::Status& status) {
    (void)status;
    return absl::OkStatus();
  }
};

}  // namespace mpaio

#endif  // MPAIO_JOBS_RUN_EXTENSION_H_
