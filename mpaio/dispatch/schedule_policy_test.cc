// SPDX-License-Identifier: Apache-2.0
#include "mpaio/dispatch/schedule_policy.h"

#include "gtest/gtest.h"
#include "mpaio/testing/status_matchers.h"

namespace mpaio {
namespace {

TEST(SchedulePolicyTest, ComparisonPoliciesHaveTheirKindAndNoStealing) {
  EXPECT_EQ(ComparisonPolicy(ScheduleKind::kAuto), nullptr);
  EXPECT_TRUE(Schedule().allows_stealing());
  for (std::size_t k = 1; k < ScheduleNames().size(); ++k) {
    const auto kind = static_cast<ScheduleKind>(k);
    const absl::StatusOr<Schedule> schedule = ComparisonPolicy(kind)->ScheduleOf({3, false, {7}});
    MPAIO_ASSERT_OK(schedule);
    EXPECT_EQ(schedule->kind, kind);
    EXPECT_TRUE(schedule->plan.empty());
    EXPECT_FALSE(schedule->allows_stealing());
  }
}

TEST(SchedulePolicyTest, AReplayGivesEachRankItsEntries) {
  ScheduleRecord record;
  record.ranks = 2;
  record.chunks_per_job = {3};
  record.entries = {{1, 0, {2, 3}}, {1, 0, {0, 2}}};
  const auto policy = ReplayPolicy(record);
  const absl::StatusOr<Schedule> schedule = policy->ScheduleOf({2, false, {3}});
  MPAIO_ASSERT_OK(schedule);
  EXPECT_FALSE(schedule->allows_stealing());
  ASSERT_EQ(schedule->plan.size(), 2u);
  EXPECT_TRUE(schedule->plan[0].empty());
  ASSERT_EQ(schedule->plan[1].size(), 2u);
  EXPECT_EQ(schedule->plan[1][0].chunks, (ChunkRange{2, 3}));
  EXPECT_EQ(schedule->plan[1][1].chunks, (ChunkRange{0, 2}));
}

TEST(SchedulePolicyTest, AReplayOfAnotherRunIsRefused) {
  ScheduleRecord record;
  record.ranks = 2;
  record.chunks_per_job = {3};
  record.entries = {{0, 0, {0, 3}}};
  const auto policy = ReplayPolicy(record);
  MPAIO_EXPECT_OK(policy->ScheduleOf({2, true, {3}}));
  EXPECT_THAT(policy->ScheduleOf({3, true, {3}}),
              StatusIs(absl::StatusCode::kInvalidArgument, "mpirun -n 2"));
  EXPECT_THAT(policy->ScheduleOf({2, true, {4}}),
              StatusIs(absl::StatusCode::kInvalidArgument, "same command"));
  EXPECT_THAT(policy->ScheduleOf({2, false, {3}}),
              StatusIs(absl::StatusCode::kInvalidArgument, "rank 0"));
}

}  // namespace
}  // namespace mpaio
