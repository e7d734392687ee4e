// SPDX-License-Identifier: Apache-2.0
#include "mpaio/launcher/launcher.h"

#include <stdlib.h>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mpaio/launcher/scoped_launch.h"

namespace mpaio {
namespace {

using testing::Eq;
using testing::Optional;

// Starts each test without a launcher, and undoes what it sets.
class LaunchTest : public testing::Test {
 protected:
  ScopedLaunch none_;
};

TEST_F(LaunchTest, WithoutALauncherIsOneRank) {
  EXPECT_EQ(ReadLaunch(), Launch());
  EXPECT_FALSE(ReadLaunch().may_have_several_ranks());
  EXPECT_TRUE(AllRanksOnOneNode());
}

TEST_F(LaunchTest, MpirunOfOpenMpiSaysAll) {
  setenv("OMPI_COMM_WORLD_RANK", "5", 1);
  setenv("OMPI_COMM_WORLD_SIZE", "8", 1);
  setenv("OMPI_COMM_WORLD_LOCAL_RANK", "1", 1);
  setenv("OMPI_COMM_WORLD_LOCAL_SIZE", "4", 1);
  setenv("PMIX_RANK", "5", 1);
  EXPECT_EQ(ReadLaunch(), (Launch{.rank = 5,
                                  .size = 8,
                                  .local_rank = 1,
                                  .local_size = 4,
                                  .is_open_mpi = true,
                                  .has_pmix = true}));
  EXPECT_TRUE(ReadLaunch().may_have_several_ranks());
  EXPECT_FALSE(AllRanksOnOneNode());
  setenv("OMPI_COMM_WORLD_LOCAL_SIZE", "8", 1);
  EXPECT_TRUE(AllRanksOnOneNode());
}

TEST_F(LaunchTest, MpirunOfOpenMpiMayStartASingleRank) {
  setenv("OMPI_COMM_WORLD_RANK", "0", 1);
  setenv("OMPI_COMM_WORLD_SIZE", "1", 1);
  setenv("PMIX_RANK", "0", 1);
  EXPECT_FALSE(ReadLaunch().may_have_several_ranks());
  EXPECT_TRUE(AllRanksOnOneNode());
}

// srun --mpi=pmix does not say on how many hosts the ranks are.
TEST_F(LaunchTest, ALauncherWithPmixMayHaveSeveralHosts) {
  setenv("PMIX_RANK", "2", 1);
  setenv("SLURM_STEP_NUM_TASKS", "9", 1);
  EXPECT_EQ(ReadLaunch(), (Launch{.rank = 2, .size = 9, .has_pmix = true}));
  EXPECT_TRUE(ReadLaunch().may_have_several_ranks());
  EXPECT_FALSE(AllRanksOnOneNode());
}

TEST_F(LaunchTest, ALauncherWithPmiGivesRankAndSize) {
  setenv("PMI_RANK", "1", 1);
  setenv("PMI_SIZE", "5", 1);
  EXPECT_EQ(ReadLaunch(), (Launch{.rank = 1, .size = 5}));
  EXPECT_TRUE(ReadLaunch().may_have_several_ranks());
}

TEST_F(LaunchTest, TheInnermostLauncherCounts) {
  setenv("SLURM_STEP_NUM_TASKS", "9", 1);
  EXPECT_THAT(ReadLaunch().size, Optional(9));
  setenv("PMI_SIZE", "5", 1);
  EXPECT_THAT(ReadLaunch().size, Optional(5));
  setenv("OMPI_COMM_WORLD_SIZE", "4", 1);
  EXPECT_THAT(ReadLaunch().size, Optional(4));
}

// A shell in an allocation is not a rank.
TEST_F(LaunchTest, AnAllocationIsNoLaunch) {
  setenv("SLURM_NTASKS", "9", 1);
  EXPECT_EQ(ReadLaunch(), Launch());
  unsetenv("SLURM_NTASKS");
  setenv("SLURM_STEP_NUM_TASKS", "9", 1);
  EXPECT_FALSE(ReadLaunch().may_have_several_ranks());
}

TEST_F(LaunchTest, IgnoresTextThatIsNoNumber) {
  setenv("OMPI_COMM_WORLD_RANK", "first", 1);
  EXPECT_THAT(ReadLaunch().rank, Eq(std::nullopt));
  setenv("PMI_RANK", "3", 1);
  EXPECT_THAT(ReadLaunch().rank, Optional(3));
}

TEST_F(LaunchTest, ScopedLaunchIsReadBackAndUndone) {
  for (const Launch& launch : {Mpirun(0, 4), Mpirun(3, 4), Mpirun(0, 1), Launch(),
                               Launch{.rank = 1, .size = 2}, Launch{.rank = 1, .has_pmix = true}}) {
    {
      const ScopedLaunch scope(launch);
      EXPECT_EQ(ReadLaunch(), launch);
    }
    EXPECT_EQ(ReadLaunch(), Launch());
  }
}

TEST_F(LaunchTest, ScopedLaunchesNest) {
  const ScopedLaunch outer(Mpirun(2, 4));
  {
    const ScopedLaunch inner;
    EXPECT_EQ(ReadLaunch(), Launch());
  }
  EXPECT_EQ(ReadLaunch(), Mpirun(2, 4));
}

}  // namespace
}  // namespace mpaio
