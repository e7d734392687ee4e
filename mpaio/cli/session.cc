// SPDX-License-Identifier: Apache-2.0
#include "mpaio/cli/session.h"

#include <string.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "mpaio/base/status_macros.h"
#include "mpaio/base/wire.h"
#include "mpaio/cli/stop_signals.h"
#include "mpaio/format/npy_writer.h"
#include "mpaio/host/memory_capacity.h"
#include "mpaio/host/text_file.h"
#include "mpaio/jobs/journal_observer.h"
#include "mpaio/telemetry/cpu_usage.h"
#include "mpaio/telemetry/progress_observer.h"
#include "mpaio/worker/codec.h"
#include "mpaio/worker/guard.h"

namespace mpaio {
namespace {

constexpr absl::string_view kSchedule = "the schedule";

// Further inputs are closed between reading their headers and loading them, because many systems
// limit a process to 1024 open files.
constexpr std::size_t kMostOpenInputs = 128;

absl::Status Prefixed(absl::string_view prefix, const absl::Status& status) {
  return status.ok() ? status
                     : absl::Status(status.code(), absl::StrCat(prefix, ": ", status.message()));
}

// Calls a registered worker's function; converts an exception to a status.
template <typename F>
std::invoke_result_t<F> Guarded(absl::string_view what, F&& function) {
  try {
    return std::forward<F>(function)();
  } catch (...) {
    return StatusOfCurrentException(what);
  }
}

// Takes the place of a worker whose job is done, while other jobs have further passes.
class FinishedWorker final : public WorkerBase {
 public:
  FinishedWorker() : WorkerBase(DataIterator::Create(NdView(), Partition::Auto()).value()) {}
  absl::Status CheckInput() const override { return absl::OkStatus(); }
  absl::Status ProcessChunk(const Chunk&, std::string*) const override { return absl::OkStatus(); }
  absl::Status DeliverChunk(const Chunk&, absl::string_view) override { return absl::OkStatus(); }
};

}  // namespace

void Session::EndStage(const std::string& name, Index bytes) {
  const auto now = std::chrono::steady_clock::now();
  const double seconds = std::chrono::duration<double>(now - stage_start_).count();
  stages_.push_back({name, seconds, bytes});
  stage_start_ = now;
}

absl::Status Session::ReadReplay() {
  if (executor_.rank() != 0 || flags_.replay_file.empty()) return absl::OkStatus();
  MPAIO_ASSIGN_OR_RETURN(const std::string text, ReadTextFile(flags_.replay_file, kSchedule));
  absl::StatusOr<std::vector<ScheduleRecord>> replay = ParseSchedules(text);
  if (!replay.ok()) return Prefixed(flags_.replay_file, replay.status());
  replay_ = *std::move(replay);
  return absl::OkStatus();
}

absl::Status Session::OpenJournal() {
  parallelism_ = executor_.size();
  if (flags_.journal_file.empty()) return absl::OkStatus();
  const auto open = [this]() -> absl::Status {
    MPAIO_ASSIGN_OR_RETURN(identity_, IdentityOf(plan_, flags_, parallelism_));
    if (!flags_.resumes) return absl::OkStatus();
    absl::StatusOr<JournalReader> journal = JournalReader::Open(flags_.journal_file);
    // A run that was stopped before it began has left no journal: this run creates one.
    if (journal.status().code() == absl::StatusCode::kNotFound) return absl::OkStatus();
    if (!journal.ok()) return journal.status();
    MPAIO_ASSIGN_OR_RETURN(const RunIdentity earlier, ParseIdentity(journal->identity()));
    MPAIO_RETURN_IF_ERROR(CheckSameRun(earlier, *identity_));
    identity_ = earlier;
    parallelism_ = earlier.parallelism;
    resumed_ = *std::move(journal);
    return absl::OkStatus();
  };
  MPAIO_RETURN_IF_ERROR(executor_.Agree(executor_.rank() == 0 ? open() : absl::OkStatus()));
  std::string parallelism;
  WireAppend(parallelism_, &parallelism);
  MPAIO_RETURN_IF_ERROR(executor_.Broadcast(&parallelism));
  return WireReader(parallelism).Read(&parallelism_)
             ? absl::OkStatus()
             : absl::InternalError("the parallelism that rank 0 broadcast was damaged in transit");
}

absl::Status Session::BeginJournal() {
  if (!identity_) return absl::OkStatus();
  RunIdentity now = *identity_;
  for (std::size_t j = 0; j < jobs_.size(); ++j)
    now.jobs[j].chunks = jobs_[j].worker->data_iterator().num_chunks();
  if (resumed_) {
    MPAIO_RETURN_IF_ERROR(CheckSameRun(*identity_, now));
    MPAIO_ASSIGN_OR_RETURN(journal_, JournalWriter::Continue(flags_.journal_file, *resumed_));
    return absl::OkStatus();
  }
  MPAIO_ASSIGN_OR_RETURN(journal_, JournalWriter::Create(flags_.journal_file, IdentityText(now)));
  return absl::OkStatus();
}

void Session::SetIsolation(std::size_t j) {
  const bool has_deadline = flags_.chunk_deadline != absl::InfiniteDuration();
  jobs_[j].worker->set_isolated(flags_.isolate == Isolate::kAlways || has_deadline ||
                                (flags_.isolate == Isolate::kAuto && plan_[j].info->is_isolated));
}

absl::Status Session::OpenInputs() {
  for (const PlannedJob& planned : plan_) {
    std::vector<std::string> names = {planned.line.input};
    for (const auto& [key, name] : planned.ExtraInputs()) names.push_back(name);
    for (const std::string& name : names) {
      if (files_.count(name) != 0) continue;
      MPAIO_ASSIGN_OR_RETURN(ArrayFile file, SharedArray::Open(executor_, name));
      files_.emplace(name, std::move(file));
      if (files_.size() > kMostOpenInputs) files_.at(name).CloseForNow();
    }
  }
  return absl::OkStatus();
}

// Checks the headers first, which are small: a large file should not be read only to find out that
// its elements have the wrong type.
absl::Status Session::CheckJobs() const {
  for (const PlannedJob& planned : plan_) {
    const std::string prefix = absl::StrCat("worker ", planned.line.worker);
    const ArrayFile& file = files_.at(planned.line.input);
    MPAIO_RETURN_IF_ERROR(Prefixed(absl::StrCat(prefix, ": ", planned.line.input),
                                   planned.info->CheckAccepts(file.dtype())));
    MPAIO_ASSIGN_OR_RETURN(const NdView input, NdView::Create(nullptr, file.dtype(), file.shape()));
    std::map<std::string, NdView> extra_inputs;
    for (const auto& [key, name] : planned.ExtraInputs()) {
      MPAIO_ASSIGN_OR_RETURN(extra_inputs[key], NdView::Create(nullptr, files_.at(name).dtype(),
                                                               files_.at(name).shape()));
    }
    const JobInputs inputs{input, planned.parameters, extra_inputs};
    if (planned.info->check) {
      MPAIO_RETURN_IF_ERROR(
          Prefixed(prefix, Guarded("check", [&] { return planned.info->check(inputs); })));
    }
    for (const auto& [key, file] : planned.Outputs()) {
      Index size_bytes = 0;
      if (key.empty() && planned.info->output) {
        const absl::StatusOr<OutputSpec> spec =
            Guarded("output", [&] { return planned.info->output(inputs); });
        if (!spec.ok()) return Prefixed(prefix, spec.status());
        MPAIO_ASSIGN_OR_RETURN(size_bytes, ArraySizeBytes(spec->dtype, spec->shape));
      }
      if (executor_.rank() == 0) MPAIO_RETURN_IF_ERROR(CheckOutput(file, size_bytes));
    }
  }
  if (executor_.rank() == 0 && !flags_.cpu_usage_file.empty()) {
    MPAIO_RETURN_IF_ERROR(WriteCpuUsageCsv(flags_.cpu_usage_file, CpuUsage()));
  }
  // These files are written at the end. Until then the old contents stay, which may be a schedule
  // to replay.
  for (const std::string& file : {flags_.record_file, flags_.results_file}) {
    if (executor_.rank() == 0 && !file.empty()) MPAIO_RETURN_IF_ERROR(CheckWritable(file, 0));
  }
  return absl::OkStatus();
}

absl::Status Session::CheckOutput(const std::string& output, Index size_bytes) const {
  bool is_in_place = false;
  MPAIO_RETURN_IF_ERROR(CheckWritable(output, size_bytes, &is_in_place));
  // Inputs stay mapped until the end, under a lease: writing to one in place would wait for it.
  const bool is_read = std::any_of(plan_.begin(), plan_.end(),
                                   [&](const PlannedJob& job) { return job.MayRead(output); });
  if (!is_in_place || !is_read) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(output,
                                                 " is an input, and can only be written in place, "
                                                 "because it is a mount point or its directory "
                                                 "cannot be written to; give another output"));
}

Source Session::SourceOf(const std::string& name) const {
  if (flags_.source == Source::kMap) return Source::kMap;
  for (const PlannedJob& planned : plan_) {
    if (!planned.info->needs_constant_input) continue;
    if (planned.line.input == name) return Source::kWindow;
    for (const auto& [key, other] : planned.ExtraInputs()) {
      if (other == name) return Source::kWindow;
    }
  }
  // The time to read a chunk's data must not count against the chunk's deadline.
  const bool at_once = flags_.chunk_deadline != absl::InfiniteDuration();
  if (flags_.source == Source::kWindow) return at_once ? Source::kWindow : Source::kOnDemand;
  return at_once ? Source::kMapOrWindow : Source::kAuto;
}

absl::Status Session::Load() {
  Index bytes = 0;
  const bool may_be_closed = files_.size() > kMostOpenInputs;
  for (auto& [name, file] : files_) {
    if (may_be_closed) MPAIO_RETURN_IF_ERROR(executor_.Agree(file.OpenAgain()));
    MPAIO_ASSIGN_OR_RETURN(SharedArray array, SharedArray::Load(executor_, file, SourceOf(name)));
    if (!array.needs_file()) bytes += array.view().size_bytes();
    inputs_.emplace(name, std::move(array));
    // The loaded array keeps open what it needs of the file.
    file = ArrayFile();
  }
  files_.clear();
  EndStage("load", bytes);
  return absl::OkStatus();
}

absl::Status Session::CheckInputs() {
  absl::Status first;
  bool needs_files = false, has_changed = false;
  for (const auto& [name, array] : inputs_) {
    if (!array.needs_file()) continue;
    needs_files = true;
    has_changed |= array.HasChanged();
    const absl::Status unchanged =
        is_broken_ ? array.CheckUnchanged() : executor_.Agree(array.CheckUnchanged());
    if (!unchanged.ok()) changed_inputs_.emplace(name, unchanged);
    first.Update(unchanged);
  }
  if (needs_files && !is_broken_)
    has_changed =
        !executor_.Agree(has_changed ? absl::DataLossError("changed") : absl::OkStatus()).ok();
  if (has_changed) EmptyJournal();
  return first;
}

void Session::EmptyJournal() {
  if (!journal_) return;
  const absl::Status emptied = journal_->Empty();
  journal_.reset();
  journal_note_ = emptied.ok()
                      ? absl::StrCat("; the journal ", flags_.journal_file,
                                     " was emptied, as some of it may come from the changed input")
                      : absl::StrCat("; remove the journal: ", emptied.message());
}

const absl::Status* Session::ChangedInputOf(const PlannedJob& planned) const {
  std::vector<std::string> names = {planned.line.input};
  for (const auto& [key, name] : planned.ExtraInputs()) names.push_back(name);
  for (const std::string& name : names) {
    if (const auto changed = changed_inputs_.find(name); changed != changed_inputs_.end())
      return &changed->second;
  }
  return nullptr;
}

absl::StatusOr<OutputArray> Session::Journaled(absl::StatusOr<OutputArray> array) const {
  if (array.ok() && !flags_.journal_file.empty()) array->set_rows_travel();
  return array;
}

absl::StatusOr<OutputArray> Session::CreateInFile(std::size_t j, const std::string& key,
                                                  DType dtype, std::vector<Index> shape) {
  const std::vector<std::pair<std::string, std::string>> outputs = plan_[j].Outputs();
  const auto output = std::find_if(outputs.begin(), outputs.end(),
                                   [&key](const auto& named) { return named.first == key; });
  if (output == outputs.end())
    return absl::FailedPreconditionError(absl::StrCat("no file was given for output '", key, "'"));
  MPAIO_ASSIGN_OR_RETURN(OutputArray array,
                         Journaled(OutputArray::CreateInFile(executor_, output->second,
                                                             std::move(dtype), std::move(shape))));
  if (executor_.rank() == 0) streamed_[{j, key}] = array.file();
  return array;
}

absl::Status Session::MakeJob(PlannedJob& planned) {
  const std::string prefix = absl::StrCat("worker ", planned.line.worker);
  const NdView& input = inputs_.at(planned.line.input).view();
  const auto divide = [this](const NdView& rows, DataIteratorOptions options) {
    options.parallelism = parallelism_;
    if (flags_.partition.kind() != Partition::Kind::kAuto) options.row_alignment = 1;
    return DataIterator::Create(rows, flags_.partition, options);
  };
  MPAIO_ASSIGN_OR_RETURN(DataIterator chunks, divide(input, {}));
  JobContext context{std::move(chunks), planned.parameters};
  context.divide = [divide](const NdView& rows) { return divide(rows, {}); };
  context.divide_with = divide;
  const std::size_t j = jobs_.size();
  context.allocate = [this](DType dtype, std::vector<Index> shape) {
    return Journaled(OutputArray::Create(executor_, std::move(dtype), std::move(shape)));
  };
  context.reserve = [this](DType dtype, std::vector<Index> shape) {
    return Journaled(OutputArray::Reserve(executor_, std::move(dtype), std::move(shape)));
  };
  context.create_output = [this, j](const std::string& key, DType dtype, std::vector<Index> shape) {
    return CreateInFile(j, key, std::move(dtype), std::move(shape));
  };
  context.saves_answer = !planned.line.output.empty();
  for (const auto& [key, name] : planned.ExtraInputs())
    context.extra_inputs.emplace(key, inputs_.at(name).view());
  if (planned.info->output) {
    absl::StatusOr<OutputSpec> spec =
        Guarded("output", [&] { return planned.info->output(context.inputs()); });
    MPAIO_RETURN_IF_ERROR(executor_.Agree(Prefixed(prefix, spec.status())));
    absl::StatusOr<OutputArray> output = absl::UnavailableError("it is gathered in memory");
    if (planned.info->streams_output) output = CreateInFile(j, "", spec->dtype, spec->shape);
    // Also gathered in memory if too many files are open to write it during the run.
    if (absl::IsUnavailable(output.status()))
      output = context.allocate(spec->dtype, std::move(spec->shape));
    MPAIO_ASSIGN_OR_RETURN(context.output, std::move(output));
  }
  absl::StatusOr<Job> job = Guarded("make", [&] { return planned.info->make(context); });
  if (job.ok() && job->worker == nullptr)
    job = absl::InternalError("make returned a job without a worker");
  MPAIO_RETURN_IF_ERROR(executor_.Agree(Prefixed(prefix, job.status())));
  job->worker->set_name(planned.line.worker);
  jobs_.push_back(*std::move(job));
  SetIsolation(jobs_.size() - 1);
  return absl::OkStatus();
}

absl::Status Session::CheckAnswers() const {
  // The check takes 0.1 ms, which is not worthwhile for smaller answers.
  constexpr Index kLeastBytes = Index{64} << 20;
  Index answers_bytes = 0;
  for (std::size_t j = 0; j < jobs_.size(); ++j) {
    // Both terms are at most half of kMaxArrayBytes, so the sum cannot overflow.
    answers_bytes = std::min(answers_bytes, kMaxArrayBytes / 2) +
                    std::min(jobs_[j].answer_bytes, kMaxArrayBytes / 2);
    if (answers_bytes < kLeastBytes) continue;
    const std::string what = absl::StrCat("worker ", plan_[j].line.worker, ": the answer",
                                          j == 0 ? "" : ", with those of the jobs before it,");
    MPAIO_RETURN_IF_ERROR(CheckOwnMemory(FindMemoryCapacity(""), answers_bytes, what));
  }
  return absl::OkStatus();
}

absl::Status Session::Prepare() {
  // Read before a file of the same name is overwritten.
  MPAIO_RETURN_IF_ERROR(executor_.Agree(ReadReplay()));
  MPAIO_RETURN_IF_ERROR(OpenInputs());
  MPAIO_RETURN_IF_ERROR(executor_.Agree(CheckJobs()));
  MPAIO_RETURN_IF_ERROR(OpenJournal());
  EndStage("start");
  MPAIO_RETURN_IF_ERROR(Load());
  for (PlannedJob& planned : plan_) MPAIO_RETURN_IF_ERROR(MakeJob(planned));
  MPAIO_RETURN_IF_ERROR(executor_.Agree(executor_.rank() == 0 ? CheckAnswers() : absl::OkStatus()));
  MPAIO_RETURN_IF_ERROR(executor_.Agree(BeginJournal()));
  EndStage("prepare");
  return absl::OkStatus();
}

Index Session::mapped_bytes() const {
  Index bytes = 0;
  for (const auto& [name, array] : inputs_)
    bytes += array.is_mapped() ? array.view().size_bytes() : 0;
  return bytes;
}

absl::Status Session::Run() {
  absl::Status status;
  for (bool is_last = false; status.ok() && !is_last;) status = RunPass(&is_last);
  status.Update(quarantine_status_);
  if (has_begun_) {
    // A changed input takes precedence over every other error.
    const absl::Status unchanged = CheckInputs();
    if (!unchanged.ok()) status = unchanged;
  }
  if (executor_.rank() != 0 || !has_begun_) return status;
  if (journal_) status.Update(journal_->Sync());
  // Ranks lost outside of any run.
  for (LostRank& lost : executor_.PollLostRanks()) stats_.lost_ranks.push_back(std::move(lost));
  status = AnnotateStatus(status);
  Index bytes = 0;
  for (const auto& [name, array] : inputs_) bytes += array.view().size_bytes();
  EndStage("process", bytes);
  if (pass_ < static_cast<int>(replay_.size())) {
    status.Update(absl::InvalidArgumentError(absl::StrCat(
        flags_.replay_file, " has the schedules of ", replay_.size(),
        " runs, and this command took ", pass_, ": replay it with the command that recorded it")));
  }
  status.Update(CollectResults(status));
  status.Update(SaveOutputs(status));
  if (!flags_.cpu_usage_file.empty())
    status.Update(WriteCpuUsageCsv(flags_.cpu_usage_file, cpu_usage_.usage()));
  if (!flags_.record_file.empty() && status.ok())
    status.Update(WriteTextFile(flags_.record_file, ScheduleText(recorder_.records()), kSchedule));
  EndStage("save");
  return status;
}

absl::Status Session::RunPass(bool* is_last) {
  std::vector<WorkerBase*> workers;
  for (const Job& job : jobs_) workers.push_back(job.worker.get());
  RunOptions options;
  options.policy = ComparisonPolicy(flags_.schedule);
  options.retries = flags_.retries;
  options.chunk_deadline = flags_.chunk_deadline;
  options.fail_fast = flags_.fail_fast;
  options.speculates = flags_.speculates;
  std::optional<JournalObserver> journal;
  if (journal_) options.observers.push_back(&journal.emplace(&*journal_, pass_));
  if (!flags_.record_file.empty()) options.observers.push_back(&recorder_);
  if (!flags_.cpu_usage_file.empty()) options.observers.push_back(&cpu_usage_);
  ProgressOptions progress_options;
  progress_options.mode = flags_.progress;
  progress_options.terminal = StderrIsTerminal();
  ProgressObserver progress(progress_options, [](absl::string_view text) {
    std::fwrite(text.data(), 1, text.size(), stderr);
  });
  options.observers.push_back(&progress);
  std::optional<JournalResults> resumed;
  if (resumed_) options.resumed = &resumed.emplace(&*resumed_, pass_);
  options.cancel_patience = absl::Milliseconds(500);
  if (!flags_.replay_file.empty()) {
    absl::Status status;
    if (executor_.rank() == 0) {
      if (pass_ < static_cast<int>(replay_.size())) {
        options.policy = ReplayPolicy(replay_[static_cast<std::size_t>(pass_)]);
      } else {
        status = absl::InvalidArgumentError(absl::StrCat(
            flags_.replay_file, " has the schedule of ", replay_.size(),
            replay_.size() == 1 ? " run" : " runs",
            ", and this command takes more: replay it with the command that recorded it"));
      }
    }
    MPAIO_RETURN_IF_ERROR(executor_.Agree(status));
  }
  WorkerOrchestrator orchestrator(executor_, std::move(workers));
  MPAIO_ASSIGN_OR_RETURN(mpaio::Run run, orchestrator.Start(options));
  has_begun_ = true;
  const absl::Status ended = executor_.rank() == 0 ? RunUntilDone(run) : run.Wait();
  is_broken_ = run.is_broken();
  if (executor_.rank() == 0) stats_.AddPass(run.stats());
  ++pass_;
  // All ranks come to the same result, because next_pass is set for the same jobs on all of them. A
  // failed run, too, is over on every rank.
  const bool may_continue = std::any_of(jobs_.begin(), jobs_.end(),
                                        [](const Job& job) { return job.next_pass != nullptr; });
  *is_last = true;
  if (is_broken_ || !may_continue) return ended;
  // Results from an input that has changed may lead to a wrong plan.
  MPAIO_RETURN_IF_ERROR(CheckInputs());
  // Rank 0 alone may have a further error after a run that went well otherwise. A quarantined chunk
  // does not affect other jobs.
  const bool only_quarantined = executor_.rank() == 0 && !run.stats().quarantined.empty() &&
                                ended.code() == absl::StatusCode::kAborted && !flags_.fail_fast;
  MPAIO_RETURN_IF_ERROR(
      executor_.Agree(executor_.rank() == 0 && !only_quarantined ? ended : absl::OkStatus()));
  if (only_quarantined) quarantine_status_.Update(ended);
  MPAIO_ASSIGN_OR_RETURN(const bool continues, BeginNextPass());
  *is_last = !continues;
  return absl::OkStatus();
}

// Rank 0 broadcasts its plan for each job, or nullopt if the job has no further pass.
absl::StatusOr<bool> Session::BeginNextPass() {
  std::vector<std::optional<std::string>> plans(jobs_.size());
  absl::Status planned;
  for (std::size_t j = 0; j < jobs_.size() && executor_.rank() == 0; ++j) {
    if (stats_.jobs[j].chunks_quarantined > 0)
      jobs_[j].next_pass = nullptr;  // The plan would lack their results.
    if (!jobs_[j].next_pass) continue;
    absl::StatusOr<std::optional<NextPass>> next =
        Guarded("next_pass", [&] { return jobs_[j].next_pass(); });
    if (!next.ok()) {
      if (planned.ok()) stats_.failed_job = static_cast<int>(j);
      planned.Update(
          Prefixed(absl::StrCat("job ", j, " (", plan_[j].line.worker, ")"), next.status()));
    } else if (next->has_value()) {
      plans[j] = std::move((*next)->plan);
    } else {
      jobs_[j].next_pass = nullptr;  // It is done, whatever happens to the others.
    }
  }
  MPAIO_RETURN_IF_ERROR(executor_.Agree(planned));
  std::string encoded;
  Codec<std::vector<std::optional<std::string>>>::Encode(plans, &encoded);
  MPAIO_RETURN_IF_ERROR(executor_.Broadcast(&encoded));
  MPAIO_ASSIGN_OR_RETURN(plans, DecodeResult<std::vector<std::optional<std::string>>>(encoded));

  bool continues = false;
  for (std::size_t j = 0; j < jobs_.size(); ++j) {
    if (!plans[j].has_value()) {
      // The answer stays in the old worker, to which Job::result and the like refer; the job itself
      // continues without chunks.
      finished_.push_back(std::move(jobs_[j].worker));
      jobs_[j].worker = std::make_unique<FinishedWorker>();
      jobs_[j].next_pass = nullptr;
    } else {
      continues = true;
      auto worker = Guarded("begin_pass", [&] { return jobs_[j].begin_pass(*plans[j]); });
      if (worker.ok() && *worker == nullptr)
        worker = absl::InternalError("begin_pass returned no worker");
      MPAIO_RETURN_IF_ERROR(executor_.Agree(
          Prefixed(absl::StrCat("worker ", plan_[j].line.worker), worker.status())));
      finished_.push_back(std::exchange(jobs_[j].worker, *std::move(worker)));
    }
    jobs_[j].worker->set_name(plan_[j].line.worker);
    SetIsolation(j);
  }
  return continues;
}

absl::Status Session::RunUntilDone(mpaio::Run& run) {
  StopSignals::set_run(&run);
  // The signal may have arrived before set_run.
  if (StopSignals::received() != 0) run.Cancel();
  const absl::Status ended = run.Wait();
  StopSignals::set_run(nullptr);
  if (ended.code() == absl::StatusCode::kCancelled) stop_signal_ = StopSignals::received();
  return ended;
}

absl::Status Session::AnnotateStatus(const absl::Status& ended) const {
  if (ended.ok()) return ended;
  std::string text(ended.message());
  if (stop_signal_ != 0 && ended.code() == absl::StatusCode::kCancelled) {
    Index done = 0, all = 0;
    for (const JobStats& job : stats_.jobs) {
      done += job.chunks_done;
      all += job.chunks;
    }
    text = absl::StrCat("stopped by signal ", stop_signal_, " (SIG", sigabbrev_np(stop_signal_),
                        "): ", done, " of ", all, " chunks were processed");
  }
  // An error of the journal mentions --resume itself.
  if (journal_ && !absl::StrContains(text, "--resume"))
    absl::StrAppend(&text, "; what was done is in ", flags_.journal_file, ": go on with --resume");
  return absl::Status(ended.code(), absl::StrCat(text, journal_note_));
}

absl::Status Session::CollectResults(const absl::Status& ended) {
  absl::Status first_failure;
  for (std::size_t j = 0; j < jobs_.size(); ++j) {
    const JobStats& job = stats_.jobs[j];
    JobResult result{plan_[j].line.worker, plan_[j].line.input, "ok", nullptr, job.rows,
                     job.chunks,           job.seconds};
    const absl::Status* const changed = ChangedInputOf(plan_[j]);
    if (changed != nullptr) {
      result.status = std::string(changed->message());
      // A job with a further pass is not done, though its chunks are.
    } else if (job.chunks_delivered == job.chunks && (ended.ok() || !jobs_[j].next_pass)) {
      absl::StatusOr<nlohmann::ordered_json> answer =
          Guarded(jobs_[j].array ? "array" : "result", [&] { return Answer(j); });
      // The answer may have been computed from an input, too.
      for (const auto& [name, array] : inputs_) {
        if (const absl::Status failure = array.ReadFailure(); answer.ok() && !failure.ok())
          answer = failure;
      }
      if (answer.ok()) {
        result.result = *std::move(answer);
      } else {
        const absl::Status named =
            Prefixed(absl::StrCat("job ", j, " (", plan_[j].line.worker, ")"), answer.status());
        result.status = std::string(named.message());
        first_failure.Update(named);
      }
    } else if (job.chunks_quarantined > 0) {
      result.status = absl::StrCat(job.chunks_quarantined, " of ", job.chunks, " chunks ",
                                   job.chunks_quarantined == 1 ? "was" : "were", " quarantined");
      for (const QuarantinedChunk& chunk : stats_.quarantined) {
        if (chunk.job == static_cast<int>(j)) result.quarantined.push_back(chunk);
      }
      std::sort(result.quarantined.begin(), result.quarantined.end(),
                [](const auto& a, const auto& b) { return a.chunk < b.chunk; });
    } else {
      if (stop_signal_ != 0) result.partial = PartialResult(j);
      result.status = stats_.failed_job == static_cast<int>(j)
                          ? std::string(ended.message())
                          : absl::StrCat("not finished: ", ended.message());
    }
    results_.push_back(std::move(result));
  }
  return first_failure;
}

std::optional<JobResult::Partial> Session::PartialResult(std::size_t j) {
  // Callbacks have received exactly the first chunks, in order. Answers that are arrays may contain
  // more or fewer rows, and a pass before the last has no answer.
  const JobStats& job = stats_.jobs[j];
  if (!jobs_[j].result || jobs_[j].array || jobs_[j].next_pass || pass_ != 1 ||
      job.chunks_delivered == 0)
    return std::nullopt;
  absl::StatusOr<nlohmann::ordered_json> answer =
      Guarded("result", [&] { return jobs_[j].result(); });
  if (!answer.ok()) return std::nullopt;
  return JobResult::Partial{jobs_[j].worker->data_iterator().chunks(0, job.chunks_delivered).end,
                            *std::move(answer)};
}

absl::StatusOr<AnswerArray> Session::ArrayOf(std::size_t j, const std::string& key) {
  if (key.empty()) return jobs_[j].array();
  const auto named = jobs_[j].extra_outputs.find(key);
  if (named == jobs_[j].extra_outputs.end())
    return absl::InternalError(absl::StrCat("the worker has no Job::extra_outputs for ", key, "="));
  return named->second();
}

absl::StatusOr<nlohmann::ordered_json> Session::Answer(std::size_t j) {
  const Job& job = jobs_[j];
  bool saves_answer = false;
  const std::vector<std::pair<std::string, std::string>> outputs = plan_[j].Outputs();
  for (const auto& [key, file] : outputs) {
    if (key.empty() && !job.array) continue;  // The job itself writes it (Job::output).
    saves_answer |= key.empty();
    if (streamed_.count({j, key}) != 0) continue;
    MPAIO_ASSIGN_OR_RETURN(AnswerArray array, ArrayOf(j, key));
    arrays_[{j, key}] = std::move(array);
  }
  if (job.summary && !outputs.empty()) return job.summary();
  if (!saves_answer) {
    if (job.result) return job.result();
    MPAIO_ASSIGN_OR_RETURN(const AnswerArray array, job.array());
    return ToJson(array.view());
  }
  const auto array = arrays_.find({j, ""});
  if (array == arrays_.end())
    return absl::InternalError("the worker has written OUTPUT itself, and has no Job::summary");
  nlohmann::ordered_json summary = {{"dtype", array->second.dtype().ToString()},
                                    {"shape", array->second.shape()}};
  if (job.array_summary) {
    MPAIO_ASSIGN_OR_RETURN(const nlohmann::ordered_json extra, job.array_summary());
    summary.update(extra);
  }
  return summary;
}

NdView Session::OutputView(std::size_t j, const std::string& key) {
  const auto array = arrays_.find({j, key});
  return array == arrays_.end() ? jobs_[j].output() : array->second.view();
}

absl::StatusOr<std::shared_ptr<NpyFile>> Session::WrittenOutput(std::size_t j,
                                                                const std::string& key,
                                                                const std::string& path) {
  std::shared_ptr<NpyFile> file;
  if (const auto streamed = streamed_.find({j, key}); streamed != streamed_.end()) {
    file = streamed->second;
  } else {
    MPAIO_ASSIGN_OR_RETURN(NpyFile written, WriteUncommitted(path, OutputView(j, key)));
    file = std::make_shared<NpyFile>(std::move(written));
  }
  MPAIO_RETURN_IF_ERROR(file->Flush());
  return file;
}

absl::Status Session::SaveOutputsOf(std::size_t j) {
  const std::vector<std::pair<std::string, std::string>> outputs = plan_[j].Outputs();
  std::vector<std::shared_ptr<NpyFile>> files;
  absl::Status failure;
  for (const auto& [key, path] : outputs) {
    absl::StatusOr<std::shared_ptr<NpyFile>> file =
        Guarded("output", [&, &key = key, &path = path] { return WrittenOutput(j, key, path); });
    if (file.ok()) {
      files.push_back(*std::move(file));
    } else {
      failure.Update(file.status());
    }
  }
  if (!failure.ok()) {
    // No file has its name yet. Hours of work may be in them, so they are kept.
    for (const auto& [key, path] : outputs) {
      const auto streamed = streamed_.find({j, key});
      failure = CallGuarded("output", [&, &key = key, &path = path] {
        return streamed != streamed_.end() ? streamed->second->Keep(failure)
                                           : KeepNpy(path, OutputView(j, key), failure);
      });
    }
    return failure;
  }
  for (const std::shared_ptr<NpyFile>& file : files) failure.Update(file->Commit());
  return failure;
}

// Saves all or none: which jobs are done when one fails is a matter of chance, so a run that failed
// leaves every output file as it was.
absl::Status Session::SaveOutputs(const absl::Status& ended) {
  // A quarantined chunk is not a matter of chance, and affects no other job if the run has
  // continued to its end.
  const bool may_save = ended.ok() || (!flags_.fail_fast && !stats_.quarantined.empty() &&
                                       ended.code() == absl::StatusCode::kAborted);
  absl::Status first_failure;
  for (std::size_t j = 0; j < jobs_.size(); ++j) {
    if (plan_[j].Outputs().empty() || results_[j].status != "ok") continue;
    const absl::Status saved =
        may_save
            ? Prefixed(absl::StrCat("job ", j, " (", plan_[j].line.worker, ")"), SaveOutputsOf(j))
            : absl::Status(ended.code(), absl::StrCat("not saved: ", ended.message()));
    if (saved.ok()) continue;
    results_[j].status = std::string(saved.message());
    results_[j].result = nullptr;
    first_failure.Update(saved);
  }
  return first_failure;
}

std::vector<std::string> Session::inputs() const {
  std::vector<std::string> inputs;
  for (const PlannedJob& planned : plan_) inputs.push_back(planned.line.input);
  return inputs;
}

}  // namespace mpaio
