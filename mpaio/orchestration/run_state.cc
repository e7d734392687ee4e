// SPDX-License-Identifier: Apache-2.0
#include "mpaio/orchestration/run_state.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "mpaio/transport/transport.h"

namespace mpaio {
namespace {

RunStats InitialStats(const Executor& executor, const std::vector<WorkerBase*>& workers,
                      const Schedule& schedule) {
  RunStats stats;
  stats.allows_stealing = schedule.allows_stealing();
  for (const WorkerBase* worker : workers) {
    const DataIterator& data = worker->data_iterator();
    JobStats& job = stats.jobs.emplace_back();
    job.worker = worker->name();
    job.rows = data.num_rows();
    job.row_bytes = data.row_bytes();
    job.chunks = data.num_chunks();
  }
  for (int rank = 0; rank < executor.size(); ++rank) {
    RankStats& entry = stats.ranks.emplace_back();
    entry.rank = rank;
    entry.node = executor.node_of(rank);
  }
  return stats;
}

DispatchOptions DispatchOptionsOf(const Executor& executor, const RunOptions& options,
                                  Schedule schedule) {
  DispatchOptions dispatch;
  dispatch.schedule = schedule.kind;
  dispatch.plan = std::move(schedule.plan);
  if (!dispatch.plan.empty() && !executor.orchestrator_works())
    dispatch.plan.erase(dispatch.plan.begin());
  dispatch.processors = std::max(1, executor.size() - (executor.orchestrator_works() ? 0 : 1));
  dispatch.credits = std::max(1, options.credits);
  dispatch.result_budget_bytes = options.max_held_bytes;
  return dispatch;
}

}  // namespace

RunState::RunState(Executor& executor, std::vector<WorkerBase*> workers, const RunOptions& options,
                   Schedule schedule)
    : executor(executor),
      options(options),
      workers(std::move(workers)),
      observers(options.observers),
      stats(InitialStats(executor, this->workers, schedule)),
      dispatcher(ChunksPerJob(this->workers),
                 DispatchOptionsOf(executor, options, std::move(schedule))),
      ledger(ChunksPerJob(this->workers), executor.size()),
      ranks(executor.size()),
      own_work(this->workers, BoardOf(executor, this->workers)),
      rank_0_works(executor.orchestrator_works()),
      start(Clock::now()) {
  own_work.set_input_guards(executor.input_guards());
  own_work.set_wake([&executor] { executor.transport().WakeOne(); });
}

bool RunState::AllAreDelivered() const {
  return std::all_of(stats.jobs.begin(), stats.jobs.end(), [](const JobStats& job) {
    return job.chunks_delivered + job.chunks_quarantined == job.chunks;
  });
}

bool RunState::AllAreClosed() const {
  return std::all_of(stats.jobs.begin(), stats.jobs.end(), [](const JobStats& job) {
    return job.chunks_done + job.chunks_quarantined == job.chunks;
  });
}

std::string RunState::WhereIs(int job, ChunkId chunk) const {
  std::string where = absl::StrCat("job ", job);
  if (job < 0 || job >= num_jobs()) return where;
  const DataIterator& data = worker(job).data_iterator();
  absl::StrAppend(&where, " (", worker(job).name(), "), chunk ", chunk);
  if (chunk >= 0 && chunk < data.num_chunks()) {
    const RowRange rows = data.chunk(chunk);
    absl::StrAppend(&where, " (rows ", rows.begin, " to ", rows.end - 1, ")");
  }
  return where;
}

}  // namespace mpaio
