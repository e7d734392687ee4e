// SPDX-License-Identifier: Apache-2.0

// Gives the ranks chunks to process: who gets more, when, and which.
#ifndef MPAIO_ORCHESTRATION_ASSIGNER_H_
#define MPAIO_ORCHESTRATION_ASSIGNER_H_

#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "mpaio/base/index.h"
#include "mpaio/dispatch/assignment.h"
#include "mpaio/orchestration/loss_recovery.h"
#include "mpaio/orchestration/run_state.h"

namespace mpaio {

class Assigner {
 public:
  // `frontier` has the chunk that each job's delivery waits for.
  Assigner(RunState& run, LossRecovery& recovery, const std::vector<ChunkId>& frontier);

  // Gives work to the ranks other than 0 that want more. Returns true if any was given. Errors:
  // those of the transport, which is then broken.
  absl::StatusOr<bool> AssignWork();

  // Gives the idle rank 0 chunks to process, if necessary by stealing. Returns false if there are
  // none.
  bool AssignOwnWork();

 private:
  bool WantsMore(int rank) const;
  std::optional<Assignment> NextFor(int rank);
  absl::Status AssignTo(int rank, const Assignment& assignment);
  // Gives an idle rank a copy of an assignment of a rank that has been silent for long. Returns
  // false if there is none.
  absl::StatusOr<bool> Speculate(int rank);
  void AssignToRank0(const Assignment& assignment);
  // Retries and speculative copies are never stolen: they may kill the rank that runs them.
  bool MayBeStolen(const Assignment& assignment) const {
    return run_.stats.allows_stealing && assignment.attempt == 0;
  }
  void ClaimTail();

  RunState& run_;
  LossRecovery& recovery_;
  const std::vector<ChunkId>& frontier_;
  // Every rank may steal from every other one, rank 0 included.
  const bool all_share_;
};

}  // namespace mpaio

#endif  // MPAIO_ORCHESTRATION_ASSIGNER_H_
