// SPDX-License-Identifier: Apache-2.0

// Processes assignments chunk by chunk and gathers the results into messages. Each worker rank has
// a ChunkRunner, and so has rank 0, for when it works too. Through a StealBoard, the ranks of a
// node steal unbegun chunks from each other.
#ifndef MPAIO_ORCHESTRATION_CHUNK_RUNNER_H_
#define MPAIO_ORCHESTRATION_CHUNK_RUNNER_H_

#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "mpaio/base/index.h"
#include "mpaio/base/status_macros.h"
#include "mpaio/dispatch/assignment.h"
#include "mpaio/dispatch/steal_board.h"
#include "mpaio/executor/executor.h"
#include "mpaio/executor/input_guard.h"
#include "mpaio/orchestration/batch_sizer.h"
#include "mpaio/orchestration/run_options.h"
#include "mpaio/worker/sandbox.h"
#include "mpaio/worker/worker.h"

namespace mpaio {

// Returns the board of the executor's node for a run of these workers.
StealBoard BoardOf(Executor& executor, const std::vector<WorkerBase*>& workers);

// Returns the number of chunks of each job.
std::vector<Index> ChunksPerJob(const std::vector<WorkerBase*>& workers);

// A message with results is due when the assignment ends, when kBatchBytes have gathered, or
// kBatchAge after the batch was started: small results travel together, and rank 0 receives slow
// ones in time.
class ChunkRunner {
 public:
  static constexpr Index kBatchBytes = 32 << 10;
  static constexpr std::chrono::milliseconds kBatchAge{5};

  // Stealing pays only if the chunks of the slot are expected to take at least this long: their
  // results need a message of their own, which costs as much.
  static constexpr std::chrono::microseconds kLeastWorth{5};

  // `workers` are indexed by job; they must outlive this.
  explicit ChunkRunner(std::vector<WorkerBase*> workers, StealBoard board = {})
      : workers_(std::move(workers)), board_(std::move(board)), done_(workers_.size()) {}

  // From here on, chunks of isolated workers and retried chunks are processed in a separate
  // process. `is_over`: see SandboxOptions; it may call Enqueue. If it returns true, Step clears
  // the queue and returns without a message about that.
  void Isolate(const RunOptions& options, std::function<bool()> is_over);
  ~ChunkRunner() { Clear(); }
  ChunkRunner(const ChunkRunner&) = delete;
  ChunkRunner& operator=(const ChunkRunner&) = delete;

  // If `is_shared`, idle ranks of the node may steal from the assignment.
  void Enqueue(const Assignment& assignment, bool is_shared = false);
  // Asks the guards after chunks have been processed and before any of their results are sent; on
  // an error the chunks fail. Keeps the guarded inputs alive until it is called again.
  void set_input_guards(InputGuardList guards) { input_guards_ = std::move(guards); }
  // Returns an error if a guarded input has changed (InputGuard::CheckUnchanged).
  absl::Status CheckInputsUnchanged() const;
  // Sets a function that is called when other ranks may find chunks to steal.
  void set_wake(std::function<void()> wake) { wake_ = std::move(wake); }
  // Returns true if the next shared assignment can be stolen from.
  bool can_share_more() const { return board_.has_free_slot(); }
  // Drops everything that has not been processed or sent.
  void Clear();
  bool is_idle() const { return queue_.empty(); }

  // Steals half of the unbegun chunks in one slot of another rank of the node. Returns false if no
  // slot is worth it, or after a failure, because the run is about to end. Precondition: idle.
  bool Steal();
  // Returns true if the last Steal skipped chunks because they were too short to be worth it. Steal
  // takes them if they are still there after kSmallStealDelay.
  bool has_skipped_small_steal() const { return skipped_since_.has_value(); }
  static constexpr std::chrono::microseconds kSmallStealDelay{100};

  // Returns an IdleMessage if assignments are done that no Results report, because other ranks
  // stole their last chunks.
  std::optional<std::string> ReportIdle();

  // Processes at least one chunk, unless other ranks have stolen all of them, and continues with
  // the next ones in the queue until `slice` has passed; a BatchSizer decides how often it reads
  // the clock. Appends the messages that became due: Results, ChunkCrash, or Failure, after which
  // the queue is empty. Precondition: not idle.
  void Step(std::chrono::nanoseconds slice, std::vector<std::string>* messages);

  // The board of this rank's node.
  const StealBoard& board() const { return board_; }
  StealBoard& board() { return board_; }

  // Totals since construction.
  Index chunks() const { return chunks_; }
  Index rows() const { return rows_; }
  double busy_seconds() const { return std::chrono::duration<double>(busy_).count(); }

 private:
  using Clock = std::chrono::steady_clock;
  struct Task {
    Assignment assignment;    // without a slot: only the chunks not yet taken
    std::optional<int> slot;  // set if the assignment is on the board
    bool is_stolen = false;
  };
  // The work that this rank has done for a job.
  struct Done {
    BatchSizer batch_sizer;
    // Handing chunks over to another process costs some microseconds, so batches are larger.
    BatchSizer isolated_batch_sizer{std::chrono::milliseconds(3), 4096};
    Index chunks = 0;
    Clock::duration busy{0};
  };

  // Returns true if this rank has the job and the chunks.
  bool Exists(const Assignment& assignment) const;
  // Takes the next chunks of the task, at most `most`.
  ChunkRange Take(Task& task, Index most);
  bool IsOver(const Task& task) const;
  void PopFront();
  void Hold(std::int32_t job, ChunkRange chunks);
  void SendBatch(std::vector<std::string>* messages);
  bool IsIsolated(const Assignment& assignment) const;
  void StartBatch(ChunkId first, Clock::time_point now);
  // Begins to process the chunks. Returns nothing if the run is over.
  std::optional<SandboxDone> Attempt(std::int32_t job, ChunkRange chunks, bool is_isolated);
  // Processes chunks of the first task and appends messages about failures and crashes. Returns
  // false if a chunk failed or the run is over; the queue is then empty.
  bool Process(ChunkRange chunks, Clock::time_point* now, std::vector<std::string>* messages);
  void Fail(ChunkId chunk, const absl::Status& status, std::vector<std::string>* messages);
  absl::Status ReadFailure() const {
    for (const auto& guard : input_guards_) MPAIO_RETURN_IF_ERROR(guard->ReadFailure());
    return absl::OkStatus();
  }

  std::vector<WorkerBase*> workers_;
  StealBoard board_;
  std::vector<Done> done_;  // by job
  std::deque<Task> queue_;
  // The batch being gathered: results of the first task in the queue, whose remaining chunks follow
  // them.
  std::string batch_;
  ChunkRange batch_chunks_;
  Clock::duration batch_busy_{0};
  Clock::time_point batch_start_;
  Index chunks_ = 0;
  Index rows_ = 0;
  Clock::duration busy_{0};
  Index assignments_done_ = 0;  // without stolen ones
  Index assignments_reported_ = 0;
  // True while the board shows that this rank holds chunks. Otherwise Clear does not write to the
  // board, because the destructor calls it and the board's memory may be gone by then.
  bool holds_ = false;
  bool has_failed_ = false;
  std::function<void()> wake_;
  InputGuardList input_guards_;
  std::unique_ptr<Sandbox> sandbox_;  // null if nothing is isolated
  std::optional<Clock::time_point> skipped_since_;
};

}  // namespace mpaio

#endif  // MPAIO_ORCHESTRATION_CHUNK_RUNNER_H_
