// SPDX-License-Identifier: Apache-2.0

// Schedules other than mpaio's own, which is the default and has no policy: to replay a recorded
// run, and to compare with the schedules of the literature. Under a policy every rank processes
// exactly the chunks that it is assigned: nothing is stolen.
#ifndef MPAIO_DISPATCH_SCHEDULE_POLICY_H_
#define MPAIO_DISPATCH_SCHEDULE_POLICY_H_

#include <deque>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "mpaio/base/index.h"
#include "mpaio/dispatch/assignment.h"
#include "mpaio/dispatch/schedule.h"
#include "mpaio/dispatch/schedule_record.h"

namespace mpaio {

// A run that is to be scheduled.
struct ScheduledRun {
  int ranks = 1;
  // False if rank 0 only coordinates.
  bool rank_0_works = true;
  std::vector<Index> chunks_per_job;
};

// How the chunks of a run are distributed.
struct Schedule {
  ScheduleKind kind = ScheduleKind::kAuto;
  // The assignments of each rank, in order, indexed by rank; empty if there is no plan. With a
  // plan, `kind` is ignored.
  std::vector<std::deque<Assignment>> plan = {};

  // Returns true if idle ranks may steal the chunks of others.
  bool allows_stealing() const { return kind == ScheduleKind::kAuto && plan.empty(); }
};

// Immutable. Used on rank 0 only.
class SchedulePolicy {
 public:
  virtual ~SchedulePolicy() = default;

  // Returns the schedule of the run. Errors: InvalidArgument if the policy does not fit the run.
  virtual absl::StatusOr<Schedule> ScheduleOf(const ScheduledRun& run) const = 0;
};

// Returns the policy that distributes chunks as `kind` says; null for kAuto.
std::shared_ptr<const SchedulePolicy> ComparisonPolicy(ScheduleKind kind);

// Returns the policy that replays a recorded run: every rank processes the same chunks in the same
// order, and the limit on held results does not hold work back. The plan is dropped, and the rest
// of the chunks distributed one by one, when it can no longer be followed: after a rank is lost or
// falls silent, a chunk is quarantined, or if the run has resumed results. ScheduleOf fails as
// ScheduleRecord::PlanFor does.
std::shared_ptr<const SchedulePolicy> ReplayPolicy(ScheduleRecord record);

}  // namespace mpaio

#endif  // MPAIO_DISPATCH_SCHEDULE_POLICY_H_
