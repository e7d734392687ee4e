// SPDX-License-Identifier: Apache-2.0

// The part of RunCoordinator that handles dead and silent ranks and failed chunks.
#include <algorithm>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "mpaio/base/status_macros.h"
#include "mpaio/orchestration/run_coordinator.h"

namespace mpaio {
namespace {

// How often rank 0 checks for lost ranks while it is busy.
constexpr std::chrono::milliseconds kRankCheckPeriod(1);
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
// When a run ends, ranks may still be in a chunk that another rank has completed. Those stopped by
// a signal are terminated at the next check; the others, which may only be slow because the machine
// is busy, after the timeout.
constexpr std::chrono::milliseconds kStragglerCheckPeriod(50);
constexpr std::chrono::seconds kFinishTimeout(3);
// The timeout if the run ends early: no other rank has completed the chunks that they are in.
constexpr std::chrono::seconds kEarlyFinishTimeout(10);

}  // namespace

void RunCoordinator::MarkRankLost(int rank) {
  if (executor_.node_of(rank) == executor_.node()) {
    int node_rank = 0;
    for (int other = 0; other < rank; ++other)
      node_rank += executor_.node_of(other) == executor_.node() ? 1 : 0;
    own_work_.board().MarkDead(node_rank);
  }
  ranks_[static_cast<std::size_t>(rank)].is_lost = true;
  dispatcher_.Retire(ProcessorOf(rank));
  if (std::none_of(ranks_.begin() + 1, ranks_.end(),
                   [](const RankState& rank_state) { return !rank_state.is_lost; }))
    rank_0_works_ = true;
}

void RunCoordinator::UpdateRankStates() {
  if (now_ - last_rank_check_ < kRankCheckPeriod) return;
  last_rank_check_ = now_;
  for (const LostRank& lost : executor_.PollLostRanks()) OnLost(lost);
}

void RunCoordinator::OnLost(const LostRank& lost) {
  // The messages that the rank sent before its death still count.
  while (ReceiveMessages()) {
  }
  RankState& rank_state = ranks_[static_cast<std::size_t>(lost.rank)];
  const bool was_ended = rank_state.is_ended && !lost.host_is_silent;
  stats_.lost_ranks.push_back(
      {lost.rank, was_ended ? "did not answer, and was ended" : lost.cause, lost.host_is_silent});
  observers_.OnLost(stats_.lost_ranks.back());
  if (rank_state.is_lost || phase_ == Phase::kDone) return;
  MarkRankLost(lost.rank);
  if (rank_state.has_finished) return;
  if (phase_ == Phase::kFinishing) {
    --summaries_missing_;
    return EndIfAllHaveStopped();
  }
  Recover(lost.rank);
}

void RunCoordinator::Recover(int dead) {
  // Ranks that share a board steal from each other, so chunks that were given to one rank may be
  // lost with another. Rank 0 sees only the board of its own node, which shows the chunks that the
  // living ranks hold; on another node, all uncommitted chunks of its ranks are processed again.
  std::vector<int> ranks = {dead};
  std::vector<Ledger::Held> held;
  if (is_shared_) {
    StealBoard& board = own_work_.board();
    int node_rank = 0;
    for (int rank = 0; rank < executor_.size(); ++rank) {
      if (executor_.node_of(rank) != executor_.node_of(dead)) continue;
      const bool is_here = executor_.node_of(rank) == executor_.node() && board.is_usable();
      if (rank != dead && !ranks_[static_cast<std::size_t>(rank)].is_lost &&
          (is_here || rank != 0)) {
        ranks.push_back(rank);
        if (is_here) {
          for (const Assignment& one : board.HeldBy(node_rank)) held.push_back({rank, one});
        }
      }
      ++node_rank;
    }
  }
  for (Assignment open : ledger_.Withdraw(ranks, held)) {
    // The chunk may have killed the rank. The next attempt is isolated, so that it cannot kill
    // another one.
    open.attempt = std::max(1, open.attempt);
    dispatcher_.Return(open);
  }
}

double RunCoordinator::SilenceSeconds(int job) const {
  const double chunk_seconds = dispatcher_.ExpectedSeconds(job, 1);
  if (chunk_seconds == 0) return std::chrono::duration<double>(kUnknownSilence).count();
  return std::max(std::chrono::duration<double>(kLeastSilence).count(),
                  kSilentChunks * chunk_seconds);
}

bool RunCoordinator::IsSilent(int rank, double times) const {
  if (ledger_.given(rank).empty()) return false;
  if (executor_.is_stopped(rank)) return true;
  const Ledger::InFlight& first = ledger_.given(rank).front();
  const Clock::time_point since =
      std::max(ranks_[static_cast<std::size_t>(rank)].last_received, first.since);
  return std::chrono::duration<double>(now_ - since).count() >=
         times * SilenceSeconds(first.assignment.job);
}

bool RunCoordinator::Speculate(int rank) {
  if (!options_.speculates) return false;
  // There is nothing else to give to `rank`: chunks that are still pending are reserved for other
  // ranks, or cannot be assigned before some results arrive.
  for (int other = 0; other < executor_.size(); ++other) {
    // `rank` itself and an idle rank 0 are included: other ranks have stolen the chunks of their
    // assignments in flight. Rank 0's own queue is copied only while rank 0 is stuck in a step.
    if (ranks_[static_cast<std::size_t>(other)].is_lost ||
        (other == 0 && !own_work_.is_idle() && !is_in_step_) || !IsSilent(other, 1))
      continue;
    // From here on, chunks reserved for the silent rank may go to any rank.
    if (other > 0 && (executor_.is_stopped(other) || IsSilent(other, kOrchestratorWorkTimes)))
      dispatcher_.Retire(ProcessorOf(other));
    const std::vector<Assignment> copies = ledger_.Copy(other);
    for (Assignment copy : copies) {
      copy.attempt = std::max(1, copy.attempt);
      AssignTo(rank, copy);
    }
    if (!copies.empty()) return true;
  }
  return false;
}

void RunCoordinator::EnableOrchestratorWork() {
  if (rank_0_works_ || !options_.speculates) return;
  bool all_are_silent = true, some_live = false;
  for (int rank = 1; rank < executor_.size(); ++rank) {
    if (ranks_[static_cast<std::size_t>(rank)].is_lost) continue;
    some_live = true;
    all_are_silent &= executor_.is_stopped(rank) || IsSilent(rank, kOrchestratorWorkTimes);
  }
  // Without a living rank, all_are_silent is vacuously true; MarkRankLost handles that case.
  rank_0_works_ = some_live && all_are_silent;
}

void RunCoordinator::EndStragglers() {
  const Clock::time_point now = Clock::now();
  if (now < next_straggler_check_) return;
  for (int rank = 1; rank < executor_.size(); ++rank) {
    RankState& rank_state = ranks_[static_cast<std::size_t>(rank)];
    if (rank_state.is_lost || rank_state.has_finished || rank_state.is_ended) continue;
    if (now >= finish_deadline_ || executor_.is_stopped(rank))
      rank_state.is_ended = executor_.TerminateRank(rank);
  }
  next_straggler_check_ = now + kStragglerCheckPeriod;
}

void RunCoordinator::HandleCrash(int from, const ChunkCrash& crash) {
  if (crash.job < 0 || crash.job >= static_cast<int>(jobs_.size()) || crash.chunk < 0 ||
      crash.chunk >= ledger_.num_chunks(crash.job)) {
    return Finish(absl::InternalError(
        absl::StrCat("rank ", from, " reported a crash of chunk ", crash.chunk, " of job ",
                     crash.job, ", which does not exist: all ranks must run the same program")));
  }
  ranks_[static_cast<std::size_t>(from)].last_received = now_;
  const int attempts = ledger_.Fail(crash.job, crash.chunk);
  // Another rank has completed the chunk, or the chunk is quarantined.
  if (attempts == 0) return;
  const std::string cause = absl::StrCat("on rank ", from, ": its process ", crash.cause);
  dispatcher_.Drop(crash.job, {crash.chunk, crash.chunk + 1});
  // A copy of the chunk may have crashed on another rank before, so a retry may be queued already.
  const bool is_queued = std::any_of(retries_.begin(), retries_.end(), [&](const Retry& retry) {
    return retry.assignment.job == crash.job && retry.assignment.chunks.begin == crash.chunk;
  });
  if (attempts > options_.retries) return Quarantine(crash, attempts, cause);
  if (is_queued) return;
  retries_.push_back({{crash.job, attempts, {crash.chunk, crash.chunk + 1}}, from, now_});
}

void RunCoordinator::Quarantine(const ChunkCrash& crash, int attempts, const std::string& cause) {
  const auto j = static_cast<std::size_t>(crash.job);
  const RowRange rows = jobs_[j].worker->data_iterator().chunk(crash.chunk);
  stats_.quarantined.push_back({crash.job, crash.chunk, rows, attempts, cause});
  observers_.OnQuarantined(stats_.quarantined.back());
  if (stats_.failed_job < 0) stats_.failed_job = crash.job;
  ++stats_.jobs[j].chunks_quarantined;
  // Later results of the chunk do not count.
  ledger_.Quarantine(crash.job, crash.chunk);
  dispatcher_.Remove(crash.job, {crash.chunk, crash.chunk + 1});
  if (options_.fail_fast) {
    return Finish(absl::AbortedError(absl::StrCat(WhereIs(crash.job, crash.chunk), " failed in ",
                                                  attempts, " attempts, the last ", cause)));
  }
  const absl::Status skipped = jobs_[j].held.Skip(crash.chunk, 1);
  if (!skipped.ok()) return Finish(skipped);
  frontier_[j] = jobs_[j].held.frontier();
}

bool RunCoordinator::OthersWork(int rank) const {
  for (int other = rank_0_works_ ? 0 : 1; other < executor_.size(); ++other) {
    if (other != rank && !ranks_[static_cast<std::size_t>(other)].is_lost &&
        !executor_.is_stopped(other))
      return true;
  }
  return false;
}

RunCoordinator::Clock::duration RunCoordinator::FinishTimeout() const {
  if (is_cancelled_)
    return absl::ToChronoNanoseconds(std::min(options_.cancel_patience, absl::Hours(24)));
  double chunk_seconds = 0;
  for (std::size_t j = 0; j < jobs_.size(); ++j)
    chunk_seconds = std::max(chunk_seconds, dispatcher_.ExpectedSeconds(static_cast<int>(j), 1));
  const Clock::duration least = AllAreDone() ? kFinishTimeout : kEarlyFinishTimeout;
  return least + std::chrono::duration_cast<Clock::duration>(
                     std::chrono::duration<double>(kSilentChunks * chunk_seconds));
}

absl::Status RunCoordinator::HowItEnded() const {
  // A changed input takes precedence: quarantined chunks may be its consequence.
  MPAIO_RETURN_IF_ERROR(own_work_.CheckInputsUnchanged());
  if (stats_.quarantined.empty()) return absl::OkStatus();
  const QuarantinedChunk& first = stats_.quarantined.front();
  const std::size_t others = stats_.quarantined.size() - 1;
  return absl::AbortedError(absl::StrCat(
      WhereIs(first.job, first.chunk), " was given up after ", first.attempts,
      " attempts, the last ", first.cause,
      others == 0
          ? ""
          : absl::StrCat(" (and ", others, others == 1 ? " more chunk" : " more chunks", ")"),
      "; all other chunks were processed"));
}

void RunCoordinator::StartFinishTimeout() {
  const Clock::time_point now = Clock::now();
  finish_deadline_ = now + FinishTimeout();
  next_straggler_check_ = now + kStragglerCheckPeriod;
}

}  // namespace mpaio
