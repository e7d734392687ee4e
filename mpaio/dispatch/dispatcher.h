// SPDX-License-Identifier: Apache-2.0

// Decides which chunks are processed next: the schedule of a run. Pure arithmetic: it knows nothing
// about rank numbers, messages or workers.
//
// An assignment is a range of chunks of one job for one of P processors. By default its length, for
// a job with R chunks pending, is
//   - guided self-scheduling (Polychronopoulos and Kuck, IEEE Trans. Computers C-36(12), 1987): a
//     fixed part of the pending chunks, R / (2 * credits * P), so that ranges shrink to single
//     chunks towards the end, and at most about half of the remaining chunks are in flight;
//   - at least `least_seconds` at the job's measured cost of a chunk, because sending a shorter
//     range costs more than better balance saves;
//   - at most `target_seconds` at the job's measured cost of a chunk, so that jobs take turns and
//     rank 0 receives messages from all ranks regularly;
//   - a single chunk until the first results have shown that cost.
//
// Other schedules follow schedule.h, or a plan recorded in an earlier run.
//
// The next assignment comes from the job that has been given the least processing time so far, by
// its measured cost. So jobs that run at once advance at the same pace in time, whatever their
// chunks cost, and none starves.
//
// Results are bounded: the results held on rank 0 plus those expected from the chunks in flight
// stay within `result_budget_bytes`. The chunk that delivery waits for (the frontier) is always let
// through, alone, so the bound never stops a run. The budget is exceeded only by a single result
// larger than itself, and while the size of a job's results is still unknown.
//
// Worked example: one job of 1,000 chunks of 20 µs or more, P = 2, credits = 4: after the first
// single chunks, ranges of 62, 58, 54, ..., 1.
#ifndef MPAIO_DISPATCH_DISPATCHER_H_
#define MPAIO_DISPATCH_DISPATCHER_H_

#include <deque>
#include <optional>
#include <vector>

#include "mpaio/base/index.h"
#include "mpaio/dispatch/assignment.h"
#include "mpaio/dispatch/schedule.h"

namespace mpaio {

struct DispatchOptions {
  // Ranks that process chunks, at least 1.
  int processors = 1;
  // Assignments that a rank may hold at once.
  int credits = 4;
  // Target upper bound on the duration of an assignment of more than one chunk.
  double target_seconds = 0.020;
  // Target lower bound on the duration of an assignment, if enough chunks are pending: about ten
  // times the cost of sending an assignment and its results.
  double least_seconds = 20e-6;
  Index result_budget_bytes = Index{256} << 20;
  ScheduleKind schedule = ScheduleKind::kAuto;
  // The assignments of each processor, in order, indexed by processor; empty if there is no plan.
  // With a plan, `schedule` is ignored, and the result budget does not hold work back because that
  // would change the order.
  std::vector<std::deque<Assignment>> plan = {};
};

class Dispatcher {
 public:
  // Job j has chunks [0, chunks_per_job[j]).
  Dispatcher(const std::vector<Index>& chunks_per_job, const DispatchOptions& options);

  // Returns the next assignment for `processor`, in [0, processors), or nothing if all chunks are
  // assigned or the budget is used up. `frontier[j]` is the chunk that job j's delivery waits for.
  std::optional<Assignment> Next(const std::vector<ChunkId>& frontier, int processor = 0);

  // Records that `processor` processed `chunks` chunks of `job` in `seconds`, and that their
  // results, of `result_bytes`, are held now.
  void OnResults(int job, Index chunks, double seconds, Index result_bytes, int processor = 0);
  // Records that results of `result_bytes` are no longer held.
  void OnDelivered(Index result_bytes) { held_bytes_ -= result_bytes; }
  // Makes assigned chunks pending again because they will not be processed where they were
  // assigned. They keep the order of chunks within their job and get the attempt of `assignment`.
  // Chunks that are already pending do not change.
  void Return(const Assignment& assignment);
  // Marks returned chunks as assigned, because the rank that they were returned from has processed
  // them after all. Chunks that are not pending do not change.
  void Drop(int job, ChunkRange chunks);
  // Removes chunks that will not be processed in this run. From here on they are neither pending
  // nor assigned, and they do not count towards the measured cost. Drops the plan, which cannot be
  // followed without them.
  void Remove(int job, ChunkRange chunks);
  // Lets all processors take the chunks that a static schedule reserves for `processor`, from which
  // no more requests are expected. Drops the plan, which cannot be followed without it.
  void Retire(int processor);

  // Returns the expected cost of `chunks` chunks of a job; 0 while it is unknown.
  double ExpectedSeconds(int job, Index chunks) const;

  // Returns true if more than `chunks` chunks of all jobs together are pending.
  bool has_pending_over(Index chunks) const;
  Index held_bytes() const { return held_bytes_; }

 private:
  // The work that a processor has done for a job.
  struct Speed {
    double chunks = 0;
    double seconds = 0;
  };
  struct Job {
    Index num_chunks = 0;
    std::deque<Assignment> pending;  // disjoint, in the order of their chunks
    Index pending_chunks = 0;
    Index in_flight = 0;
    Index observed = 0;  // chunks whose cost is known
    double observed_seconds = 0;
    double observed_bytes = 0;
    std::optional<ScheduleRule> rule;  // absent: auto
    std::vector<Speed> speeds;         // by processor

    double mean_seconds() const {
      return observed == 0 ? 0 : observed_seconds / static_cast<double>(observed);
    }
    // The time given to the job: measured for completed chunks, the mean for those in flight, so
    // that results correct a misjudged cost.
    double given_seconds() const {
      return observed_seconds + static_cast<double>(in_flight) * mean_seconds();
    }
    double mean_bytes() const {
      return observed == 0 ? 0 : observed_bytes / static_cast<double>(observed);
    }
  };

  // Returns the job's first pending range from which the processor may take, or the end.
  std::deque<Assignment>::iterator Open(Job& job, int processor) const;
  // Returns how many chunks of `range` to take now; 0 for none.
  Index Length(const Job& job, const Assignment& range, ChunkId frontier, double bytes_left) const;
  // Returns the processor's speed relative to the mean of the known speeds; 1 while its own is
  // unknown.
  static double Weight(const Job& job, int processor);
  std::optional<Assignment> NextOfPlan(int processor);
  // Takes `length` chunks from the front of one of the job's pending ranges.
  Assignment Take(Job& job, std::deque<Assignment>::iterator range, Index length) const;
  // Returns the parts of `chunks` that are pending or, with `are_pending` false, the other parts.
  static std::vector<ChunkRange> Parts(const Job& job, ChunkRange chunks, bool are_pending);

  DispatchOptions options_;
  std::vector<Job> jobs_;
  std::vector<bool> is_retired_;  // by processor
  Index held_bytes_ = 0;
};

}  // namespace mpaio

#endif  // MPAIO_DISPATCH_DISPATCHER_H_
