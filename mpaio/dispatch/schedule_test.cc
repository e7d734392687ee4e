// SPDX-License-Identifier: Apache-2.0
#include "mpaio/dispatch/schedule.h"

#include <map>
#include <numeric>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace mpaio {
namespace {

std::vector<Index> Lengths(ScheduleKind kind, Index num_chunks, int processors, double weight = 1) {
  ScheduleRule rule(kind, num_chunks, processors);
  std::vector<Index> lengths;
  for (Index left = num_chunks; left > 0; left -= lengths.back())
    lengths.push_back(rule.Next(left, weight));
  return lengths;
}

// The example of the papers: a loop of 1000 iterations on 4 processors.
TEST(ScheduleTest, TheExampleOfTheLiterature) {
  EXPECT_EQ(Lengths(ScheduleKind::kStatic, 1000, 4), (std::vector<Index>{250, 250, 250, 250}));
  EXPECT_EQ(Lengths(ScheduleKind::kDynamic, 1000, 4), std::vector<Index>(1000, 1));
  EXPECT_EQ(Lengths(ScheduleKind::kGuided, 1000, 4),
            (std::vector<Index>{250, 188, 141, 106, 79, 59, 45, 33, 25, 19, 14,
                                11,  8,   6,   4,   3,  3,  2,  1,  1,  1,  1}));
  EXPECT_EQ(Lengths(ScheduleKind::kTrapezoid, 1000, 4),
            (std::vector<Index>{125, 117, 109, 101, 93, 85, 77, 69, 61, 53, 45, 37, 28}));
  EXPECT_EQ(
      Lengths(ScheduleKind::kFactoring, 1000, 4),
      (std::vector<Index>{125, 125, 125, 125, 63, 63, 63, 63, 31, 31, 31, 31, 16, 16, 16, 16,
                          8,   8,   8,   8,   4,  4,  4,  4,  2,  2,  2,  2,  1,  1,  1,  1}));
}

TEST(ScheduleTest, AFasterProcessorIsGivenMore) {
  ScheduleRule rule(ScheduleKind::kAdaptive, 1000, 4);
  EXPECT_EQ(rule.Next(1000, 1.0), 125);
  EXPECT_EQ(rule.Next(1000, 2.0), 250);
  EXPECT_EQ(rule.Next(1000, 0.1), 13);
  EXPECT_EQ(rule.Next(1, 3.0), 1);
  EXPECT_EQ(rule.Next(10, 1e300), 10);
}

// For any numbers, every request gets at least one chunk, and no more than remain.
TEST(ScheduleTest, EveryChunkIsGivenOnce) {
  for (std::size_t k = 0; k < ScheduleNames().size(); ++k) {
    const std::string& name = ScheduleNames()[k];
    for (const Index chunks : {0, 1, 2, 7, 100, 12345}) {
      for (const int processors : {1, 2, 3, 64, 20000}) {
        SCOPED_TRACE(name + " " + std::to_string(chunks) + " " + std::to_string(processors));
        const std::vector<Index> lengths =
            Lengths(static_cast<ScheduleKind>(k), chunks, processors);
        EXPECT_EQ(std::accumulate(lengths.begin(), lengths.end(), Index{0}), chunks);
        for (const Index length : lengths) EXPECT_GE(length, 1);
      }
    }
  }
}

// The number of requests is the cost of a schedule. The bounds follow from the formulas.
TEST(ScheduleTest, NumberOfRequests) {
  const std::map<ScheduleKind, std::pair<std::size_t, std::size_t>> bounds = {
      {ScheduleKind::kStatic, {8, 8}},      {ScheduleKind::kDynamic, {1 << 20, 1 << 20}},
      {ScheduleKind::kGuided, {90, 130}},   {ScheduleKind::kFactoring, {8 * 14, 8 * 20}},
      {ScheduleKind::kTrapezoid, {30, 34}}, {ScheduleKind::kAdaptive, {170, 230}}};
  for (const auto& [kind, bound] : bounds) {
    const std::size_t requests = Lengths(kind, 1 << 20, 8).size();
    EXPECT_GE(requests, bound.first) << ScheduleNames()[static_cast<std::size_t>(kind)];
    EXPECT_LE(requests, bound.second) << ScheduleNames()[static_cast<std::size_t>(kind)];
  }
}

// The command line finds a kind by the index of its name.
TEST(ScheduleTest, NamesAreInTheOrderOfTheKinds) {
  EXPECT_EQ(ScheduleNames(), (std::vector<std::string>{"auto", "static", "dynamic", "guided",
                                                       "factoring", "trapezoid", "adaptive"}));
  EXPECT_EQ(ScheduleNames()[static_cast<std::size_t>(ScheduleKind::kGuided)], "guided");
  EXPECT_EQ(ScheduleNames().size(), static_cast<std::size_t>(ScheduleKind::kAdaptive) + 1);
}

}  // namespace
}  // namespace mpaio
