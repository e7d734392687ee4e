// SPDX-License-Identifier: Apache-2.0
#include "mpaio/jobs/journal_observer.h"

namespace mpaio {
namespace {
// How often the journal is synced to the disk, which rank 0 waits for.
constexpr std::chrono::seconds kSyncPeriod(5);
}  // namespace

absl::Status JournalObserver::OnPhase(RunPhase phase, const RunStats&) {
  if (phase == RunPhase::kStarted) last_sync_ = std::chrono::steady_clock::now();
  return absl::OkStatus();
}

absl::Status JournalObserver::OnCommitted(const CommittedResults& results) {
  return journal_->Append(pass_, results.job, results.chunks, results.encoded);
}

absl::Status JournalObserver::OnRound(const RunStats&) {
  const auto now = std::chrono::steady_clock::now();
  if (now - last_sync_ < kSyncPeriod) return journal_->Flush();
  last_sync_ = now;
  return journal_->Sync();
}

JournalResults::JournalResults(const JournalReader* journal, std::int32_t pass)
    : journal_(journal) {
  const std::vector<JournalEntry>& entries = journal->entries();
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (entries[i].pass != pass) continue;
    ranges_.push_back({entries[i].job, entries[i].chunks});
    entries_.push_back(i);
  }
}

absl::StatusOr<std::string> JournalResults::Read(std::size_t i) const {
  return journal_->Read(journal_->entries()[entries_[i]]);
}

}  // namespace mpaio
