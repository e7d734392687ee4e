// SPDX-License-Identifier: Apache-2.0
#include "mpaio/host/binding.h"

#include <sched.h>
#include <stdlib.h>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <future>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mpaio/testing/child_process.h"
#include "mpaio/testing/status_matchers.h"
#include "mpaio/testing/temp_directory.h"

namespace mpaio {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class Topology {
 public:
  explicit Topology(const std::string& description) {
    EXPECT_EQ(hwloc_topology_init(&topology_), 0);
    EXPECT_EQ(hwloc_topology_set_synthetic(topology_, description.c_str()), 0) << description;
    EXPECT_EQ(hwloc_topology_load(topology_), 0) << description;
  }
  ~Topology() { hwloc_topology_destroy(topology_); }
  Topology(const Topology&) = delete;
  Topology& operator=(const Topology&) = delete;

  hwloc_topology_t get() const { return topology_; }
  void RemoveCpu(unsigned cpu) {
    const hwloc_bitmap_t others = hwloc_bitmap_dup(hwloc_topology_get_topology_cpuset(topology_));
    hwloc_bitmap_clr(others, cpu);
    EXPECT_EQ(hwloc_topology_restrict(topology_, others, 0), 0);
    hwloc_bitmap_free(others);
  }

 private:
  hwloc_topology_t topology_ = nullptr;
};

std::vector<std::vector<int>> Parts(const Topology& topology, int node_size) {
  std::vector<std::vector<int>> parts;
  for (int rank = 0; rank < node_size; ++rank)
    parts.push_back(PartOfNode(topology.get(), rank, node_size));
  return parts;
}

std::vector<int> Range(int begin, int end) {
  std::vector<int> numbers(static_cast<std::size_t>(end - begin));
  std::iota(numbers.begin(), numbers.end(), begin);
  return numbers;
}

TEST(PartOfNode, IsNearTheNeighboursPart) {
  const Topology topology("numa:2 l3:1 core:4 pu:2");
  EXPECT_THAT(Parts(topology, 2), ElementsAre(Range(0, 8), Range(8, 16)));
  EXPECT_THAT(Parts(topology, 4),
              ElementsAre(Range(0, 4), Range(4, 8), Range(8, 12), Range(12, 16)));
  // No part is on both nodes.
  EXPECT_THAT(Parts(topology, 3), ElementsAre(Range(0, 4), Range(4, 8), Range(8, 16)));
}

// Many systems number the first CPUs of all cores, then the second ones: here core k has CPUs k and
// k + 4.
TEST(PartOfNode, HasAllCpusOfACoreInAnyNumbering) {
  const Topology topology("numa:2 core:2 pu:2(indexes=0,4,1,5,2,6,3,7)");
  EXPECT_THAT(Parts(topology, 4), ElementsAre(ElementsAre(0, 4), ElementsAre(1, 5),
                                              ElementsAre(2, 6), ElementsAre(3, 7)));
  EXPECT_THAT(Parts(topology, 2), ElementsAre(ElementsAre(0, 1, 4, 5), ElementsAre(2, 3, 6, 7)));
}

TEST(PartOfNode, PartsAreDisjointWholeCoresAndTogetherAll) {
  struct Machine {
    std::string description;
    int num_numa_nodes, num_cores, cpus_per_core;
  };
  for (const Machine& machine :
       {Machine{"numa:2 l3:1 core:4 pu:2", 2, 8, 2}, Machine{"l3:2 core:4 pu:1", 1, 8, 1},
        Machine{"package:2 numa:2 l3:2 core:3 pu:2", 4, 24, 2},
        Machine{"numa:3 core:5 pu:4", 3, 15, 4}, Machine{"l2:6 core:2 pu:1", 1, 12, 1},
        Machine{"numa:2 pu:3", 2, 6, 1}}) {
    const Topology topology(machine.description);
    const int cpus = machine.num_cores * machine.cpus_per_core;
    for (int node_size = 2; node_size <= machine.num_cores; ++node_size) {
      SCOPED_TRACE(absl::StrCat(node_size, " ranks on ", machine.description));
      std::vector<int> all;
      for (const std::vector<int>& part : Parts(topology, node_size)) {
        ASSERT_FALSE(part.empty());
        all.insert(all.end(), part.begin(), part.end());
        // Core k has the CPUs from k * cpus_per_core on.
        ASSERT_EQ(part.size() % static_cast<std::size_t>(machine.cpus_per_core), 0);
        for (const int cpu : part) {
          EXPECT_TRUE(std::binary_search(part.begin(), part.end(),
                                         cpu / machine.cpus_per_core * machine.cpus_per_core))
              << cpu;
        }
      }
      // Each CPU once, and in the order of the ranks.
      EXPECT_EQ(all, Range(0, cpus));
      if (node_size % machine.num_numa_nodes != 0) continue;
      const int ranks_of_numa_node = node_size / machine.num_numa_nodes,
                cpus_of_numa_node = cpus / machine.num_numa_nodes;
      for (int rank = 0; rank < node_size; ++rank) {
        const std::vector<int> part = PartOfNode(topology.get(), rank, node_size);
        EXPECT_EQ(part.front() / cpus_of_numa_node, rank / ranks_of_numa_node);
        EXPECT_EQ(part.back() / cpus_of_numa_node, rank / ranks_of_numa_node);
      }
    }
  }
}

TEST(PartOfNode, IsEmptyForMoreRanksThanCores) {
  const Topology topology("numa:2 l3:1 core:4 pu:2");
  EXPECT_THAT(PartOfNode(topology.get(), 7, 8), ElementsAre(14, 15));
  EXPECT_THAT(PartOfNode(topology.get(), 0, 9), IsEmpty());
  EXPECT_THAT(PartOfNode(topology.get(), 0, 16), IsEmpty());
}

TEST(PartOfNode, IsEmptyForASingleRank) {
  EXPECT_THAT(PartOfNode(Topology("numa:2 l3:1 core:4 pu:2").get(), 0, 1), IsEmpty());
}

TEST(PartOfNode, IsEmptyWhereAllCoresShareMemoryAndCache) {
  for (const char* description : {"core:4 pu:1", "numa:1 l3:1 core:4 pu:2", "package:2 core:4 pu:1",
                                  "l3:1 l2:4 core:1 pu:1", "l1:4 core:1 pu:1"}) {
    EXPECT_THAT(PartOfNode(Topology(description).get(), 0, 2), IsEmpty()) << description;
  }
}

// Models a processor with two kinds of cores.
TEST(PartOfNode, IsEmptyWhereCoresDiffer) {
  Topology topology("numa:2 l3:1 core:4 pu:2");
  topology.RemoveCpu(3);
  EXPECT_THAT(PartOfNode(topology.get(), 0, 2), IsEmpty());
}

// A directory with the files of /sys/devices/system.
class FakeSysfs {
 public:
  FakeSysfs(const std::string& online, const std::string& nodes_with_cpus) {
    Write("cpu/online", online);
    Write("node/has_cpu", nodes_with_cpus);
    // Includes pluggable nodes.
    Write("node/possible", "0-3");
  }
  void AddCache(int cpu, int index, int level, const std::string& shared_cpu_list) {
    const std::string cache = absl::StrCat("cpu/cpu", cpu, "/cache/index", index);
    Write(cache + "/level", absl::StrCat(level));
    Write(cache + "/shared_cpu_list", shared_cpu_list);
  }
  const std::string& path() const { return directory_.path(); }

 private:
  void Write(const std::string& name, const std::string& text) {
    const std::filesystem::path file = directory_.File(name);
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text << "\n";
  }
  TempDirectory directory_;
};

TEST(MayPay, OnSeveralNumaNodes) {
  EXPECT_TRUE(MayPay(FakeSysfs("0-3", "0-1").path(), {0, 1, 2, 3}));
  EXPECT_TRUE(MayPay(FakeSysfs("0-3", "0,2").path(), {0, 1, 2, 3}));
}

TEST(MayPay, WithSeveralLastLevelCaches) {
  FakeSysfs sysfs("0-3", "0");
  sysfs.AddCache(0, 0, 1, "0");
  sysfs.AddCache(0, 1, 1, "0");
  sysfs.AddCache(0, 2, 3, "0,2");
  sysfs.AddCache(0, 3, 2, "0");
  EXPECT_TRUE(MayPay(sysfs.path(), {0, 1, 2, 3}));
}

TEST(MayPay, NotOnOneNumaNodeWithOneLastLevelCache) {
  FakeSysfs sysfs("0-1,4", "0");
  sysfs.AddCache(0, 0, 1, "0");
  sysfs.AddCache(0, 1, 2, "0");
  sysfs.AddCache(0, 2, 3, "0-7");
  EXPECT_FALSE(MayPay(sysfs.path(), {0, 1, 4}));
}

TEST(MayPay, NotForFirstLevelCaches) {
  FakeSysfs sysfs("0-1", "0");
  sysfs.AddCache(0, 0, 1, "0");
  EXPECT_FALSE(MayPay(sysfs.path(), {0, 1}));
}

TEST(MayPay, NotForAProcessThatIsBound) {
  const FakeSysfs sysfs("0-3", "0-1");
  EXPECT_FALSE(MayPay(sysfs.path(), {0, 1, 2}));
  EXPECT_FALSE(MayPay(sysfs.path(), {1}));
  EXPECT_FALSE(MayPay(sysfs.path(), {}));
}

TEST(MayPay, NotWhereNothingCanBeRead) {
  EXPECT_FALSE(MayPay(TempDirectory().path(), {0, 1}));
  EXPECT_FALSE(MayPay(FakeSysfs("0-1", "").path(), {0, 1}));
  EXPECT_FALSE(MayPay(FakeSysfs("0-x", "0-1").path(), {0, 1}));
}

// The tests below bind a child, not the test process. Returns the child's exit status: 0 bound, 1
// not bound, 2 failed.
int Bind(int node_rank, int node_size, const std::string& sysfs = "/sys/devices/system") {
  const absl::StatusOr<bool> bound = BindToCores(node_rank, node_size, sysfs);
  return bound.ok() ? (*bound ? 0 : 1) : 2;
}
constexpr ChildEnd kGood = {.signal = 0, .exit_status = 0};

TEST(BindToCores, BindsAllThreadsOnceAndReportsIt) {
  const absl::StatusOr<std::vector<int>> affinity = Affinity();
  MPAIO_ASSERT_OK(affinity);
  if (affinity->size() < 2 || *affinity != Range(0, static_cast<int>(affinity->size())))
    GTEST_SKIP() << "not two CPUs numbered from 0";
  const int cpus = static_cast<int>(affinity->size());
  const FakeSysfs sysfs(absl::StrCat("0-", cpus - 1), "0-1");
  // The synthetic machine has two NUMA nodes with one CPU each, so other CPUs are not used.
  for (int rank = 0; rank < 2; ++rank) {
    EXPECT_EQ(RunInChild([&] {
                setenv("HWLOC_SYNTHETIC", "numa:2 core:1 pu:1", 1);
                // Another machine's topology is not used.
                if (Bind(rank, 2, sysfs.path()) != 1 || *Affinity() != *affinity) return 3;
                setenv("HWLOC_THISSYSTEM", "1", 1);
                std::promise<int> status;
                std::vector<int> of_thread;
                std::thread thread([&] {
                  if (status.get_future().get() == 0) of_thread = *Affinity();
                });
                status.set_value(Bind(rank, 2, sysfs.path()));
                thread.join();
                if (of_thread != std::vector<int>{rank}) return 4;
                if (*Affinity() != std::vector<int>{rank}) return 5;
                // A bound process is not bound again.
                return Bind(1 - rank, 2, sysfs.path()) == 1 && *Affinity() == std::vector<int>{rank}
                           ? 0
                           : 6;
              }),
              kGood)
        << rank;
  }
}

TEST(BindToCores, KeepsAnExistingBinding) {
  const absl::StatusOr<std::vector<int>> affinity = Affinity();
  MPAIO_ASSERT_OK(affinity);
  if (affinity->size() < 2) GTEST_SKIP() << "one CPU";
  EXPECT_EQ(RunInChild([&] {
              cpu_set_t last;
              CPU_ZERO(&last);
              CPU_SET(affinity->back(), &last);
              if (sched_setaffinity(0, sizeof(last), &last) != 0) return 3;
              return Bind(0, 2) == 1 && *Affinity() == std::vector<int>{affinity->back()} ? 0 : 4;
            }),
            kGood);
}

// On any machine, ranks have disjoint CPUs, or all of them.
TEST(BindToCores, IsConsistentOnThisMachine) {
  const absl::StatusOr<std::vector<int>> affinity = Affinity();
  MPAIO_ASSERT_OK(affinity);
  EXPECT_EQ(Bind(0, 1), 1);
  EXPECT_EQ(Bind(0, static_cast<int>(affinity->size()) + 1), 1);
  EXPECT_EQ(RunInChild([&] {
              const int status = Bind(0, 2);
              const std::vector<int> after = *Affinity();
              if (status == 1) return after == *affinity ? 0 : 3;
              if (status != 0) return status;
              const bool is_part =
                  std::includes(affinity->begin(), affinity->end(), after.begin(), after.end());
              return is_part && !after.empty() && after.size() < affinity->size() ? 0 : 4;
            }),
            kGood);
}

}  // namespace
}  // namespace mpaio
