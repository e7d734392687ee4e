// SPDX-License-Identifier: Apache-2.0

// Tests for mpi_test_main_test.sh, which selects some by --gtest_filter and checks how they pass or
// fail.
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "mpaio/mpi/communicator.h"
#include "mpaio/testing/mpi_test_environment.h"

namespace mpaio {
namespace {

TEST(Sample, Passes) {
  std::string bytes = TestWorld().rank() == 0 ? "whole" : "";
  ASSERT_TRUE(TestWorld().Broadcast(0, &bytes).ok());
  EXPECT_EQ(bytes, "whole");
}

// Fails if another rank runs Passes at the same time.
TEST(Sample, PassesToo) {
  std::vector<int> ranks;
  ASSERT_TRUE(TestWorld().AllGather(TestWorld().rank(), &ranks).ok());
  for (int rank = 0; rank < TestWorld().size(); ++rank) EXPECT_EQ(ranks[rank], rank);
}

TEST(Sample, FailsOnRank0) {
  EXPECT_NE(TestWorld().rank(), 0) << "said by rank " << TestWorld().rank();
}

TEST(Sample, FailsOnTheLastRank) {
  EXPECT_NE(TestWorld().rank(), TestWorld().size() - 1) << "said by rank " << TestWorld().rank();
}

// The other ranks wait in the barrier.
TEST(Sample, LastRankLeavesEarly) {
  ASSERT_NE(TestWorld().rank(), TestWorld().size() - 1) << "said by rank " << TestWorld().rank();
  EXPECT_TRUE(TestWorld().Barrier().ok());
}

class BrokenSuite : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (TestWorld().rank() == TestWorld().size() - 1)
      ADD_FAILURE() << "said by rank " << TestWorld().rank();
  }
};

TEST_F(BrokenSuite, Passes) {}

}  // namespace
}  // namespace mpaio
