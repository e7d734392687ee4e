#include "mpaio/cli/session.h"

#include <cstdio>
#include <filesystem>
#include <set>
#include <system_error>
#include <type_traits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "mpaio/array/npy_file.h"
#include "mpaio/base/status_macros.h"
#include "mpaio/telemetry/cpu_usage.h"
#include "mpaio/telemetry/progress.h"
#include "mpaio/worker/guard.h"

namespace mpaio {
namespace {

absl::Status Prefixed(absl::string_view prefix, const absl::Status& status) {
  return status.ok() ? status : absl::Status(status.code(), absl::StrCat(prefix, ": ", status.message()));
}

// One name for each file, however it is written.
std::string Canonical(const std::string& path) {
  std::error_code error;
  // Absolute first: of a relative path that does not exist yet nothing would be made canonical.
  const std::filesystem::path canonical = std::filesystem::weakly_canonical(std::filesystem::absolute(path, error), error);
  return error ? path : canonical.string();
}

// What a registered worker's function returns; what it throws, as a status.
template <typename F>
std::invoke_result_t<F> Guarded(absl::string_view what, F&& function) {
  try {
    return std::forward<F>(function)();
  } catch (...) {
    return StatusOfCurrentException(what);
  }
}

std::vector<JobProgress> ProgressOf(const RunStats& stats, const std::vector<Job>& jobs) {
  std::vector<JobProgress> progress;
  for (std::size_t j = 0; j < jobs.size(); ++j) {
    const JobStats& job = stats.jobs[j];
    progress.push_back({job.worker, job.rows_done, job.rows, jobs[j].worker->data_iterator().row_bytes()});
  }
  return progress;
}

}  // namespace

absl::StatusOr<std::vector<PlannedJob>> PlanJobs(const CommandLine& line) {
  std::vector<PlannedJob> plan;
  std::set<std::string> outputs;
  for (const JobLine& job : line.jobs) {
    PlannedJob planned;
    planned.line = job;
    planned.info = FindWorker(job.worker);
    if (planned.info == nullptr) return UnknownWorker(job.worker);
    const std::string prefix = absl::StrCat("worker ", job.worker);
    const bool writes = static_cast<bool>(planned.info->output);
    if (writes && job.output.empty()) {
      return absl::InvalidArgumentError(absl::StrCat(prefix, " writes an array: give the output file behind the input"));
    }
    if (!writes && !job.output.empty()) {
      return absl::InvalidArgumentError(absl::StrCat(prefix, " writes no array: '", job.output, "' is too much; parameters are key=value"));
    }
    if (writes && !outputs.insert(Canonical(job.output)).second) {
      return absl::InvalidArgumentError(absl::StrCat(prefix, ": ", job.output, " is the output of two jobs; give each its own"));
    }
    absl::StatusOr<Parameters> parameters = Parameters::Create(planned.info->parameters, job.parameters);
    if (!parameters.ok()) return Prefixed(prefix, parameters.status());
    planned.parameters = *std::move(parameters);
    plan.push_back(std::move(planned));
  }
  for (const PlannedJob& planned : plan) {
    const std::string file = line.cpu_usage_file.empty() ? "" : Canonical(line.cpu_usage_file);
    if (!file.empty() && (file == Canonical(planned.line.input) || outputs.count(file) != 0)) {
      return absl::InvalidArgumentError(absl::StrCat("--cpu_usage=", line.cpu_usage_file, " would overwrite an input or an output; give another file"));
    }
  }
  return plan;
}

void Session::EndStage(const std::string& name, Index bytes) {
  const auto now = std::chrono::steady_clock::now();
  const double seconds = std::chrono::duration<double>(now - stage_start_).count();
  report_.stages.push_back({name, seconds, bytes});
  report_.total_seconds += seconds;
  stage_start_ = now;
}

// On each rank by itself: headers are small, and 800 MB should not be read to find out that they hold strings.
absl::Status Session::CheckFiles() const {
  for (const PlannedJob& planned : plan_) {
    MPAIO_ASSIGN_OR_RETURN(const NpyFile file, NpyFile::Open(planned.line.input));
    MPAIO_RETURN_IF_ERROR(Prefixed(absl::StrCat("worker ", planned.line.worker, ": ", planned.line.input),
                                   planned.info->CheckAccepts(file.header().dtype)));
    if (!planned.info->output) continue;
    MPAIO_ASSIGN_OR_RETURN(const NdView input, NdView::Create(nullptr, file.header().dtype, file.header().shape));
    MPAIO_ASSIGN_OR_RETURN(const OutputSpec spec, Guarded("the worker", [&] { return planned.info->output(input, planned.parameters); }));
    MPAIO_ASSIGN_OR_RETURN(const Index size_bytes, ArraySizeBytes(spec.dtype, spec.shape));
    if (executor_.rank() == 0) MPAIO_RETURN_IF_ERROR(CheckWritable(planned.line.output, size_bytes));
  }
  if (executor_.rank() == 0 && !line_.cpu_usage_file.empty()) {
    MPAIO_RETURN_IF_ERROR(WriteCpuUsageCsv(line_.cpu_usage_file, CpuUsage()));
  }
  return absl::OkStatus();
}

absl::Status Session::Load() {
  Index bytes = 0;
  for (const PlannedJob& planned : plan_) {
    const std::string& path = planned.line.input;
    if (inputs_.count(path) != 0) continue;
    MPAIO_ASSIGN_OR_RETURN(SharedArray array, SharedArray::FromNpy(executor_, path));
    bytes += array.view().size_bytes();
    inputs_.emplace(path, std::move(array));
  }
  EndStage("load", bytes);
  return absl::OkStatus();
}

absl::Status Session::MakeJob(PlannedJob& planned) {
  const NdView& input = inputs_.at(planned.line.input).view();
  DataIteratorOptions options;
  options.parallelism = executor_.size();
  MPAIO_ASSIGN_OR_RETURN(DataIterator chunks, DataIterator::Create(input, line_.partition, options));
  JobContext context{std::move(chunks), planned.parameters, OutputArray()};
  if (planned.info->output) {
    absl::StatusOr<OutputSpec> spec = Guarded("the worker", [&] { return planned.info->output(input, planned.parameters); });
    MPAIO_RETURN_IF_ERROR(executor_.Agree(spec.status()));
    MPAIO_ASSIGN_OR_RETURN(context.output, OutputArray::Create(executor_, spec->dtype, std::move(spec->shape)));
  }
  absl::StatusOr<Job> job = Guarded("the worker", [&] { return planned.info->make(context); });
  MPAIO_RETURN_IF_ERROR(executor_.Agree(Prefixed(absl::StrCat("worker ", planned.line.worker), job.status())));
  job->worker->set_name(planned.line.worker);
  jobs_.push_back(*std::move(job));
  return absl::OkStatus();
}

absl::Status Session::Prepare() {
  MPAIO_RETURN_IF_ERROR(executor_.Agree(CheckFiles()));
  EndStage("start");
  MPAIO_RETURN_IF_ERROR(Load());
  for (PlannedJob& planned : plan_) MPAIO_RETURN_IF_ERROR(MakeJob(planned));
  EndStage("prepare");
  return absl::OkStatus();
}

absl::Status Session::Run() {
  std::vector<WorkerBase*> workers;
  for (const Job& job : jobs_) workers.push_back(job.worker.get());
  RunOptions options;
  options.monitor_cpu_usage = !line_.cpu_usage_file.empty();
  WorkerOrchestrator orchestrator(executor_, std::move(workers));
  MPAIO_ASSIGN_OR_RETURN(mpaio::Run run, orchestrator.Start(options));
  if (executor_.rank() != 0) {
    const absl::Status ended = run.Wait();
    is_broken_ = run.is_broken();
    return ended;
  }
  absl::Status status = Drive(run);
  Index bytes = 0;
  for (const auto& [path, array] : inputs_) bytes += array.view().size_bytes();
  EndStage("process", bytes);
  is_broken_ = run.is_broken();
  status.Update(CollectResults(run.stats(), status));
  status.Update(SaveOutputs(status));
  if (!line_.cpu_usage_file.empty()) status.Update(WriteCpuUsageCsv(line_.cpu_usage_file, run.stats().cpu_usage));
  EndStage("save");
  FillReport(run.stats());
  return status;
}

absl::Status Session::Drive(mpaio::Run& run) {
  ProgressOptions options;
  options.mode = line_.progress;
  options.terminal = StderrIsTerminal();
  ProgressMeter meter(options, [](absl::string_view text) { std::fwrite(text.data(), 1, text.size(), stderr); });
  do {
    const absl::Time now = absl::Now();
    if (meter.Due(now)) meter.MaybeUpdate(now, ProgressOf(run.stats(), jobs_));
  } while (!run.WaitFor(absl::Milliseconds(100)));
  meter.Finish(absl::Now(), ProgressOf(run.stats(), jobs_));
  return run.Wait();
}

absl::Status Session::CollectResults(const RunStats& stats, const absl::Status& ended) {
  absl::Status first_failure;
  for (std::size_t j = 0; j < jobs_.size(); ++j) {
    const JobStats& job = stats.jobs[j];
    JobResult result{plan_[j].line.worker, plan_[j].line.input, "ok", nullptr, job.rows, job.chunks, job.seconds};
    if (job.chunks_delivered == job.chunks) {
      absl::StatusOr<nlohmann::ordered_json> answer = Guarded("the worker's result", [&] { return jobs_[j].result(); });
      if (answer.ok()) {
        result.result = *std::move(answer);
      } else {
        const absl::Status named = Prefixed(absl::StrCat("job ", j, " (", job.worker, ")"), answer.status());
        result.status = std::string(named.message());
        first_failure.Update(named);
      }
    } else {
      result.status = stats.failed_job == static_cast<int>(j) ? std::string(ended.message()) : absl::StrCat("not finished: ", ended.message());
    }
    results_.push_back(std::move(result));
  }
  return first_failure;
}

// All or none: which jobs are done when one fails is a matter of chance, so a run that failed leaves every output file as it was.
absl::Status Session::SaveOutputs(const absl::Status& ended) {
  absl::Status first_failure;
  for (std::size_t j = 0; j < jobs_.size(); ++j) {
    if (!jobs_[j].output || results_[j].status != "ok") continue;
    const absl::Status saved = ended.ok() ? WriteNpy(plan_[j].line.output, jobs_[j].output())
                                          : absl::Status(ended.code(), absl::StrCat("not saved: ", ended.message()));
    if (saved.ok()) continue;
    results_[j].status = std::string(saved.message());
    results_[j].result = nullptr;
    first_failure.Update(saved);
  }
  return first_failure;
}

void Session::FillReport(const RunStats& stats) {
  for (std::size_t j = 0; j < stats.jobs.size(); ++j) {
    const JobStats& job = stats.jobs[j];
    report_.jobs.push_back({job.worker, plan_[j].line.input, job.rows_done, job.chunks_done, job.seconds});
  }
  for (const RankStats& rank : stats.ranks) {
    report_.ranks.push_back({rank.rank, rank.node, rank.host, rank.chunks, rank.rows, rank.busy_seconds});
  }
}

}  // namespace mpaio
