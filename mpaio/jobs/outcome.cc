// SPDX-License-Identifier: Apache-2.0
#include "mpaio/jobs/outcome.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "mpaio/base/status_macros.h"
#include "mpaio/worker/guard.h"

namespace mpaio {
namespace {

std::string NameOf(std::size_t j, const PlannedJob& planned) {
  return absl::StrCat("job ", j, " (", planned.spec.worker, ")");
}

absl::Status Named(std::size_t j, const PlannedJob& planned, const absl::Status& status) {
  return status.ok() ? status
                     : absl::Status(status.code(),
                                    absl::StrCat(NameOf(j, planned), ": ", status.message()));
}

absl::StatusOr<AnswerArray> ArrayOf(const Job& job, const std::string& key) {
  if (key.empty()) return job.array();
  const auto named = job.extra_outputs.find(key);
  if (named == job.extra_outputs.end())
    return absl::InternalError(absl::StrCat("the worker has no array for ", key, "="));
  return named->second();
}

// Keeps the arrays that are to be saved. Returns whether the answer is among them.
absl::StatusOr<bool> KeepArrays(std::size_t j, const PlannedJob& planned, const Job& job,
                                OutputFiles& outputs) {
  bool saves_answer = false;
  for (const auto& [key, file] : planned.Outputs()) {
    if (key.empty() && !job.array) continue;  // The job itself writes it (Job::output).
    saves_answer |= key.empty();
    if (outputs.is_in_file(j, key)) continue;
    MPAIO_ASSIGN_OR_RETURN(AnswerArray array, ArrayOf(job, key));
    outputs.Keep(j, key, std::move(array));
  }
  return saves_answer;
}

absl::StatusOr<Answer> AnswerOf(std::size_t j, const PlannedJob& planned, const Job& job,
                                OutputFiles& outputs) {
  MPAIO_ASSIGN_OR_RETURN(const bool saves_answer, KeepArrays(j, planned, job, outputs));
  if (job.summary && !planned.Outputs().empty()) return job.summary();
  if (saves_answer) {
    const AnswerArray* const array = outputs.Kept(j, "");
    if (array == nullptr)
      return absl::InternalError("the worker has written OUTPUT itself, and has no summary of it");
    Answer answer = DescribeArray(array->view());
    if (job.array_summary) {
      MPAIO_ASSIGN_OR_RETURN(Answer summary, job.array_summary());
      answer.Append(std::move(summary));
    }
    return answer;
  }
  if (job.result) return job.result();
  if (job.array) {
    MPAIO_ASSIGN_OR_RETURN(AnswerArray array, job.array());
    return Answer(std::move(array));
  }
  if (job.output) return DescribeArray(job.output());
  return absl::InternalError("the worker has no answer: its Job needs result, array or output");
}

// Returns the job's answer for the first rows, if there is one. Callbacks have received exactly the
// first chunks, in order; but arrays may contain more or fewer rows, and a pass before the last has
// no answer.
std::optional<JobOutcome::Partial> PartialAnswer(const Job& job, const JobStats& stats,
                                                 const PassesEnd& ended) {
  if (!job.result || job.array || job.next_pass || ended.num_passes != 1 ||
      stats.chunks_delivered == 0)
    return std::nullopt;
  absl::StatusOr<Answer> answer = CallGuarded("result", [&] { return job.result(); });
  if (!answer.ok()) return std::nullopt;
  return JobOutcome::Partial{job.worker->data_iterator().chunks(0, stats.chunks_delivered).end,
                             *std::move(answer)};
}

// Fills in the answer of a job whose chunks have all been delivered.
absl::Status FillAnswer(std::size_t j, const PlannedJob& planned, const Job& job,
                        const InputSet& inputs, OutputFiles& outputs, JobOutcome* outcome) {
  absl::StatusOr<Answer> answer = CallGuarded(job.array ? "array" : "result",
                                              [&] { return AnswerOf(j, planned, job, outputs); });
  // The answer may have been computed from an input, too.
  if (const absl::Status failure = inputs.ReadFailure(); answer.ok() && !failure.ok())
    answer = failure;
  if (!answer.ok()) return Named(j, planned, answer.status());
  outcome->answer = *std::move(answer);
  if (!job.output || !planned.spec.output.empty()) return absl::OkStatus();
  return Named(j, planned, CallGuarded("output", [&] {
                 outcome->output = job.output();
                 return absl::OkStatus();
               }));
}

std::vector<QuarantinedChunk> QuarantinedOf(const RunStats& stats, std::size_t j) {
  std::vector<QuarantinedChunk> quarantined;
  for (const QuarantinedChunk& chunk : stats.quarantined) {
    if (chunk.job == static_cast<int>(j)) quarantined.push_back(chunk);
  }
  // They were quarantined in any order.
  std::sort(quarantined.begin(), quarantined.end(),
            [](const auto& a, const auto& b) { return a.chunk < b.chunk; });
  return quarantined;
}

}  // namespace

absl::StatusOr<NdView> JobOutcome::Array() const {
  if (!status.ok()) return status;
  if (output) return *output;
  const AnswerValue* const value = answer.Find("");
  if (value == nullptr || value->array() == nullptr) {
    return absl::NotFoundError(
        absl::StrCat("the answer of ", worker, " is not one array: see the values of the answer"));
  }
  return value->array()->view();
}

std::vector<JobOutcome> CollectOutcomes(const std::vector<PlannedJob>& plan, const JobSet& jobs,
                                        const InputSet& inputs, const RunStats& stats,
                                        const PassesEnd& ended, OutputFiles& outputs,
                                        absl::Status* first_failure) {
  std::vector<JobOutcome> outcomes;
  for (std::size_t j = 0; j < jobs.size(); ++j) {
    const Job& job = jobs.job(j);
    JobOutcome outcome;
    outcome.worker = plan[j].spec.worker;
    outcome.input = plan[j].spec.input;
    outcome.stats = stats.jobs[j];
    const absl::Status* const change = inputs.ChangeOf(plan[j].InputNames());
    if (change != nullptr) {
      outcome.status = *change;
    } else if (ended.status.code() == absl::StatusCode::kDataLoss &&
               inputs.AnyInMemory(plan[j].InputNames())) {
      // The guard of an array that the caller has mapped reports a change to the run alone.
      outcome.status = ended.status;
      // A job with a further pass is not done, though its chunks are.
    } else if (outcome.stats.chunks_delivered == outcome.stats.chunks &&
               (ended.status.ok() || !job.next_pass)) {
      outcome.status = FillAnswer(j, plan[j], job, inputs, outputs, &outcome);
      first_failure->Update(outcome.status);
    } else if (const Index given_up = outcome.stats.chunks_quarantined; given_up > 0) {
      outcome.quarantined = QuarantinedOf(stats, j);
      outcome.status =
          absl::AbortedError(absl::StrCat(given_up, " of ", outcome.stats.chunks, " chunks ",
                                          given_up == 1 ? "was" : "were", " quarantined"));
    } else {
      if (ended.was_cancelled) outcome.partial = PartialAnswer(job, outcome.stats, ended);
      outcome.status = stats.failed_job == static_cast<int>(j)
                           ? ended.status
                           : absl::Status(ended.status.code(),
                                          absl::StrCat("not finished: ", ended.status.message()));
    }
    outcomes.push_back(std::move(outcome));
  }
  return outcomes;
}

absl::Status SaveOutcomes(const std::vector<PlannedJob>& plan, const JobSet& jobs,
                          const RunStats& stats, const absl::Status& ended,
                          bool saves_despite_quarantine, OutputFiles& outputs,
                          std::vector<JobOutcome>* outcomes) {
  const bool may_save = ended.ok() || (saves_despite_quarantine && !stats.quarantined.empty() &&
                                       ended.code() == absl::StatusCode::kAborted);
  absl::Status first_failure;
  for (std::size_t j = 0; j < jobs.size(); ++j) {
    JobOutcome& outcome = (*outcomes)[j];
    if (plan[j].Outputs().empty() || !outcome.status.ok()) continue;
    const absl::Status saved =
        may_save ? Named(j, plan[j], outputs.Save(j, jobs.job(j)))
                 : absl::Status(ended.code(), absl::StrCat("not saved: ", ended.message()));
    if (saved.ok()) continue;
    outcome.status = saved;
    outcome.answer = Answer();
    first_failure.Update(saved);
  }
  return first_failure;
}

}  // namespace mpaio
