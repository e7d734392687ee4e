// SPDX-License-Identifier: Apache-2.0
#include "mpaio/orchestration/assigner.h"

#include <chrono>

#include "mpaio/base/status_macros.h"
#include "mpaio/orchestration/messages.h"
#include "mpaio/transport/transport.h"

namespace mpaio {
namespace {

// The most assignments of unknown cost that a worker may hold.
constexpr Index kMostUnknown = 2;
// A worker with this much work ahead need not be given more yet.
constexpr double kEnoughAheadSeconds = 0.001;
// If rank 0 only coordinates and a rank holds more work than this, the next assignment is sent when
// that work is done. Rank 0 receives messages within a millisecond, so the rank idles for less than
// 1 % of the time.
constexpr double kLongChunkSeconds = 0.100;

}  // namespace

Assigner::Assigner(RunState& run, LossRecovery& recovery, const std::vector<ChunkId>& frontier)
    : run_(run),
      recovery_(recovery),
      frontier_(frontier),
      all_share_(run.stats.allows_stealing && run.executor.num_nodes() == 1 &&
                 run.executor.orchestrator_works() && run.executor.control() != nullptr) {}

bool Assigner::WantsMore(int rank) const {
  const RankTable::Rank& entry = run_.ranks[rank];
  if (entry.is_lost || run_.executor.is_stopped(rank)) return false;
  const Index num_assigned = entry.num_assigned();
  if (num_assigned <= 0) return true;
  if (num_assigned >= run_.options.credits) return false;
  double ahead_seconds = 0;
  for (const Ledger::InFlight& one : run_.ledger.in_flight(rank)) {
    const double expected_seconds =
        run_.dispatcher.ExpectedSeconds(one.assignment.job, one.missing);
    // Chunks of unknown cost may be long, so other ranks, which are still idle, get the rest.
    if (expected_seconds == 0 && num_assigned >= kMostUnknown) return false;
    ahead_seconds += expected_seconds;
  }
  if (num_assigned == 1)
    return run_.executor.orchestrator_works() || ahead_seconds < kLongChunkSeconds;
  // A rank that has been silent for this long is in a long chunk, even if others have stolen the
  // rest of its work: it would not receive an assignment before the chunk ends.
  const double silent_seconds =
      std::chrono::duration<double>(run_.now - entry.last_received).count();
  return ahead_seconds < kEnoughAheadSeconds && silent_seconds < kEnoughAheadSeconds;
}

std::optional<Assignment> Assigner::NextFor(int rank) {
  if (std::optional<Assignment> retry = recovery_.NextRetry(rank)) return retry;
  return run_.dispatcher.Next(frontier_, run_.ProcessorOf(rank));
}

absl::StatusOr<bool> Assigner::AssignWork() {
  bool gave_any = false;
  for (bool gave = true; gave;) {
    gave = false;
    // Give each rank one assignment in turn, so that the first rank does not take the last one's
    // share.
    for (int rank = 1; rank < run_.ranks.size(); ++rank) {
      if (!WantsMore(rank)) continue;
      const bool is_idle = run_.ranks[rank].num_assigned() == 0;
      // The last chunks go to the ranks that become idle first.
      if (!is_idle && !run_.dispatcher.has_pending_over(run_.ranks.size())) continue;
      const std::optional<Assignment> assignment = NextFor(rank);
      // Continue with the other ranks: the pending chunks may be reserved for them.
      if (!assignment) {
        if (!is_idle) continue;
        MPAIO_ASSIGN_OR_RETURN(const bool has_copy, Speculate(rank));
        gave_any |= has_copy;
        continue;
      }
      MPAIO_RETURN_IF_ERROR(AssignTo(rank, *assignment));
      gave = gave_any = true;
    }
  }
  return gave_any;
}

absl::StatusOr<bool> Assigner::Speculate(int rank) {
  const std::vector<Assignment> copies = recovery_.CopiesOfSilentRank();
  for (const Assignment& copy : copies) MPAIO_RETURN_IF_ERROR(AssignTo(rank, copy));
  return !copies.empty();
}

absl::Status Assigner::AssignTo(int rank, const Assignment& assignment) {
  run_.ledger.Assign(rank, assignment, run_.now);
  run_.observers.OnAssigned(rank, assignment);
  run_.ranks.OnSent(rank, run_.now);
  return run_.executor.transport().Send(
      rank, EncodeMessage(AssignMessage{assignment, MayBeStolen(assignment)}));
}

void Assigner::AssignToRank0(const Assignment& assignment) {
  run_.ledger.Assign(0, assignment, run_.now);
  run_.observers.OnAssigned(0, assignment);
  run_.own_work.Enqueue(assignment, MayBeStolen(assignment));
}

bool Assigner::AssignOwnWork() {
  if (const std::optional<Assignment> assignment = NextFor(0)) {
    AssignToRank0(*assignment);
    ClaimTail();
    return true;
  }
  if (run_.own_work.Steal()) return true;
  const std::vector<Assignment> copies = recovery_.CopiesOfSilentRank();
  for (const Assignment& copy : copies) AssignToRank0(copy);
  return !copies.empty();
}

// Puts the last chunks on the board before rank 0 begins a chunk, because a rank that becomes idle
// during that chunk can steal them but cannot receive an assignment.
void Assigner::ClaimTail() {
  while (all_share_ && run_.own_work.can_share_more() &&
         !run_.dispatcher.has_pending_over(run_.ranks.size())) {
    const std::optional<Assignment> assignment =
        run_.dispatcher.Next(frontier_, run_.ProcessorOf(0));
    if (!assignment) return;
    AssignToRank0(*assignment);
  }
}

}  // namespace mpaio
