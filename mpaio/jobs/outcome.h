// SPDX-License-Identifier: Apache-2.0

// The outcome of a job: how it ended, and its answer.
#ifndef MPAIO_JOBS_OUTCOME_H_
#define MPAIO_JOBS_OUTCOME_H_

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "mpaio/array/nd_view.h"
#include "mpaio/base/index.h"
#include "mpaio/jobs/answer.h"
#include "mpaio/jobs/input_set.h"
#include "mpaio/jobs/job_set.h"
#include "mpaio/jobs/output_files.h"
#include "mpaio/jobs/plan.h"
#include "mpaio/orchestration/run_options.h"

namespace mpaio {

// The outcome of a job, on rank 0.
struct JobOutcome {
  std::string worker;
  std::string input;
  // OK if the job is done and its outputs are saved; else why not.
  absl::Status status;
  // The values that the job found; empty unless the status is OK. For an array that is in a file,
  // its description (DescribeArray).
  Answer answer;
  // The array that the job wrote, if no file was given for it. Valid as long as the JobRun.
  std::optional<NdView> output;
  // Sums over the passes.
  JobStats stats;
  // The chunks that were given up, in their order.
  std::vector<QuarantinedChunk> quarantined;
  // If the run was cancelled: the answer for the first `rows` rows, if there is one.
  struct Partial {
    Index rows = 0;
    Answer answer;
  };
  std::optional<Partial> partial;

  // Returns the array that the job wrote or answered with: `output`, or the only value of `answer`.
  // Valid as long as this and the JobRun. Errors: `status`; NotFound if the answer is not an array,
  // or is in a file.
  absl::StatusOr<NdView> Array() const;
};

// How the passes of a JobRun ended.
struct PassesEnd {
  absl::Status status;
  bool was_cancelled = false;
  int num_passes = 0;
};

// On rank 0, after the passes: returns the outcome of each job, and keeps in `outputs` the arrays
// to be saved. `first_failure` receives the first error of an answer.
std::vector<JobOutcome> CollectOutcomes(const std::vector<PlannedJob>& plan, const JobSet& jobs,
                                        const InputSet& inputs, const RunStats& stats,
                                        const PassesEnd& ended, OutputFiles& outputs,
                                        absl::Status* first_failure);

// On rank 0: saves the outputs of the jobs that are done. If the run failed, none is saved, because
// which jobs are done when one fails is a matter of chance; quarantined chunks are not, so with
// `saves_despite_quarantine` they keep no other job from being saved. Returns the first error, and
// changes the outcome of each job that could not be saved.
absl::Status SaveOutcomes(const std::vector<PlannedJob>& plan, const JobSet& jobs,
                          const RunStats& stats, const absl::Status& ended,
                          bool saves_despite_quarantine, OutputFiles& outputs,
                          std::vector<JobOutcome>* outcomes);

}  // namespace mpaio

#endif  // MPAIO_JOBS_OUTCOME_H_
