// SPDX-License-Identifier: Apache-2.0
#include "mpaio/orchestration/worker_orchestrator.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "mpaio/base/status_macros.h"
#include "mpaio/orchestration/run_coordinator.h"
#include "mpaio/orchestration/run_impl.h"
#include "mpaio/orchestration/worker_loop.h"

namespace mpaio {
namespace {

// The whole part in a run of a rank that runs no program of its own. An error means that the rank
// no longer communicates with rank 0.
absl::Status Serve(Executor& executor, const std::vector<WorkerBase*>& workers,
                   const RunOptions& options) {
  return CallGuarded("the rank", [&] {
    const WorkerLoopOutcome outcome = RunWorkerLoop(executor, workers, options);
    return outcome.is_broken ? outcome.status : absl::OkStatus();
  });
}

}  // namespace

absl::Status WorkerOrchestrator::CheckWorkers() const {
  if (workers_.empty())
    return absl::InvalidArgumentError("an orchestrator without workers: give it at least one");
  for (std::size_t j = 0; j < workers_.size(); ++j) {
    if (workers_[j] == nullptr)
      return absl::InvalidArgumentError(absl::StrCat("worker ", j, " is null"));
    MPAIO_RETURN_IF_ERROR(workers_[j]->CheckInput());
    const DataIterator& data = workers_[j]->data_iterator();
    if (data.num_rows() > 0 && data.row_bytes() > 0 && data.array().data() == nullptr) {
      return absl::InvalidArgumentError(absl::StrCat(
          "the array of worker ", j, " (", workers_[j]->name(), ") has no data on this rank"));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<Run> WorkerOrchestrator::Start(const RunOptions& options) {
  absl::StatusOr<Schedule> schedule(Schedule{});
  if (absl::Status checked = CheckWorkers(); !checked.ok()) {
    schedule = std::move(checked);
  } else if (!executor_.can_isolate() && options.chunk_deadline != absl::InfiniteDuration()) {
    schedule = absl::InvalidArgumentError(
        "chunk_deadline ends the process that a chunk runs in, and the ranks of this pool are "
        "threads of one process; leave it unset, or use a pool of processes");
  } else if (executor_.rank() == 0 && options.policy != nullptr) {
    schedule = options.policy->ScheduleOf(
        {executor_.size(), executor_.orchestrator_works(), ChunksPerJob(workers_)});
  }
  if (schedule.ok() && executor_.rank() == 0) {
    if (absl::Status is_free = executor_.CheckCanServe(); !is_free.ok())
      schedule = std::move(is_free);
  }
  MPAIO_RETURN_IF_ERROR(executor_.Agree(schedule.status()));
  executor_.EnableFaultTolerance();
  if (executor_.rank() == 0) {
    RunOptions own = options;
    // A thread cannot be ended, so the run would wait for copies of chunks that are done.
    if (executor_.shares_workers()) own.speculates = false;
    // Calls observers: if one throws nevertheless, no other rank serves yet.
    auto impl = std::make_unique<Run::Impl>(executor_, workers_, own, *std::move(schedule));
    MPAIO_RETURN_IF_ERROR(executor_.ServeOnOtherRanks(
        [workers = workers_, options](Executor& other) { return Serve(other, workers, options); }));
    return Run(std::move(impl));
  }
  return Run(std::make_unique<Run::Impl>(RunWorkerLoop(executor_, workers_, options)));
}

}  // namespace mpaio
