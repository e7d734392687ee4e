// SPDX-License-Identifier: Apache-2.0
#include "mpaio/jobs/file_checks.h"

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

// Returns true if an input of any job may be in `file`.
bool IsInput(const std::vector<PlannedJob>& plan, const std::string& file) {
  return std::any_of(plan.begin(), plan.end(),
                     [&file](const PlannedJob& planned) { return planned.MayRead(file); });
}

bool IsOutput(const std::vector<PlannedJob>& plan, const std::string& file) {
  for (const PlannedJob& planned : plan) {
    for (const auto& [key, output] : planned.Outputs()) {
      if (IsSameFile(file, output)) return true;
    }
  }
  return false;
}

// Checks that no two outputs are one file, and that their names are those of .npy files.
absl::Status CheckOutputs(const std::vector<PlannedJob>& plan) {
  std::map<std::string, std::size_t> outputs;  // by canonical name: the job that writes it
  for (std::size_t j = 0; j < plan.size(); ++j) {
    const PlannedJob& planned = plan[j];
    struct stat status;
    if (!planned.unless_file_exists.ok() && ::stat(planned.spec.output.c_str(), &status) != 0)
      return planned.unless_file_exists;
    const std::string prefix = absl::StrCat("worker ", planned.spec.worker);
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
  return absl::OkStatus();
}

// OUTPUT may replace an input, as when a file is sorted in place. A further output that would
// replace one is more likely a mistake.
absl::Status CheckExtraOutputs(const std::vector<PlannedJob>& plan) {
  for (const PlannedJob& planned : plan) {
    for (const auto& [key, file] : planned.Outputs()) {
      if (!key.empty() && IsInput(plan, file)) {
        return absl::InvalidArgumentError(
            absl::StrCat("worker ", planned.spec.worker, ": ", key, "=", file,
                         " would overwrite an input; give another file"));
      }
    }
  }
  return absl::OkStatus();
}

absl::Status BothName(const char* flag, const char* other, const std::string& file) {
  return absl::InvalidArgumentError(absl::StrCat("--", flag, " and --", other, " both name ", file,
                                                 "; give them different files"));
}

// The journal is checked with --resume, too: no input is a journal.
absl::Status CheckRunFiles(const std::vector<PlannedJob>& plan, const RunFiles& files) {
  const std::pair<const char*, const std::string&> written[] = {{"cpu_usage", files.cpu_usage},
                                                                {"record", files.record},
                                                                {"journal", files.journal},
                                                                {"results", files.results}};
  for (const auto& [flag, file] : written) {
    if (file.empty()) continue;
    if (IsInput(plan, file) || IsOutput(plan, file)) {
      return absl::InvalidArgumentError(absl::StrCat(
          "--", flag, "=", file, " would overwrite an input or an output; give another file"));
    }
    for (const auto& [other_flag, other] : written) {
      if (&other == &file) break;
      if (!other.empty() && IsSameFile(file, other)) return BothName(flag, other_flag, file);
    }
  }
  for (const auto& [flag, file] : written) {
    // A schedule may be recorded to the file that it is replayed from.
    if (&file == &files.record || file.empty() || files.replay.empty()) continue;
    if (IsSameFile(file, files.replay)) return BothName(flag, "replay", file);
  }
  return absl::OkStatus();
}

}  // namespace

// A false positive only protects a file needlessly, so each ':' counts as either separator.
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

bool PlannedJob::MayRead(const std::string& file) const {
  if (MayName(spec.input, file)) return true;
  for (const auto& [key, array] : ExtraInputs()) {
    if (MayName(array, file)) return true;
  }
  return false;
}

absl::Status CheckFiles(const std::vector<PlannedJob>& plan, const RunFiles& files) {
  MPAIO_RETURN_IF_ERROR(CheckOutputs(plan));
  MPAIO_RETURN_IF_ERROR(CheckExtraOutputs(plan));
  return CheckRunFiles(plan, files);
}

}  // namespace mpaio
