// SPDX-License-Identifier: Apache-2.0
#include "mpaio/orchestration/run_statistics.h"

#include "gtest/gtest.h"

namespace mpaio {
namespace {

// Two jobs of which only the first has a second pass, over the same 100 rows.
RunStats FirstPass() {
  RunStats stats;
  stats.seconds = 2;
  stats.jobs.resize(2);
  stats.jobs[0] = {"quantile", 100, 8, 10, 90, 9, 9, 1, 3, 1.5};
  stats.jobs[1] = {"sum", 100, 8, 5, 100, 5, 5, 0, 0, 1.0};
  stats.ranks = {{0, 0, "alpha", 6, 60, 0.5}, {1, 0, "alpha", 8, 130, 0.75}};
  stats.failed_job = 0;
  stats.lost_ranks = {{2, "was killed", false}};
  stats.quarantined = {{0, 4, {40, 50}, 4, "crashed"}};
  return stats;
}

RunStats SecondPass() {
  RunStats stats;
  stats.seconds = 3;
  stats.jobs.resize(2);
  stats.jobs[0] = {"quantile", 100, 8, 20, 100, 20, 20, 0, 5, 2.5};
  stats.jobs[1].worker = "sum";
  stats.ranks = {{0, 0, "alpha", 1, 10, 0.25}, {1, 0, "alpha", 19, 90, 2.25}};
  stats.lost_ranks = {{3, "was killed", false}};
  return stats;
}

TEST(RunStatsTest, TheFirstPassIsCopied) {
  RunStats all;
  all.AddPass(FirstPass());
  EXPECT_EQ(all.seconds, 2);
  EXPECT_EQ(all.failed_job, 0);
  ASSERT_EQ(all.jobs.size(), 2u);
  EXPECT_EQ(all.jobs[0].worker, "quantile");
  EXPECT_EQ(all.jobs[0].rows_done, 90);
  EXPECT_EQ(all.ranks.size(), 2u);
  EXPECT_EQ(all.lost_ranks.size(), 1u);
  EXPECT_EQ(all.quarantined.size(), 1u);
}

TEST(RunStatsTest, FurtherPassesAddWorkButNoRows) {
  RunStats all;
  all.AddPass(FirstPass());
  all.AddPass(SecondPass());
  EXPECT_EQ(all.seconds, 5);
  EXPECT_EQ(all.failed_job, -1);
  EXPECT_EQ(all.jobs[0].rows, 100);
  EXPECT_EQ(all.jobs[0].rows_done, 90);
  EXPECT_EQ(all.jobs[0].chunks, 30);
  EXPECT_EQ(all.jobs[0].chunks_done, 29);
  EXPECT_EQ(all.jobs[0].chunks_delivered, 29);
  EXPECT_EQ(all.jobs[0].chunks_quarantined, 1);
  EXPECT_EQ(all.jobs[0].chunks_resumed, 8);
  EXPECT_EQ(all.jobs[0].seconds, 4);
  // Done in the first pass.
  EXPECT_EQ(all.jobs[1].chunks, 5);
  EXPECT_EQ(all.jobs[1].seconds, 1);
  EXPECT_EQ(all.ranks[0].chunks, 7);
  EXPECT_EQ(all.ranks[1].rows, 220);
  EXPECT_EQ(all.ranks[1].busy_seconds, 3);
  EXPECT_EQ(all.lost_ranks.size(), 2u);
  EXPECT_EQ(all.quarantined.size(), 1u);
}

}  // namespace
}  // namespace mpaio
