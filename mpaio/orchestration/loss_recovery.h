// SPDX-License-Identifier: Apache-2.0

// Decides what happens to the chunks of ranks that are dead or silent, and to chunks that have
// killed their process.
#ifndef MPAIO_ORCHESTRATION_LOSS_RECOVERY_H_
#define MPAIO_ORCHESTRATION_LOSS_RECOVERY_H_

#include <chrono>
#include <deque>
#include <optional>
#include <vector>

#include "mpaio/dispatch/assignment.h"
#include "mpaio/ledger/ledger.h"
#include "mpaio/orchestration/run_state.h"

namespace mpaio {

class LossRecovery {
 public:
  explicit LossRecovery(RunState& run) : run_(run) {}

  // Excludes a dead rank from everything that follows.
  void MarkLost(int rank);
  // Returns to the dispatcher the uncommitted chunks that were lost with a dead rank.
  void ReturnChunksOf(int dead);

  // Records that an attempt at a chunk, which exists, has failed on rank `from`. Queues a retry,
  // unless there have been too many. Returns the number of failed attempts if the chunk is to be
  // given up.
  std::optional<int> OnCrash(int from, int job, ChunkId chunk);
  // Returns a chunk to be retried on `rank`. A retry goes to another rank than the one where the
  // chunk failed, unless the others are dead or too busy to take it.
  std::optional<Assignment> NextRetry(int rank);

  // Returns copies of an assignment of a rank that has been silent for long, for an idle rank to
  // process; empty if there is none. Called when there is nothing else to give to the idle rank:
  // chunks that are still pending are reserved for other ranks, or cannot be assigned before some
  // results arrive.
  std::vector<Assignment> CopiesOfSilentRank();

  // Makes rank 0 process chunks, even if it normally only coordinates, when all others are silent.
  void EnableOrchestratorWork();

 private:
  using Clock = std::chrono::steady_clock;
  struct Retry {
    Assignment assignment;
    int not_on_rank;
    Clock::time_point since;
  };

  // Returns true if `rank` has assignments and may be stuck: it is stopped by a signal, or has been
  // silent for `times` the limit of SilenceSeconds.
  bool IsSilent(int rank, double times) const;
  // Returns how long a rank may be silent while it processes a chunk of the job.
  double SilenceSeconds(int job) const;
  // Returns true if a rank other than `rank` processes chunks.
  bool OthersWork(int rank) const;
  // Adds to `ranks` the living ranks that may have stolen chunks from `dead`, and to `held` the
  // chunks that they were seen to hold.
  void FindThieves(int dead, std::vector<int>* ranks, std::vector<Ledger::Held>* held) const;

  RunState& run_;
  std::deque<Retry> retries_;
};

}  // namespace mpaio

#endif  // MPAIO_ORCHESTRATION_LOSS_RECOVERY_H_
