// SPDX-License-Identifier: Apache-2.0
#include "mpaio/host/cgroup.h"

#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mpaio/testing/temp_directory.h"

namespace mpaio {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// A system whose only files are those that a test writes.
class CgroupTest : public testing::Test {
 protected:
  void Write(const std::string& path, const std::string& text) {
    const std::filesystem::path file = root() + path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }
  void WriteMembership(const std::string& text) { Write("/proc/self/cgroup", text); }
  const std::string& root() const { return root_.path(); }
  // Returns the group at `path` below /sys/fs/cgroup.
  Cgroup Group(const std::string& path, bool is_version2) const {
    return {root() + "/sys/fs/cgroup" + path, is_version2};
  }

 private:
  const TempDirectory root_;
};

TEST_F(CgroupTest, Version2HasTheGroupAndItsAncestors) {
  WriteMembership("0::/user/job/step\n");
  for (const absl::string_view controller : {"memory", "cpu"}) {
    EXPECT_THAT(FindCgroups(controller, root()),
                ElementsAre(Group("/user/job/step", true), Group("/user/job", true),
                            Group("/user", true), Group("", true)));
  }
}

TEST_F(CgroupTest, TheRootOfAHierarchyIsOneGroup) {
  WriteMembership("0::/\n");
  EXPECT_THAT(FindCgroups("memory", root()), ElementsAre(Group("", true)));
}

TEST_F(CgroupTest, Version1HasAHierarchyForEachController) {
  WriteMembership("4:memory:/a/b\n2:cpu,cpuacct:/docker\n1:name=systemd:/x\n");
  EXPECT_THAT(
      FindCgroups("memory", root()),
      ElementsAre(Group("/memory/a/b", false), Group("/memory/a", false), Group("/memory", false)));
  EXPECT_THAT(FindCgroups("cpu", root()),
              ElementsAre(Group("/cpu/docker", false), Group("/cpu", false),
                          Group("/cpu,cpuacct/docker", false), Group("/cpu,cpuacct", false)));
}

TEST_F(CgroupTest, InAHybridSetUpAControllerBelongsToOneVersion) {
  for (const char* const membership : {"0::/new\n3:memory:/old\n", "3:memory:/old\n0::/new\n"}) {
    WriteMembership(membership);
    EXPECT_THAT(FindCgroups("memory", root()),
                ElementsAre(Group("/memory/old", false), Group("/memory", false)));
    EXPECT_THAT(FindCgroups("cpu", root()), ElementsAre(Group("/new", true), Group("", true)));
  }
}

TEST_F(CgroupTest, WithoutMembershipThereAreNoGroups) {
  EXPECT_THAT(FindCgroups("memory", root()), IsEmpty());
  WriteMembership("damaged\n1:2\n");
  EXPECT_THAT(FindCgroups("memory", root()), IsEmpty());
  EXPECT_EQ(CgroupMemory(root()), std::nullopt);
  EXPECT_EQ(CgroupCpus(root()), std::nullopt);
}

TEST_F(CgroupTest, MemoryIsTheLimitLessWhatIsUsedAndCannotBeReclaimed) {
  WriteMembership("0::/a\n");
  Write("/sys/fs/cgroup/a/memory.max", "1000\n");
  EXPECT_EQ(CgroupMemory(root()), 1000);
  Write("/sys/fs/cgroup/a/memory.current", "400\n");
  EXPECT_EQ(CgroupMemory(root()), 600);
  Write("/sys/fs/cgroup/a/memory.stat", "anon 300\ninactive_file 70\nactive_file 30\n");
  EXPECT_EQ(CgroupMemory(root()), 700);
  // No more than is used can be reclaimed.
  Write("/sys/fs/cgroup/a/memory.stat", "inactive_file 900\n");
  EXPECT_EQ(CgroupMemory(root()), 1000);
  // The limit was lowered below the usage.
  Write("/sys/fs/cgroup/a/memory.current", "1500\n");
  Write("/sys/fs/cgroup/a/memory.stat", "inactive_file 100\n");
  EXPECT_EQ(CgroupMemory(root()), 0);
}

TEST_F(CgroupTest, MemoryIsTheLeastOfNestedLimits) {
  WriteMembership("0::/user/job/step\n");
  Write("/sys/fs/cgroup/user/job/step/memory.max", "max\n");
  EXPECT_EQ(CgroupMemory(root()), std::nullopt);
  Write("/sys/fs/cgroup/user/job/memory.max", "5000\n");
  Write("/sys/fs/cgroup/user/job/memory.current", "1000\n");
  EXPECT_EQ(CgroupMemory(root()), 4000);
  // Other jobs use most of what the user may use.
  Write("/sys/fs/cgroup/user/memory.max", "9000\n");
  Write("/sys/fs/cgroup/user/memory.current", "8500\n");
  EXPECT_EQ(CgroupMemory(root()), 500);
}

TEST_F(CgroupTest, MemoryOfVersion1) {
  WriteMembership("4:memory:/docker/c1\n0::/ignored\n");
  Write("/sys/fs/cgroup/ignored/memory.max", "1\n");
  Write("/sys/fs/cgroup/memory/docker/c1/memory.limit_in_bytes", "9223372036854771712\n");
  EXPECT_EQ(CgroupMemory(root()), std::nullopt);
  Write("/sys/fs/cgroup/memory/docker/memory.limit_in_bytes", "2000\n");
  Write("/sys/fs/cgroup/memory/docker/memory.usage_in_bytes", "900\n");
  // The totals include the groups below.
  Write("/sys/fs/cgroup/memory/docker/memory.stat",
        "inactive_file 1\nactive_file 2\ntotal_inactive_file 100\ntotal_active_file 200\n");
  EXPECT_EQ(CgroupMemory(root()), 1400);
}

TEST_F(CgroupTest, CpusAreTheLeastOfNestedQuotas) {
  WriteMembership("0::/user/job/step\n");
  Write("/sys/fs/cgroup/user/job/step/cpu.max", "max 100000\n");
  EXPECT_EQ(CgroupCpus(root()), std::nullopt);
  Write("/sys/fs/cgroup/user/job/cpu.max", "300000 100000\n");
  Write("/sys/fs/cgroup/user/cpu.max", "400000 100000\n");
  EXPECT_EQ(CgroupCpus(root()), 3.0);
  Write("/sys/fs/cgroup/user/cpu.max", "50000 100000\n");
  EXPECT_EQ(CgroupCpus(root()), 0.5);
}

TEST_F(CgroupTest, CpusOfVersion1) {
  WriteMembership("4:memory:/a\n2:cpu,cpuacct:/docker\n");
  for (const std::string folder : {"/sys/fs/cgroup/cpu", "/sys/fs/cgroup/cpu,cpuacct"}) {
    Write(folder + "/docker/cpu.cfs_period_us", "100000\n");
    Write(folder + "/docker/cpu.cfs_quota_us", "250000\n");
    EXPECT_EQ(CgroupCpus(root()), 2.5) << folder;
    Write(folder + "/docker/cpu.cfs_quota_us", "-1\n");
    EXPECT_EQ(CgroupCpus(root()), std::nullopt) << folder;
  }
}

TEST_F(CgroupTest, DamagedFilesDoNotLimit) {
  WriteMembership("0::/a\n");
  for (const char* const text : {"", "\n", "fast", "100000", "0 100000", "100000 0"}) {
    Write("/sys/fs/cgroup/a/cpu.max", text);
    EXPECT_EQ(CgroupCpus(root()), std::nullopt) << text;
  }
  for (const char* const text : {"", "\n", "much", "10 20"}) {
    Write("/sys/fs/cgroup/a/memory.max", text);
    EXPECT_EQ(CgroupMemory(root()), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace mpaio
