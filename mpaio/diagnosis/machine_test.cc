// SPDX-License-Identifier: Apache-2.0
#include "mpaio/diagnosis/machine.h"

#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mpaio/testing/child_process.h"
#include "mpaio/testing/temp_directory.h"

namespace mpaio {
namespace {

using testing::Gt;
using testing::HasSubstr;

void Write(const TempDirectory& root, const std::string& path, const std::string& text) {
  const std::filesystem::path file = root.path() + path;
  std::filesystem::create_directories(file.parent_path());
  std::ofstream(file) << text;
}

TEST(VersionIn, IsTheFirstNumber) {
  EXPECT_EQ(
      VersionIn(
          "mpirun (Open MPI) 4.1.4\n\nReport bugs to http://www.open-mpi.org/community/help/\n"),
      "4.1.4");
  EXPECT_EQ(VersionIn("Open MPI v5.0.7, package: Debian OpenMPI, ident: 5.0.7"), "5.0.7");
  EXPECT_EQ(VersionIn("mpirun (Open MPI) 6.0.0rc1\n"), "6.0.0rc1");
  EXPECT_EQ(VersionIn("HYDRA build details"), "");
  EXPECT_EQ(VersionIn(""), "");
}

TEST(CpuQuota, IsInCpus) {
  EXPECT_EQ(CpuQuota("150000 100000\n", ""), 1.5);
  EXPECT_EQ(CpuQuota("200000\n", "100000\n"), 2.0);
}

TEST(CpuQuota, IsNoneWhereThereIsNoLimit) {
  EXPECT_EQ(CpuQuota("max 100000\n", ""), std::nullopt);
  EXPECT_EQ(CpuQuota("-1\n", "100000\n"), std::nullopt);
  EXPECT_EQ(CpuQuota("", ""), std::nullopt);
}

TEST(ReadCpus, TakesTheTightestQuotaOfVersion2) {
  TempDirectory root;
  Write(root, "/proc/self/cgroup", "0::/user/job/step\n");
  Write(root, "/sys/fs/cgroup/user/job/step/cpu.max", "max 100000\n");
  Write(root, "/sys/fs/cgroup/user/job/cpu.max", "300000 100000\n");
  Write(root, "/sys/fs/cgroup/user/cpu.max", "400000 100000\n");
  EXPECT_EQ(ReadCpus({root.path()}).quota, 3.0);
  Write(root, "/sys/fs/cgroup/user/cpu.max", "50000 100000\n");
  EXPECT_EQ(ReadCpus({root.path()}).quota, 0.5);
}

TEST(ReadCpus, TakesTheQuotaOfVersion1) {
  TempDirectory root;
  Write(root, "/proc/self/cgroup", "4:memory:/a\n2:cpu,cpuacct:/docker\n");
  Write(root, "/sys/fs/cgroup/cpu,cpuacct/docker/cpu.cfs_quota_us", "250000\n");
  Write(root, "/sys/fs/cgroup/cpu,cpuacct/docker/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(ReadCpus({root.path()}).quota, 2.5);
}

TEST(ReadCpus, UnreadableFilesMeanNoLimit) {
  TempDirectory root;
  EXPECT_EQ(ReadCpus({root.path()}).quota, std::nullopt);
  EXPECT_THAT(ReadCpus({root.path()}).num_online, Gt(0));
}

TEST(ReadClock, TellsTheSourceAndItsCost) {
  TempDirectory root;
  EXPECT_EQ(ReadClock({root.path()}).source, "");
  Write(root, "/sys/devices/system/clocksource/clocksource0/current_clocksource", "hpet\n");
  Write(root, "/sys/devices/system/clocksource/clocksource0/available_clocksource",
        "tsc hpet acpi_pm \n");
  const ClockFacts clock = ReadClock({root.path()});
  EXPECT_EQ(clock.source, "hpet");
  EXPECT_EQ(clock.available, "tsc hpet acpi_pm");
  EXPECT_THAT(clock.nanoseconds, Gt(0));
}

TEST(ReadSharedMemory, TellsWhetherFilesCanBeMade) {
  TempDirectory root;
  EXPECT_EQ(ReadSharedMemory(root.path()).why_not_writable, "");
  EXPECT_EQ(ReadSharedMemory(root.path()).directory, root.path());
  EXPECT_TRUE(std::filesystem::is_empty(root.path()));
  EXPECT_THAT(ReadSharedMemory(root.path() + "/missing").why_not_writable,
              HasSubstr("no such file"));
  Write(root, "/file", "");
  EXPECT_THAT(ReadSharedMemory(root.path() + "/file").why_not_writable,
              HasSubstr("not a directory"));
}

TEST(ReadLimits, AreThoseOfTheProcess) {
  EXPECT_EQ(RunInChild([] {
              const struct rlimit files = {77, 77}, bytes = {1 << 20, 1 << 20},
                                  all = {RLIM_INFINITY, RLIM_INFINITY};
              setrlimit(RLIMIT_NOFILE, &files);
              setrlimit(RLIMIT_FSIZE, &bytes);
              const LimitFacts limits = ReadLimits();
              struct rlimit space;
              getrlimit(RLIMIT_AS, &space);
              const bool space_is_reported =
                  (space.rlim_cur == all.rlim_cur) == !limits.address_space_bytes.has_value();
              return limits.open_files == 77 && limits.file_bytes == 1 << 20 &&
                             limits.address_space_used_bytes > 0 && space_is_reported
                         ? 0
                         : 1;
            }),
            (ChildEnd{0, 0}));
}

// Calls ReadLauncher with a PATH whose only program is mpirun, a shell script with this text; none
// if the text is empty.
LauncherFacts ReadLauncherWith(const std::string& mpirun) {
  TempDirectory root;
  if (!mpirun.empty()) {
    Write(root, "/mpirun", "#!/bin/sh\n" + mpirun);
    chmod(root.File("mpirun").c_str(), 0700);
  }
  const std::string path = getenv("PATH") != nullptr ? getenv("PATH") : "";
  setenv("PATH", root.path().c_str(), 1);
  const LauncherFacts facts = ReadLauncher();
  setenv("PATH", path.c_str(), 1);
  return facts;
}

TEST(ReadLauncher, AsksMpirunForItsVersion) {
  EXPECT_EQ(
      ReadLauncherWith("echo 'mpirun (Open MPI) 4.1.4'; echo; echo Report bugs\n").mpirun_version,
      "4.1.4");
  EXPECT_EQ(ReadLauncherWith("echo 'HYDRA build details: Version 4.0.2'\n").mpirun_version, "?");
  EXPECT_EQ(ReadLauncherWith("").mpirun_version, "");
}

TEST(ReadLauncher, ReadsTheEnvironment) {
  for (const char* name :
       {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS", "OMPI_ALLOW_RUN_AS_ROOT",
        "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "OMPI_MCA_rmaps_base_oversubscribe",
        "PRTE_MCA_rmaps_default_mapping_policy", "PRTE_MCA_mapby"}) {
    unsetenv(name);
  }
  const std::string version4 = "echo 'mpirun (Open MPI) 4.1.4'\n",
                    version5 = "echo 'mpirun (Open MPI) 5.0.7'\n";
  EXPECT_EQ(ReadLauncherWith("").launched_ranks, 0);
  EXPECT_FALSE(ReadLauncherWith("").allows_root);
  EXPECT_FALSE(ReadLauncherWith(version4).allows_oversubscription);
  setenv("SLURM_NTASKS", "9", 1);  // an allocation
  EXPECT_EQ(ReadLauncherWith("").launched_ranks, 0);
  setenv("SLURM_STEP_NUM_TASKS", "9", 1);
  EXPECT_EQ(ReadLauncherWith("").launched_ranks, 9);
  setenv("PMI_SIZE", "5", 1);
  EXPECT_EQ(ReadLauncherWith("").launched_ranks, 5);
  setenv("OMPI_COMM_WORLD_SIZE", "4", 1);
  EXPECT_EQ(ReadLauncherWith("").launched_ranks, 4);
  setenv("OMPI_ALLOW_RUN_AS_ROOT", "1", 1);
  EXPECT_FALSE(ReadLauncherWith("").allows_root);
  setenv("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1", 1);
  EXPECT_TRUE(ReadLauncherWith("").allows_root);
  setenv("OMPI_MCA_rmaps_base_oversubscribe", "1", 1);
  EXPECT_TRUE(ReadLauncherWith(version4).allows_oversubscription);
  EXPECT_FALSE(ReadLauncherWith(version5).allows_oversubscription);
  setenv("PRTE_MCA_rmaps_default_mapping_policy", ":oversubscribe", 1);
  EXPECT_TRUE(ReadLauncherWith(version5).allows_oversubscription);
}

}  // namespace
}  // namespace mpaio
