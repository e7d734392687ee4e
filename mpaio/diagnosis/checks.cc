// SPDX-License-Identifier: Apache-2.0
#include "mpaio/diagnosis/checks.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "mpaio/launcher/open_mpi.h"

namespace mpaio {
namespace {

// Open MPI's own segment of shared memory for each rank; Open MPI uses little of it.
constexpr Index kBytesOfARank = 4 << 20;

Finding Found(Severity severity, std::string subject, std::string text, std::string remedy = "") {
  return {severity, std::move(subject), std::move(text), std::move(remedy), ""};
}

std::string Counted(Index count, absl::string_view thing) {
  return absl::StrCat(count, " ", thing, count == 1 ? "" : "s");
}

std::string MajorVersion(const std::string& version) {
  return version.substr(0, version.find('.'));
}

// Formats like 1.5 and 2.
std::string FormatCpus(double cpus) {
  return absl::StrFormat(cpus == std::floor(cpus) ? "%.0f" : "%.1f", cpus);
}

int NumUsableCpus(const CpuFacts& facts) {
  std::set<int> cpus;
  for (const std::vector<int>& affinity : facts.affinities)
    cpus.insert(affinity.begin(), affinity.end());
  return static_cast<int>(cpus.size());
}

}  // namespace

std::string ShellQuoted(const std::string& word) {
  return absl::StrCat("'", absl::StrReplaceAll(word, {{"'", "'\\''"}}), "'");
}

Finding CheckSharedMemory(const SharedMemoryFacts& facts, const Wanted& wanted) {
  const std::string subject = "shared memory";
  const std::string directory = ShellQuoted(facts.directory);
  if (!facts.why_not_writable.empty()) {
    return Found(
        Severity::kRefusal, subject,
        absl::StrCat(facts.directory, ": no file can be made there: ", facts.why_not_writable),
        absl::StrCat("mount -t tmpfs tmpfs ", directory,
                     ", as root, or name a directory that can be written in ",
                     kBackingDirectorySetting));
  }
  if (facts.size_bytes == 0)
    return Found(Severity::kOk, subject,
                 absl::StrCat(facts.directory, ": without a limit of its own"));
  const Index of_ranks = kBytesOfARank * wanted.ranks;
  const Index needed = of_ranks + wanted.copied_bytes;
  std::string text = absl::StrCat(facts.directory, ": ", FormatBytes(facts.free_bytes), " free of ",
                                  FormatBytes(facts.size_bytes));
  // Proposes twice the needed size, so that the next run need not remount again.
  const auto enlarge = [&](Index bytes) {
    return absl::StrCat("mount -o remount,size=", (2 * bytes + (Index{1} << 20) - 1) >> 20, "m ",
                        directory,
                        ", as root (docker run --shm-size=SIZE), or name a larger directory in ",
                        kBackingDirectorySetting);
  };
  if (facts.free_bytes < needed) {
    absl::StrAppend(&text, "; the run needs ", FormatBytes(of_ranks), " for Open MPI (",
                    Counted(wanted.ranks, "rank"), ")");
    if (wanted.copied_bytes > 0)
      absl::StrAppend(&text, " and ", FormatBytes(wanted.copied_bytes),
                      " for inputs that cannot be mapped");
    return Found(Severity::kRefusal, subject, std::move(text),
                 enlarge(facts.size_bytes - facts.free_bytes + needed));
  }
  if (facts.free_bytes - needed < wanted.mapped_bytes) {
    absl::StrAppend(&text, "; the inputs, ", FormatBytes(wanted.copied_bytes + wanted.mapped_bytes),
                    ", fit only if they are mapped, not with --source=window");
    return Found(Severity::kNote, subject, std::move(text),
                 enlarge(facts.size_bytes - facts.free_bytes + needed + wanted.mapped_bytes));
  }
  return Found(Severity::kOk, subject, std::move(text));
}

Finding CheckHugePageSupply(const SharedMemoryFacts& facts) {
  if (facts.huge_pages_remedy.empty())
    return Found(Severity::kOk, "huge pages",
                 absl::StrCat(facts.directory, ": provided on request"));
  return Found(
      Severity::kNote, "huge pages",
      absl::StrCat(facts.directory, ": none; shared memory is filled twice as fast with them"),
      facts.huge_pages_remedy);
}

Finding CheckMemory(const MemoryCapacity& capacity, const Wanted& wanted) {
  if (capacity.available_bytes == std::numeric_limits<Index>::max())
    return Found(Severity::kOk, "memory", "no limit can be read");
  std::string text = absl::StrCat(FormatBytes(capacity.available_bytes),
                                  " available; the limit is ", capacity.limited_by);
  if (wanted.copied_bytes + kBytesOfARank * wanted.ranks > capacity.available_bytes) {
    absl::StrAppend(&text, "; the run needs ", FormatBytes(wanted.copied_bytes),
                    " for inputs that cannot be mapped, and ",
                    FormatBytes(kBytesOfARank * wanted.ranks), " for Open MPI");
    return Found(Severity::kRefusal, "memory", std::move(text), capacity.remedy);
  }
  if (wanted.copied_bytes + wanted.mapped_bytes > capacity.available_bytes) {
    absl::StrAppend(&text, "; the inputs take ",
                    FormatBytes(wanted.copied_bytes + wanted.mapped_bytes),
                    ": those that are mapped are read from the disk again for each pass");
    return Found(Severity::kWarning, "memory", std::move(text), capacity.remedy);
  }
  return Found(Severity::kOk, "memory", std::move(text));
}

std::vector<Finding> CheckLimits(const LimitFacts& facts, const Wanted& wanted) {
  std::vector<Finding> findings;
  const Index inputs = wanted.copied_bytes + wanted.mapped_bytes;
  // For libraries, stacks and buffers, in addition to the address space that is used already.
  constexpr Index kProgramBytes = Index{256} << 20;
  if (facts.address_space_bytes) {
    const Index needed = facts.address_space_used_bytes + kProgramBytes + inputs;
    if (needed > *facts.address_space_bytes) {
      findings.push_back(
          Found(Severity::kRefusal, "limits",
                absl::StrCat("address space: ", FormatBytes(*facts.address_space_bytes),
                             " at most (ulimit -v), but ", FormatBytes(needed), " are needed"),
                "ulimit -v unlimited"));
    }
  }
  if (facts.file_bytes) {
    const std::string text =
        absl::StrCat("size of a file: ", FormatBytes(*facts.file_bytes),
                     " at most (ulimit -f), which limits shared memory, too; ");
    const Index largest_needed =
        std::max(wanted.ranks > 1 ? kBytesOfARank : 0, wanted.copied_bytes);
    if (largest_needed > *facts.file_bytes) {
      findings.push_back(Found(Severity::kRefusal, "limits",
                               absl::StrCat(text, FormatBytes(largest_needed), " are needed"),
                               "ulimit -f unlimited"));
    } else if (inputs > *facts.file_bytes) {
      findings.push_back(Found(Severity::kWarning, "limits",
                               absl::StrCat(text, "outputs as large as the inputs, ",
                                            FormatBytes(inputs), ", cannot be written"),
                               "ulimit -f unlimited"));
    }
  }
  // Open MPI opens a few files for each rank of the node, and the program one for each input.
  const Index files = 64 + 8 * Index{wanted.ranks} + 2 * Index{wanted.num_inputs};
  if (facts.open_files && *facts.open_files < files) {
    findings.push_back(Found(Severity::kWarning, "limits",
                             absl::StrCat("open files: ", *facts.open_files,
                                          " at most (ulimit -n), but up to ", files, " are needed"),
                             absl::StrCat("ulimit -n ", files)));
  }
  // Each rank has some threads, and may have a child process.
  const Index processes = 64 + 8 * Index{wanted.ranks};
  if (facts.processes && *facts.processes < processes) {
    findings.push_back(
        Found(Severity::kWarning, "limits",
              absl::StrCat("processes and threads of this user: ", *facts.processes,
                           " at most (ulimit -u), but up to ", processes, " are needed"),
              absl::StrCat("ulimit -u ", processes)));
  }
  if (findings.empty()) {
    findings.push_back(Found(
        Severity::kOk, "limits",
        absl::StrCat("none too low; open files: ", facts.open_files
                                                       ? absl::StrCat(*facts.open_files, " at most")
                                                       : std::string("any number"))));
  }
  return findings;
}

bool IsCrowded(const CpuFacts& facts) {
  const int ranks = static_cast<int>(facts.affinities.size()), usable = NumUsableCpus(facts);
  return ranks > 1 && usable > 0 && usable < std::min(ranks, facts.num_online);
}

std::vector<Finding> CheckCpus(const CpuFacts& facts, bool is_told_not_to_bind) {
  std::vector<Finding> findings;
  const int ranks = static_cast<int>(facts.affinities.size()), usable = NumUsableCpus(facts);
  std::string text = absl::StrCat(Counted(ranks, "rank"), " on ", Counted(usable, "CPU"), " of ",
                                  facts.num_online);
  if (IsCrowded(facts)) {
    std::string remedy =
        is_told_not_to_bind
            ? absl::StrCat(
                  "give the job more CPUs (taskset, cpuset, sbatch --cpus-per-task), or start ",
                  Counted(usable, "rank"))
            : "mpirun --bind-to none";
    findings.push_back(Found(Severity::kWarning, "cores",
                             absl::StrCat(text, ": they take turns, while other CPUs are idle"),
                             std::move(remedy)));
  } else if (ranks > std::max(usable, 1)) {
    findings.push_back(
        Found(Severity::kNote, "cores",
              absl::StrCat(text, ": more ranks than cores; rank 0 does not process chunks then"),
              absl::StrCat("mpirun -n ", std::max(usable, 1), " on this node")));
  } else {
    findings.push_back(Found(Severity::kOk, "cores", std::move(text)));
  }
  // Reported even if there are few ranks, because more may be started after `doctor`.
  if (facts.quota && *facts.quota < usable) {
    const int whole = std::max(1, static_cast<int>(*facts.quota));
    findings.push_back(
        Found(ranks > *facts.quota ? Severity::kWarning : Severity::kNote, "cores",
              absl::StrCat("the control group allows the time of ", FormatCpus(*facts.quota),
                           " CPUs: more ranks than that are suspended periodically"),
              absl::StrCat("start ", Counted(whole, "rank"),
                           ", or raise the limit (docker run --cpus=NUMBER)")));
  }
  return findings;
}

namespace {

// Adds a finding for each condition under which mpirun would crash. Open MPI 4.1 copies "HOST.USER"
// and the like into 64 bytes, and aborts if they overflow. libpmix looks for the home directory in
// the user's passwd entry if HOME is not set. If a job has been started, mpirun did not crash.
void CheckWhatMpirunCrashesOver(const LauncherFacts& facts, std::vector<Finding>* findings) {
  constexpr std::size_t kMostCharacters = 56;
  if (facts.launched_ranks != 0 || facts.mpirun_version.empty() || facts.mpirun_version == "?")
    return;
  if (MajorVersion(facts.mpirun_version) == "4" && facts.host_name.size() > kMostCharacters) {
    findings->push_back(Found(
        Severity::kWarning, "launcher",
        absl::StrCat("mpirun ", facts.mpirun_version, " aborts if the host name has more than ",
                     kMostCharacters, " characters, and this one has ", facts.host_name.size()),
        "hostname NAME, as root, with a shorter one (docker run --hostname NAME)"));
  }
  if (!facts.has_home && !facts.has_passwd_entry) {
    findings->push_back(Found(
        Severity::kWarning, "launcher",
        absl::StrCat("mpirun crashes if HOME is not set and the user has no entry in passwd; user ",
                     facts.user_id, " has neither"),
        "export HOME=/tmp"));
  }
}

}  // namespace

std::vector<Finding> CheckLauncher(const LauncherFacts& facts, int num_cpus) {
  std::vector<Finding> findings;
  const auto add = [&findings](Severity severity, std::string text, std::string remedy = "") {
    findings.push_back(Found(severity, "launcher", std::move(text), std::move(remedy)));
  };
  const std::string linked = facts.library_version.empty()
                                 ? "another MPI than Open MPI"
                                 : absl::StrCat("Open MPI ", facts.library_version);
  if (facts.launched_ranks > 1 && facts.world_size == 1) {
    add(Severity::kRefusal,
        absl::StrCat(
            "it started ", facts.launched_ranks,
            " ranks, each of which is alone: it belongs to another MPI than the program, which "
            "is linked with ",
            linked),
        absl::StrCat("start with the mpirun of ", linked));
  } else if (facts.world_size == 1 && facts.launched_ranks == 0) {
    add(Severity::kOk, "none: one rank, this process");
  } else {
    add(Severity::kOk, Counted(facts.world_size, "rank"));
  }
  if (facts.mpirun_version.empty()) {
    add(facts.world_size > 1 ? Severity::kNote : Severity::kWarning,
        "there is no mpirun in PATH: only one rank can be started", "apt-get install openmpi-bin");
  } else if (facts.mpirun_version == "?") {
    add(Severity::kWarning,
        absl::StrCat("mpirun in PATH is not Open MPI's, but the program is linked with ", linked),
        absl::StrCat("put the mpirun of ", linked, " first in PATH"));
  } else if (!facts.library_version.empty() &&
             MajorVersion(facts.mpirun_version) != MajorVersion(facts.library_version)) {
    add(Severity::kWarning,
        absl::StrCat("mpirun in PATH is of Open MPI ", facts.mpirun_version,
                     ", but the program is linked with ", linked),
        absl::StrCat("put the mpirun of ", linked, " first in PATH"));
  } else {
    add(Severity::kOk, absl::StrCat("mpirun ", facts.mpirun_version, ", ", linked));
  }
  // If a job has been started, mpirun was allowed to start it.
  if (facts.launched_ranks == 0 && !facts.mpirun_version.empty() && facts.mpirun_version != "?") {
    if (facts.is_root && !facts.allows_root) {
      add(Severity::kWarning, "mpirun refuses to start as root", CommandToAllowRoot());
    }
    if (!facts.allows_oversubscription) {
      add(Severity::kNote,
          absl::StrCat("mpirun starts no more ranks than this node has cores (",
                       Counted(num_cpus, "CPU"), ")"),
          CommandToAllowOversubscription(facts.mpirun_version));
    }
  }
  CheckWhatMpirunCrashesOver(facts, &findings);
  if (!facts.has_pmix) {
    add(Severity::kNote, "libpmix.so.2 cannot be loaded: the death of a rank ends the run",
        "apt-get install libpmix2");
  }
  return findings;
}

Finding CheckClock(const ClockFacts& facts) {
  // A short chunk takes less time than such a reading.
  constexpr double kSlowNanoseconds = 500;
  const std::string text = absl::StrFormat(
      "%s: %.0f ns per reading", facts.source.empty() ? "of an unknown source" : facts.source,
      facts.nanoseconds);
  const bool is_slow_source = facts.source == "hpet" || facts.source == "acpi_pm" ||
                              facts.source == "jiffies" || facts.source == "refined-jiffies";
  if (!is_slow_source && facts.nanoseconds < kSlowNanoseconds)
    return Found(Severity::kOk, "clock", text);
  std::string faster;
  for (const char* source : {"tsc", "kvm-clock", "hyperv_clocksource_tsc_page"}) {
    if (faster.empty() && facts.source != source &&
        absl::StrContains(absl::StrCat(" ", facts.available, " "), absl::StrCat(" ", source, " ")))
      faster = source;
  }
  return Found(
      Severity::kWarning, "clock", absl::StrCat(text, ", which is slow: small chunks cost more"),
      faster.empty()
          ? "the kernel has no faster clock here; larger chunks (--chunk=ROWS) read it less often"
          : absl::StrCat(
                "echo ", faster,
                " >/sys/devices/system/clocksource/clocksource0/current_clocksource, as root"));
}

std::vector<Finding> CheckWallClocks(const std::vector<std::pair<std::string, double>>& seconds) {
  constexpr double kFarSeconds = 1;
  std::vector<Finding> findings;
  for (std::size_t i = 1; i < seconds.size(); ++i) {
    const double apart = std::abs(seconds[i].second - seconds[0].second);
    const std::string text = absl::StrFormat("%s's wall clock is %.1f s apart from that of %s",
                                             seconds[i].first, apart, seconds[0].first);
    if (apart > kFarSeconds) {
      findings.push_back(Found(Severity::kWarning, "wall clock",
                               absl::StrCat(text, ": times of files cannot be compared"),
                               "let chrony or ntpd set the clocks of all hosts"));
      findings.back().host = seconds[i].first;
    }
  }
  if (findings.empty() && seconds.size() > 1) {
    findings.push_back(
        Found(Severity::kOk, "wall clock",
              absl::StrCat("those of ", seconds.size(), " hosts are less than 1 s apart")));
    findings.back().host = seconds[0].first;
  }
  return findings;
}

std::vector<Finding> CheckStale(const Stale& stale) {
  const auto remove = [](absl::string_view command, const std::vector<std::string>& paths) {
    return absl::StrCat(command, " ",
                        absl::StrJoin(paths, " ", [](std::string* out, const std::string& path) {
                          absl::StrAppend(out, ShellQuoted(path));
                        }));
  };
  std::vector<Finding> findings;
  if (stale.unseen_process != 0) {
    findings.push_back(Found(Severity::kNote, "dead jobs",
                             absl::StrCat("their files cannot be identified, because process ",
                                          stale.unseen_process, " of this user cannot be examined"),
                             "run doctor as root"));
  }
  if (!stale.segments.empty()) {
    findings.push_back(
        Found(Severity::kWarning, "dead jobs",
              absl::StrCat(FormatBytes(stale.segment_bytes), " of shared memory in ",
                           Counted(static_cast<Index>(stale.segments.size()), "file"),
                           " that no process uses"),
              remove("rm -f --", stale.segments)));
  }
  if (!stale.session_directories.empty()) {
    const bool is_one = stale.session_directories.size() == 1;
    findings.push_back(Found(Severity::kNote, "dead jobs",
                             absl::StrCat(stale.session_directories.size(), " session ",
                                          is_one ? "directory" : "directories", " with ",
                                          FormatBytes(stale.session_bytes)),
                             remove("rm -rf --", stale.session_directories)));
  }
  if (findings.empty())
    findings.push_back(Found(Severity::kOk, "dead jobs", "none has left anything"));
  return findings;
}

}  // namespace mpaio
