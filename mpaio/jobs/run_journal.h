// SPDX-License-Identifier: Apache-2.0

// The journal of a JobRun: ties a journal file (mpaio/ledger/journal.h) to the jobs by their
// identity, and resumes a run from it.
#ifndef MPAIO_JOBS_RUN_JOURNAL_H_
#define MPAIO_JOBS_RUN_JOURNAL_H_

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "mpaio/base/index.h"
#include "mpaio/chunk/data_iterator.h"
#include "mpaio/executor/executor.h"
#include "mpaio/jobs/journal_observer.h"
#include "mpaio/jobs/plan.h"
#include "mpaio/jobs/run_identity.h"
#include "mpaio/ledger/journal.h"
#include "mpaio/orchestration/run_options.h"

namespace mpaio {

// Not thread-safe.
class RunJournal {
 public:
  // The journal is in `file`; none if that is empty. With `resumes`, the run continues from it.
  RunJournal(std::string file, bool resumes) : file_(std::move(file)), resumes_(resumes) {}

  // Collective. Determines the identity of the run, and on rank 0 reads the journal to resume from;
  // there may be none if that run was stopped before it began. `parallelism`, this run's number of
  // processes, becomes that of the original run. Errors, the same on every rank: those of
  // IdentityOf, JournalReader::Open, ParseIdentity and CheckSameRun.
  absl::Status Open(Executor& executor, const std::vector<PlannedJob>& plan, Partition partition,
                    int* parallelism);

  // On rank 0, once the jobs have been divided into chunks: creates the file, or continues it.
  // Errors: those of JournalWriter; FailedPrecondition if the original run had other chunks.
  absl::Status Begin(const std::vector<Index>& chunks_per_job);

  // On rank 0 after Begin: makes pass number `pass`, from 0, continue from the journal and write to
  // it. Valid until the next call; this must outlive the pass.
  void BeginPass(int pass, RunOptions& options);

  // On rank 0: writes everything to the disk. Errors: those of JournalWriter::Sync.
  absl::Status Sync();
  // On rank 0: empties the journal, because some of it may come from an input that has changed.
  void Empty();

  // Returns the message of a failed run with what the user should know of the journal.
  std::string AnnotateMessage(absl::string_view message) const;

 private:
  absl::Status OpenOnRank0(const std::vector<PlannedJob>& plan, Partition partition,
                           int* parallelism);

  std::string file_;
  bool resumes_;
  std::optional<RunIdentity> identity_;
  std::optional<JournalReader> resumed_;
  std::optional<JournalWriter> writer_;
  // For the present pass.
  std::optional<JournalObserver> observer_;
  std::optional<JournalResults> results_;
  std::string note_;  // for the message of a failed run
};

}  // namespace mpaio

#endif  // MPAIO_JOBS_RUN_JOURNAL_H_
