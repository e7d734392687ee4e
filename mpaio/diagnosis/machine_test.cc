// SPDX-License-Identifier: Apache-2.0
#include "mpaio/diagnosis/machine.h"

#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mpaio/launcher/scoped_launch.h"
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

TEST(ReadCpus, HasTheQuotaOfTheControlGroups) {
  TempDirectory root;
  EXPECT_EQ(ReadCpus({root.path()}).quota, std::nullopt);
  EXPECT_THAT(ReadCpus({root.path()}).num_online, Gt(0));
  Write(root, "/proc/self/cgroup", "0::/job\n");
  Write(root, "/sys/fs/cgroup/job/cpu.max", "150000 100000\n");
  EXPECT_EQ(ReadCpus({root.path()}).quota, 1.5);
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

TEST(ReadLauncher, ReportsTheLauncherOfThisProcess) {
  const ScopedLaunch none;
  EXPECT_EQ(ReadLauncher().launched_ranks, 0);
  const ScopedLaunch four(Mpirun(1, 4));
  EXPECT_EQ(ReadLauncher().launched_ranks, 4);
}

TEST(ReadLauncher, ReportsTheUser) {
  const LauncherFacts facts = ReadLauncher();
  EXPECT_EQ(facts.user_id, static_cast<long>(geteuid()));
  EXPECT_EQ(facts.is_root, geteuid() == 0);
  EXPECT_FALSE(facts.host_name.empty());
  const std::string home = getenv("HOME") != nullptr ? getenv("HOME") : "/";
  unsetenv("HOME");
  EXPECT_FALSE(ReadLauncher().has_home);
  setenv("HOME", home.c_str(), 1);
  EXPECT_TRUE(ReadLauncher().has_home);
}

}  // namespace
}  // namespace mpaio
