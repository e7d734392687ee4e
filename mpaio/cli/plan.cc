#include "mpaio/cli/plan.h"

#include <cstddef>
#include <filesystem>
#include <set>
#include <system_error>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace mpaio {
namespace {

// One name for each file, however it is written.
std::string Canonical(const std::string& path) {
  std::error_code error;
  // Absolute first: of a relative path that does not exist yet nothing would be made canonical.
  const std::filesystem::path canonical = std::filesystem::weakly_canonical(std::filesystem::absolute(path, error), error);
  return error ? path : canonical.string();
}

// Also by another name of the same file, where there is one.
bool IsSameFile(const std::string& path, const std::string& other) {
  std::error_code error;
  return Canonical(path) == Canonical(other) || (std::filesystem::equivalent(path, other, error) && !error);
}

// Whether `input` may name `file`: as a whole, as the archive in front of a member, or behind what raw bytes are
// ("a.npz:x", "raw:<f8:a.bin"). A file that is spared needlessly does no harm, so each ':' counts as either.
bool MayName(const std::string& input, const std::string& file) {
  if (IsSameFile(file, input)) return true;
  for (std::size_t colon = input.find(':'); colon != std::string::npos; colon = input.find(':', colon + 1)) {
    if (IsSameFile(file, input.substr(0, colon)) || IsSameFile(file, input.substr(colon + 1))) return true;
  }
  return false;
}

}  // namespace

std::vector<std::pair<std::string, std::string>> PlannedJob::MoreArrays() const {
  std::vector<std::pair<std::string, std::string>> arrays;
  for (const ParameterInfo& parameter : info->parameters) {
    if (parameter.is_array() && !parameters.Text(parameter.key()).empty()) arrays.emplace_back(parameter.key(), parameters.Text(parameter.key()));
  }
  return arrays;
}

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
    if (!writes && !planned.info->answers_with_array && !job.output.empty()) {
      return absl::InvalidArgumentError(absl::StrCat(prefix, " writes no array: '", job.output, "' is too much; parameters are key=value"));
    }
    if (!job.output.empty() && !outputs.insert(Canonical(job.output)).second) {
      return absl::InvalidArgumentError(absl::StrCat(prefix, ": ", job.output, " is the output of two jobs; give each its own"));
    }
    absl::StatusOr<Parameters> parameters = Parameters::Create(planned.info->parameters, job.parameters);
    if (!parameters.ok()) {
      return absl::InvalidArgumentError(absl::StrCat(prefix, ": ", parameters.status().message()));
    }
    planned.parameters = *std::move(parameters);
    plan.push_back(std::move(planned));
  }
  for (const PlannedJob& planned : plan) {
    if (line.cpu_usage_file.empty()) break;
    const std::string& file = line.cpu_usage_file;
    const std::string& output = planned.line.output;
    bool overwrites = MayName(planned.line.input, file) || (!output.empty() && IsSameFile(file, output));
    for (const auto& [key, array] : planned.MoreArrays()) overwrites |= MayName(array, file);
    if (overwrites) {
      return absl::InvalidArgumentError(absl::StrCat("--cpu_usage=", line.cpu_usage_file, " would overwrite an input or an output; give another file"));
    }
  }
  return plan;
}

}  // namespace mpaio
