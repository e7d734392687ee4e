// SPDX-License-Identifier: Apache-2.0

// Additions of telemetry to a JobRun: files with the schedule and the CPU usage, and a display of
// the progress.
#ifndef MPAIO_TELEMETRY_RUN_EXTENSIONS_H_
#define MPAIO_TELEMETRY_RUN_EXTENSIONS_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "mpaio/dispatch/schedule.h"
#include "mpaio/dispatch/schedule_record.h"
#include "mpaio/jobs/run_extension.h"
#include "mpaio/telemetry/cpu_usage_observer.h"
#include "mpaio/telemetry/progress_observer.h"
#include "mpaio/telemetry/schedule_recorder.h"

namespace mpaio {

// Chooses how chunks are distributed, and records or replays it. A file that is not wanted has the
// name "".
class ScheduleFiles final : public RunExtension {
 public:
  // `kind` counts only without `replay_file`. Both files may be the same.
  ScheduleFiles(ScheduleKind kind, std::string record_file, std::string replay_file)
      : kind_(kind), record_file_(std::move(record_file)), replay_file_(std::move(replay_file)) {}

  // Reads the schedule to replay, before a file of the same name is overwritten. Errors: those of
  // ReadTextFile and ParseSchedules.
  absl::Status Open() override;
  absl::Status Check() override;
  absl::Status BeginPass(int pass, const std::vector<WorkerBase*>& workers,
                         RunOptions& options) override;
  absl::Status EndPasses(int num_passes) override;
  // Writes the record, if the run went well.
  absl::Status Finish(const absl::Status& status) override;

 private:
  ScheduleKind kind_;
  std::string record_file_;
  std::string replay_file_;
  std::vector<ScheduleRecord> replayed_;  // by pass
  ScheduleRecorder recorder_;
};

// Writes the usage of each core of rank 0's host to a CSV file, after every run, also a failed one.
class CpuUsageFile final : public RunExtension {
 public:
  explicit CpuUsageFile(std::string file) : file_(std::move(file)) {}

  absl::Status Check() override { return WriteCpuUsageCsv(file_, CpuUsage()); }
  absl::Status BeginPass(int pass, const std::vector<WorkerBase*>& workers,
                         RunOptions& options) override;
  absl::Status Finish(const absl::Status& status) override;

 private:
  std::string file_;
  CpuUsageObserver observer_;
};

// Shows the progress of each pass.
class ProgressDisplay final : public RunExtension {
 public:
  // As for ProgressMeter.
  ProgressDisplay(ProgressOptions options, ProgressMeter::Sink sink)
      : observer_(options, std::move(sink)) {}

  absl::Status BeginPass(int pass, const std::vector<WorkerBase*>& workers,
                         RunOptions& options) override;

 private:
  ProgressObserver observer_;
};

}  // namespace mpaio

#endif  // MPAIO_TELEMETRY_RUN_EXTENSIONS_H_
