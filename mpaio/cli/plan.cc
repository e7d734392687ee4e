// SPDX-License-Identifier: Apache-2.0
#include "mpaio/cli/plan.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <system_error>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "mpaio/base/status_macros.h"
#include "mpaio/format/array_file.h"
#include "mpaio/host/write_target.h"

namespace mpaio {
namespace {

// Returns one name for a file, however its path is written.
std::string Canonical(const std::string& path) {
  std::error_code error;
  // Absolute first: a relative path that does not exist yet would not be made canonical.
  const std::filesystem::path absolute = std::filesystem::absolute(FollowLinks(path), error);
  const std::filesystem::path canonical = std::filesystem::weakly_canonical(absolute, error);
  return error ? path : canonical.string();
}

// Also true for different names of one existing file, such as hard links.
bool IsSameFile(const std::string& path, const std::string& other) {
  std::error_code error;
  return Canonical(path) == Canonical(other) ||
         (std::filesystem::equivalent(path, other, error) && !error);
}

// Returns the process that started `pid`, or 0 if it is unknown.
int Parent(int pid) {
  std::ifstream status(absl::StrCat("/proc/", pid, "/status"));
  for (std::string line; std::getline(status, line);) {
    int parent = 0;
    if (absl::StartsWith(line, "PPid:") && absl::SimpleAtoi(line.substr(5), &parent)) return parent;
  }
  return 0;
}

// Returns true if standard input comes from `file`. Under mpirun it comes through a pipe; the file
// is then the standard input of mpirun or of a process that started mpirun, all of which are
// ancestors of this process.
bool IsStandardInput(const std::string& file) {
  struct stat of_file;
  if (::stat(file.c_str(), &of_file) != 0 || !S_ISREG(of_file.st_mode)) return false;
  for (int pid = ::getpid(); pid > 0; pid = Parent(pid)) {
    struct stat of_input;
    if (::stat(absl::StrCat("/proc/", pid, "/fd/0").c_str(), &of_input) != 0) continue;
    if (of_input.st_dev == of_file.st_dev && of_input.st_ino == of_file.st_ino) return true;
  }
  return false;
}

// Returns true if `input` may name `file`: as a whole, as the archive before a member ("a.npz:x"),
// as the file after the description of raw bytes ("raw:<f8:a.bin"), or through standard input. A
// false positive only protects a file needlessly, so each ':' counts as either separator.
bool MayName(const std::string& input, const std::string& file) {
  if (IsSameFile(file, input)) return true;
  if (ArrayFile::IsStandardInput(input) && IsStandardInput(file)) return true;
  for (std::size_t colon = input.find(':'); colon != std::string::npos;
       colon = input.find(':', colon + 1)) {
    if (IsSameFile(file, input.substr(0, colon)) || IsSameFile(file, input.substr(colon + 1)))
      return true;
  }
  return false;
}

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
  JobSpec& job = planned->line;
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

// Errors: InvalidArgument if the name is that of a file of another format.
absl::Status CheckOutputName(const std::string& output) {
  const absl::string_view stem = WithoutOtherEnding(output);
  if (stem == output) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("outputs are .npy files, and ", output,
                                                 " has the ending of another format; name it ",
                                                 stem, absl::EndsWith(stem, ".npy") ? "" : ".npy"));
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

// Returns true if an input of any job may be in `file`.
bool IsInput(const std::vector<PlannedJob>& plan, const std::string& file) {
  return std::any_of(plan.begin(), plan.end(),
                     [&file](const PlannedJob& planned) { return planned.MayRead(file); });
}

}  // namespace

std::vector<std::pair<std::string, std::string>> PlannedJob::ExtraInputs() const {
  std::vector<std::pair<std::string, std::string>> arrays;
  for (const ParameterInfo& parameter : info->parameters) {
    if (parameter.is_array() && !parameters.Text(parameter.key()).empty())
      arrays.emplace_back(parameter.key(), parameters.Text(parameter.key()));
  }
  return arrays;
}

bool PlannedJob::MayRead(const std::string& file) const {
  if (MayName(line.input, file)) return true;
  for (const auto& [key, array] : ExtraInputs()) {
    if (MayName(array, file)) return true;
  }
  return false;
}

std::vector<std::pair<std::string, std::string>> PlannedJob::Outputs() const {
  std::vector<std::pair<std::string, std::string>> outputs;
  if (!line.output.empty()) outputs.emplace_back("", line.output);
  for (const ParameterInfo& parameter : info->parameters) {
    if (parameter.is_output() && !parameters.Text(parameter.key()).empty())
      outputs.emplace_back(parameter.key(), parameters.Text(parameter.key()));
  }
  return outputs;
}

absl::StatusOr<std::vector<PlannedJob>> PlanJobs(const CommandLine& line) {
  std::vector<PlannedJob> plan;
  for (const JobSpec& written_job : line.jobs) {
    PlannedJob planned;
    planned.line = written_job;
    planned.info = FindWorker(written_job.worker);
    if (planned.info == nullptr) return UnknownWorker(written_job.worker);
    TakeOutputFromParameters(&planned);
    const JobSpec& job = planned.line;
    const std::string prefix = absl::StrCat("worker ", job.worker);
    const bool writes = planned.info->output != nullptr;
    absl::StatusOr<Parameters> parameters =
        Parameters::Create(planned.info->parameters, job.parameters);
    if (!parameters.ok()) {
      // A misspelt key is more likely than a file.
      MPAIO_RETURN_IF_ERROR(planned.unless_file_exists);
      return absl::InvalidArgumentError(absl::StrCat(prefix, ": ", parameters.status().message(),
                                                     HintAtFile(*planned.info, job)));
    }
    if (writes && job.output.empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat(prefix, " writes an array: give the output file after the input"));
    }
    if (!writes && !planned.info->answers_with_array && !job.output.empty()) {
      return absl::InvalidArgumentError(absl::StrCat(prefix, " takes no output file: leave '",
                                                     job.output,
                                                     "' out, or write a parameter as key=value"));
    }
    if (HasParameter(*planned.info, job.output)) {
      planned.warning = absl::StrCat(prefix, ": its output goes to a file named ", job.output,
                                     "; write ", job.output, "=VALUE to mean the parameter, or ./",
                                     job.output, " to mean the file");
    }
    planned.parameters = *std::move(parameters);
    for (const auto& [key, file] : planned.Outputs()) {
      if (file == "-") {
        return absl::InvalidArgumentError(absl::StrCat(
            prefix, ": '", key, key.empty() ? "" : "=",
            "-': an output cannot be the standard output; give a file, or ./- for a file named -"));
      }
      const absl::Status named = CheckOutputName(file);
      if (!named.ok() && planned.unless_file_exists.ok()) {
        return absl::InvalidArgumentError(absl::StrCat(prefix, ": ", named.message()));
      }
    }
    plan.push_back(std::move(planned));
  }
  return plan;
}

absl::Status CheckFiles(const std::vector<PlannedJob>& plan, const CommandLine& line) {
  std::map<std::string, std::size_t> outputs;  // by canonical name: the job that writes it
  for (std::size_t j = 0; j < plan.size(); ++j) {
    const PlannedJob& planned = plan[j];
    struct stat status;
    if (!planned.unless_file_exists.ok() && ::stat(planned.line.output.c_str(), &status) != 0)
      return planned.unless_file_exists;
    const std::string prefix = absl::StrCat("worker ", planned.line.worker);
    for (const auto& [key, file] : planned.Outputs()) {
      if (const absl::Status named = CheckOutputName(file); !named.ok()) {
        return absl::InvalidArgumentError(absl::StrCat(prefix, ": ", named.message()));
      }
      const auto [other, is_new] = outputs.emplace(Canonical(file), j);
      if (!is_new) {
        return absl::InvalidArgumentError(absl::StrCat(
            prefix, ": ", file,
            other->second == j ? " is given for two outputs" : " is the output of two jobs",
            "; give each its own"));
      }
    }
  }
  // OUTPUT may replace an input, as when a file is sorted in place. A further output that would
  // replace one is more likely a mistake.
  for (const PlannedJob& planned : plan) {
    for (const auto& [key, file] : planned.Outputs()) {
      if (!key.empty() && IsInput(plan, file)) {
        return absl::InvalidArgumentError(
            absl::StrCat("worker ", planned.line.worker, ": ", key, "=", file,
                         " would overwrite an input; give another file"));
      }
    }
  }
  // Files that the run itself writes. The journal is checked with --resume, too: no input is a
  // journal.
  const std::pair<const char*, const std::string&> written[] = {{"cpu_usage", line.cpu_usage_file},
                                                                {"record", line.record_file},
                                                                {"journal", line.journal_file},
                                                                {"results", line.results_file}};
  for (const auto& [flag, file] : written) {
    if (file.empty()) continue;
    bool overwrites = IsInput(plan, file);
    for (const PlannedJob& planned : plan) {
      for (const auto& [key, output] : planned.Outputs()) overwrites |= IsSameFile(file, output);
    }
    if (overwrites) {
      return absl::InvalidArgumentError(absl::StrCat(
          "--", flag, "=", file, " would overwrite an input or an output; give another file"));
    }
    for (const auto& [other_flag, other] : written) {
      if (&other == &file) break;
      if (!other.empty() && IsSameFile(file, other)) {
        return absl::InvalidArgumentError(absl::StrCat(
            "--", flag, " and --", other_flag, " both name ", file, "; give them different files"));
      }
    }
  }
  for (const auto& [flag, file] : written) {
    // A schedule may be recorded to the file that it is replayed from.
    if (&file == &line.record_file || file.empty() || line.replay_file.empty() ||
        !IsSameFile(file, line.replay_file))
      continue;
    return absl::InvalidArgumentError(
        absl::StrCat("--", flag, " and --replay both name ", file, "; give them different files"));
  }
  return absl::OkStatus();
}

absl::Status CheckDoctorFiles(const CommandLine& line) {
  for (const std::string& input : line.doctor_inputs) {
    if (line.results_file.empty() || !MayName(input, line.results_file)) continue;
    return absl::InvalidArgumentError(absl::StrCat("--results=", line.results_file,
                                                   " would overwrite an input; give another file"));
  }
  return absl::OkStatus();
}

}  // namespace mpaio
