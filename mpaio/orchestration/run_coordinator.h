// SPDX-License-Identifier: Apache-2.0

// Rank 0's part in a run: its rounds and phases. In each round it receives messages, has work
// assigned and results delivered, and processes chunks itself. It never waits for one particular
// worker.
#ifndef MPAIO_ORCHESTRATION_RUN_COORDINATOR_H_
#define MPAIO_ORCHESTRATION_RUN_COORDINATOR_H_

#include <atomic>
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "mpaio/dispatch/schedule_policy.h"
#include "mpaio/executor/executor.h"
#include "mpaio/orchestration/assigner.h"
#include "mpaio/orchestration/delivery.h"
#include "mpaio/orchestration/loss_recovery.h"
#include "mpaio/orchestration/messages.h"
#include "mpaio/orchestration/run_options.h"
#include "mpaio/orchestration/run_state.h"
#include "mpaio/orchestration/straggler_watch.h"
#include "mpaio/worker/worker.h"

namespace mpaio {

class RunCoordinator {
 public:
  // `executor` and `workers` must outlive the coordinator. The first Round assigns the first work.
  // Precondition: `schedule` is that of options.policy for this pool and these workers.
  RunCoordinator(Executor& executor, std::vector<WorkerBase*> workers, const RunOptions& options,
                 Schedule schedule);

  // Runs one bounded round: receives messages, assigns work and, if rank 0 works, processes chunks
  // for about 100 µs. With `deliver`, also delivers results that are ready, at most a batch of each
  // job and for about a millisecond. Returns true if anything happened; if not, the caller may
  // wait.
  bool Round(bool deliver);

  // Receives messages and assigns work, as Round does, if messages were last received at least
  // 20 µs ago. Run::Next calls this before each result, so that the workers do not wait while the
  // user takes results one by one.
  void PumpMessages();

  // Delivers one result that is ready. Returns nothing if there is none, or if the run has been
  // cancelled or its deadline has passed.
  std::optional<DeliveredResult> DeliverOne();

  // Sleeps until a message may have arrived, for at most `at_most`.
  void Wait(absl::Duration at_most) { run_.executor.transport().WaitForMessage(at_most); }

  // Returns true if no part of the run is active any more, on any rank.
  bool is_done() const { return phase_ == RunPhase::kEnded; }
  // Returns true if the run ended because the ranks can no longer communicate: worker ranks may
  // still be waiting.
  bool is_broken() const { return is_broken_; }
  // Returns how the run ended; OK while it has not.
  const absl::Status& status() const { return status_; }
  const RunStats& stats() const { return run_.stats; }

  // Ends the run with Cancelled as soon as the chunks that are being processed are done. May be
  // called from any thread, and from a signal handler.
  void Cancel() { cancelled_.store(true, std::memory_order_relaxed); }

 private:
  using Clock = std::chrono::steady_clock;

  bool is_running() const { return phase_ == RunPhase::kStarted; }
  bool ReceiveMessages();
  bool AssignWork();
  bool WorkOneSlice();
  bool DeliverBatches();
  // Receives messages and assigns work, as a round does, while rank 0 waits for a chunk of its own
  // in another process. Returns true if that wait can end: the run is over, or every chunk is done
  // or quarantined.
  bool PumpWhileWaiting();
  void CheckLimits();
  // Calls the observers periodically.
  void CallObservers();
  // Takes over the results of an earlier run.
  absl::Status Resume();

  void Handle(int from, std::string message);
  absl::Status HandleResults(int from, const Results& results, std::string message);
  void HandleSummary(int from, const SummaryMessage& summary);
  void HandleCrash(int from, const ChunkCrash& crash);
  absl::Status Quarantine(const QuarantinedChunk& chunk);
  void PollLostRanks();
  void OnLost(const LostRank& lost);

  // Ends the run because a chunk, or its callback, failed on `rank`.
  void Fail(int job, ChunkId chunk, int rank, const absl::Status& cause);
  // Ends the run with `status`, or with that of an input that has changed or could not be read: the
  // chunk's failure may be its consequence.
  void FinishBecauseOfChunk(absl::Status status);
  // Ends the run if a result could not be delivered.
  void CheckDelivery();
  // Ends the run: sends Finish to the workers, which answer with SummaryMessage when they have
  // stopped.
  void Finish(absl::Status status);
  // Ends the run without the workers, because the transport is broken.
  void Break(const absl::Status& status);
  void EndIfAllHaveStopped();
  void End();
  // Returns the status of a run in which every chunk is delivered or quarantined.
  absl::Status HowItEnded() const;

  RunState run_;
  LossRecovery recovery_;
  ResultDelivery delivery_;
  Assigner assigner_;
  StragglerWatch stragglers_;
  std::vector<std::string> own_messages_;
  RunPhase phase_ = RunPhase::kStarted;
  bool is_broken_ = false;
  absl::Status status_;
  std::atomic<bool> cancelled_{false};
  bool is_cancelled_ = false;  // the run has ended because of that
  Clock::time_point deadline_ = Clock::time_point::max();
  Clock::time_point last_rank_check_;
  Clock::time_point last_observed_;
};

}  // namespace mpaio

#endif  // MPAIO_ORCHESTRATION_RUN_COORDINATOR_H_
