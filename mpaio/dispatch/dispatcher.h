// SPDX-License-Identifier: Apache-2.0

// Which chunks are processed next: the schedule of a run. Pure arithmetic; knows nothing of ranks'
// addresses, messages or workers.
//
// An assignment is a range of chunks of one job, for one of the P processors. How long it is, for a
// job with R chunks pending, by default:
//   - guided self-scheduling (Polychronopoulos and Kuck, IEEE Trans. Computers C-36(12), 1987): a
//     fixed part of what is left, R / (2 * credits * P), so that ranges shrink to single chunks
//     towards the end, and all that is in flight is at most about half of what is left;
//   - no shorter than `least_seconds` at the job's measured cost of a chunk: a shorter one costs
//     more to be sent than it can balance;
//   - no longer than `target_seconds` at the job's measured cost of a chunk, so that jobs take
//     turns and rank 0 hears from everybody;
//   - single chunks until the first results have told that cost.
//
// Or as schedule.h says, for a schedule that was asked for; or as a plan says that an earlier run
// left behind.
//
// Which job: the one that has been given the least processing time so far, by its measured cost; so
// jobs that run at once advance at the same pace in time, whatever their chunks cost, and none
// starves.
//
// Results are bounded: what is held on rank 0 and what is expected from the chunks in flight
// together stay within `result_budget_bytes`. The chunk that delivery waits for (the frontier) is
// always let through, alone, so the bound never stops a run; it is exceeded by a single result
// larger than itself, and while a job's results are still unknown.
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
  // Assignments that a rank may hold.
  int credits = 4;
  // The longest an assignment of more than one chunk should take.
  double target_seconds = 0.020;
  // What it should take at least, if there is so much: some ten times what it costs to send an
  // assignment and its results.
  double least_seconds = 20e-6;
  Index result_budget_bytes = Index{256} << 20;
  ScheduleKind schedule = ScheduleKind::kAuto;
  // What each processor is to process, in its order, and nothing else: by processor, where it is
  // not empty. `schedule` then has no meaning, and the budget does not hold work back, as another
  // order would not be the plan.
  std::vector<std::deque<Assignment>> plan = {};
};

class Dispatcher {
 public:
  // Job j has chunks [0, chunks_per_job[j]).
  Dispatcher(const std::vector<Index>& chunks_per_job, const DispatchOptions& options);

  // The next assignment for `processor`, in [0, processors), or nothing where all is assigned or
  // the budget is used up. `frontier[j]` is the chunk that job j's delivery waits for.
  std::optional<Assignment> Next(const std::vector<ChunkId>& frontier, int processor = 0);

  // `chunks` of `job` were processed in `seconds` by `processor`, and their results, of
  // `result_bytes`, are held now.
  void OnResults(int job, Index chunks, double seconds, Index result_bytes, int processor = 0);
  // Results of `result_bytes` are no longer held.
  void OnDelivered(Index result_bytes) { held_bytes_ -= result_bytes; }
  // Assigned chunks that will not be processed where they were assigned: they are pending again, in
  // their place among the others of their job, as the attempt that `assignment` says. Those that
  // are pending stay as they are.
  void Return(const Assignment& assignment);
  // Chunks that somebody has processed all the same, after they were returned: they are as if they
  // had been assigned. Those not pending stay as they are.
  void Drop(int job, ChunkRange chunks);
  // Chunks that nobody will process, and that tell nothing of the others' cost: they are neither
  // pending nor assigned from here on.
  void Remove(int job, ChunkRange chunks);
  // `processor` takes nothing any more: what was its own, by a static schedule or a plan, is for
  // anybody.
  void Retire(int processor);

  // The expected cost of so many of a job's chunks; 0 while it is unknown.
  double ExpectedSeconds(int job, Index chunks) const;

  // Whether more than `chunks` chunks of all jobs together are pending.
  bool has_pending_over(Index chunks) const;
  Index pending(int job) const { return jobs_[static_cast<std::size_t>(job)].pending_chunks; }
  Index held_bytes() const { return held_bytes_; }

 private:
  // What a processor did of a job.
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
    std::optional<ScheduleRule> rule;  // nothing: auto
    std::vector<Speed> speeds;         // by processor

    double mean_seconds() const {
      return observed == 0 ? 0 : observed_seconds / static_cast<double>(observed);
    }
    // What it has been given: what that took, and what is in flight at the mean. So a cost that was
    // misjudged is put right by its results.
    double given_seconds() const {
      return observed_seconds + static_cast<double>(in_flight) * mean_seconds();
    }
    double mean_bytes() const {
      return observed == 0 ? 0 : observed_bytes / static_cast<double>(observed);
    }
  };

  // The first of the job's pending ranges that the processor may take of; the end where there is
  // none.
  std::deque<Assignment>::iterator Open(Job& job, int processor) const;
  // How much of `range` to take now: 0 for nothing.
  Index Length(const Job& job, const Assignment& range, ChunkId frontier, double bytes_left) const;
  // The processor's speed beside the mean of those that are known; 1 while it is not.
  static double Weight(const Job& job, int processor);
  std::optional<Assignment> NextOfPlan(int processor);
  // Takes `length` chunks from the front of one of the job's pending ranges.
  Assignment Take(Job& job, std::deque<Assignment>::iterator range, Index length) const;
  // The parts of `chunks` that are pending, or with `wanted` false, that are not.
  static std::vector<ChunkRange> Parts(const Job& job, ChunkRange chunks, bool wanted);

  DispatchOptions options_;
  std::vector<Job> jobs_;
  std::vector<bool> is_retired_;  // by processor
  Index held_bytes_ = 0;
};

}  // namespace mpaio

#endif  // MPAIO_DISPATCH_DISPATCHER_H_
