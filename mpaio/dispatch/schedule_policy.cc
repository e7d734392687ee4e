// SPDX-License-Identifier: Apache-2.0
#include "mpaio/dispatch/schedule_policy.h"

#include <utility>

#include "mpaio/base/status_macros.h"

namespace mpaio {
namespace {

class Comparison final : public SchedulePolicy {
 public:
  explicit Comparison(ScheduleKind kind) : kind_(kind) {}
  absl::StatusOr<Schedule> ScheduleOf(const ScheduledRun&) const override {
    return Schedule{kind_};
  }

 private:
  const ScheduleKind kind_;
};

class Replay final : public SchedulePolicy {
 public:
  explicit Replay(ScheduleRecord record) : record_(std::move(record)) {}
  absl::StatusOr<Schedule> ScheduleOf(const ScheduledRun& run) const override {
    Schedule schedule;
    MPAIO_ASSIGN_OR_RETURN(schedule.plan,
                           record_.PlanFor(run.ranks, run.rank_0_works, run.chunks_per_job));
    return schedule;
  }

 private:
  const ScheduleRecord record_;
};

}  // namespace

std::shared_ptr<const SchedulePolicy> ComparisonPolicy(ScheduleKind kind) {
  if (kind == ScheduleKind::kAuto) return nullptr;
  return std::make_shared<Comparison>(kind);
}

std::shared_ptr<const SchedulePolicy> ReplayPolicy(ScheduleRecord record) {
  return std::make_shared<Replay>(std::move(record));
}

}  // namespace mpaio
