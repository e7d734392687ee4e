// SPDX-License-Identifier: Apache-2.0

// Receives results in any order and delivers them in the order of their chunks.
//
// A *batch* is the results of the consecutive chunks [first, first + count) as one payload. The
// *frontier* is the first chunk that has been neither delivered nor skipped: all chunks below it
// are done. In order, a batch is delivered when it begins at the frontier; as completed, batches
// are delivered in the order of their arrival.
//
// Worked example, in order: batches [4, 6), [0, 2), [2, 4) arrive.
//
//     arrived    delivered             frontier   held
//     [4, 6)     -                     0          [4, 6)
//     [0, 2)     [0, 2)                2          [4, 6)
//     [2, 4)     [2, 4) then [4, 6)    6          -
//
// The buffer does not limit its memory, because only the caller knows which work to delay: the
// caller must limit held_bytes().
#ifndef MPAIO_RESULT_REORDER_BUFFER_H_
#define MPAIO_RESULT_REORDER_BUFFER_H_

#include <deque>
#include <map>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "mpaio/base/index.h"
#include "mpaio/base/status_macros.h"
#include "mpaio/chunk/chunk_set.h"

namespace mpaio {

// The order in which batches are delivered.
enum class Delivery {
  kInOrder,      // In the order of their chunks.
  kAsCompleted,  // In the order of their arrival.
};

// Adds the chunks [first, first + count) of a batch to `set`. On failure nothing changes.
//
// Errors:
//   InvalidArgument: first < 0, count < 1, or their sum overflows ChunkId.
//   AlreadyExists: one of the chunks is in the set.
absl::Status AddBatch(ChunkId first, Index count, ChunkSet* set);

template <typename T>
struct Batch {
  ChunkId first = 0;
  Index count = 0;
  T payload;
};

// Holds batches until they are due. Not thread-safe. `T` need only be movable.
template <typename T>
class ReorderBuffer {
 public:
  explicit ReorderBuffer(Delivery delivery) : delivery_(delivery) {}

  // Inserts the results of the chunks [first, first + count). `payload_bytes` >= 0 is their share
  // of held_bytes(). On failure `payload` is lost and nothing else changes.
  //
  // Errors:
  //   InvalidArgument: first < 0, count < 1, payload_bytes < 0, or first + count overflows ChunkId.
  //   AlreadyExists: one of the chunks is held, delivered or skipped already.
  absl::Status Insert(ChunkId first, Index count, T payload, Index payload_bytes) {
    if (payload_bytes < 0)
      return absl::InvalidArgumentError(
          "a batch of negative size; give the bytes that its results take");
    MPAIO_RETURN_IF_ERROR(AddBatch(first, count, &received_));
    if (delivery_ == Delivery::kAsCompleted) arrivals_.push_back(first);
    held_.emplace(first, Held{Batch<T>{first, count, std::move(payload)}, payload_bytes});
    held_bytes_ += payload_bytes;
    return absl::OkStatus();
  }

  // Declares that the chunks [first, first + count) will have no results, so that later chunks do
  // not wait for them.
  //
  // Errors: as for Insert.
  absl::Status Skip(ChunkId first, Index count) {
    MPAIO_RETURN_IF_ERROR(AddBatch(first, count, &received_));
    return AddBatch(first, count, &done_);
  }

  // Removes and returns the next batch to deliver; nullopt if it has not arrived.
  std::optional<Batch<T>> PopNext() {
    if (held_.empty()) return std::nullopt;
    const auto it =
        held_.find(delivery_ == Delivery::kInOrder ? done_.FirstAbsent() : arrivals_.front());
    if (it == held_.end()) return std::nullopt;
    if (delivery_ == Delivery::kAsCompleted) arrivals_.pop_front();
    std::optional<Batch<T>> batch(std::move(it->second.batch));
    held_bytes_ -= it->second.payload_bytes;
    held_.erase(it);
    // Cannot fail: received_ contains every chunk of done_ and of held_, and Insert refused
    // overlapping batches.
    done_.Add({batch->first, batch->first + batch->count});
    return batch;
  }

  Delivery delivery() const { return delivery_; }
  // The first chunk that has been neither delivered nor skipped.
  ChunkId frontier() const { return done_.FirstAbsent(); }
  // The total size of the batches that have been inserted and not yet removed.
  Index held_bytes() const { return held_bytes_; }

 private:
  struct Held {
    Batch<T> batch;
    Index payload_bytes;
  };

  Delivery delivery_;
  ChunkSet received_;  // Held, delivered or skipped.
  ChunkSet done_;      // Delivered or skipped.
  std::map<ChunkId, Held> held_;
  // The first chunks of the held batches in the order of arrival; kAsCompleted only.
  std::deque<ChunkId> arrivals_;
  Index held_bytes_ = 0;
};

}  // namespace mpaio

#endif  // MPAIO_RESULT_REORDER_BUFFER_H_
