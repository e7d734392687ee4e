// SPDX-License-Identifier: Apache-2.0
#include "mpaio/jobs/run_journal.h"

#include <cstddef>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "mpaio/base/status_macros.h"
#include "mpaio/base/wire.h"

namespace mpaio {

absl::Status RunJournal::OpenOnRank0(const std::vector<PlannedJob>& plan, Partition partition,
                                     int* parallelism) {
  MPAIO_ASSIGN_OR_RETURN(identity_, IdentityOf(plan, partition, *parallelism));
  if (!resumes_) return absl::OkStatus();
  absl::StatusOr<JournalReader> journal = JournalReader::Open(file_);
  // A run that was stopped before it began has left no journal, and begins now.
  if (journal.status().code() == absl::StatusCode::kNotFound) return absl::OkStatus();
  if (!journal.ok()) return journal.status();
  MPAIO_ASSIGN_OR_RETURN(const RunIdentity earlier, ParseIdentity(journal->identity()));
  MPAIO_RETURN_IF_ERROR(CheckSameRun(earlier, *identity_));
  identity_ = earlier;
  *parallelism = earlier.parallelism;
  resumed_ = *std::move(journal);
  return absl::OkStatus();
}

absl::Status RunJournal::Open(Executor& executor, const std::vector<PlannedJob>& plan,
                              Partition partition, int* parallelism) {
  if (file_.empty()) return absl::OkStatus();
  MPAIO_RETURN_IF_ERROR(executor.Agree(
      executor.rank() == 0 ? OpenOnRank0(plan, partition, parallelism) : absl::OkStatus()));
  std::string encoded;
  WireAppend(*parallelism, &encoded);
  MPAIO_RETURN_IF_ERROR(executor.Broadcast(&encoded));
  return WireReader(encoded).Read(parallelism)
             ? absl::OkStatus()
             : absl::InternalError("the parallelism that rank 0 broadcast was damaged in transit");
}

absl::Status RunJournal::Begin(const std::vector<Index>& chunks_per_job) {
  if (!identity_) return absl::OkStatus();
  RunIdentity now = *identity_;
  for (std::size_t j = 0; j < chunks_per_job.size(); ++j) now.jobs[j].chunks = chunks_per_job[j];
  if (resumed_) {
    MPAIO_RETURN_IF_ERROR(CheckSameRun(*identity_, now));
    MPAIO_ASSIGN_OR_RETURN(writer_, JournalWriter::Continue(file_, *resumed_));
    return absl::OkStatus();
  }
  MPAIO_ASSIGN_OR_RETURN(writer_, JournalWriter::Create(file_, IdentityText(now)));
  return absl::OkStatus();
}

void RunJournal::BeginPass(int pass, RunOptions& options) {
  if (resumed_) options.resumed = &results_.emplace(&*resumed_, pass);
  if (writer_) options.observers.push_back(&observer_.emplace(&*writer_, pass));
}

absl::Status RunJournal::Sync() { return writer_ ? writer_->Sync() : absl::OkStatus(); }

void RunJournal::Empty() {
  if (!writer_) return;
  const absl::Status emptied = writer_->Empty();
  writer_.reset();
  note_ = emptied.ok() ? absl::StrCat("; the journal ", file_,
                                      " was emptied, as some of it may come from the changed input")
                       : absl::StrCat("; remove the journal: ", emptied.message());
}

std::string RunJournal::AnnotateMessage(absl::string_view message) const {
  // An error of the journal mentions --resume itself.
  const bool may_go_on = writer_ && !absl::StrContains(message, "--resume");
  return absl::StrCat(
      message,
      may_go_on ? absl::StrCat("; what was done is in ", file_, ": go on with --resume") : "",
      note_);
}

}  // namespace mpaio
