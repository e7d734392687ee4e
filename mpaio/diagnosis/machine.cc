// SPDX-License-Identifier: Apache-2.0
#include "mpaio/diagnosis/machine.h"

#include <pwd.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <limits>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "mpaio/executor/executor.h"
#include "mpaio/host/cgroup.h"
#include "mpaio/host/huge_pages.h"
#include "mpaio/host/text_file.h"
#include "mpaio/launcher/launcher.h"
#include "mpaio/launcher/open_mpi.h"
#include "mpaio/launcher/pmix.h"

namespace mpaio {
namespace {

std::string Stripped(const std::string& text) {
  return std::string(absl::StripAsciiWhitespace(text));
}

std::optional<Index> SoftLimit(decltype(RLIMIT_AS) resource) {
  struct rlimit limit;
  if (getrlimit(resource, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return std::nullopt;
  return static_cast<Index>(
      std::min<rlim_t>(limit.rlim_cur, static_cast<rlim_t>(std::numeric_limits<Index>::max())));
}

}  // namespace

SharedMemoryFacts ReadSharedMemory(const std::string& directory) {
  SharedMemoryFacts facts;
  facts.directory = directory;
  facts.why_not_writable = WhyNotWritable(directory);
  struct statvfs file_system;
  if (statvfs(directory.c_str(), &file_system) == 0) {
    facts.size_bytes =
        static_cast<Index>(file_system.f_blocks) * static_cast<Index>(file_system.f_frsize);
    facts.free_bytes =
        static_cast<Index>(file_system.f_bavail) * static_cast<Index>(file_system.f_frsize);
  }
  const absl::Status huge_pages = CheckHugePages(directory);
  if (!huge_pages.ok()) {
    // Takes the remedy from the message of --huge_pages=always, without the part about the flag.
    const std::vector<std::string> parts =
        absl::StrSplit(std::string(huge_pages.message()), absl::MaxSplits(": ", 1));
    facts.huge_pages_remedy =
        std::vector<std::string>(absl::StrSplit(parts.back(), ", or give --huge_pages")).front();
  }
  return facts;
}

CpuFacts ReadCpus(const MachineSources& sources) {
  CpuFacts facts;
  facts.num_online = static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN));
  facts.quota = CgroupCpus(sources.root);
  return facts;
}

LimitFacts ReadLimits() {
  LimitFacts facts;
  facts.address_space_bytes = SoftLimit(RLIMIT_AS);
  facts.file_bytes = SoftLimit(RLIMIT_FSIZE);
  facts.open_files = SoftLimit(RLIMIT_NOFILE);
  facts.processes = geteuid() == 0 ? std::nullopt : SoftLimit(RLIMIT_NPROC);  // root has no limit
  // The first field of statm is the size of all mappings, in pages.
  Index pages = 0;
  const std::vector<std::string> words = absl::StrSplit(TextOf("/proc/self/statm"), ' ');
  if (absl::SimpleAtoi(words.front(), &pages))
    facts.address_space_used_bytes = pages * sysconf(_SC_PAGESIZE);
  return facts;
}

LauncherFacts ReadLauncher() {
  LauncherFacts facts;
  facts.mpirun_version = MpirunVersion();
  facts.launched_ranks = ReadLaunch().size.value_or(0);
  facts.is_root = geteuid() == 0;
  facts.allows_root = AllowsRoot();
  facts.allows_oversubscription = AllowsOversubscription(facts.mpirun_version);
  facts.host_name = HostName();
  facts.has_home = std::getenv("HOME") != nullptr;
  facts.user_id = static_cast<long>(geteuid());
  // mpirun looks up the effective user, too.
  facts.has_passwd_entry = getpwuid(geteuid()) != nullptr;
  facts.has_pmix = HasPmix();
  return facts;
}

ClockFacts ReadClock(const MachineSources& sources) {
  using Clock = std::chrono::steady_clock;
  ClockFacts facts;
  const std::string folder = sources.root + "/sys/devices/system/clocksource/clocksource0";
  facts.source = Stripped(TextOf(folder + "/current_clocksource"));
  facts.available = Stripped(TextOf(folder + "/available_clocksource"));
  // The minimum of several tries, as other programs may run in between.
  constexpr int kTries = 20, kReadings = 500;
  facts.nanoseconds = std::numeric_limits<double>::infinity();
  for (int i = 0; i < kTries; ++i) {
    const Clock::time_point start = Clock::now();
    Clock::time_point end = start;
    for (int reading = 0; reading < kReadings; ++reading) end = Clock::now();
    facts.nanoseconds =
        std::min(facts.nanoseconds,
                 std::chrono::duration<double, std::nano>(end - start).count() / kReadings);
  }
  return facts;
}

}  // namespace mpaio
