// SPDX-License-Identifier: Apache-2.0
#include "mpaio/orchestration/run_observer.h"

namespace mpaio {

absl::Status RunObserver::OnPhase(RunPhase, const RunStats&) { return absl::OkStatus(); }
void RunObserver::OnAssigned(int, const Assignment&) {}
absl::Status RunObserver::OnCommitted(const CommittedResults&) { return absl::OkStatus(); }
void RunObserver::OnDelivered(int, ChunkRange) {}
void RunObserver::OnLost(const LostRank&) {}
void RunObserver::OnQuarantined(const QuarantinedChunk&) {}
absl::Status RunObserver::OnRound(const RunStats&) { return absl::OkStatus(); }

absl::Status RunObservers::OnPhase(RunPhase phase, const RunStats& stats) {
  absl::Status status;
  for (RunObserver* observer : observers_) status.Update(observer->OnPhase(phase, stats));
  return status;
}

void RunObservers::OnAssigned(int rank, const Assignment& assignment) {
  for (RunObserver* observer : observers_) observer->OnAssigned(rank, assignment);
}

absl::Status RunObservers::OnCommitted(const CommittedResults& results) {
  absl::Status status;
  for (RunObserver* observer : observers_) status.Update(observer->OnCommitted(results));
  return status;
}

void RunObservers::OnDelivered(int job, ChunkRange chunks) {
  for (RunObserver* observer : observers_) observer->OnDelivered(job, chunks);
}

void RunObservers::OnLost(const LostRank& lost) {
  for (RunObserver* observer : observers_) observer->OnLost(lost);
}

void RunObservers::OnQuarantined(const QuarantinedChunk& chunk) {
  for (RunObserver* observer : observers_) observer->OnQuarantined(chunk);
}

absl::Status RunObservers::OnRound(const RunStats& stats) {
  absl::Status status;
  for (RunObserver* observer : observers_) status.Update(observer->OnRound(stats));
  return status;
}

}  // namespace mpaio
