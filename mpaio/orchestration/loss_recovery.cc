// SPDX-License-Identifier: Apache-2.0
#include "mpaio/orchestration/loss_recovery.h"

#include <algorithm>

namespace mpaio {
namespace {

// A rank counts as stuck after it has been silent for kLeastSilence, or for kSilentChunks times the
// mean duration of its job's chunks if that is longer. With a shorter limit, copies of its chunks
// would take cores from other ranks; with a longer one, all ranks would wait for it. While the
// duration is unknown, the limit is kUnknownSilence.
constexpr std::chrono::milliseconds kLeastSilence(50);
constexpr double kSilentChunks = 3;
constexpr std::chrono::seconds kUnknownSilence(10);
// A rank 0 that only coordinates waits this many times as long before it works, because it takes a
// core from the workers.
constexpr double kOrchestratorWorkTimes = 10;

}  // namespace

void LossRecovery::MarkLost(int rank) {
  Executor& executor = run_.executor;
  if (executor.node_of(rank) == executor.node()) {
    int node_rank = 0;
    for (int other = 0; other < rank; ++other)
      node_rank += executor.node_of(other) == executor.node() ? 1 : 0;
    run_.own_work.board().MarkDead(node_rank);
  }
  run_.ranks.MarkLost(rank);
  run_.dispatcher.Retire(run_.ProcessorOf(rank));
  if (run_.ranks.num_living() == 0) run_.rank_0_works = true;
}

// Rank 0 sees only the board of its own node, which shows the chunks that the living ranks hold; on
// another node, all uncommitted chunks of its ranks are processed again.
void LossRecovery::FindThieves(int dead, std::vector<int>* ranks,
                               std::vector<Ledger::Held>* held) const {
  const Executor& executor = run_.executor;
  const StealBoard& board = run_.own_work.board();
  int node_rank = 0;
  for (int rank = 0; rank < executor.size(); ++rank) {
    if (executor.node_of(rank) != executor.node_of(dead)) continue;
    const bool is_here = executor.node_of(rank) == executor.node() && board.is_usable();
    if (rank != dead && !run_.ranks[rank].is_lost && (is_here || rank != 0)) {
      ranks->push_back(rank);
      if (is_here) {
        for (const Assignment& one : board.HeldBy(node_rank)) held->push_back({rank, one});
      }
    }
    ++node_rank;
  }
}

void LossRecovery::ReturnChunksOf(int dead) {
  // Ranks that share a board steal from each other, so chunks that were given to one rank may be
  // lost with another.
  std::vector<int> ranks = {dead};
  std::vector<Ledger::Held> held;
  if (run_.stats.allows_stealing) FindThieves(dead, &ranks, &held);
  for (Assignment open : run_.ledger.Withdraw(ranks, held)) {
    // The chunk may have killed the rank. The next attempt is isolated, so that it cannot kill
    // another one.
    open.attempt = std::max(1, open.attempt);
    run_.dispatcher.Return(open);
  }
}

std::optional<int> LossRecovery::OnCrash(int from, int job, ChunkId chunk) {
  run_.ranks.OnReceived(from, run_.now);
  const int attempts = run_.ledger.Fail(job, chunk);
  // Another rank has completed the chunk, or the chunk is quarantined.
  if (attempts == 0) return std::nullopt;
  run_.dispatcher.Drop(job, {chunk, chunk + 1});
  if (attempts > run_.options.retries) return attempts;
  // A copy of the chunk may have crashed on another rank before, so a retry may be queued already.
  const bool is_queued = std::any_of(retries_.begin(), retries_.end(), [&](const Retry& retry) {
    return retry.assignment.job == job && retry.assignment.chunks.begin == chunk;
  });
  if (!is_queued) retries_.push_back({{job, attempts, {chunk, chunk + 1}}, from, run_.now});
  return std::nullopt;
}

std::optional<Assignment> LossRecovery::NextRetry(int rank) {
  // Drop retries of chunks that another rank has completed.
  const auto is_closed = [this](const Retry& retry) {
    const Assignment& one = retry.assignment;
    return run_.ledger.is_committed(one.job, one.chunks.begin) ||
           run_.ledger.is_quarantined(one.job, one.chunks.begin);
  };
  retries_.erase(std::remove_if(retries_.begin(), retries_.end(), is_closed), retries_.end());
  for (auto retry = retries_.begin(); retry != retries_.end(); ++retry) {
    const double waited_seconds = std::chrono::duration<double>(run_.now - retry->since).count();
    if (retry->not_on_rank == rank && OthersWork(rank) &&
        waited_seconds < SilenceSeconds(retry->assignment.job))
      continue;
    const Assignment assignment = retry->assignment;
    retries_.erase(retry);
    return assignment;
  }
  return std::nullopt;
}

std::vector<Assignment> LossRecovery::CopiesOfSilentRank() {
  if (!run_.options.speculates) return {};
  for (int other = 0; other < run_.ranks.size(); ++other) {
    // The idle rank itself and an idle rank 0 are included: other ranks have stolen the chunks of
    // their assignments in flight. Rank 0's own queue is copied only while rank 0 is stuck in a
    // step.
    if (run_.ranks[other].is_lost ||
        (other == 0 && !run_.own_work.is_idle() && !run_.own_work_is_in_step) ||
        !IsSilent(other, 1))
      continue;
    // From here on, chunks reserved for the silent rank may go to any rank.
    if (other > 0 && (run_.executor.is_stopped(other) || IsSilent(other, kOrchestratorWorkTimes)))
      run_.dispatcher.Retire(run_.ProcessorOf(other));
    std::vector<Assignment> copies = run_.ledger.Copy(other);
    for (Assignment& copy : copies) copy.attempt = std::max(1, copy.attempt);
    if (!copies.empty()) return copies;
  }
  return {};
}

void LossRecovery::EnableOrchestratorWork() {
  if (run_.rank_0_works || !run_.options.speculates) return;
  bool all_are_silent = true;
  for (int rank = 1; rank < run_.ranks.size() && all_are_silent; ++rank) {
    all_are_silent = run_.ranks[rank].is_lost || run_.executor.is_stopped(rank) ||
                     IsSilent(rank, kOrchestratorWorkTimes);
  }
  // Without a living rank, all_are_silent is vacuously true; MarkLost handles that case.
  run_.rank_0_works = all_are_silent && run_.ranks.num_living() > 0;
}

double LossRecovery::SilenceSeconds(int job) const {
  const double chunk_seconds = run_.dispatcher.ExpectedSeconds(job, 1);
  if (chunk_seconds == 0) return std::chrono::duration<double>(kUnknownSilence).count();
  return std::max(std::chrono::duration<double>(kLeastSilence).count(),
                  kSilentChunks * chunk_seconds);
}

bool LossRecovery::IsSilent(int rank, double times) const {
  if (run_.ledger.in_flight(rank).empty()) return false;
  if (run_.executor.is_stopped(rank)) return true;
  const Ledger::InFlight& first = run_.ledger.in_flight(rank).front();
  const Clock::time_point since = std::max(run_.ranks[rank].last_received, first.since);
  return std::chrono::duration<double>(run_.now - since).count() >=
         times * SilenceSeconds(first.assignment.job);
}

bool LossRecovery::OthersWork(int rank) const {
  for (int other = run_.rank_0_works ? 0 : 1; other < run_.ranks.size(); ++other) {
    if (other != rank && !run_.ranks[other].is_lost && !run_.executor.is_stopped(other))
      return true;
  }
  return false;
}

}  // namespace mpaio
