// SPDX-License-Identifier: Apache-2.0

// Lets other parts follow a run on rank 0, without the run knowing them: the journal, a recorder of
// the schedule, a progress display, ...
#ifndef MPAIO_ORCHESTRATION_RUN_OBSERVER_H_
#define MPAIO_ORCHESTRATION_RUN_OBSERVER_H_

#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "mpaio/base/index.h"
#include "mpaio/dispatch/assignment.h"
#include "mpaio/orchestration/run_statistics.h"
#include "mpaio/supervision/lost_rank.h"

namespace mpaio {

// The phases of a run. Every run passes through all of them, in this order.
enum class RunPhase {
  kStarted,    // results of an earlier run have been taken over; nothing is assigned yet
  kFinishing,  // no more work is assigned, and no more results are committed or delivered
  kEnded,      // no part of the run is active on any rank, and RunStats is complete
};

// Results that have arrived for the first time. They count whatever happens to their rank.
struct CommittedResults {
  int rank = 0;  // the rank that processed them
  int job = 0;
  ChunkRange chunks;
  // For each of `chunks`, in order, an 8-byte length and the encoded result.
  absl::string_view encoded;
  // The time that the rank took to process them.
  double busy_seconds = 0;
};

// Called on rank 0 only, by the thread that advances the run and from inside its calls
// (WorkerOrchestrator::Start, Run::Poll, Next, ...). Calls should return quickly, because all ranks
// wait for rank 0; they must not throw, and must not call the run, except Run::Cancel. References
// are valid during the call. Every call has an empty default.
class RunObserver {
 public:
  virtual ~RunObserver() = default;

  // The run has entered `phase`. An error ends the run with that status, unless it has another
  // error already; at kEnded, rank 0 alone returns it.
  virtual absl::Status OnPhase(RunPhase phase, const RunStats& stats);
  // The chunks were given to a rank. If RunStats::allows_stealing, other ranks may process them.
  // Chunks may be given several times: again after a failure or the loss of a rank, and as a copy
  // while a rank is silent.
  virtual void OnAssigned(int rank, const Assignment& assignment);
  // Results have arrived, but are not delivered yet. Each chunk of a job is committed once, those
  // of an earlier run never. An error ends the run with that status.
  virtual absl::Status OnCommitted(const CommittedResults& results);
  // The worker's callbacks have processed the results of the chunks.
  virtual void OnDelivered(int job, ChunkRange chunks);
  // A rank was lost; it takes no further part. Its chunks are assigned again.
  virtual void OnLost(const LostRank& lost);
  // A chunk was given up: it is never committed.
  virtual void OnQuarantined(const QuarantinedChunk& chunk);
  // Called about every 10 ms while the run is in kStarted and advances. An error ends the run with
  // that status.
  virtual absl::Status OnRound(const RunStats& stats);
};

// Calls every observer in order. Without observers a call costs one comparison.
class RunObservers final : public RunObserver {
 public:
  // The observers must outlive this.
  explicit RunObservers(std::vector<RunObserver*> observers) : observers_(std::move(observers)) {}

  bool empty() const { return observers_.empty(); }

  // Calls returning a status call every observer, and return the first error.
  absl::Status OnPhase(RunPhase phase, const RunStats& stats) override;
  void OnAssigned(int rank, const Assignment& assignment) override;
  absl::Status OnCommitted(const CommittedResults& results) override;
  void OnDelivered(int job, ChunkRange chunks) override;
  void OnLost(const LostRank& lost) override;
  void OnQuarantined(const QuarantinedChunk& chunk) override;
  absl::Status OnRound(const RunStats& stats) override;

 private:
  const std::vector<RunObserver*> observers_;
};

}  // namespace mpaio

#endif  // MPAIO_ORCHESTRATION_RUN_OBSERVER_H_
