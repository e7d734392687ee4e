// SPDX-License-Identifier: Apache-2.0
#include "mpaio/orchestration/rank_table.h"

#include <chrono>

#include "gtest/gtest.h"

namespace mpaio {
namespace {

RankTable::Clock::time_point At(int milliseconds) {
  return RankTable::Clock::time_point(std::chrono::milliseconds(milliseconds));
}

TEST(RankTableTest, CountsAssignments) {
  RankTable ranks(3);
  EXPECT_EQ(ranks.size(), 3);
  ranks.OnSent(1, At(1));
  ranks.OnSent(1, At(2));
  EXPECT_EQ(ranks[1].num_assigned(), 2);
  EXPECT_EQ(ranks[2].num_assigned(), 0);
  ranks.OnReceived(1, 1, At(3));
  EXPECT_EQ(ranks[1].num_assigned(), 1);
}

// A rank is silent from its last message on, or from when it was given work after it was idle.
TEST(RankTableTest, SilenceOfAnIdleRankDoesNotCount) {
  RankTable ranks(2);
  ranks.OnSent(1, At(10));
  EXPECT_EQ(ranks[1].last_received, At(10));
  ranks.OnSent(1, At(20));
  EXPECT_EQ(ranks[1].last_received, At(10));
  ranks.OnReceived(1, At(25));
  EXPECT_EQ(ranks[1].last_received, At(25));
  ranks.OnReceived(1, 2, At(30));
  ranks.OnSent(1, At(40));
  EXPECT_EQ(ranks[1].last_received, At(40));
}

TEST(RankTableTest, ARankIsActiveUntilItHasFinishedOrIsLost) {
  RankTable ranks(5);
  EXPECT_EQ(ranks.num_living(), 4);
  EXPECT_EQ(ranks.num_active(), 4);
  ranks.MarkLost(1);
  ranks.MarkLost(1);
  ranks.MarkFinished(2);
  ranks.MarkFinished(2);
  EXPECT_EQ(ranks.num_living(), 3);
  EXPECT_EQ(ranks.num_active(), 2);
  // It dies after it has finished, and another one finishes before its death is known.
  ranks.MarkLost(2);
  ranks.MarkLost(3);
  ranks.MarkFinished(3);
  EXPECT_EQ(ranks.num_living(), 1);
  EXPECT_EQ(ranks.num_active(), 1);
  ranks.MarkEnded(4);
  EXPECT_TRUE(ranks[4].is_ended);
  EXPECT_EQ(ranks.num_active(), 1);
  ranks.MarkLost(4);
  EXPECT_EQ(ranks.num_living(), 0);
  EXPECT_EQ(ranks.num_active(), 0);
}

}  // namespace
}  // namespace mpaio
