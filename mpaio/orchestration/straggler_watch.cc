// SPDX-License-Identifier: Apache-2.0
#include "mpaio/orchestration/straggler_watch.h"

#include <algorithm>

namespace mpaio {
namespace {

// Ranks that are stopped by a signal are terminated at the next check; the others, which may only
// be slow because the machine is busy, after the timeout.
constexpr std::chrono::milliseconds kCheckPeriod(50);
constexpr std::chrono::seconds kTimeout(3);
// The timeout if the run ends early: no other rank has completed the chunks that they are in.
constexpr std::chrono::seconds kEarlyTimeout(10);
// The timeout is longer by this many chunks of average duration.
constexpr double kPatientChunks = 3;

}  // namespace

StragglerWatch::Clock::duration StragglerWatch::Patience(bool is_cancelled) const {
  if (is_cancelled)
    return absl::ToChronoNanoseconds(std::min(run_.options.cancel_patience, absl::Hours(24)));
  double chunk_seconds = 0;
  for (int job = 0; job < run_.num_jobs(); ++job)
    chunk_seconds = std::max(chunk_seconds, run_.dispatcher.ExpectedSeconds(job, 1));
  const Clock::duration least = run_.AllAreDelivered() ? kTimeout : kEarlyTimeout;
  return least + std::chrono::duration_cast<Clock::duration>(
                     std::chrono::duration<double>(kPatientChunks * chunk_seconds));
}

void StragglerWatch::Start(bool is_cancelled) {
  const Clock::time_point now = Clock::now();
  deadline_ = now + Patience(is_cancelled);
  next_check_ = now + kCheckPeriod;
}

void StragglerWatch::EndStragglers() {
  const Clock::time_point now = Clock::now();
  if (now < next_check_) return;
  for (int rank = 1; rank < run_.ranks.size(); ++rank) {
    const RankTable::Rank& entry = run_.ranks[rank];
    if (entry.is_lost || entry.has_finished || entry.is_ended) continue;
    if ((now >= deadline_ || run_.executor.is_stopped(rank)) && run_.executor.TerminateRank(rank))
      run_.ranks.MarkEnded(rank);
  }
  next_check_ = now + kCheckPeriod;
}

}  // namespace mpaio
