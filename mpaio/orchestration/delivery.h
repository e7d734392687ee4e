// SPDX-License-Identifier: Apache-2.0

// Holds results on rank 0 until their turn comes, and passes them to their workers' callbacks.
#ifndef MPAIO_ORCHESTRATION_DELIVERY_H_
#define MPAIO_ORCHESTRATION_DELIVERY_H_

#include <atomic>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "mpaio/base/index.h"
#include "mpaio/base/wire.h"
#include "mpaio/chunk/data_iterator.h"
#include "mpaio/dispatch/assignment.h"
#include "mpaio/orchestration/batch_sizer.h"
#include "mpaio/orchestration/messages.h"
#include "mpaio/orchestration/run_state.h"
#include "mpaio/result/reorder_buffer.h"

namespace mpaio {

// A result that has just been passed to its worker's callback.
struct DeliveredResult {
  int job = 0;
  Chunk chunk;
  // Valid until the next call to the run.
  absl::string_view encoded;
};

// Jobs take turns, one batch each: a batch is the results of consecutive chunks that arrived
// together.
class ResultDelivery {
 public:
  using Clock = std::chrono::steady_clock;

  // Why nothing more can be delivered.
  struct Failure {
    int job = -1;  // -1: `status` is not about a chunk
    ChunkId chunk = 0;
    absl::Status status;
  };

  explicit ResultDelivery(RunState& run);

  // Keeps the results of `part`, which are committed. `encoded` is the part of `results.encoded`
  // with them, and `message` the message that `results` was decoded from, or a copy. Errors: those
  // of ReorderBuffer::Insert.
  absl::Status Keep(const Results& results, ChunkRange part, absl::string_view encoded,
                    std::string message);
  // Does the same for a range of RunOptions::resumed, whose results are read when their turn comes.
  absl::Status KeepResumed(std::size_t range);
  // Goes on without a result of the chunk. Errors: those of ReorderBuffer::Skip.
  absl::Status Skip(int job, ChunkId chunk);

  // The chunk that each job's delivery waits for.
  const std::vector<ChunkId>& frontier() const { return frontier_; }

  // Delivers one result. Returns nothing if none is ready, or after a failure.
  std::optional<DeliveredResult> DeliverOne();

  // Delivers a part of a batch, as much as fits between two readings of the clock; stops early when
  // `is_cancelled` is set. Returns false if nothing is ready, or after a failure.
  bool DeliverSome(const std::atomic<bool>& is_cancelled);
  // Reads the clock before the first of several calls to DeliverSome.
  void StartClock() { clock_ = Clock::now(); }
  // The last reading.
  Clock::time_point clock() const { return clock_; }
  // Returns true if the last call to DeliverSome has ended a batch.
  bool has_ended_batch() const { return open_ && open_->chunks.size() == 0; }

  const std::optional<Failure>& failure() const { return failure_; }

 private:
  // The results of consecutive chunks: the received `message` from byte `offset` on.
  struct Held {
    std::string message;
    std::size_t offset = 0;
    std::optional<std::size_t> resumed_range = std::nullopt;  // `message` is yet to be read
  };
  // The batch that is being delivered.
  struct OpenBatch {
    int job;
    Held results;
    WireReader reader;
    ChunkRange chunks;  // still to be delivered
    Index held_bytes;
  };

  ReorderBuffer<Held>& held(int job) { return held_[static_cast<std::size_t>(job)]; }
  // Makes a batch with undelivered chunks the open one. Returns false if there is none.
  bool OpenBatchWithChunks();
  bool OpenNextBatch();
  // Counts chunks of the open batch as delivered.
  void OnDelivered(ChunkRange chunks);

  RunState& run_;
  std::vector<ReorderBuffer<Held>> held_;  // by job
  std::vector<ChunkId> frontier_;          // by job
  std::vector<BatchSizer> batch_sizers_;   // by job
  std::optional<OpenBatch> open_;
  int next_job_ = 0;
  Clock::time_point clock_;
  std::optional<Failure> failure_;
};

}  // namespace mpaio

#endif  // MPAIO_ORCHESTRATION_DELIVERY_H_
