// SPDX-License-Identifier: Apache-2.0
#include "mpaio/kernel/min_max.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace mpaio {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();

template <typename T>
class MinMaxOf : public ::testing::Test {};
using Types = ::testing::Types<std::int64_t, double>;
TYPED_TEST_SUITE(MinMaxOf, Types);

TYPED_TEST(MinMaxOf, EveryPositionOfEveryLength) {
  for (std::size_t count = 1; count <= 50; ++count) {
    for (std::size_t at = 0; at < count; ++at) {
      std::vector<TypeParam> values(count, 5);
      values[at] = -3;
      MinMax<TypeParam> found = FindMinMax(std::span<const TypeParam>(values));
      ASSERT_EQ(found.min, -3);
      ASSERT_EQ(found.max, count == 1 ? -3 : 5);
      values[at] = 9;
      found = FindMinMax(std::span<const TypeParam>(values));
      ASSERT_EQ(found.max, 9);
      ASSERT_EQ(found.min, count == 1 ? 9 : 5);
    }
  }
}

TYPED_TEST(MinMaxOf, EmptyIsNeutralUnderMerge) {
  const std::vector<TypeParam> values = {4, -2};
  MinMax<TypeParam> extremes = FindMinMax(std::span<const TypeParam>());
  extremes.Merge(FindMinMax(std::span<const TypeParam>(values)));
  extremes.Merge(MinMax<TypeParam>());
  EXPECT_EQ(extremes.min, -2);
  EXPECT_EQ(extremes.max, 4);
}

TYPED_TEST(MinMaxOf, PartsMergeToTheWhole) {
  const std::uint64_t seed = std::random_device()();
  this->RecordProperty("seed", std::to_string(seed));
  std::mt19937_64 random(seed);
  std::vector<TypeParam> values(1000);
  for (TypeParam& value : values)
    value = static_cast<TypeParam>(static_cast<std::int64_t>(random()));
  for (const std::size_t part : {1u, 7u, 16u, 999u}) {
    MinMax<TypeParam> extremes;
    for (std::size_t at = 0; at < values.size(); at += part) {
      extremes.Merge(FindMinMax(
          std::span<const TypeParam>(values).subspan(at, std::min(part, values.size() - at))));
    }
    ASSERT_EQ(extremes.min, *std::min_element(values.begin(), values.end())) << "seed " << seed;
    ASSERT_EQ(extremes.max, *std::max_element(values.begin(), values.end())) << "seed " << seed;
  }
}

TEST(MinMaxOfInts, Extremes) {
  const std::vector<std::int64_t> values = {std::numeric_limits<std::int64_t>::max(),
                                            std::numeric_limits<std::int64_t>::min()};
  const MinMax<std::int64_t> found = FindMinMax(std::span<const std::int64_t>(values));
  EXPECT_EQ(found.min, std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(found.max, std::numeric_limits<std::int64_t>::max());
}

TEST(MinMaxOfDoubles, ANanAnywhereWins) {
  for (std::size_t count = 1; count <= 40; ++count) {
    for (std::size_t at = 0; at < count; ++at) {
      std::vector<double> values(count, 1.0);
      values[at] = kNan;
      const MinMax<double> found = FindMinMax(std::span<const double>(values));
      ASSERT_TRUE(std::isnan(found.min) && std::isnan(found.max)) << at << " of " << count;
      MinMax<double> merged{0, 1};
      merged.Merge(found);
      merged.Merge({-5, 5});
      ASSERT_TRUE(std::isnan(merged.min) && std::isnan(merged.max));
    }
  }
}

TEST(MinMaxOfDoubles, InfinitiesAreNumbers) {
  const std::vector<double> values = {1, kInf, -kInf};
  const MinMax<double> found = FindMinMax(std::span<const double>(values));
  EXPECT_EQ(found.min, -kInf);
  EXPECT_EQ(found.max, kInf);
  const std::vector<double> only(3, kInf);
  EXPECT_EQ(FindMinMax(std::span<const double>(only)).min, kInf);
}

TEST(MinMaxOfDoubles, ZeroHasNoSign) {
  const std::vector<double> zeros = {-0.0, -0.0};
  const MinMax<double> found = FindMinMax(std::span<const double>(zeros));
  EXPECT_FALSE(std::signbit(found.min));
  EXPECT_FALSE(std::signbit(found.max));
}

}  // namespace
}  // namespace mpaio
