// SPDX-License-Identifier: Apache-2.0

// The state of a Run. Private to this package.
#ifndef MPAIO_ORCHESTRATION_RUN_IMPL_H_
#define MPAIO_ORCHESTRATION_RUN_IMPL_H_

#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "mpaio/executor/executor.h"
#include "mpaio/orchestration/run.h"
#include "mpaio/orchestration/run_coordinator.h"
#include "mpaio/orchestration/worker_loop.h"

namespace mpaio {

class Run::Impl {
 public:
  // For a worker rank: a run that has ended.
  explicit Impl(WorkerLoopOutcome ended)
      : status_(std::move(ended.status)), is_broken_(ended.is_broken) {}

  // For rank 0: a run that begins.
  Impl(Executor& executor, std::vector<WorkerBase*> workers, const RunOptions& options,
       Schedule schedule)
      : executor_(&executor) {
    coordinator_.emplace(executor, std::move(workers), options, std::move(schedule));
  }

  bool is_done() const { return !coordinator_ || coordinator_->is_done(); }
  RunCoordinator& coordinator() { return *coordinator_; }
  bool has_coordinator() const { return coordinator_.has_value(); }

  // After the last round: waits until the other ranks of a thread pool have left the run, and
  // copies its outcome.
  void Settle() {
    if (settled_ || !coordinator_) return;
    settled_ = true;
    executor_->JoinOtherRanks();
    status_ = coordinator_->status();
    stats_ = coordinator_->stats();
  }
  const absl::Status& status() const { return status_; }
  const RunStats& stats() const {
    return settled_ || !coordinator_ ? stats_ : coordinator_->stats();
  }
  bool is_broken() const { return is_broken_ || (coordinator_ && coordinator_->is_broken()); }

 private:
  Executor* executor_ = nullptr;  // on rank 0
  std::optional<RunCoordinator> coordinator_;
  absl::Status status_;
  bool is_broken_ = false;  // on a worker rank
  RunStats stats_;
  bool settled_ = false;
};

}  // namespace mpaio

#endif  // MPAIO_ORCHESTRATION_RUN_IMPL_H_
