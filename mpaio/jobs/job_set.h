// SPDX-License-Identifier: Apache-2.0

// The jobs of a JobRun: makes their workers, and leads them from pass to pass.
#ifndef MPAIO_JOBS_JOB_SET_H_
#define MPAIO_JOBS_JOB_SET_H_

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "mpaio/chunk/data_iterator.h"
#include "mpaio/executor/executor.h"
#include "mpaio/jobs/input_set.h"
#include "mpaio/jobs/job_options.h"
#include "mpaio/jobs/output_files.h"
#include "mpaio/jobs/plan.h"
#include "mpaio/jobs/registry.h"
#include "mpaio/orchestration/run_options.h"
#include "mpaio/worker/worker.h"

namespace mpaio {

// Every rank makes the same calls. The arguments of the constructor must outlive the set. Not
// thread-safe. Exceptions of registered workers' functions become statuses.
class JobSet {
 public:
  JobSet(Executor& executor, const std::vector<PlannedJob>& plan, InputSet& inputs,
         OutputFiles& outputs, const JobOptions& options)
      : executor_(executor), plan_(plan), inputs_(inputs), outputs_(outputs), options_(options) {}

  // Checks with the headers of the inputs whether the workers can do the jobs, and on rank 0 that
  // the outputs can be written. Not collective. Errors: those of WorkerInfo::check, output and
  // CheckAccepts, and of OutputFiles::Check, with the worker's name.
  absl::Status Check() const;

  // Collective, after the inputs have been loaded: makes the workers. Chunks are made for
  // `parallelism` processes. Errors, the same on every rank: those of WorkerInfo::make;
  // ResourceExhausted if rank 0 has no memory for the answers.
  absl::Status Make(int parallelism);

  std::size_t size() const { return jobs_.size(); }
  const Job& job(std::size_t j) const { return jobs_[j]; }
  // The workers of the present pass, one for each job.
  std::vector<WorkerBase*> workers() const;
  // The number of chunks of each job in the present pass.
  std::vector<Index> ChunksPerJob() const;

  // True if a job may have a further pass. The same on every rank.
  bool may_continue() const;

  // Collective, between two passes: asks the jobs on rank 0 for their next pass, and makes its
  // workers on every rank. Returns whether there is a next pass. A job with quarantined chunks in
  // `stats`, rank 0's statistics so far, has none, because a plan would lack their results. Errors,
  // the same on every rank: those of Job::next_pass and begin_pass; `failed_job` is then the job
  // whose next_pass failed, on rank 0.
  absl::StatusOr<bool> BeginNextPass(const RunStats& stats, int* failed_job);

 private:
  using Plans = std::vector<std::optional<std::string>>;

  absl::Status CheckJob(const PlannedJob& planned) const;
  absl::Status MakeJob(std::size_t j, int parallelism);
  absl::StatusOr<JobContext> ContextOf(std::size_t j, int parallelism);
  absl::Status MakeOutput(std::size_t j, JobContext& context);
  absl::Status CheckAnswers() const;
  void SetIsolation(std::size_t j);
  absl::Status PlanNextPasses(const RunStats& stats, Plans* plans, int* failed_job);
  absl::Status ReplaceWorker(std::size_t j, const std::optional<std::string>& plan);

  Executor& executor_;
  const std::vector<PlannedJob>& plan_;
  InputSet& inputs_;
  OutputFiles& outputs_;
  const JobOptions& options_;
  std::vector<Job> jobs_;
  // Workers of finished passes, to which answers may refer.
  std::vector<std::unique_ptr<WorkerBase>> finished_;
};

}  // namespace mpaio

#endif  // MPAIO_JOBS_JOB_SET_H_
