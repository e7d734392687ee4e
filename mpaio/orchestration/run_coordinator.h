// SPDX-License-Identifier: Apache-2.0

// Rank 0's part in a run: it assigns work, receives results, delivers them, and in between
// processes chunks itself. It never waits for one particular worker. The handling of dead ranks and
// failed chunks is in run_coordinator_losses.cc.
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
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
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

// A result that has just been passed to its worker's callback.
struct DeliveredResult {
  int job = 0;
  Chunk chunk;
  // Valid until the next call to the coordinator.
  absl::string_view encoded;
};

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
  void Wait(absl::Duration at_most) { executor_.transport().WaitForMessage(at_most); }

  // Returns true if no part of the run is active any more, on any rank.
  bool is_done() const { return phase_ == Phase::kDone; }
  // Returns true if the run ended because the ranks can no longer communicate: worker ranks may
  // still be waiting.
  bool is_broken() const { return is_broken_; }
  // Returns how the run ended; OK while it has not.
  const absl::Status& status() const { return status_; }
  const RunStats& stats() const { return stats_; }

  // Ends the run with Cancelled as soon as the chunks that are being processed are done. May be
  // called from any thread, and from a signal handler.
  void Cancel() { cancelled_.store(true, std::memory_order_relaxed); }

 private:
  enum class Phase { kRunning, kFinishing, kDone };
  using Clock = std::chrono::steady_clock;

  // The results of consecutive chunks: either the received `message` from byte `offset` on, or an
  // range of the resumed results, which is read into `message` when its turn comes.
  struct HeldResults {
    std::string message;
    std::size_t offset = 0;
    std::optional<std::size_t> resumed_range = std::nullopt;
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
  // Receives messages and assigns work, as a round does, while rank 0 waits for a chunk of its own
  // in another process. Returns true if that wait can end: the run is over, or every chunk is done
  // or quarantined.
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
  absl::Status KeepResults(const Results& results, ChunkRange part, absl::string_view encoded,
                           std::string message);
  void HandleSummary(int from, const SummaryMessage& summary);
  void HandleCrash(int from, const ChunkCrash& crash);
  void Quarantine(const ChunkCrash& crash, int attempts, const std::string& cause);

  // Finds lost ranks and reassigns their chunks.
  void UpdateRankStates();
  void OnLost(const LostRank& lost);
  // Excludes a dead rank from everything that follows.
  void MarkRankLost(int rank);
  // Returns to the dispatcher the uncommitted chunks that were lost with a dead rank.
  void Recover(int rank);
  // Gives an idle rank a copy of an assignment of a rank that has been silent for long. Returns
  // false if there is none.
  bool Speculate(int rank);
  // Returns true if `rank` has assignments and may be stuck: it is stopped by a signal, or has been
  // silent for `times` the limit of SilenceSeconds.
  bool IsSilent(int rank, double times) const;
  // Returns how long a rank may be silent while it processes a chunk of the job.
  double SilenceSeconds(int job) const;
  // Makes rank 0 process chunks, even if it normally only coordinates, when all others are silent.
  void EnableOrchestratorWork();
  // Returns how long the end of the run waits for ranks that are still processing a chunk.
  Clock::duration FinishTimeout() const;
  void StartFinishTimeout();
  // Terminates ranks that delay the end of the run.
  void EndStragglers();
  std::optional<Assignment> NextFor(int rank);
  // Returns true if a rank other than `rank` processes chunks.
  bool OthersWork(int rank) const;
  bool AllAreDone() const;
  // Takes over the results of an earlier run.
  absl::Status Resume();
  // Returns the results of `part`, a part of the chunks of `results`.
  static absl::StatusOr<absl::string_view> PartOf(const Results& results, ChunkRange part);
  // Calls the observers periodically.
  void CallObservers();
  absl::Status HowItEnded() const;
  // Returns a description such as "job 0 (sum), chunk 17 (rows 170 to 179)".
  std::string WhereIs(int job, ChunkId chunk) const;
  void AssignTo(int rank, const Assignment& assignment);

  void CheckLimits();
  // Ends the run because a chunk, or its callback, failed on `rank`.
  void Fail(int job, ChunkId chunk, int rank, const absl::Status& cause);
  // Ends the run: sends Finish to the workers, which answer with SummaryMessage when they have
  // stopped.
  void Finish(absl::Status status);
  void EndIfAllHaveStopped();
  // Ends the run without the workers, because the transport is broken.
  void Break(const absl::Status& status);
  double SecondsSinceStart() const {
    return std::chrono::duration<double>(Clock::now() - start_).count();
  }

  Executor& executor_;
  const RunOptions options_;
  RunObservers observers_;
  std::deque<JobState> jobs_;
  // Idle ranks may steal unbegun chunks from other ranks of their node.
  bool is_shared_;
  Dispatcher dispatcher_;
  ChunkRunner own_work_;
  std::vector<std::string> own_messages_;
  bool is_in_step_ = false;  // own_work_ is in Step
  std::vector<ChunkId> frontier_;
  Ledger ledger_;
  // Rank 0's knowledge of a rank's queue. The rank may have less to do than it was given, because
  // others stole chunks, or more, because it stole theirs.
  struct RankState {
    Index assignments_sent = 0;
    Index assignments_done = 0;
    Clock::time_point last_received;
    bool has_finished = false;  // its SummaryMessage has arrived
    bool is_lost = false;       // its process is dead
    bool is_ended = false;      // terminated by rank 0 because it did not answer
  };
  std::vector<RankState> ranks_;  // by rank
  // Chunks that have killed a process and are to be retried, preferably on another rank.
  struct Retry {
    Assignment assignment;
    int not_on_rank;
    Clock::time_point since;
  };
  std::deque<Retry> retries_;
  // Rank 0 processes chunks: from the start, or because all other ranks are lost or silent.
  bool rank_0_works_;
  // Every rank may steal from every other one, rank 0 included.
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
  Clock::time_point now_;  // the last call to ReceiveMessages; the round's current time
  Clock::time_point delivery_clock_;
  Clock::time_point start_;
  Clock::time_point deadline_;
  Clock::time_point last_rank_check_;
  Clock::time_point last_observed_;
  bool is_cancelled_ = false;
  // While the run finishes: when the ranks that have not sent a summary are terminated.
  Clock::time_point finish_deadline_ = Clock::time_point::max();
  // When to check next for ranks that are stopped by a signal, which are terminated at once.
  Clock::time_point next_straggler_check_ = Clock::time_point::max();
};

}  // namespace mpaio

#endif  // MPAIO_ORCHESTRATION_RUN_COORDINATOR_H_
