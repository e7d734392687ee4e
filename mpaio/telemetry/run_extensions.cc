// SPDX-License-Identifier: Apache-2.0
#include "mpaio/telemetry/run_extensions.h"

#include <cstddef>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "mpaio/base/status_macros.h"
#include "mpaio/dispatch/schedule_policy.h"
#include "mpaio/format/npy_writer.h"
#include "mpaio/host/text_file.h"

namespace mpaio {
namespace {

constexpr absl::string_view kSchedule = "the schedule";

}  // namespace

absl::Status ScheduleFiles::Open() {
  if (replay_file_.empty()) return absl::OkStatus();
  MPAIO_ASSIGN_OR_RETURN(const std::string text, ReadTextFile(replay_file_, kSchedule));
  absl::StatusOr<std::vector<ScheduleRecord>> replayed = ParseSchedules(text);
  if (!replayed.ok()) {
    return absl::Status(replayed.status().code(),
                        absl::StrCat(replay_file_, ": ", replayed.status().message()));
  }
  replayed_ = *std::move(replayed);
  return absl::OkStatus();
}

// The file is written at the end. Until then the old contents stay, which may be a schedule to
// replay.
absl::Status ScheduleFiles::Check() {
  return record_file_.empty() ? absl::OkStatus() : CheckWritable(record_file_, 0);
}

absl::Status ScheduleFiles::BeginPass(int pass, const std::vector<WorkerBase*>&,
                                      RunOptions& options) {
  if (!record_file_.empty()) options.observers.push_back(&recorder_);
  options.policy = ComparisonPolicy(kind_);
  if (replay_file_.empty()) return absl::OkStatus();
  if (pass >= static_cast<int>(replayed_.size())) {
    return absl::InvalidArgumentError(
        absl::StrCat(replay_file_, " has the schedule of ", replayed_.size(),
                     replayed_.size() == 1 ? " run" : " runs",
                     ", and this command takes more: replay it with the command that recorded it"));
  }
  options.policy = ReplayPolicy(replayed_[static_cast<std::size_t>(pass)]);
  return absl::OkStatus();
}

absl::Status ScheduleFiles::EndPasses(int num_passes) {
  if (num_passes >= static_cast<int>(replayed_.size())) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      replay_file_, " has the schedules of ", replayed_.size(), " runs, and this command took ",
      num_passes, ": replay it with the command that recorded it"));
}

absl::Status ScheduleFiles::Finish(const absl::Status& status) {
  if (record_file_.empty() || !status.ok()) return absl::OkStatus();
  return WriteTextFile(record_file_, ScheduleText(recorder_.records()), kSchedule);
}

absl::Status CpuUsageFile::BeginPass(int, const std::vector<WorkerBase*>&, RunOptions& options) {
  options.observers.push_back(&observer_);
  return absl::OkStatus();
}

absl::Status CpuUsageFile::Finish(const absl::Status&) {
  return WriteCpuUsageCsv(file_, observer_.usage());
}

absl::Status ProgressDisplay::BeginPass(int, const std::vector<WorkerBase*>&, RunOptions& options) {
  options.observers.push_back(&observer_);
  return absl::OkStatus();
}

}  // namespace mpaio
