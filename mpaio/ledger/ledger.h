// SPDX-License-Identifier: Apache-2.0

// Rank 0's account of the chunks of a run: which are in flight, on which rank and since when, which
// are committed, and which were quarantined. The dispatcher keeps those that are pending. The
// ledger has one bit for each chunk (closed: committed or quarantined), and one entry for each
// assignment in flight and for each chunk that has failed.
#ifndef MPAIO_LEDGER_LEDGER_H_
#define MPAIO_LEDGER_LEDGER_H_

#include <chrono>
#include <deque>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "mpaio/base/index.h"
#include "mpaio/chunk/chunk_bits.h"
#include "mpaio/chunk/chunk_range.h"
#include "mpaio/dispatch/assignment.h"

namespace mpaio {

// A chunk is pending until it is assigned, in flight until its result arrives, and then committed.
// It commits once, even if its result arrives twice, and whichever rank processed it: ranks of a
// node steal chunks from each other. A chunk that fails belongs to no rank until its next attempt
// is assigned, or it is quarantined.
class Ledger {
 public:
  // An assignment, and the number of its chunks that are not committed, which is never 0.
  struct InFlight {
    Assignment assignment;
    Index missing = 0;
    std::chrono::steady_clock::time_point since;
    // Another rank has been given the same chunks.
    bool has_copy = false;
  };
  // Chunks that `rank` was seen to hold.
  struct Held {
    int rank = 0;
    Assignment chunks;
  };

  // Job j has chunks [0, chunks_per_job[j]); ranks are [0, ranks).
  Ledger(const std::vector<Index>& chunks_per_job, int ranks);

  // Records that `rank` was given `assignment` at `now`.
  void Assign(int rank, const Assignment& assignment,
              std::chrono::steady_clock::time_point now = std::chrono::steady_clock::now());

  // Commits `chunks`, whose results have arrived. Returns the parts that had not been committed
  // before, in order: usually only `chunks` itself; none if all results are repetitions.
  // Precondition: the chunks exist.
  std::vector<ChunkRange> Commit(int job, ChunkRange chunks);

  // Returns the rank's assignments that are in flight, oldest first.
  const std::deque<InFlight>& in_flight(int rank) const {
    return in_flight_[static_cast<std::size_t>(rank)];
  }

  // Takes back all assignments of `ranks`: some of the ranks are dead, and the others may have
  // stolen chunks from them. `held` has the chunks that the living ranks were seen to hold after
  // the deaths; these are recorded as assigned to their holders. Returns the chunks that are
  // neither committed nor held; the caller assigns them again.
  std::vector<Assignment> Withdraw(const std::vector<int>& ranks, const std::vector<Held>& held);

  // Returns the uncommitted parts of the oldest assignment of `rank` that has no copy yet, and
  // marks it as copied; the caller assigns them to another rank.
  std::vector<Assignment> Copy(int rank);

  // Records a failed attempt at the chunk, which then belongs to no rank. Returns the number of
  // failed attempts, or 0 if the chunk is committed or quarantined.
  int Fail(int job, ChunkId chunk);
  // Gives the chunk up: later results and failures of it are ignored.
  void Quarantine(int job, ChunkId chunk);
  bool is_quarantined(int job, ChunkId chunk) const {
    return quarantined_.count({job, chunk}) != 0;
  }

  bool is_committed(int job, ChunkId chunk) const {
    return closed_[static_cast<std::size_t>(job)].contains(chunk) && !is_quarantined(job, chunk);
  }
  Index num_chunks(int job) const { return closed_[static_cast<std::size_t>(job)].bound(); }

 private:
  // Counts `part` as no longer missing in the assignments of all ranks.
  void Settle(int job, ChunkRange part);
  void Revoke(int job, ChunkId chunk);

  std::vector<ChunkBits> closed_;  // by job: committed or quarantined
  std::map<std::pair<int, ChunkId>, int> failures_;
  std::set<std::pair<int, ChunkId>> quarantined_;
  std::vector<std::deque<InFlight>> in_flight_;  // by rank
};

}  // namespace mpaio

#endif  // MPAIO_LEDGER_LEDGER_H_
