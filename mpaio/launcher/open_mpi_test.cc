// SPDX-License-Identifier: Apache-2.0
#include "mpaio/launcher/open_mpi.h"

#include <stdlib.h>
#include <sys/stat.h>

#include <fstream>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mpaio/testing/temp_directory.h"

namespace mpaio {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;

// Removes the settings, so that each test starts without those of the user and of other tests.
class OpenMpiTest : public testing::Test {
 protected:
  void SetUp() override {
    for (const char* name :
         {"OMPI_MCA_osc_sm_backing_directory", "OMPI_MCA_btl_vader_backing_directory",
          "OMPI_MCA_btl_sm_backing_directory", "TMPDIR", "OMPI_MCA_orte_tmpdir_base",
          "PRTE_MCA_prte_tmpdir_base", "OMPI_MCA_hwloc_base_binding_policy",
          "PRTE_MCA_hwloc_default_binding_policy", "PRTE_MCA_rmaps_default_bind_to",
          "OMPI_ALLOW_RUN_AS_ROOT", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM",
          "OMPI_MCA_rmaps_base_oversubscribe", "PRTE_MCA_rmaps_default_mapping_policy",
          "PRTE_MCA_mapby"}) {
      unsetenv(name);
    }
    for (const MpiSetting& setting : MpiSettings()) unsetenv(setting.name);
  }
};

TEST_F(OpenMpiTest, BackingDirectoryIsDevShmUnlessAnotherIsSet) {
  EXPECT_EQ(BackingDirectory(), "/dev/shm");
  setenv("OMPI_MCA_osc_sm_backing_directory", "/mnt/huge", 1);
  EXPECT_EQ(BackingDirectory(), "/mnt/huge");
  setenv(kBackingDirectorySetting, "", 1);
  EXPECT_EQ(BackingDirectory(), "/dev/shm");
}

TEST_F(OpenMpiTest, SegmentDirectoriesAreThoseOfWindowsAndTransports) {
  EXPECT_THAT(SegmentDirectories(), ElementsAre("/dev/shm", "/dev/shm"));
  setenv("OMPI_MCA_osc_sm_backing_directory", "/a", 1);
  setenv("OMPI_MCA_btl_vader_backing_directory", "/b", 1);
  setenv("OMPI_MCA_btl_sm_backing_directory", "/c", 1);
  EXPECT_THAT(SegmentDirectories(), ElementsAre("/a", "/dev/shm", "/b", "/c"));
}

TEST_F(OpenMpiTest, SessionRootsAreTmpAndTheDirectoriesOfSettings) {
  EXPECT_THAT(SessionRoots(), ElementsAre("/tmp"));
  setenv("TMPDIR", "/a", 1);
  setenv("OMPI_MCA_orte_tmpdir_base", "", 1);
  setenv("PRTE_MCA_prte_tmpdir_base", "/b", 1);
  EXPECT_THAT(SessionRoots(), ElementsAre("/a", "/b", "/tmp"));
}

TEST_F(OpenMpiTest, IsToldNotToBindInEachVersion) {
  EXPECT_FALSE(IsToldNotToBind());
  for (const char* name :
       {"OMPI_MCA_hwloc_base_binding_policy", "PRTE_MCA_hwloc_default_binding_policy",
        "PRTE_MCA_rmaps_default_bind_to"}) {
    setenv(name, "core", 1);
    EXPECT_FALSE(IsToldNotToBind()) << name;
    setenv(name, "none:overload-allowed", 1);
    EXPECT_TRUE(IsToldNotToBind()) << name;
    unsetenv(name);
  }
}

TEST_F(OpenMpiTest, VersionInIsTheFirstNumber) {
  EXPECT_EQ(
      VersionIn(
          "mpirun (Open MPI) 4.1.4\n\nReport bugs to http://www.open-mpi.org/community/help/\n"),
      "4.1.4");
  EXPECT_EQ(VersionIn("Open MPI v5.0.7, package: Debian OpenMPI, ident: 5.0.7"), "5.0.7");
  EXPECT_EQ(VersionIn("mpirun (Open MPI) 6.0.0rc1\n"), "6.0.0rc1");
  EXPECT_EQ(VersionIn("HYDRA build details"), "");
  EXPECT_EQ(VersionIn(""), "");
}

// Calls MpirunVersion() with a PATH whose only program is mpirun, a shell script with this text;
// none if the text is empty.
std::string MpirunVersionWith(const std::string& mpirun) {
  const TempDirectory root;
  if (!mpirun.empty()) {
    std::ofstream(root.File("mpirun")) << "#!/bin/sh\n" << mpirun;
    chmod(root.File("mpirun").c_str(), 0700);
  }
  const std::string path = getenv("PATH") != nullptr ? getenv("PATH") : "";
  setenv("PATH", root.path().c_str(), 1);
  const std::string version = MpirunVersion();
  setenv("PATH", path.c_str(), 1);
  return version;
}

TEST_F(OpenMpiTest, MpirunIsAskedForItsVersion) {
  EXPECT_EQ(MpirunVersionWith("echo 'mpirun (Open MPI) 4.1.4'; echo; echo Report bugs\n"), "4.1.4");
  EXPECT_EQ(MpirunVersionWith("echo 'HYDRA build details: Version 4.0.2'\n"), "?");
  EXPECT_EQ(MpirunVersionWith(""), "");
}

TEST_F(OpenMpiTest, RootNeedsBothVariables) {
  EXPECT_FALSE(AllowsRoot());
  setenv("OMPI_ALLOW_RUN_AS_ROOT", "1", 1);
  EXPECT_FALSE(AllowsRoot());
  setenv("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1", 1);
  EXPECT_TRUE(AllowsRoot());
  setenv("OMPI_ALLOW_RUN_AS_ROOT", "0", 1);
  EXPECT_FALSE(AllowsRoot());
}

TEST_F(OpenMpiTest, OversubscriptionHasAVariableForEachVersion) {
  EXPECT_FALSE(AllowsOversubscription("4.1.4"));
  EXPECT_FALSE(AllowsOversubscription("5.0.7"));
  setenv("OMPI_MCA_rmaps_base_oversubscribe", "1", 1);
  EXPECT_TRUE(AllowsOversubscription("4.1.4"));
  EXPECT_FALSE(AllowsOversubscription("5.0.7"));
  EXPECT_FALSE(AllowsOversubscription("40.1"));
  for (const char* name : {"PRTE_MCA_rmaps_default_mapping_policy", "PRTE_MCA_mapby"}) {
    setenv(name, "core:oversubscribe", 1);
    EXPECT_TRUE(AllowsOversubscription("5.0.7")) << name;
    unsetenv(name);
  }
}

// Executes "export NAME=VALUE ..." in this process.
void Execute(const std::string& command) {
  std::size_t begin = command.find(' ');
  ASSERT_EQ(command.substr(0, begin), "export");
  while (begin != std::string::npos) {
    const std::size_t end = command.find(' ', begin + 1), equals = command.find('=', begin);
    setenv(command.substr(begin + 1, equals - begin - 1).c_str(),
           command.substr(equals + 1, end - equals - 1).c_str(), 1);
    begin = end;
  }
}

TEST_F(OpenMpiTest, CommandsAllowWhatTheyNameInTheirVersion) {
  Execute(CommandToAllowRoot());
  EXPECT_TRUE(AllowsRoot());
  for (const char* version : {"4.1.4", "5.0.7"}) {
    SetUp();
    Execute(CommandToAllowOversubscription(version));
    EXPECT_TRUE(AllowsOversubscription(version)) << version;
  }
}

TEST_F(OpenMpiTest, SettingsAreAppliedWhereTheyConcern) {
  const auto is_set = [](const char* name) { return getenv(name) != nullptr; };
  ApplyMpiSettings(4, /*are_all_on_one_node=*/false);
  for (const MpiSetting& setting : MpiSettings())
    EXPECT_EQ(is_set(setting.name), setting.when == MpiSetting::kAlways) << setting.name;
  ApplyMpiSettings(4, /*are_all_on_one_node=*/true);
  for (const MpiSetting& setting : MpiSettings())
    EXPECT_EQ(is_set(setting.name), setting.least_major_version <= 4) << setting.name;
  ApplyMpiSettings(5, /*are_all_on_one_node=*/true);
  for (const MpiSetting& setting : MpiSettings())
    EXPECT_STREQ(getenv(setting.name), setting.value) << setting.name;
}

TEST_F(OpenMpiTest, SettingsOfTheUserStay) {
  ASSERT_THAT(MpiSettings(), Not(IsEmpty()));
  setenv(MpiSettings().front().name, "of the user", 1);
  ApplyMpiSettings(5, /*are_all_on_one_node=*/true);
  EXPECT_STREQ(getenv(MpiSettings().front().name), "of the user");
}

}  // namespace
}  // namespace mpaio
