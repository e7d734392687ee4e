// SPDX-License-Identifier: Apache-2.0

// What becomes of a run when ranks die, or are not heard of, and when chunks fail.
#include <algorithm>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "mpaio/orchestration/run_coordinator.h"

namespace mpaio {
namespace {

// How often rank 0 looks who has died, while it has something to do.
constexpr std::chrono::milliseconds kCountPeriod(1);
// A rank is taken for stuck when it has been silent for so long, and for as many times as long as
// its chunks take on average: not sooner, as copies of its chunks take cores from others, and not
// much later, as all wait for it.
constexpr std::chrono::milliseconds kLeastSilence(50);
constexpr double kSilentChunks = 3;
constexpr std::chrono::seconds kUnknownSilence(10);
// Rank 0 does not take cores from workers: it waits longer before it does their work.
constexpr double kOrchestratorWorkTimes = 10;
// How long the end of a run waits for ranks that are still in a chunk which another has done,
// before it ends them: those that are known to be stopped, and those that may merely be slow, as
// the machine is busy.
constexpr std::chrono::milliseconds kPatienceWithStopped(50);
constexpr std::chrono::seconds kLeastPatience(3);
// Where the run ends before its time: what they are in is then nobody else's.
constexpr std::chrono::seconds kLongPatience(10);

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
  if (last_look_ - last_count_ < kCountPeriod) return;
  last_count_ = last_look_;
  for (const LostRank& lost : executor_.PollLostRanks()) OnLost(lost);
}

void RunCoordinator::OnLost(const LostRank& lost) {
  // What it has said before counts.
  while (ReceiveMessages()) {
  }
  RankState& rank_state = ranks_[static_cast<std::size_t>(lost.rank)];
  const bool was_ended = rank_state.is_ended && !lost.host_is_silent;
  stats_.lost_ranks.push_back(
      {lost.rank, was_ended ? "did not answer, and was ended" : lost.cause, lost.host_is_silent});
  if (rank_state.is_lost || phase_ == Phase::kDone) return;
  MarkRankLost(lost.rank);
  if (rank_state.has_left) return;
  if (phase_ == Phase::kFinishing) {
    --summaries_missing_;
    return EndIfAllHaveStopped();
  }
  Recover(lost.rank);
}

void RunCoordinator::Recover(int dead) {
  // Ranks that share a board take from each other: what one was given may have died with the other.
  // What the living show there they have; of other nodes' boards nothing is known, so all that
  // their ranks have is processed once more.
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
    // It may be what has killed the rank: it is isolated next time. Later deaths of ranks are not
    // its doing, then.
    open.attempt = std::max(1, open.attempt);
    dispatcher_.Return(open);
  }
}

double RunCoordinator::SilenceSeconds(int job) const {
  const double chunk_seconds = dispatcher_.ExpectedSeconds(job, 1);
  // Nobody knows yet how long they take.
  if (chunk_seconds == 0) return std::chrono::duration<double>(kUnknownSilence).count();
  return std::max(std::chrono::duration<double>(kLeastSilence).count(),
                  kSilentChunks * chunk_seconds);
}

bool RunCoordinator::IsSilent(int rank, double times) const {
  if (ledger_.given(rank).empty()) return false;
  if (executor_.is_stopped(rank)) return true;
  const Ledger::InFlight& first = ledger_.given(rank).front();
  const Clock::time_point since =
      std::max(ranks_[static_cast<std::size_t>(rank)].heard, first.since);
  return std::chrono::duration<double>(last_look_ - since).count() >=
         times * SilenceSeconds(first.assignment.job);
}

bool RunCoordinator::Speculate(int rank) {
  // Where something is pending all the same, it is not for this rank, or may not be given out
  // before something else has come back.
  if (!options_.speculates) return false;
  for (int other = 0; other < executor_.size(); ++other) {
    // What rank 0 has, or this rank, though it has nothing to do, is in the hands of others, who
    // have taken it.
    if (ranks_[static_cast<std::size_t>(other)].is_lost ||
        (other == 0 && !own_work_.is_idle() && !is_in_step_) || !IsSilent(other, 1))
      continue;
    // Its share is for anybody from here on.
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
  // Or it is only that nobody has been given anything.
  rank_0_works_ = some_live && all_are_silent;
}

void RunCoordinator::EndStragglers() {
  const Clock::time_point now = Clock::now();
  if (now < stopped_patience_end_) return;
  for (int rank = 1; rank < executor_.size(); ++rank) {
    RankState& rank_state = ranks_[static_cast<std::size_t>(rank)];
    if (rank_state.is_lost || rank_state.has_left || rank_state.is_ended) continue;
    if (now >= patience_end_ || executor_.is_stopped(rank))
      rank_state.is_ended = executor_.TerminateRank(rank);
  }
  // It need not be looked at in every round.
  stopped_patience_end_ = now + kPatienceWithStopped;
}

void RunCoordinator::HandleCrash(int from, const ChunkCrash& crash) {
  if (crash.job < 0 || crash.job >= static_cast<int>(jobs_.size()) || crash.chunk < 0 ||
      crash.chunk >= ledger_.num_chunks(crash.job)) {
    return Finish(absl::InternalError(absl::StrCat(
        "rank ", from,
        " has failed at a chunk that there is not: all ranks must run the same program")));
  }
  ranks_[static_cast<std::size_t>(from)].heard = last_look_;
  const int attempts = ledger_.Fail(crash.job, crash.chunk);
  // Another was quicker, or it has been given up.
  if (attempts == 0) return;
  const std::string cause = absl::StrCat("on rank ", from, ": its process ", crash.cause);
  dispatcher_.Drop(crash.job, {crash.chunk, crash.chunk + 1});
  // One that another rank is at, too, may yet come to an end there.
  const bool has_copy = std::any_of(retries_.begin(), retries_.end(), [&](const Retry& retry) {
    return retry.assignment.job == crash.job && retry.assignment.chunks.begin == crash.chunk;
  });
  if (attempts > options_.retries) return Quarantine(crash, attempts, cause);
  if (has_copy) return;
  retries_.push_back({{crash.job, attempts, {crash.chunk, crash.chunk + 1}}, from, last_look_});
}

void RunCoordinator::Quarantine(const ChunkCrash& crash, int attempts, const std::string& cause) {
  const auto j = static_cast<std::size_t>(crash.job);
  const RowRange rows = jobs_[j].worker->data_iterator().chunk(crash.chunk);
  stats_.quarantined.push_back({crash.job, crash.chunk, rows, attempts, cause});
  if (stats_.failed_job < 0) stats_.failed_job = crash.job;
  ++stats_.jobs[j].chunks_quarantined;
  // Nothing that comes of it later counts.
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
  const Clock::duration least = AllAreDone() ? kLeastPatience : kLongPatience;
  return least + std::chrono::duration_cast<Clock::duration>(
                     std::chrono::duration<double>(kSilentChunks * chunk_seconds));
}

absl::Status RunCoordinator::HowItEnded() const {
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
  patience_end_ = now + FinishTimeout();
  stopped_patience_end_ = now + kPatienceWithStopped;
}

}  // namespace mpaio
