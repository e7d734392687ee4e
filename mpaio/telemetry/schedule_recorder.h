// SPDX-License-Identifier: Apache-2.0

// Records which rank processed which chunks.
#ifndef MPAIO_TELEMETRY_SCHEDULE_RECORDER_H_
#define MPAIO_TELEMETRY_SCHEDULE_RECORDER_H_

#include <vector>

#include "absl/status/status.h"
#include "mpaio/dispatch/schedule_record.h"
#include "mpaio/orchestration/run_observer.h"

namespace mpaio {

// May observe several runs, one after the other.
class ScheduleRecorder final : public RunObserver {
 public:
  // Returns the schedule of each run, in order. That of a run that failed may lack chunks, or have
  // chunks twice.
  const std::vector<ScheduleRecord>& records() const { return records_; }

  absl::Status OnPhase(RunPhase phase, const RunStats& stats) override;
  void OnAssigned(int rank, const Assignment& assignment) override;
  absl::Status OnCommitted(const CommittedResults& results) override;

 private:
  std::vector<ScheduleRecord> records_;
  bool allows_stealing_ = false;
};

}  // namespace mpaio

#endif  // MPAIO_TELEMETRY_SCHEDULE_RECORDER_H_
