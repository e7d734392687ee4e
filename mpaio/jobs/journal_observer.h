// SPDX-License-Identifier: Apache-2.0

// Connects the journal with runs: one run is one pass of it.
#ifndef MPAIO_JOBS_JOURNAL_OBSERVER_H_
#define MPAIO_JOBS_JOURNAL_OBSERVER_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "mpaio/ledger/journal.h"
#include "mpaio/orchestration/resumed_results.h"
#include "mpaio/orchestration/run_observer.h"

namespace mpaio {

// Appends committed results to a journal, and hands them to the kernel every 10 ms and to the disk
// every 5 s. An error of the journal ends the run with its status. At the end of the run, records
// may still be buffered: call JournalWriter::Flush or Sync.
class JournalObserver final : public RunObserver {
 public:
  // `journal` must outlive this. The results get the number `pass`.
  JournalObserver(JournalWriter* journal, std::int32_t pass) : journal_(journal), pass_(pass) {}

  absl::Status OnPhase(RunPhase phase, const RunStats& stats) override;
  absl::Status OnCommitted(const CommittedResults& results) override;
  absl::Status OnRound(const RunStats& stats) override;

 private:
  JournalWriter* journal_;
  std::int32_t pass_;
  std::chrono::steady_clock::time_point last_sync_;
};

// The results that the journal of an earlier run has of one pass.
class JournalResults final : public ResumedResults {
 public:
  // `journal` must outlive this.
  JournalResults(const JournalReader* journal, std::int32_t pass);

  const std::vector<Range>& ranges() const override { return ranges_; }
  // Errors: those of JournalReader::Read.
  absl::StatusOr<std::string> Read(std::size_t i) const override;

 private:
  const JournalReader* journal_;
  std::vector<Range> ranges_;
  std::vector<std::size_t> entries_;  // by range: its place in journal_->entries()
};

}  // namespace mpaio

#endif  // MPAIO_JOBS_JOURNAL_OBSERVER_H_
