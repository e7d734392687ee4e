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

// Its calls are collective over the pool's living ranks. Rank 0 exchanges a message with each rank,
// where MPI's collectives take log2(ranks) steps; but those wait for the dead. Used by one thread.
class RankConsensus {
 public:
  // `transport` is used for nothing else. `poll_lost_ranks`: called on rank 0 while it waits;
  // abandons dead ranks at the transport, after which `is_lost` is true for them.
  RankConsensus(std::unique_ptr<Transport> transport, std::function<void()> poll_lost_ranks,
                std::function<bool(int)> is_lost)
      : transport_(std::move(transport)),
        poll_lost_ranks_(std::move(poll_lost_ranks)),
        is_lost_(std::move(is_lost)) {}

  // Returns, on every rank, the status of the lowest rank that is not OK.
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
  // Returns rank 0's next message, which must be of this kind.
  absl::StatusOr<std::string> Receive(char kind);
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
