// Processes assignments, chunk by chunk, and gathers the results into messages. Worker ranks have one; rank 0 has one when it works too.
#ifndef MPAIO_ORCHESTRATION_PERFORMER_H_
#define MPAIO_ORCHESTRATION_PERFORMER_H_

#include <chrono>
#include <deque>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "mpaio/base/index.h"
#include "mpaio/dispatch/assignment.h"
#include "mpaio/orchestration/pace.h"
#include "mpaio/worker/worker.h"

namespace mpaio {

// Results are sent on when the assignment ends, when kBatchBytes have gathered, or when kBatchAge has passed since the last were: small ones
// travel together, and rank 0 hears of slow ones in time.
class Performer {
 public:
  static constexpr Index kBatchBytes = 32 << 10;
  static constexpr std::chrono::milliseconds kBatchAge{5};

  // `workers` by job; they must outlive this.
  explicit Performer(std::vector<WorkerBase*> workers) : workers_(std::move(workers)), paces_(workers_.size()) {}

  void Enqueue(const Assignment& assignment) { queue_.push_back(assignment); }
  // Drops what has not been processed.
  void Clear();
  bool is_idle() const { return queue_.empty(); }

  // Processes at least one chunk, and goes on to the next ones of the queue until `slice` has passed; Pace says how often it looks. Appends the
  // messages that became due: Results, or Failure, after which the queue is empty. Precondition: not idle.
  void Step(std::chrono::nanoseconds slice, std::vector<std::string>* messages);

  // What has been done so far.
  Index chunks() const { return chunks_; }
  Index rows() const { return rows_; }
  double busy_seconds() const { return std::chrono::duration<double>(busy_).count(); }

 private:
  using Clock = std::chrono::steady_clock;
  void SendBatch(std::vector<std::string>* messages);
  void Fail(ChunkId chunk, const absl::Status& status, std::vector<std::string>* messages);

  std::vector<WorkerBase*> workers_;
  std::vector<Pace> paces_;  // by job
  std::deque<Assignment> queue_;
  // The batch being gathered: of the first assignment of the queue, whose `chunks` begin behind it.
  std::string batch_;
  ChunkRange batch_chunks_;
  Clock::duration batch_busy_{0};
  Clock::time_point batch_start_;
  Index chunks_ = 0;
  Index rows_ = 0;
  Clock::duration busy_{0};
};

}  // namespace mpaio

#endif  // MPAIO_ORCHESTRATION_PERFORMER_H_
