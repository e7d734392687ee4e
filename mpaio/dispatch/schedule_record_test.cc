// SPDX-License-Identifier: Apache-2.0
#include "mpaio/dispatch/schedule_record.h"

#include <algorithm>
#include <cstdint>
#include <deque>
#include <iostream>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "mpaio/testing/status_matchers.h"

namespace mpaio {
namespace {

constexpr absl::StatusCode kInvalid = absl::StatusCode::kInvalidArgument;

const ScheduleRecord kTwoRanks{
    2, {10, 3}, {{0, 0, {0, 4}}, {1, 0, {4, 8}}, {0, 1, {0, 3}}, {1, 0, {8, 10}}}};

TEST(ScheduleRecordTest, TheTextOfARecord) {
  EXPECT_EQ(ScheduleText({kTwoRanks}),
            "mpaio schedule 1\nrun 2 10 3\n0 0 0 4\n1 0 4 8\n0 1 0 3\n1 0 8 10\n");
  EXPECT_EQ(ScheduleText({}), "mpaio schedule 1\n");
}

TEST(ScheduleRecordTest, ParsesWhatItWrites) {
  const unsigned seed = std::random_device()();
  std::cout << "seed " << seed << std::endl;
  std::mt19937 random(seed);
  std::vector<ScheduleRecord> records = {kTwoRanks, ScheduleRecord{1, {}, {}},
                                         ScheduleRecord{3, {0, 0}, {}}};
  for (int k = 0; k < 50; ++k) {
    ScheduleRecord record{static_cast<int>(1 + random() % 5), {}, {}};
    for (std::int32_t job = 0; job < static_cast<std::int32_t>(random() % 4); ++job) {
      record.chunks_per_job.push_back(random() % 100);
      for (ChunkId at = 0; at < record.chunks_per_job.back();) {
        const ChunkId end = std::min<ChunkId>(at + 1 + random() % 20, record.chunks_per_job.back());
        record.entries.push_back({static_cast<int>(random() % record.ranks), job, {at, end}});
        at = end;
      }
    }
    std::shuffle(record.entries.begin(), record.entries.end(), random);
    records.push_back(std::move(record));
  }
  const absl::StatusOr<std::vector<ScheduleRecord>> read = ParseSchedules(ScheduleText(records));
  MPAIO_ASSERT_OK(read.status());
  EXPECT_TRUE(*read == records);
}

TEST(ScheduleRecordTest, ErrorsNameTheLine) {
  const std::string head = "mpaio schedule 1\nrun 2 10\n";
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "line 1: a schedule begins with"},
      {"mpaio schedule 2\n", "line 1"},
      {"mpaio schedule 1\n0 0 0 1\n", "line 2: expected a rank"},
      {"mpaio schedule 1\nrun\n", "line 2: 'run' must be followed by the number of ranks"},
      {"mpaio schedule 1\nrun 0 10\n", "line 2"},
      {"mpaio schedule 1\nrun two 10\n", "line 2"},
      {"mpaio schedule 1\nrun 99999999999 10\n", "line 2"},
      {head + "0 0 0\n", "line 3: expected a rank"},
      {head + "0 0 0 x\n", "line 3: expected a rank"},
      {head + "0 0 -1 3\n", "line 3: expected a rank"},
      {head + "2 0 0 10\n", "line 3: there is no rank 2 of 2"},
      {head + "0 1 0 10\n", "line 3: there is no job 1 of 1"},
      {head + "0 0 0 11\n", "line 3: there are no chunks [0, 11) of job 0"},
      {head + "0 0 3 3\n", "line 3: there are no chunks [3, 3) of job 0"},
      {head + "0 0 0 5\n1 0 6 10\n", "has no chunk 5 of job 0"},
      {head + "0 0 0 5\n1 0 4 10\n", "has chunk 4 of job 0 twice"},
      {head + "0 0 0 5\n", "has no chunk 5 of job 0"},
      {head + "run 1 1\n0 0 0 1\n", "has no chunk 0 of job 0"},
  };
  for (const auto& [text, message] : cases)
    EXPECT_THAT(ParseSchedules(text), StatusIs(kInvalid, message)) << text;
}

TEST(ScheduleRecordTest, APlanIsWhatEachRankDid) {
  const auto plan = kTwoRanks.PlanFor(2, true, {10, 3});
  MPAIO_ASSERT_OK(plan.status());
  ASSERT_EQ(plan->size(), 2u);
  EXPECT_EQ((*plan)[0], (std::deque<Assignment>{{0, 0, {0, 4}}, {1, 0, {0, 3}}}));
  EXPECT_EQ((*plan)[1], (std::deque<Assignment>{{0, 0, {4, 8}}, {0, 0, {8, 10}}}));
}

TEST(ScheduleRecordTest, APlanOfAnotherRunIsRefused) {
  EXPECT_THAT(kTwoRanks.PlanFor(3, true, {10, 3}),
              StatusIs(kInvalid, "recorded with 2 ranks, and there are 3"));
  EXPECT_THAT(kTwoRanks.PlanFor(2, true, {10, 4}),
              StatusIs(kInvalid, "jobs of 10, 3 chunks, and here they have 10, 4"));
  EXPECT_THAT(kTwoRanks.PlanFor(2, true, {10}), StatusIs(kInvalid, "here they have 10"));
  EXPECT_THAT(kTwoRanks.PlanFor(2, false, {10, 3}), StatusIs(kInvalid, "rank 0 processed chunks"));
}

}  // namespace
}  // namespace mpaio
