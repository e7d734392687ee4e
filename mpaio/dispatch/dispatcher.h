// Which chunks are processed next: the schedule of a run. Pure arithmetic; knows nothing of ranks' addresses, messages or workers.
//
// An assignment is a range of chunks of one job. How long it is, for a job with R chunks pending and P processors:
//   - guided self-scheduling (Polychronopoulos and Kuck, IEEE Trans. Computers C-36(12), 1987): a fixed part of what is left, R / (2 * credits * P),
//     so that ranges shrink to single chunks towards the end, and all that is in flight is at most about half of what is left;
//   - no longer than `target_seconds` at the job's measured cost of a chunk, so that jobs take turns and rank 0 hears from everybody;
//   - single chunks until the first results have told that cost.
//
// Which job: the one that has been given the least processing time so far, by its measured cost; so jobs that run at once advance at the same
// pace in time, whatever their chunks cost, and none starves.
//
// Results are bounded: what is held on rank 0 and what is expected from the chunks in flight together stay within `result_budget_bytes`. The chunk
// that delivery waits for (the frontier) is always let through, alone, so the bound never stops a run; it is exceeded by a single result larger than
// itself, and while a job's results are still unknown.
//
// Worked example: one job of 1,000 chunks, P = 2, credits = 4: after the first single chunks, ranges of 62, 58, 54, ..., 1.
#ifndef MPAIO_DISPATCH_DISPATCHER_H_
#define MPAIO_DISPATCH_DISPATCHER_H_

#include <deque>
#include <optional>
#include <vector>

#include "mpaio/base/index.h"
#include "mpaio/dispatch/assignment.h"

namespace mpaio {

struct DispatchOptions {
  // Ranks that process chunks, at least 1.
  int processors = 1;
  // Assignments that a rank may hold.
  int credits = 4;
  // The longest an assignment of more than one chunk should take.
  double target_seconds = 0.020;
  Index result_budget_bytes = Index{256} << 20;
};

class Dispatcher {
 public:
  // Job j has chunks [0, chunks_per_job[j]).
  Dispatcher(const std::vector<Index>& chunks_per_job, const DispatchOptions& options);

  // The next assignment, or nothing where all is assigned or the budget is used up. `frontier[j]` is the chunk that job j's delivery waits for.
  std::optional<Assignment> Next(const std::vector<ChunkId>& frontier);

  // `chunks` of `job` were processed in `seconds`, and their results, of `result_bytes`, are held now.
  void OnResults(int job, Index chunks, double seconds, Index result_bytes);
  // Results of `result_bytes` are no longer held.
  void OnDelivered(Index result_bytes) { held_bytes_ -= result_bytes; }
  // Assigned chunks that will not be processed where they were assigned: they are pending again, before all others of their job.
  void Return(const Assignment& assignment);

  // The expected cost of an assignment; 0 while it is unknown.
  double ExpectedSeconds(const Assignment& assignment) const;

  // Whether more than `chunks` chunks of all jobs together are pending.
  bool has_pending_over(Index chunks) const;
  Index pending(int job) const { return jobs_[static_cast<std::size_t>(job)].pending_chunks; }
  Index held_bytes() const { return held_bytes_; }

 private:
  struct Job {
    std::deque<Assignment> pending;  // disjoint, in the order of their chunks
    Index pending_chunks = 0;
    Index in_flight = 0;
    Index observed = 0;  // chunks whose cost is known
    double observed_seconds = 0;
    double observed_bytes = 0;

    double mean_seconds() const { return observed == 0 ? 0 : observed_seconds / static_cast<double>(observed); }
    // What it has been given: what that took, and what is in flight at the mean. So a cost that was misjudged is put right by its results.
    double given_seconds() const { return observed_seconds + static_cast<double>(in_flight) * mean_seconds(); }
    double mean_bytes() const { return observed == 0 ? 0 : observed_bytes / static_cast<double>(observed); }
  };

  Index Length(const Job& job, ChunkId frontier, double bytes_left) const;

  DispatchOptions options_;
  std::vector<Job> jobs_;
  Index held_bytes_ = 0;
};

}  // namespace mpaio

#endif  // MPAIO_DISPATCH_DISPATCHER_H_
