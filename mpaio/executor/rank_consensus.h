// SPDX-License-Identifier: Apache-2.0

// How the ranks of a pool come to agree, some of whom may have died: by messages to rank 0 and
// back.
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

// Its calls are collective over the pool's living ranks. Messages cost two hops where MPI's
// collectives take log2 of the ranks; but those wait for the dead. Used by one thread.
class RankConsensus {
 public:
  // `transport` carries nothing else. `look`: on rank 0, called while it waits; abandons the dead
  // at the transport, and says who they are by `is_lost`.
  RankConsensus(std::unique_ptr<Transport> transport, std::function<void()> look,
                std::function<bool(int)> is_lost)
      : transport_(std::move(transport)), look_(std::move(look)), is_lost_(std::move(is_lost)) {}

  // The status of the lowest rank that is not OK, on all.
  absl::Status Agree(const absl::Status& mine);
  // Rank 0's bytes on all.
  absl::Status Broadcast(std::string* bytes);

  // Whether a call has failed on this rank, which the others do not know: they may wait for it for
  // ever. Every call gives the same error from then on.
  bool is_broken() const { return !broken_.ok(); }

  Transport& transport() { return *transport_; }

 private:
  absl::Status TryAgree(const absl::Status& mine, absl::Status* agreed);
  absl::Status TryBroadcast(std::string* bytes);
  // What rank 0 says next.
  absl::StatusOr<std::string> Receive(char kind);
  absl::Status Send(char kind, absl::string_view bytes);

  std::unique_ptr<Transport> transport_;
  std::function<void()> look_;
  std::function<bool(int)> is_lost_;
  absl::Status broken_;
  std::deque<Message> early_;  // on rank 0: of the next call, from ranks that are there already
};

}  // namespace mpaio

#endif  // MPAIO_EXECUTOR_RANK_CONSENSUS_H_
