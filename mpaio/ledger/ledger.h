// SPDX-License-Identifier: Apache-2.0

// Rank 0's account of the chunks of a run: which are in flight, where and since when, which are
// committed, and which were given up. One bit for each chunk, and one entry for each assignment in
// flight and for each chunk that has failed.
#ifndef MPAIO_LEDGER_LEDGER_H_
#define MPAIO_LEDGER_LEDGER_H_

#include <chrono>
#include <deque>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "mpaio/base/index.h"
#include "mpaio/dispatch/assignment.h"
#include "mpaio/ledger/chunk_bits.h"

namespace mpaio {

// A chunk is pending until it is assigned, in flight until its result arrives, and then committed;
// it commits once, whatever arrives twice, and whoever processed it: ranks of a node take chunks
// from each other. If it fails it is in nobody's hands until it is assigned as the next attempt, or
// quarantined.
class Ledger {
 public:
  // An assignment, and how many of its chunks are not committed. Never 0.
  struct InFlight {
    Assignment assignment;
    Index missing = 0;
    std::chrono::steady_clock::time_point since;
    // Another rank has been given the same.
    bool has_copy = false;
  };
  // That `rank` was seen to hold these chunks.
  struct Held {
    int rank = 0;
    Assignment chunks;
  };

  // Job j has chunks [0, chunks_per_job[j]); ranks are [0, ranks).
  Ledger(const std::vector<Index>& chunks_per_job, int ranks);

  // `rank` was given `assignment`, `now`.
  void Assign(int rank, const Assignment& assignment,
              std::chrono::steady_clock::time_point now = std::chrono::steady_clock::now());

  // The results of `chunks` came. Returns the parts that had not been committed before, in order:
  // as a rule one, `chunks` itself; none where all is a repetition. Precondition: they are chunks
  // that there are.
  std::vector<ChunkRange> Commit(int job, ChunkRange chunks);

  // What a rank was given that is in flight, the oldest first.
  const std::deque<InFlight>& given(int rank) const {
    return given_[static_cast<std::size_t>(rank)];
  }

  // Some of `ranks`, which may have taken chunks from each other, are dead; `held` is what the
  // living of them were seen to hold since. Returns what they were given that is neither committed
  // nor held, to be assigned again; what is held is booked for those who hold it.
  std::vector<Assignment> Withdraw(const std::vector<int>& ranks, const std::vector<Held>& held);

  // What `rank` was given first and has not been given to another as well: the parts of it that are
  // not committed, for another to be assigned.
  std::vector<Assignment> Copy(int rank);

  // An attempt at the chunk has failed: it is in nobody's hands any more. Returns how many have, or
  // 0 if it is committed or quarantined.
  int Fail(int job, ChunkId chunk);
  // The chunk is given up: what comes of it later counts for nothing.
  void Quarantine(int job, ChunkId chunk);
  bool is_quarantined(int job, ChunkId chunk) const {
    return quarantined_.count({job, chunk}) != 0;
  }

  bool is_committed(int job, ChunkId chunk) const {
    return closed_[static_cast<std::size_t>(job)].contains(chunk) && !is_quarantined(job, chunk);
  }
  Index num_committed(int job) const;
  Index num_chunks(int job) const { return closed_[static_cast<std::size_t>(job)].bound(); }

 private:
  // Of what ranks were given, `part` is no longer missing.
  void Settle(int job, ChunkRange part);
  void Revoke(int job, ChunkId chunk);

  std::vector<ChunkBits> closed_;  // by job: committed or quarantined
  std::map<std::pair<int, ChunkId>, int> failures_;
  std::set<std::pair<int, ChunkId>> quarantined_;
  std::vector<std::deque<InFlight>> given_;  // by rank
};

}  // namespace mpaio

#endif  // MPAIO_LEDGER_LEDGER_H_
