// SPDX-License-Identifier: Apache-2.0

// Rank 0's knowledge of the other ranks during a run.
#ifndef MPAIO_ORCHESTRATION_RANK_TABLE_H_
#define MPAIO_ORCHESTRATION_RANK_TABLE_H_

#include <chrono>
#include <cstddef>
#include <vector>

#include "mpaio/base/index.h"

namespace mpaio {

// Pure bookkeeping. Rank 0 has an entry too, which only its own work changes.
class RankTable {
 public:
  using Clock = std::chrono::steady_clock;

  struct Rank {
    // A rank may have less to do than it was given, because others stole chunks, or more, because
    // it stole theirs.
    Index assignments_sent = 0;
    Index assignments_done = 0;
    Clock::time_point last_received;
    bool has_finished = false;  // its SummaryMessage has arrived
    bool is_lost = false;       // its process is dead
    bool is_ended = false;      // terminated by rank 0 because it did not answer

    Index num_assigned() const { return assignments_sent - assignments_done; }
  };

  // Precondition: ranks >= 1.
  explicit RankTable(int ranks)
      : ranks_(static_cast<std::size_t>(ranks)), num_living_(ranks - 1), num_active_(ranks - 1) {}

  int size() const { return static_cast<int>(ranks_.size()); }
  const Rank& operator[](int rank) const { return ranks_[static_cast<std::size_t>(rank)]; }

  // Records that the rank was sent an assignment at `now`.
  void OnSent(int rank, Clock::time_point now) {
    Rank& entry = at(rank);
    // The silence of an idle rank says nothing.
    if (entry.num_assigned() == 0) entry.last_received = now;
    ++entry.assignments_sent;
  }
  // Records a message of the rank.
  void OnReceived(int rank, Clock::time_point now) { at(rank).last_received = now; }
  // Records a message of the rank that counts its completed assignments.
  void OnReceived(int rank, Index assignments_done, Clock::time_point now) {
    at(rank).assignments_done = assignments_done;
    at(rank).last_received = now;
  }
  // Records that the rank has stopped because the run is over. Precondition: rank > 0.
  void MarkFinished(int rank) {
    if (at(rank).has_finished) return;
    at(rank).has_finished = true;
    if (!at(rank).is_lost) --num_active_;
  }
  // Records that the rank is dead. Precondition: rank > 0.
  void MarkLost(int rank) {
    if (at(rank).is_lost) return;
    at(rank).is_lost = true;
    --num_living_;
    if (!at(rank).has_finished) --num_active_;
  }
  // Records that rank 0 has terminated the rank, whose death has not been reported yet.
  void MarkEnded(int rank) { at(rank).is_ended = true; }

  // The number of ranks other than 0 that are not lost.
  int num_living() const { return num_living_; }
  // The number of those that have not finished either.
  int num_active() const { return num_active_; }

 private:
  Rank& at(int rank) { return ranks_[static_cast<std::size_t>(rank)]; }

  std::vector<Rank> ranks_;
  int num_living_;
  int num_active_;
};

}  // namespace mpaio

#endif  // MPAIO_ORCHESTRATION_RANK_TABLE_H_
