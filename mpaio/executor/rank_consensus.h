// SPDX-License-Identifier: Apache-2.0

// Consensus among the ranks of a pool, some of which may have died: by messages to rank 0 and back.
#ifndef MPAIO_EXECUTOR_RANK_CONSENSUS_H_
#define MPAIO_EXECUTOR_RANK_CONSENSUS_H_

#include <deque>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "mpaio/transport/transport.h"

namespace mpaio {

// The calls are collective over the pool's living ranks. Rank 0 exchanges a message with each rank.
// MPI's collectives would take only log2(ranks) steps, but they wait for dead ranks. Used by one
// thread.
class RankConsensus {
 public:
  // `transport` is used for nothing else. Rank 0 calls `poll_lost_ranks` while it waits;
  // `poll_lost_ranks` abandons dead ranks at the transport, and `is_lost` is true for them
  // afterwards.
  RankConsensus(std::unique_ptr<Transport> transport, std::function<void()> poll_lost_ranks,
                std::function<bool(int)> is_lost)
      : transport_(std::move(transport)),
        poll_lost_ranks_(std::move(poll_lost_ranks)),
        is_lost_(std::move(is_lost)) {}

  // Returns OK if every rank passes OK; otherwise, on every rank, the status of the lowest rank
  // that does not.
  absl::Status Agree(const absl::Status& mine);
  // Copies rank 0's bytes to every rank.
  absl::Status Broadcast(std::string* bytes);

  // True if a call has failed on this rank without the other ranks knowing: they may wait for this
  // rank forever. Every later call returns the same error.
  bool is_broken() const { return !broken_.ok(); }

  Transport& transport() { return *transport_; }

 private:
  absl::Status TryAgree(const absl::Status& mine, absl::Status* agreed);
  absl::Status TryBroadcast(std::string* bytes);
  // On a rank other than 0: returns rank 0's next message, which must be of this kind.
  absl::StatusOr<std::string> Receive(char kind);
  // On rank 0: sends a message to all living ranks, and returns when it has left.
  absl::Status Send(char kind, absl::string_view bytes);

  std::unique_ptr<Transport> transport_;
  std::function<void()> poll_lost_ranks_;
  std::function<bool(int)> is_lost_;
  absl::Status broken_;
  // On rank 0: messages of the next call, from ranks that have reached it.
  std::deque<Message> early_;
};

}  // namespace mpaio

#endif  // MPAIO_EXECUTOR_RANK_CONSENSUS_H_
