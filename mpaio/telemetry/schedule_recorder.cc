// SPDX-License-Identifier: Apache-2.0
#include "mpaio/telemetry/schedule_recorder.h"

namespace mpaio {

absl::Status ScheduleRecorder::OnPhase(RunPhase phase, const RunStats& stats) {
  if (phase != RunPhase::kStarted) return absl::OkStatus();
  allows_stealing_ = stats.allows_stealing;
  ScheduleRecord& record = records_.emplace_back();
  record.ranks = static_cast<int>(stats.ranks.size());
  for (const JobStats& job : stats.jobs) record.chunks_per_job.push_back(job.chunks);
  return absl::OkStatus();
}

void ScheduleRecorder::OnAssigned(int rank, const Assignment& assignment) {
  // Without stealing, every rank processes exactly its assignments, so they are recorded as the
  // schedule cut them.
  if (allows_stealing_) return;
  records_.back().entries.push_back({rank, assignment.job, assignment.chunks});
}

absl::Status ScheduleRecorder::OnCommitted(const CommittedResults& results) {
  if (!allows_stealing_) return absl::OkStatus();
  std::vector<ScheduleRecord::Entry>& entries = records_.back().entries;
  if (!entries.empty() && entries.back().rank == results.rank &&
      entries.back().job == results.job && entries.back().chunks.end == results.chunks.begin) {
    entries.back().chunks.end = results.chunks.end;
  } else {
    entries.push_back({results.rank, results.job, results.chunks});
  }
  return absl::OkStatus();
}

}  // namespace mpaio
