// SPDX-License-Identifier: Apache-2.0
#include "mpaio/jobs/job_set.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "mpaio/array/shape.h"
#include "mpaio/base/status_macros.h"
#include "mpaio/host/memory_capacity.h"
#include "mpaio/worker/codec.h"
#include "mpaio/worker/guard.h"

namespace mpaio {
namespace {

absl::Status Prefixed(absl::string_view prefix, const absl::Status& status) {
  return status.ok() ? status
                     : absl::Status(status.code(), absl::StrCat(prefix, ": ", status.message()));
}

// Replaces a worker whose job is done while others have further passes.
class FinishedWorker final : public WorkerBase {
 public:
  FinishedWorker() : WorkerBase(DataIterator::Create(NdView(), Partition::Auto()).value()) {}
  absl::Status CheckInput() const override { return absl::OkStatus(); }
  absl::Status ProcessChunk(const Chunk&, std::string*) const override { return absl::OkStatus(); }
  absl::Status DeliverChunk(const Chunk&, absl::string_view) override { return absl::OkStatus(); }
};

}  // namespace

absl::Status JobSet::Check() const {
  for (const PlannedJob& planned : plan_) MPAIO_RETURN_IF_ERROR(CheckJob(planned));
  return absl::OkStatus();
}

absl::Status JobSet::CheckJob(const PlannedJob& planned) const {
  const std::string prefix = absl::StrCat("worker ", planned.spec.worker);
  MPAIO_ASSIGN_OR_RETURN(const NdView input, inputs_.Header(planned.spec.input));
  MPAIO_RETURN_IF_ERROR(Prefixed(absl::StrCat(prefix, ": ", planned.spec.input),
                                 planned.info->CheckAccepts(input.dtype())));
  std::map<std::string, NdView> extra_inputs;
  for (const auto& [key, name] : planned.ExtraInputs()) {
    MPAIO_ASSIGN_OR_RETURN(extra_inputs[key], inputs_.Header(name));
  }
  const JobInputs inputs{input, planned.parameters, extra_inputs};
  if (planned.info->check) {
    MPAIO_RETURN_IF_ERROR(
        Prefixed(prefix, CallGuarded("check", [&] { return planned.info->check(inputs); })));
  }
  for (const auto& [key, file] : planned.Outputs()) {
    Index size_bytes = 0;
    if (key.empty() && planned.info->output) {
      const absl::StatusOr<OutputSpec> spec =
          CallGuarded("output", [&] { return planned.info->output(inputs); });
      if (!spec.ok()) return Prefixed(prefix, spec.status());
      MPAIO_ASSIGN_OR_RETURN(size_bytes, ArraySizeBytes(spec->dtype, spec->shape));
    }
    if (executor_.rank() == 0) MPAIO_RETURN_IF_ERROR(outputs_.Check(file, size_bytes));
  }
  return absl::OkStatus();
}

absl::Status JobSet::Make(int parallelism) {
  for (std::size_t j = 0; j < plan_.size(); ++j) MPAIO_RETURN_IF_ERROR(MakeJob(j, parallelism));
  return executor_.Agree(executor_.rank() == 0 ? CheckAnswers() : absl::OkStatus());
}

absl::Status JobSet::MakeJob(std::size_t j, int parallelism) {
  const PlannedJob& planned = plan_[j];
  const std::string prefix = absl::StrCat("worker ", planned.spec.worker);
  MPAIO_ASSIGN_OR_RETURN(JobContext context, ContextOf(j, parallelism));
  MPAIO_RETURN_IF_ERROR(MakeOutput(j, context));
  absl::StatusOr<Job> job = CallGuarded("make", [&] { return planned.info->make(context); });
  if (job.ok() && job->worker == nullptr) job = absl::InternalError("make gave no worker");
  MPAIO_RETURN_IF_ERROR(executor_.Agree(Prefixed(prefix, job.status())));
  job->worker->set_name(planned.spec.worker);
  jobs_.push_back(*std::move(job));
  SetIsolation(j);
  return absl::OkStatus();
}

absl::StatusOr<JobContext> JobSet::ContextOf(std::size_t j, int parallelism) {
  const PlannedJob& planned = plan_[j];
  const auto divide = [partition = options_.partition, parallelism](const NdView& rows,
                                                                    DataIteratorOptions options) {
    options.parallelism = parallelism;
    if (partition.kind() != Partition::Kind::kAuto) options.row_alignment = 1;
    return DataIterator::Create(rows, partition, options);
  };
  MPAIO_ASSIGN_OR_RETURN(DataIterator chunks, divide(inputs_.view(planned.spec.input), {}));
  JobContext context{std::move(chunks), planned.parameters};
  context.divide = [divide](const NdView& rows) { return divide(rows, {}); };
  context.divide_with = divide;
  context.allocate = [this](DType dtype, std::vector<Index> shape) {
    return outputs_.Allocate(std::move(dtype), std::move(shape));
  };
  context.reserve = [this](DType dtype, std::vector<Index> shape) {
    return outputs_.Reserve(std::move(dtype), std::move(shape));
  };
  context.create_output = [this, j](const std::string& key, DType dtype, std::vector<Index> shape) {
    return outputs_.CreateInFile(j, key, std::move(dtype), std::move(shape));
  };
  context.saves_answer = !planned.spec.output.empty();
  for (const auto& [key, name] : planned.ExtraInputs())
    context.extra_inputs.emplace(key, inputs_.view(name));
  return context;
}

absl::Status JobSet::MakeOutput(std::size_t j, JobContext& context) {
  const PlannedJob& planned = plan_[j];
  if (!planned.info->output) return absl::OkStatus();
  absl::StatusOr<OutputSpec> spec =
      CallGuarded("output", [&] { return planned.info->output(context.inputs()); });
  MPAIO_RETURN_IF_ERROR(
      executor_.Agree(Prefixed(absl::StrCat("worker ", planned.spec.worker), spec.status())));
  absl::StatusOr<OutputArray> output = absl::UnavailableError("it is gathered in memory");
  if (planned.info->streams_output && !planned.spec.output.empty())
    output = outputs_.CreateInFile(j, "", spec->dtype, spec->shape);
  // Also gathered in memory if too many files are open to write it during the run.
  if (absl::IsUnavailable(output.status()))
    output = outputs_.Allocate(spec->dtype, std::move(spec->shape));
  MPAIO_ASSIGN_OR_RETURN(context.output, std::move(output));
  return absl::OkStatus();
}

void JobSet::SetIsolation(std::size_t j) {
  const bool has_deadline = options_.chunk_deadline != absl::InfiniteDuration();
  jobs_[j].worker->set_isolated(options_.isolate == Isolate::kAlways || has_deadline ||
                                (options_.isolate == Isolate::kAuto && plan_[j].info->is_isolated));
}

absl::Status JobSet::CheckAnswers() const {
  // Smaller answers fit, or nothing does; and the check takes 0.1 ms.
  constexpr Index kLeastBytes = Index{64} << 20;
  Index answers_bytes = 0;
  for (std::size_t j = 0; j < jobs_.size(); ++j) {
    // Both terms are at most half of kMaxArrayBytes, so the sum cannot overflow.
    answers_bytes = std::min(answers_bytes, kMaxArrayBytes / 2) +
                    std::min(jobs_[j].answer_bytes, kMaxArrayBytes / 2);
    if (answers_bytes < kLeastBytes) continue;
    const std::string what = absl::StrCat("worker ", plan_[j].spec.worker, ": the answer",
                                          j == 0 ? "" : ", with those of the jobs before it,");
    MPAIO_RETURN_IF_ERROR(CheckOwnMemory(FindMemoryCapacity(""), answers_bytes, what));
  }
  return absl::OkStatus();
}

std::vector<WorkerBase*> JobSet::workers() const {
  std::vector<WorkerBase*> workers;
  for (const Job& job : jobs_) workers.push_back(job.worker.get());
  return workers;
}

std::vector<Index> JobSet::ChunksPerJob() const {
  std::vector<Index> chunks;
  for (const Job& job : jobs_) chunks.push_back(job.worker->data_iterator().num_chunks());
  return chunks;
}

bool JobSet::may_continue() const {
  return std::any_of(jobs_.begin(), jobs_.end(),
                     [](const Job& job) { return job.next_pass != nullptr; });
}

absl::Status JobSet::PlanNextPasses(const RunStats& stats, Plans* plans, int* failed_job) {
  absl::Status first;
  for (std::size_t j = 0; j < jobs_.size(); ++j) {
    if (stats.jobs[j].chunks_quarantined > 0) jobs_[j].next_pass = nullptr;
    if (!jobs_[j].next_pass) continue;
    absl::StatusOr<std::optional<NextPass>> next =
        CallGuarded("next_pass", [&] { return jobs_[j].next_pass(); });
    if (!next.ok()) {
      if (first.ok()) *failed_job = static_cast<int>(j);
      first.Update(
          Prefixed(absl::StrCat("job ", j, " (", plan_[j].spec.worker, ")"), next.status()));
    } else if (next->has_value()) {
      (*plans)[j] = std::move((*next)->plan);
    } else {
      jobs_[j].next_pass = nullptr;  // It is done, whatever happens to the others.
    }
  }
  return first;
}

absl::Status JobSet::ReplaceWorker(std::size_t j, const std::optional<std::string>& plan) {
  if (!plan.has_value()) {
    // Its answer stays in the old worker, to which `result` and the others refer; for the run the
    // job has no chunks any more.
    finished_.push_back(std::exchange(jobs_[j].worker, std::make_unique<FinishedWorker>()));
    jobs_[j].next_pass = nullptr;
  } else {
    auto worker = CallGuarded("begin_pass", [&] { return jobs_[j].begin_pass(*plan); });
    if (worker.ok() && *worker == nullptr)
      worker = absl::InternalError("begin_pass gave no worker");
    MPAIO_RETURN_IF_ERROR(
        executor_.Agree(Prefixed(absl::StrCat("worker ", plan_[j].spec.worker), worker.status())));
    finished_.push_back(std::exchange(jobs_[j].worker, *std::move(worker)));
  }
  jobs_[j].worker->set_name(plan_[j].spec.worker);
  SetIsolation(j);
  return absl::OkStatus();
}

// Rank 0 broadcasts its plan for each job, in order: a flag, followed by the plan if there is one.
absl::StatusOr<bool> JobSet::BeginNextPass(const RunStats& stats, int* failed_job) {
  Plans plans(jobs_.size());
  MPAIO_RETURN_IF_ERROR(executor_.Agree(
      executor_.rank() == 0 ? PlanNextPasses(stats, &plans, failed_job) : absl::OkStatus()));
  std::string encoded;
  Codec<Plans>::Encode(plans, &encoded);
  MPAIO_RETURN_IF_ERROR(executor_.Broadcast(&encoded));
  MPAIO_ASSIGN_OR_RETURN(plans, DecodeResult<Plans>(encoded));
  for (std::size_t j = 0; j < jobs_.size(); ++j) MPAIO_RETURN_IF_ERROR(ReplaceWorker(j, plans[j]));
  return std::any_of(plans.begin(), plans.end(), [](const auto& plan) { return plan.has_value(); });
}

}  // namespace mpaio
