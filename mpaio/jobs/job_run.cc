// SPDX-License-Identifier: Apache-2.0
#include "mpaio/jobs/job_run.h"

#include <cstddef>
#include <utility>

#include "absl/strings/str_cat.h"
#include "mpaio/base/status_macros.h"
#include "mpaio/jobs/file_checks.h"
#include "mpaio/orchestration/worker_orchestrator.h"

namespace mpaio {

JobRun::JobRun(Executor& executor, std::vector<PlannedJob> plan, JobOptions options)
    : executor_(executor),
      plan_(std::move(plan)),
      options_(std::move(options)),
      inputs_(executor),
      outputs_(executor, plan_, !options_.journal_file.empty()),
      journal_(options_.journal_file, options_.resumes),
      jobs_(executor, plan_, inputs_, outputs_, options_) {}

void JobRun::EndStage(const std::string& name, Index bytes) {
  const auto now = std::chrono::steady_clock::now();
  stages_.push_back({name, std::chrono::duration<double>(now - stage_start_).count(), bytes});
  stage_start_ = now;
}

absl::Status JobRun::Open() {
  if (executor_.rank() != 0) return absl::OkStatus();
  for (RunExtension* extension : options_.extensions) MPAIO_RETURN_IF_ERROR(extension->Open());
  return absl::OkStatus();
}

absl::Status JobRun::OpenInputs() {
  for (const PlannedJob& planned : plan_) {
    for (const std::string& name : planned.InputNames()) {
      if (!inputs_.is_in_memory(name) || options_.journal_file.empty()) continue;
      return absl::InvalidArgumentError(
          absl::StrCat("worker ", planned.spec.worker, ": ", name,
                       " is in memory, so that another run cannot tell whether it is the same: "
                       "with a journal, give the name of a file"));
    }
    MPAIO_RETURN_IF_ERROR(inputs_.Open(planned.InputNames()));
  }
  return absl::OkStatus();
}

// Checks headers, which are small: 800 MB should not be read to find out that they hold strings.
absl::Status JobRun::CheckFiles() const {
  if (executor_.rank() == 0)
    MPAIO_RETURN_IF_ERROR(mpaio::CheckFiles(plan_, {.journal = options_.journal_file}));
  MPAIO_RETURN_IF_ERROR(jobs_.Check());
  if (executor_.rank() != 0) return absl::OkStatus();
  for (RunExtension* extension : options_.extensions) MPAIO_RETURN_IF_ERROR(extension->Check());
  return absl::OkStatus();
}

LoadPolicy JobRun::PolicyOf() const {
  LoadPolicy policy;
  policy.source = options_.source;
  policy.has_chunk_deadline = options_.chunk_deadline != absl::InfiniteDuration();
  for (const PlannedJob& planned : plan_) {
    if (!planned.info->needs_constant_input) continue;
    for (const std::string& name : planned.InputNames()) policy.constant_inputs.insert(name);
  }
  return policy;
}

absl::Status JobRun::CheckOptions() const {
  if (options_.resumes && options_.journal_file.empty())
    return absl::InvalidArgumentError("a run can only be resumed from a journal: give its file");
  if (options_.chunk_deadline != absl::InfiniteDuration() && !executor_.can_isolate()) {
    return absl::InvalidArgumentError(
        "a deadline of chunks ends the process that a chunk runs in, and the ranks of this pool "
        "are threads of one process: leave it unset, or use a pool of processes");
  }
  return absl::OkStatus();
}

absl::Status JobRun::AddArray(const std::string& name, const NdView& array) {
  if (state_ != State::kNew)
    return absl::FailedPreconditionError("an array must be added before Prepare");
  return inputs_.AddArray(name, array);
}

absl::Status JobRun::Prepare() {
  if (std::exchange(state_, State::kUsed) != State::kNew)
    return absl::FailedPreconditionError("a JobRun can be prepared once: make another one");
  MPAIO_RETURN_IF_ERROR(CheckOptions());
  MPAIO_RETURN_IF_ERROR(executor_.Agree(Open()));
  MPAIO_RETURN_IF_ERROR(OpenInputs());
  MPAIO_RETURN_IF_ERROR(executor_.Agree(CheckFiles()));
  int parallelism = executor_.size();
  MPAIO_RETURN_IF_ERROR(journal_.Open(executor_, plan_, options_.partition, &parallelism));
  EndStage("start");
  MPAIO_RETURN_IF_ERROR(inputs_.Load(PolicyOf()));
  EndStage("load", inputs_.copied_bytes());
  MPAIO_RETURN_IF_ERROR(jobs_.Make(parallelism));
  MPAIO_RETURN_IF_ERROR(executor_.Agree(executor_.rank() == 0 ? journal_.Begin(jobs_.ChunksPerJob())
                                                              : absl::OkStatus()));
  EndStage("prepare");
  state_ = State::kPrepared;
  return absl::OkStatus();
}

absl::Status JobRun::CheckInputs() {
  bool has_changed = false;
  absl::Status unchanged = inputs_.CheckUnchanged(is_broken(), &has_changed);
  if (has_changed) journal_.Empty();
  return unchanged;
}

absl::Status JobRun::Run() {
  if (std::exchange(state_, State::kUsed) != State::kPrepared) {
    return absl::FailedPreconditionError(
        "a JobRun runs once, after Prepare has succeeded: make another one");
  }
  absl::Status status;
  for (bool is_last = false; status.ok() && !is_last;) status = RunPass(&is_last);
  status.Update(quarantine_status_);
  if (has_begun_) {
    // A changed input takes precedence over every other error.
    const absl::Status unchanged = CheckInputs();
    if (!unchanged.ok()) status = unchanged;
  }
  return executor_.rank() == 0 && has_begun_ ? Save(std::move(status)) : status;
}

absl::Status JobRun::Save(absl::Status status) {
  status.Update(journal_.Sync());
  // Ranks lost outside of any run.
  for (LostRank& lost : executor_.PollLostRanks()) stats_.lost_ranks.push_back(std::move(lost));
  status = AnnotateStatus(status);
  EndStage("process", inputs_.size_bytes());
  for (RunExtension* extension : options_.extensions)
    status.Update(extension->EndPasses(num_passes_));
  const PassesEnd ended{status, was_cancelled_, num_passes_};
  absl::Status failure;
  outcomes_ = CollectOutcomes(plan_, jobs_, inputs_, stats_, ended, outputs_, &failure);
  status.Update(failure);
  status.Update(
      SaveOutcomes(plan_, jobs_, stats_, status, !options_.fail_fast, outputs_, &outcomes_));
  for (RunExtension* extension : options_.extensions) status.Update(extension->Finish(status));
  EndStage("save");
  return status;
}

absl::StatusOr<RunOptions> JobRun::OptionsOfPass() {
  RunOptions options;
  options.retries = options_.retries;
  options.chunk_deadline = options_.chunk_deadline;
  options.fail_fast = options_.fail_fast;
  options.speculates = options_.speculates;
  options.cancelled = &is_cancelled_;
  options.cancel_patience = absl::Milliseconds(500);
  if (executor_.rank() == 0) journal_.BeginPass(num_passes_, options);
  absl::Status status;
  if (executor_.rank() == 0) {
    for (RunExtension* extension : options_.extensions)
      status.Update(extension->BeginPass(num_passes_, jobs_.workers(), options));
  }
  MPAIO_RETURN_IF_ERROR(executor_.Agree(status));
  return options;
}

absl::Status JobRun::RunPass(bool* is_last) {
  MPAIO_ASSIGN_OR_RETURN(const RunOptions options, OptionsOfPass());
  WorkerOrchestrator orchestrator(executor_, jobs_.workers());
  MPAIO_ASSIGN_OR_RETURN(mpaio::Run run, orchestrator.Start(options));
  has_begun_ = true;
  const absl::Status ended = run.Wait();
  // A worker may return this status, too.
  was_cancelled_ = is_cancelled_.load() && ended.code() == absl::StatusCode::kCancelled;
  is_broken_ |= run.is_broken();
  if (executor_.rank() == 0) stats_.AddPass(run.stats());
  ++num_passes_;
  *is_last = true;
  // Ranks agree on whether there may be a further pass, because these functions are set alike on
  // all of them. A failed run, too, is over on every rank.
  if (is_broken() || !jobs_.may_continue()) return ended;
  MPAIO_ASSIGN_OR_RETURN(const bool continues, PrepareNextPass(ended, run.stats()));
  *is_last = !continues;
  return absl::OkStatus();
}

absl::StatusOr<bool> JobRun::PrepareNextPass(const absl::Status& ended, const RunStats& pass) {
  // Results from an input that has changed may lead to a wrong plan.
  MPAIO_RETURN_IF_ERROR(CheckInputs());
  // Rank 0 alone may have a further error after a run that went well otherwise. A quarantined chunk
  // does not affect other jobs.
  const bool only_quarantined = executor_.rank() == 0 && !pass.quarantined.empty() &&
                                ended.code() == absl::StatusCode::kAborted && !options_.fail_fast;
  MPAIO_RETURN_IF_ERROR(
      executor_.Agree(executor_.rank() == 0 && !only_quarantined ? ended : absl::OkStatus()));
  if (only_quarantined) quarantine_status_.Update(ended);
  return jobs_.BeginNextPass(stats_, &stats_.failed_job);
}

absl::Status JobRun::AnnotateStatus(const absl::Status& ended) const {
  if (ended.ok()) return ended;
  std::string text(ended.message());
  if (was_cancelled_ && ended.code() == absl::StatusCode::kCancelled) {
    Index done = 0, all = 0;
    for (const JobStats& job : stats_.jobs) {
      done += job.chunks_done;
      all += job.chunks;
    }
    text = absl::StrCat(options_.cancel_reason ? options_.cancel_reason() : "cancelled", ": ", done,
                        " of ", all, " chunks were processed");
  }
  return absl::Status(ended.code(), journal_.AnnotateMessage(text));
}

}  // namespace mpaio
