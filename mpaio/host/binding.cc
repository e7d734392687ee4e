// SPDX-License-Identifier: Apache-2.0
#include "mpaio/host/binding.h"

#include <errno.h>
#include <sched.h>

#include <algorithm>
#include <cstddef>
#include <fstream>
#include <memory>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "mpaio/base/status_macros.h"

namespace mpaio {
namespace {

// Each core has a first-level cache of its own, so that level does not count.
constexpr int kLowestSharedLevel = 2;

struct FreeTopology {
  void operator()(hwloc_topology* topology) const { hwloc_topology_destroy(topology); }
};
using TopologyPtr = std::unique_ptr<hwloc_topology, FreeTopology>;

struct FreeBitmap {
  void operator()(hwloc_bitmap_s* bitmap) const { hwloc_bitmap_free(bitmap); }
};
using BitmapPtr = std::unique_ptr<hwloc_bitmap_s, FreeBitmap>;

std::string FirstLine(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

// Parses the kernel's lists: "0-3,8" is 0, 1, 2, 3, 8. Returns none where `text` is anything else.
std::vector<int> ParseList(absl::string_view text) {
  std::vector<int> numbers;
  for (absl::string_view range : absl::StrSplit(text, ',', absl::SkipEmpty())) {
    const std::vector<absl::string_view> ends = absl::StrSplit(range, '-');
    int first = 0, last = 0;
    if (ends.size() > 2 || !absl::SimpleAtoi(ends.front(), &first) ||
        !absl::SimpleAtoi(ends.back(), &last))
      return {};
    for (int number = first; number <= last; ++number) numbers.push_back(number);
  }
  return numbers;
}

// Returns the CPUs that share a last-level cache with `cpu`, itself included; none where that is
// unknown.
std::vector<int> CpusOfLastLevelCache(const std::string& sysfs, int cpu) {
  int last_level = kLowestSharedLevel - 1;
  std::string cpus;
  for (int index = 0;; ++index) {
    const std::string cache = absl::StrCat(sysfs, "/cpu/cpu", cpu, "/cache/index", index);
    int level = 0;
    if (!absl::SimpleAtoi(FirstLine(cache + "/level"), &level)) return ParseList(cpus);
    if (level <= last_level) continue;
    last_level = level;
    cpus = FirstLine(cache + "/shared_cpu_list");
  }
}

bool HasSeveralNumaNodes(hwloc_topology_t topology) {
  hwloc_obj_t first = nullptr;
  for (hwloc_obj_t node = nullptr;
       (node = hwloc_get_next_obj_by_type(topology, HWLOC_OBJ_NUMANODE, node)) != nullptr;) {
    // Memory of another kind may be a separate node, with no CPUs or those of another node.
    if (hwloc_bitmap_iszero(node->cpuset)) continue;
    if (first != nullptr && !hwloc_bitmap_isequal(first->cpuset, node->cpuset)) return true;
    if (first == nullptr) first = node;
  }
  return false;
}

bool HasSeveralLastLevelCaches(hwloc_topology_t topology) {
  static_assert(kLowestSharedLevel == 2);
  for (const hwloc_obj_type_t level :
       {HWLOC_OBJ_L5CACHE, HWLOC_OBJ_L4CACHE, HWLOC_OBJ_L3CACHE, HWLOC_OBJ_L2CACHE}) {
    if (const int caches = hwloc_get_nbobjs_by_type(topology, level); caches != 0)
      return caches > 1;
  }
  return false;
}

// True if all of the `num_cores` cores at `depth` have the same number of CPUs. Otherwise
// hwloc_distrib, which counts CPUs, may give the same core to two ranks.
bool CoresAreAlike(hwloc_topology_t topology, int depth, int num_cores) {
  const int cpus = hwloc_bitmap_weight(hwloc_get_root_obj(topology)->cpuset);
  for (hwloc_obj_t core = nullptr;
       (core = hwloc_get_next_obj_by_depth(topology, depth, core)) != nullptr;) {
    if (hwloc_bitmap_weight(core->cpuset) * num_cores != cpus) return false;
  }
  return true;
}

}  // namespace

absl::StatusOr<std::vector<int>> Affinity() {
  constexpr std::size_t kMostSets = 1024;
  // The call fails if the buffer holds fewer CPUs than the kernel is built for.
  std::vector<cpu_set_t> sets(1);
  while (sched_getaffinity(0, sets.size() * sizeof(cpu_set_t), sets.data()) != 0) {
    if (errno != EINVAL || sets.size() >= kMostSets)
      return absl::ErrnoToStatus(errno, "sched_getaffinity");
    sets.resize(2 * sets.size());
  }
  std::vector<int> cpus;
  for (std::size_t cpu = 0; cpu < sets.size() * CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET_S(cpu, sets.size() * sizeof(cpu_set_t), sets.data()))
      cpus.push_back(static_cast<int>(cpu));
  }
  return cpus;
}

bool MayPay(const std::string& sysfs, const std::vector<int>& affinity) {
  if (affinity.empty() || affinity != ParseList(FirstLine(sysfs + "/cpu/online"))) return false;
  // node/possible would include the nodes that firmware lists as pluggable.
  if (ParseList(FirstLine(sysfs + "/node/has_cpu")).size() > 1) return true;
  const std::vector<int> near = CpusOfLastLevelCache(sysfs, affinity.front());
  return !near.empty() &&
         !std::includes(near.begin(), near.end(), affinity.begin(), affinity.end());
}

std::vector<int> PartOfNode(hwloc_topology_t topology, int node_rank, int node_size) {
  // Falls back to the CPUs themselves where the system does not report cores.
  const int depth = hwloc_get_type_or_below_depth(topology, HWLOC_OBJ_CORE);
  const int num_cores = static_cast<int>(hwloc_get_nbobjs_by_depth(topology, depth));
  if (node_size < 2 || node_size > num_cores || !CoresAreAlike(topology, depth, num_cores))
    return {};
  if (!HasSeveralNumaNodes(topology) && !HasSeveralLastLevelCaches(topology)) return {};
  hwloc_obj_t root = hwloc_get_root_obj(topology);
  std::vector<hwloc_cpuset_t> sets(static_cast<std::size_t>(node_size), nullptr);
  hwloc_distrib(topology, &root, 1, sets.data(), static_cast<unsigned>(node_size), depth, 0);
  const std::vector<BitmapPtr> parts(sets.begin(), sets.end());
  const hwloc_const_cpuset_t mine = parts[static_cast<std::size_t>(node_rank)].get();
  std::vector<int> cpus;
  for (int cpu = hwloc_bitmap_first(mine); cpu >= 0; cpu = hwloc_bitmap_next(mine, cpu))
    cpus.push_back(cpu);
  return cpus;
}

absl::StatusOr<bool> BindToCores(int node_rank, int node_size, const std::string& sysfs) {
  if (node_size < 2) return false;
  MPAIO_ASSIGN_OR_RETURN(const std::vector<int> affinity, Affinity());
  if (static_cast<std::size_t>(node_size) > affinity.size() || !MayPay(sysfs, affinity))
    return false;

  hwloc_topology_t loading = nullptr;
  if (hwloc_topology_init(&loading) != 0) return absl::ErrnoToStatus(errno, "hwloc_topology_init");
  const TopologyPtr topology(loading);
  // Without the first flag hwloc visits each CPU in turn to query it; the others omit unneeded
  // data.
  constexpr unsigned long kFlags =
      HWLOC_TOPOLOGY_FLAG_DONT_CHANGE_BINDING | HWLOC_TOPOLOGY_FLAG_NO_DISTANCES |
      HWLOC_TOPOLOGY_FLAG_NO_MEMATTRS | HWLOC_TOPOLOGY_FLAG_NO_CPUKINDS;
  if (hwloc_topology_set_flags(loading, kFlags) != 0)
    return absl::ErrnoToStatus(errno, "hwloc_topology_set_flags");
  if (hwloc_topology_load(loading) != 0) return absl::ErrnoToStatus(errno, "hwloc_topology_load");
  // With HWLOC_XMLFILE and the like, hwloc describes another machine.
  if (!hwloc_topology_is_thissystem(loading)) return false;

  const std::vector<int> part = PartOfNode(loading, node_rank, node_size);
  if (part.empty()) return false;
  const BitmapPtr cpus(hwloc_bitmap_alloc());
  for (const int cpu : part) hwloc_bitmap_set(cpus.get(), static_cast<unsigned>(cpu));
  if (hwloc_set_cpubind(loading, cpus.get(), HWLOC_CPUBIND_PROCESS) != 0)
    return absl::ErrnoToStatus(errno, "hwloc_set_cpubind");
  return true;
}

}  // namespace mpaio
