// SPDX-License-Identifier: Apache-2.0

// Plans, loads, runs and saves jobs by name: the one way to do it, for the program and for others.
//
//   MPAIO_ASSIGN_OR_RETURN(auto plan, mpaio::PlanJobs({{.worker = "sort", .input = "x"}}));
//   mpaio::JobRun run(executor, std::move(plan));
//   MPAIO_RETURN_IF_ERROR(run.AddArray("x", view));
//   MPAIO_RETURN_IF_ERROR(run.Prepare());
//   MPAIO_RETURN_IF_ERROR(run.Run());
//   if (executor.rank() == 0) ... run.outcomes()[0].Array() ...
#ifndef MPAIO_JOBS_JOB_RUN_H_
#define MPAIO_JOBS_JOB_RUN_H_

#include <atomic>
#include <chrono>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "mpaio/array/nd_view.h"
#include "mpaio/base/index.h"
#include "mpaio/executor/executor.h"
#include "mpaio/jobs/input_set.h"
#include "mpaio/jobs/job_options.h"
#include "mpaio/jobs/job_set.h"
#include "mpaio/jobs/outcome.h"
#include "mpaio/jobs/output_files.h"
#include "mpaio/jobs/plan.h"
#include "mpaio/jobs/run_journal.h"
#include "mpaio/jobs/stage_time.h"
#include "mpaio/orchestration/run.h"
#include "mpaio/orchestration/run_options.h"

namespace mpaio {

// One run of planned jobs over their inputs, in one or several passes. Every rank makes the same
// JobRun and the same calls, in this order: AddArray, Prepare, Run. The executor must outlive it.
// Used by one thread, except Cancel. The shared memory of inputs, outputs and scratch arrays
// belongs to the executor, which frees it when it is closed.
class JobRun {
 public:
  JobRun(Executor& executor, std::vector<PlannedJob> plan, JobOptions options = {});
  JobRun(const JobRun&) = delete;
  JobRun& operator=(const JobRun&) = delete;

  // Adds an input that is in memory, under a name that takes precedence over a file of that name.
  // The caller owns the array, and keeps it constant until the JobRun is destroyed. Each rank
  // passes its own view of the same array: in a pool of processes that is memory that the ranks of
  // a node share (SharedArray::Create), in a pool of threads any memory. Errors: InvalidArgument if
  // the name is empty or taken; FailedPrecondition after Prepare.
  absl::Status AddArray(const std::string& name, const NdView& array);

  // Collective. Checks everything that can be checked before anything large is read, then loads the
  // inputs and makes the workers. Errors, the same on every rank: why the run cannot start.
  absl::Status Prepare();

  // Collective. Runs the jobs and saves their outputs. Errors: a failure of the run, on every rank;
  // an answer that could not be computed or saved, on rank 0 alone. outcomes() is valid after an
  // error, too. If the run was refused before any chunk was processed, has_begun() is false on
  // every rank.
  absl::Status Run();

  // On rank 0: ends the run as soon as the chunks that are being processed are done, or before it
  // begins. Idempotent. May be called from any thread, and from a signal handler.
  void Cancel() { is_cancelled_.store(true); }

  // On rank 0, after Run: true if Cancel ended the run before its end.
  bool was_cancelled() const { return was_cancelled_; }
  bool has_begun() const { return has_begun_; }
  // True if the ranks can no longer communicate, as far as this rank knows: no collective call may
  // follow, and only Executor::Abort ends the others.
  bool is_broken() const { return is_broken_ || executor_.is_broken(); }
  // After Prepare: the size of the inputs that are mapped from their files.
  Index mapped_bytes() const { return inputs_.mapped_bytes(); }

  // On rank 0, after Run: one outcome for each job, in order.
  const std::vector<JobOutcome>& outcomes() const { return outcomes_; }
  // On rank 0, after Run: the totals of all passes.
  const RunStats& stats() const { return stats_; }
  // On every rank, after Run: how long each stage took.
  const std::vector<StageTime>& stages() const { return stages_; }

 private:
  enum class State { kNew, kPrepared, kUsed };

  absl::Status CheckOptions() const;
  absl::Status Open();
  absl::Status CheckFiles() const;
  absl::Status OpenInputs();
  LoadPolicy PolicyOf() const;
  absl::Status RunPass(bool* is_last);
  absl::StatusOr<RunOptions> OptionsOfPass();
  absl::StatusOr<bool> PrepareNextPass(const absl::Status& ended, const RunStats& pass);
  // Checks that the inputs are unchanged, and empties the journal if results may be mixed.
  absl::Status CheckInputs();
  // On rank 0: collects and saves the outcomes of a run that has begun.
  absl::Status Save(absl::Status status);
  // Returns the status of the run with what the user should know of the cancelling and the journal.
  absl::Status AnnotateStatus(const absl::Status& ended) const;
  void EndStage(const std::string& name, Index bytes = 0);

  Executor& executor_;
  const std::vector<PlannedJob> plan_;
  const JobOptions options_;
  InputSet inputs_;
  OutputFiles outputs_;
  RunJournal journal_;
  JobSet jobs_;
  RunStats stats_;
  State state_ = State::kNew;
  int num_passes_ = 0;
  std::atomic<bool> is_cancelled_{false};  // Cancel has been called
  bool was_cancelled_ = false;             // a run ended because of that
  // On rank 0: the error if a pass before the last has quarantined chunks.
  absl::Status quarantine_status_;
  bool has_begun_ = false;
  bool is_broken_ = false;
  std::vector<JobOutcome> outcomes_;
  std::vector<StageTime> stages_;
  std::chrono::steady_clock::time_point stage_start_ = std::chrono::steady_clock::now();
};

}  // namespace mpaio

#endif  // MPAIO_JOBS_JOB_RUN_H_
