// SPDX-License-Identifier: Apache-2.0

// Rank 0's part in a run: gives out work, takes in results, delivers them, and works itself in
// between. Never waits for one worker. What becomes of the run when ranks die, or chunks fail, is
// in run_coordinator_losses.cc.
#ifndef MPAIO_ORCHESTRATION_RUN_COORDINATOR_H_
#define MPAIO_ORCHESTRATION_RUN_COORDINATOR_H_

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "mpaio/base/wire.h"
#include "mpaio/chunk/data_iterator.h"
#include "mpaio/dispatch/dispatcher.h"
#include "mpaio/executor/executor.h"
#include "mpaio/ledger/ledger.h"
#include "mpaio/orchestration/batch_sizer.h"
#include "mpaio/orchestration/chunk_runner.h"
#include "mpaio/orchestration/messages.h"
#include "mpaio/orchestration/run_options.h"
#include "mpaio/result/reorder_buffer.h"
#include "mpaio/worker/worker.h"

namespace mpaio {

// A result that has just been handed to its worker's callback.
struct DeliveredResult {
  int job = 0;
  Chunk chunk;
  // Valid until the next call to the coordinator.
  absl::string_view encoded;
};

class RunCoordinator {
 public:
  // Executor and workers must outlive it. Dispatching begins with the first Round. Precondition: a
  // schedule to be replayed is one for this pool and these workers (ScheduleRecord::PlanFor).
  RunCoordinator(Executor& executor, std::vector<WorkerBase*> workers, const RunOptions& options);

  // One bounded round: takes in what has arrived, gives out work, and processes a slice of it where
  // rank 0 works. With `deliver`, also delivers what is ready, at most a batch of each job and for
  // about a millisecond. Returns whether anything happened; if not, there is time to wait.
  bool Round(bool deliver);

  // The first half of a round, if the last is 20 µs ago: for between results that are taken one by
  // one, so that the workers do not wait meanwhile.
  void PumpMessages();

  // Delivers one result that is ready; nothing if none is, or if the run has been cancelled or its
  // time is up.
  std::optional<DeliveredResult> DeliverOne();

  // Gives up the processor until a message may have come, at most so long.
  void Wait(absl::Duration at_most) { executor_.transport().WaitForMessage(at_most); }

  // Nothing of the run goes on any more, on any rank.
  bool is_done() const { return phase_ == Phase::kDone; }
  // It ended because the ranks cannot hear each other any more: worker ranks may still be waiting.
  bool is_broken() const { return is_broken_; }
  // How it ended; OK while it goes on.
  const absl::Status& status() const { return status_; }
  const RunStats& stats() const { return stats_; }

  // The run ends with Cancelled as soon as the chunks that are being processed are. Any thread,
  // also a signal handler.
  void Cancel() { cancelled_.store(true, std::memory_order_relaxed); }

 private:
  enum class Phase { kRunning, kFinishing, kDone };
  using Clock = std::chrono::steady_clock;

  // The results of consecutive chunks, as they came: in `message` from `offset` on; or in the
  // journal.
  struct HeldResults {
    std::string message;
    std::size_t offset = 0;
    const JournalEntry* entry = nullptr;
  };
  struct JobState {
    JobState(WorkerBase* worker, Delivery delivery) : worker(worker), held(delivery) {}
    WorkerBase* worker;
    ReorderBuffer<HeldResults> held;
  };
  // A batch that is being delivered.
  struct OpenBatch {
    int job;
    HeldResults results;
    WireReader reader;
    ChunkRange chunks;  // still to be delivered
    Index held_bytes;
  };

  bool ReceiveMessages();
  bool AssignWork();
  bool WorkOneSlice();
  // While rank 0 waits for a chunk of its own, in another process: what a round does for the
  // others. Whether the run is over.
  bool PumpWhileWaiting();
  void ClaimTail();
  bool DeliverBatches();
  bool OpenNextBatch();
  bool DeliverSome();
  bool WantsMore(int rank) const;
  bool IsIdle(int rank) const;
  int ProcessorOf(int rank) const {
    return std::max(0, executor_.orchestrator_works() ? rank : rank - 1);
  }

  void Handle(int from, std::string message);
  absl::Status HandleResults(int from, const Results& results, std::string message);
  absl::Status Hold(const Results& results, ChunkRange part, std::string message);
  void Record(int rank, const Assignment& done);
  void HandleSummary(int from, const SummaryMessage& summary);
  void HandleCrash(int from, const ChunkCrash& crash);
  void Quarantine(const ChunkCrash& crash, int attempts, const std::string& cause);

  // Finds out who has died, and gives what they had to others.
  void UpdateRankStates();
  void OnLost(const LostRank& lost);
  // Reckons without the rank from here on.
  void MarkRankLost(int rank);
  void Recover(int rank);
  // Gives a rank that has nothing to do what another has long been silent about; whether there was
  // something.
  bool Speculate(int rank);
  // Whether nothing is known of what was given to `rank` for so long that it may be stuck there.
  bool IsSilent(int rank, double times) const;
  // How long a chunk of the job may keep a rank silent.
  double SilenceSeconds(int job) const;
  // Rank 0, which only directs as a rule, works if nobody else does.
  void EnableOrchestratorWork();
  // How long the end of the run waits for ranks that are still in a chunk.
  Clock::duration FinishTimeout() const;
  void StartFinishTimeout();
  // Ends the ranks that hold up the end of the run.
  void EndStragglers();
  std::optional<Assignment> NextFor(int rank);
  // Whether another rank than this one processes chunks.
  bool OthersWork(int rank) const;
  bool AllAreDone() const;
  // Takes over what an earlier run has done.
  absl::Status Resume();
  // Keeps the results of `part` in the journal.
  absl::Status Journal(const Results& results, ChunkRange part);
  // Hands the journal on from time to time.
  void KeepJournal();
  absl::Status HowItEnded() const;
  // "job 0 (sum), chunk 17 (rows 170 to 179)"
  std::string WhereIs(int job, ChunkId chunk) const;
  void AssignTo(int rank, const Assignment& assignment);

  void CheckLimits();
  // Ends the run because of a chunk, or its callback, on `rank`.
  void Fail(int job, ChunkId chunk, int rank, const absl::Status& cause);
  // Ends the run: the workers are told, and answer when they have stopped.
  void Finish(absl::Status status);
  void EndIfAllHaveStopped();
  // Ends it without them: the transport is broken.
  void Break(const absl::Status& status);
  double SecondsSinceStart() const {
    return std::chrono::duration<double>(Clock::now() - start_).count();
  }

  Executor& executor_;
  const RunOptions options_;
  std::deque<JobState> jobs_;
  Dispatcher dispatcher_;
  ChunkRunner own_work_;
  std::vector<std::string> own_messages_;
  bool is_in_step_ = false;  // of own_work_
  std::vector<ChunkId> frontier_;
  Ledger ledger_;
  // What rank 0 knows of a rank's queue. It may have less to do than it was given, where others
  // took it, or more, where it took theirs.
  struct RankState {
    Index assignments_sent = 0;
    Index assignments_done = 0;
    Clock::time_point heard;
    bool has_left = false;  // it has said SummaryMessage
    bool is_lost = false;   // it is dead
    bool is_ended = false;  // by rank 0, as it did not answer
  };
  std::vector<RankState> ranks_;  // by rank
  // Chunks that have killed what processed them, and are to be tried again; as a rule not where
  // they were.
  struct Retry {
    Assignment assignment;
    int not_on_rank;
    Clock::time_point since;
  };
  std::deque<Retry> retries_;
  // Rank 0 processes chunks: it does from the start, or nobody else is left.
  bool rank_0_works_;
  // Idle ranks may take what others of their node have not begun; and every rank may from every
  // other.
  bool is_shared_;
  bool all_share_;
  std::optional<OpenBatch> open_;
  std::vector<BatchSizer> delivery_batch_sizers_;  // by job
  int next_job_ = 0;
  Phase phase_ = Phase::kRunning;
  int summaries_missing_ = 0;
  bool is_broken_ = false;
  absl::Status status_;
  RunStats stats_;
  std::atomic<bool> cancelled_{false};
  Clock::time_point last_look_;  // for messages
  Clock::time_point delivery_clock_;
  Clock::time_point start_;
  Clock::time_point deadline_;
  Clock::time_point last_count_;  // of the ranks
  Clock::time_point last_flush_;  // of the journal
  Clock::time_point last_sync_;
  bool is_cancelled_ = false;
  // With those that do not come to an end when the run does; and with those that cannot, as they
  // are stopped.
  Clock::time_point patience_end_ = Clock::time_point::max();
  Clock::time_point stopped_patience_end_ = Clock::time_point::max();
};

}  // namespace mpaio

#endif  // MPAIO_ORCHESTRATION_RUN_COORDINATOR_H_
