// SPDX-License-Identifier: Apache-2.0
#include "mpaio/jobs/plan.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "mpaio/base/status_macros.h"

namespace mpaio {
namespace {

bool TakesOutput(const WorkerInfo& info) {
  return info.output != nullptr || info.answers_with_array;
}

bool HasParameter(const WorkerInfo& info, absl::string_view key) {
  return std::any_of(info.parameters.begin(), info.parameters.end(),
                     [key](const ParameterInfo& parameter) { return parameter.key() == key; });
}

// Returns true if a word of the form "key=value" looks like the name of a file, for a worker that
// has no parameter of that key.
bool LooksLikeFile(const std::string& word) {
  return absl::StrContains(word, '/') || absl::EndsWith(word, ".npy") ||
         absl::EndsWith(word, ".npz");
}

// A word of the form "key=value" in the position of the output may be the name of the output.
void TakeOutputFromParameters(PlannedJob* planned) {
  const WorkerInfo& info = *planned->info;
  JobSpec& job = planned->spec;
  if (!TakesOutput(info) || !job.output.empty() || job.parameters.empty()) return;
  const auto [key, value] = job.parameters.front();
  if (HasParameter(info, key)) return;
  job.output = absl::StrCat(key, "=", value);
  job.parameters.erase(job.parameters.begin());
  if (LooksLikeFile(job.output)) return;
  planned->unless_file_exists = absl::InvalidArgumentError(
      absl::StrCat("worker ", job.worker, ": ",
                   Parameters::Create(info.parameters, {{key, value}}).status().message(),
                   "; to name a file, write ./", job.output));
}

// Endings of other file formats. An output is a .npy file whatever its name, so such a name would
// mislead.
constexpr absl::string_view kOtherEndings[] = {
    ".csv",  ".npz", ".h5",   ".hdf5", ".txt",    ".tsv",     ".json",  ".parquet", ".mat", ".zarr",
    ".nc",   ".gz",  ".bz2",  ".xz",   ".zst",    ".zip",     ".tar",   ".png",     ".jpg", ".tif",
    ".tiff", ".xls", ".xlsx", ".pkl",  ".pickle", ".feather", ".arrow", ".bin",     ".raw", ".dat"};

// Returns `path` without such endings; unchanged if it has none, or if nothing else would be left
// of the name.
absl::string_view WithoutOtherEnding(absl::string_view path) {
  for (const absl::string_view ending : kOtherEndings) {
    if (!absl::EndsWithIgnoreCase(path, ending)) continue;
    const absl::string_view stem = path.substr(0, path.size() - ending.size());
    return stem.empty() || stem.back() == '/' ? path : WithoutOtherEnding(stem);
  }
  return path;
}

// Returns a hint if an unknown key may begin the name of an output in another position, else "".
std::string HintAtFile(const WorkerInfo& info, const JobSpec& job) {
  if (!TakesOutput(info) || !job.output.empty()) return "";
  for (const auto& [key, value] : job.parameters) {
    if (!HasParameter(info, key))
      return LooksLikeFile(absl::StrCat(key, "=", value))
                 ? "; an output file must directly follow the input"
                 : "";
  }
  return "";
}

}  // namespace

absl::Status CheckOutputName(const std::string& output) {
  const absl::string_view stem = WithoutOtherEnding(output);
  if (stem == output) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("outputs are .npy files, and ", output,
                                                 " has the ending of another format; name it ",
                                                 stem, absl::EndsWith(stem, ".npy") ? "" : ".npy"));
}

std::vector<std::pair<std::string, std::string>> PlannedJob::ExtraInputs() const {
  std::vector<std::pair<std::string, std::string>> arrays;
  for (const ParameterInfo& parameter : info->parameters) {
    if (parameter.is_array() && !parameters.Text(parameter.key()).empty())
      arrays.emplace_back(parameter.key(), parameters.Text(parameter.key()));
  }
  return arrays;
}

std::vector<std::string> PlannedJob::InputNames() const {
  std::vector<std::string> names = {spec.input};
  for (const auto& [key, name] : ExtraInputs()) names.push_back(name);
  return names;
}

std::vector<std::pair<std::string, std::string>> PlannedJob::Outputs() const {
  std::vector<std::pair<std::string, std::string>> outputs;
  if (!spec.output.empty()) outputs.emplace_back("", spec.output);
  for (const ParameterInfo& parameter : info->parameters) {
    if (parameter.is_output() && !parameters.Text(parameter.key()).empty())
      outputs.emplace_back(parameter.key(), parameters.Text(parameter.key()));
  }
  return outputs;
}

namespace {

absl::Status CheckOutputs(const PlannedJob& planned, absl::string_view prefix,
                          const PlanOptions& options) {
  const bool writes = planned.info->output != nullptr;
  const std::string& output = planned.spec.output;
  if (writes && output.empty() && options.needs_output_files) {
    return absl::InvalidArgumentError(
        absl::StrCat(prefix, " writes an array: give the output file after the input"));
  }
  if (!writes && !planned.info->answers_with_array && !output.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(prefix, " takes no output file: leave '", output,
                                                   "' out, or write a parameter as key=value"));
  }
  for (const auto& [key, file] : planned.Outputs()) {
    if (file == "-") {
      return absl::InvalidArgumentError(absl::StrCat(
          prefix, ": '", key, key.empty() ? "" : "=",
          "-': an output cannot be the standard output; give a file, or ./- for a file named -"));
    }
    const absl::Status named = CheckOutputName(file);
    if (!named.ok() && planned.unless_file_exists.ok())
      return absl::InvalidArgumentError(absl::StrCat(prefix, ": ", named.message()));
  }
  return absl::OkStatus();
}

absl::StatusOr<PlannedJob> PlanJob(const JobSpec& written, const PlanOptions& options) {
  PlannedJob planned;
  planned.spec = written;
  planned.info = FindWorker(written.worker);
  if (planned.info == nullptr) return UnknownWorker(written.worker);
  if (options.reads_words) TakeOutputFromParameters(&planned);
  const JobSpec& job = planned.spec;
  const std::string prefix = absl::StrCat("worker ", job.worker);
  absl::StatusOr<Parameters> parameters =
      Parameters::Create(planned.info->parameters, job.parameters);
  if (!parameters.ok()) {
    // A misspelt key is more likely than a file.
    MPAIO_RETURN_IF_ERROR(planned.unless_file_exists);
    return absl::InvalidArgumentError(
        absl::StrCat(prefix, ": ", parameters.status().message(),
                     options.reads_words ? HintAtFile(*planned.info, job) : ""));
  }
  planned.parameters = *std::move(parameters);
  MPAIO_RETURN_IF_ERROR(CheckOutputs(planned, prefix, options));
  if (HasParameter(*planned.info, job.output)) {
    planned.warning = absl::StrCat(prefix, ": its output goes to a file named ", job.output,
                                   "; write ", job.output, "=VALUE to mean the parameter, or ./",
                                   job.output, " to mean the file");
  }
  return planned;
}

}  // namespace

absl::StatusOr<std::vector<PlannedJob>> PlanJobs(const std::vector<JobSpec>& jobs,
                                                 const PlanOptions& options) {
  std::vector<PlannedJob> plan;
  for (const JobSpec& job : jobs) {
    MPAIO_ASSIGN_OR_RETURN(PlannedJob planned, PlanJob(job, options));
    plan.push_back(std::move(planned));
  }
  return plan;
}

}  // namespace mpaio
