// SPDX-License-Identifier: Apache-2.0

// Facts about a node that determine whether a run works there, and how fast: read from the system
// here, judged in checks.h.
#ifndef MPAIO_DIAGNOSIS_MACHINE_H_
#define MPAIO_DIAGNOSIS_MACHINE_H_

#include <optional>
#include <string>
#include <vector>

#include "mpaio/base/index.h"
#include "mpaio/host/memory_capacity.h"

namespace mpaio {

// The file system that contains the windows.
struct SharedMemoryFacts {
  std::string directory;
  std::string why_not_writable;  // empty: files can be created in it
  Index size_bytes = 0;          // 0: the file system has no limit
  Index free_bytes = 0;
  // Empty if the file system provides huge pages, else how to make it do so.
  std::string huge_pages_remedy;
};

struct CpuFacts {
  int num_online = 0;
  // The most CPU time that the control groups allow, in CPUs; none: no limit.
  std::optional<double> quota;
  // CPUs that each rank of the node may run on, by node_rank.
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
  // Version of the mpirun in PATH, such as "4.1.4"; "?": not Open MPI's; empty: no mpirun.
  std::string mpirun_version;
  // Version of the MPI that this program is linked with, such as "4.1.4"; empty: not Open MPI.
  std::string library_version;
  // Number of ranks according to the launcher; 0: there is none, or it does not say.
  int launched_ranks = 0;
  int world_size = 1;
  bool is_root = false;
  bool allows_root = false;
  bool allows_oversubscription = false;
  bool has_pmix = false;
  std::string host_name = {};
  bool has_home = true;  // true if HOME is set, even if empty
  bool has_passwd_entry = true;
  long user_id = 0;
};

struct ClockFacts {
  std::string source;      // "tsc"; empty if unknown
  std::string available;   // "tsc hpet acpi_pm"
  double nanoseconds = 0;  // cost of one reading of the clock
};

// The root directory of the files that facts are read from. Tests replace the system's, "".
struct MachineSources {
  std::string root;
};

SharedMemoryFacts ReadSharedMemory(const std::string& directory);
// Reads everything but the affinities.
CpuFacts ReadCpus(const MachineSources& sources);
LimitFacts ReadLimits();
// Reads everything but library_version and world_size. Runs `mpirun --version`.
LauncherFacts ReadLauncher();
ClockFacts ReadClock(const MachineSources& sources);

}  // namespace mpaio

#endif  // MPAIO_DIAGNOSIS_MACHINE_H_
