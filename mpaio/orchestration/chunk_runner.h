// SPDX-License-Identifier: Apache-2.0

// Processes assignments, chunk by chunk, and gathers the results into messages. Worker ranks have
// one; rank 0 has one when it works too. Those of a node take from each other what they have not
// begun, by a StealBoard.
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
#include "mpaio/dispatch/assignment.h"
#include "mpaio/dispatch/steal_board.h"
#include "mpaio/executor/executor.h"
#include "mpaio/orchestration/batch_sizer.h"
#include "mpaio/orchestration/run_options.h"
#include "mpaio/worker/sandbox.h"
#include "mpaio/worker/worker.h"

namespace mpaio {

// The board of the executor's node for a run of these workers.
StealBoard BoardOf(Executor& executor, const std::vector<WorkerBase*>& workers);

// How many chunks each of the jobs has.
std::vector<Index> ChunksPerJob(const std::vector<WorkerBase*>& workers);

// Results are sent on when the assignment ends, when kBatchBytes have gathered, or when kBatchAge
// has passed since the last were: small ones travel together, and rank 0 hears of slow ones in
// time.
class ChunkRunner {
 public:
  static constexpr Index kBatchBytes = 32 << 10;
  static constexpr std::chrono::milliseconds kBatchAge{5};

  // What another rank offers is worth stealing if it takes so long: less costs as much to be sent
  // home on its own.
  static constexpr std::chrono::microseconds kLeastWorth{5};

  // `workers` by job; they must outlive this.
  explicit ChunkRunner(std::vector<WorkerBase*> workers, StealBoard board = {})
      : workers_(std::move(workers)), board_(std::move(board)), done_(workers_.size()) {}

  // From here on chunks of isolated workers, and chunks that are tried again, are processed in a
  // process of their own. `is_over`: see SandboxOptions; it may call Enqueue. Where it ends a Step,
  // no message says so.
  void Isolate(const RunOptions& options, std::function<bool()> is_over);
  ~ChunkRunner() { Clear(); }
  ChunkRunner(const ChunkRunner&) = delete;
  ChunkRunner& operator=(const ChunkRunner&) = delete;

  // With `is_shared`, idle ranks of the node may take of it.
  void Enqueue(const Assignment& assignment, bool is_shared = false);
  // See RunOptions::check_inputs.
  void set_check_inputs(std::function<absl::Status()> check_inputs) {
    check_inputs_ = std::move(check_inputs);
  }
  // What is called when others may find something to take.
  void set_wake(std::function<void()> wake) { wake_ = std::move(wake); }
  // Whether what is shared now can be taken by others.
  bool can_share_more() const { return board_.has_free_slot(); }
  // Drops what has not been processed.
  void Clear();
  bool is_idle() const { return queue_.empty(); }

  // Takes over half of what another rank of the node has not begun, if there is something worth it;
  // whether there was. Nothing after a failure, as the run is about to end. Precondition: idle.
  bool Steal();
  // The last Steal left something as not worth it. It is if it is still there when kPatience has
  // passed.
  bool has_left_something() const { return left_since_.has_value(); }
  static constexpr std::chrono::microseconds kPatience{100};

  // A message, if tasks are done of which no Results tell, since others took what was left of them.
  std::optional<std::string> ReportIdle();

  // Processes at least one chunk, if others have not taken what there was, and goes on to the next
  // ones of the queue until `slice` has passed; BatchSizer says how often it looks. Appends the
  // messages that became due: Results, or Failure, after which the queue is empty. Precondition:
  // not idle.
  void Step(std::chrono::nanoseconds slice, std::vector<std::string>* messages);

  // Of the node's ranks: see StealBoard.
  const StealBoard& board() const { return board_; }
  StealBoard& board() { return board_; }

  // What has been done so far.
  Index chunks() const { return chunks_; }
  Index rows() const { return rows_; }
  double busy_seconds() const { return std::chrono::duration<double>(busy_).count(); }

 private:
  using Clock = std::chrono::steady_clock;
  struct Task {
    Assignment assignment;    // its chunks are those not yet taken, where it is not on the board
    std::optional<int> slot;  // on the board
    bool is_stolen = false;
  };
  // What this rank has done of a job.
  struct Done {
    BatchSizer batch_sizer;
    // To hand chunks over to another process costs some microseconds.
    BatchSizer isolated_batch_sizer{std::chrono::milliseconds(3), 4096};
    Index chunks = 0;
    Clock::duration busy{0};
  };

  bool IsOurs(const Assignment& assignment) const;
  // The next chunks of the task, at most so many.
  ChunkRange Take(Task& task, Index most);
  bool IsOver(const Task& task) const;
  void PopFront();
  void Hold(std::int32_t job, ChunkRange chunks);
  void SendBatch(std::vector<std::string>* messages);
  bool IsIsolated(const Assignment& assignment) const;
  void StartBatch(ChunkId first, Clock::time_point now);
  // Processes the chunks, which are of the first task, and sends word of those that cannot be.
  // False where the run is over by that.
  bool Process(ChunkRange chunks, Clock::time_point* now, std::vector<std::string>* messages);
  void Fail(ChunkId chunk, const absl::Status& status, std::vector<std::string>* messages);

  std::vector<WorkerBase*> workers_;
  StealBoard board_;
  std::vector<Done> done_;  // by job
  std::deque<Task> queue_;
  // The batch being gathered: of the first task of the queue, of which what is left begins behind
  // it.
  std::string batch_;
  ChunkRange batch_chunks_;
  Clock::duration batch_busy_{0};
  Clock::time_point batch_start_;
  Index chunks_ = 0;
  Index rows_ = 0;
  Clock::duration busy_{0};
  Index tasks_done_ = 0;  // of those that were not stolen
  Index tasks_told_ = 0;
  // The board shows that this rank holds something: it may not be there any more when there is
  // nothing to take back.
  bool holds_ = false;
  bool has_failed_ = false;
  std::function<void()> wake_;
  std::function<absl::Status()> check_inputs_;
  std::unique_ptr<Sandbox> sandbox_;  // null: nothing is isolated
  std::optional<Clock::time_point> left_since_;
};

}  // namespace mpaio

#endif  // MPAIO_ORCHESTRATION_CHUNK_RUNNER_H_
