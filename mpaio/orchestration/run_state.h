// SPDX-License-Identifier: Apache-2.0

// The facts about a run that its parts on rank 0 share.
#ifndef MPAIO_ORCHESTRATION_RUN_STATE_H_
#define MPAIO_ORCHESTRATION_RUN_STATE_H_

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

#include "mpaio/base/index.h"
#include "mpaio/dispatch/dispatcher.h"
#include "mpaio/dispatch/schedule_policy.h"
#include "mpaio/executor/executor.h"
#include "mpaio/ledger/ledger.h"
#include "mpaio/orchestration/chunk_runner.h"
#include "mpaio/orchestration/rank_table.h"
#include "mpaio/orchestration/run_observer.h"
#include "mpaio/orchestration/run_options.h"
#include "mpaio/orchestration/run_statistics.h"
#include "mpaio/worker/worker.h"

namespace mpaio {

// The coordinator owns it; the other parts refer to it. `executor` and `workers` must outlive it.
struct RunState {
  using Clock = std::chrono::steady_clock;

  RunState(Executor& executor, std::vector<WorkerBase*> workers, const RunOptions& options,
           Schedule schedule);

  int num_jobs() const { return static_cast<int>(workers.size()); }
  const WorkerBase& worker(int job) const { return *workers[static_cast<std::size_t>(job)]; }
  JobStats& job_stats(int job) { return stats.jobs[static_cast<std::size_t>(job)]; }
  // Returns the dispatcher's number of a rank: if rank 0 only coordinates, it has none of its own.
  int ProcessorOf(int rank) const {
    return std::max(0, executor.orchestrator_works() ? rank : rank - 1);
  }
  double SecondsSinceStart() const {
    return std::chrono::duration<double>(Clock::now() - start).count();
  }
  // Returns true if every chunk is delivered or quarantined.
  bool AllAreDelivered() const;
  // Returns true if every chunk is done or quarantined.
  bool AllAreClosed() const;
  // Returns a description such as "job 0 (sum), chunk 17 (rows 170 to 179)". The chunk may not
  // exist.
  std::string WhereIs(int job, ChunkId chunk) const;

  Executor& executor;
  const RunOptions options;
  const std::vector<WorkerBase*> workers;  // by job
  RunObservers observers;
  RunStats stats;
  Dispatcher dispatcher;
  Ledger ledger;
  RankTable ranks;
  // Rank 0's own chunks.
  ChunkRunner own_work;
  bool own_work_is_in_step = false;
  // Rank 0 processes chunks: from the start, or because all other ranks are lost or silent.
  bool rank_0_works;
  const Clock::time_point start;
  // The time when messages were last received: the current time of a round.
  Clock::time_point now;
};

}  // namespace mpaio

#endif  // MPAIO_ORCHESTRATION_RUN_STATE_H_
