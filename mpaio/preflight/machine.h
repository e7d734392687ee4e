// SPDX-License-Identifier: Apache-2.0

// Facts about a node that decide whether a run works there, and how fast: read from the system,
// judged in checks.h.
#ifndef MPAIO_PREFLIGHT_MACHINE_H_
#define MPAIO_PREFLIGHT_MACHINE_H_

#include <optional>
#include <string>
#include <vector>

#include "mpaio/base/index.h"
#include "mpaio/executor/memory_capacity.h"

namespace mpaio {

// Where windows lie.
struct SharedMemoryFacts {
  std::string directory;
  std::string why_not_writable;  // empty: files can be made in it
  Index size_bytes = 0;          // 0: the file system has no limit
  Index free_bytes = 0;
  // Empty: shared memory is given huge pages. Else what to do to have them.
  std::string huge_pages_remedy;
};

struct CpuFacts {
  int num_online = 0;
  // How many CPUs' worth of time the control groups allow at most; none: all.
  std::optional<double> quota;
  // The CPUs each rank of the node may run on, by node_rank.
  std::vector<std::vector<int>> affinities;
};

// Soft limits of this process; none: unlimited.
struct LimitFacts {
  std::optional<Index> address_space_bytes = std::nullopt;
  std::optional<Index> file_bytes = std::nullopt;
  std::optional<Index> open_files = std::nullopt;
  std::optional<Index> processes = std::nullopt;
  Index address_space_used_bytes = 0;
};

struct LauncherFacts {
  std::string mpirun_version;  // of the mpirun in PATH: "4.1.4"; "?" where it does not say; empty:
                               // there is none
  std::string
      library_version;  // of the MPI this program is linked with: "4.1.4"; empty: not Open MPI's
  // What the launcher says of the number of ranks; 0: there is none, or it does not say.
  int launched_ranks = 0;
  int world_size = 1;
  bool is_root = false;
  bool allows_root = false;
  bool allows_oversubscription = false;
  bool has_pmix = false;
  std::string host_name = {};
  bool has_home = true;  // whether HOME is set, be it to nothing
  bool has_passwd_entry = true;
  long user_id = 0;
};

struct ClockFacts {
  std::string source;      // "tsc"; empty where it cannot be read
  std::string available;   // "tsc hpet acpi_pm"
  double nanoseconds = 0;  // what a look at the clock costs
};

// Where facts are read: another `root` than "" stands in for the system's in tests.
struct MachineSources {
  std::string root;
};

SharedMemoryFacts ReadSharedMemory(const std::string& directory);
// All but the affinities.
CpuFacts ReadCpus(const MachineSources& sources);
LimitFacts ReadLimits();
// All but library_version and world_size. Runs `mpirun --version`.
LauncherFacts ReadLauncher();
ClockFacts ReadClock(const MachineSources& sources);

// The number in "Open MPI v4.1.4, package: ...", "mpirun (Open MPI) 5.0.7" and the like; empty
// where there is none.
std::string VersionIn(const std::string& text);

// The quota of a control group in CPUs, from the text of cpu.max (version 2), or of
// cpu.cfs_quota_us and cpu.cfs_period_us (version 1); none: no limit.
std::optional<double> CpuQuota(const std::string& quota, const std::string& period);

}  // namespace mpaio

#endif  // MPAIO_PREFLIGHT_MACHINE_H_
