// SPDX-License-Identifier: Apache-2.0
#include "mpaio/kernel/sum.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

#include "absl/numeric/int128.h"
#include "gtest/gtest.h"

namespace mpaio {
namespace {

constexpr std::int64_t kMin = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();

absl::int128 PlainSum(const std::vector<std::int64_t>& values) {
  absl::int128 sum = 0;
  for (const std::int64_t value : values) sum += value;
  return sum;
}

TEST(SumExactly, WorkedNumbers) {
  EXPECT_EQ(SumExactly({}), 0);
  const std::vector<std::int64_t> few = {1, 2, 3, -10};
  EXPECT_EQ(SumExactly(few), -4);
}

TEST(SumExactly, ExtremesOfEveryLength) {
  for (const std::int64_t value : {kMin, kMax, std::int64_t{-1}, std::int64_t{0},
                                   std::int64_t{1} << 32, -(std::int64_t{1} << 32)}) {
    for (std::size_t count = 0; count <= 70; ++count) {
      const std::vector<std::int64_t> values(count, value);
      EXPECT_EQ(SumExactly(values), absl::int128(value) * absl::int128(count))
          << value << " x " << count;
    }
  }
}

TEST(SumExactly, RandomWordsEqualPlainAddition) {
  const std::uint64_t seed = std::random_device()();
  RecordProperty("seed", std::to_string(seed));
  std::mt19937_64 random(seed);
  for (int trial = 0; trial < 200; ++trial) {
    std::vector<std::int64_t> values(random() % 1000);
    const int shift = static_cast<int>(random() % 64);
    for (std::int64_t& value : values) value = static_cast<std::int64_t>(random()) >> shift;
    ASSERT_EQ(SumExactly(values), PlainSum(values)) << "seed " << seed << ", trial " << trial;
    if (!values.empty()) {
      // Any start, because chunks need not be aligned to a register.
      const std::vector<std::int64_t> tail(values.begin() + 1, values.end());
      ASSERT_EQ(SumExactly(std::span(values).subspan(1)), PlainSum(tail)) << "seed " << seed;
    }
  }
}

TEST(AsInt64, OnlyIfItFits) {
  EXPECT_EQ(AsInt64(absl::int128(kMax)), kMax);
  EXPECT_EQ(AsInt64(absl::int128(kMin)), kMin);
  EXPECT_EQ(AsInt64(absl::int128(kMax) + 1), std::nullopt);
  EXPECT_EQ(AsInt64(absl::int128(kMin) - 1), std::nullopt);
}

// The definition in the header, as scalar code.
void AddByDefinition(double x, double* sum, double* error) {
  const double before = *sum;
  *sum = before + x;
  const double added = *sum - before;
  *error += (before - (*sum - added)) + (x - added);
}
CompensatedSum<double> LeafByDefinition(const std::vector<double>& elements) {
  double sums[16] = {}, errors[16] = {};
  for (std::size_t i = 0; i < elements.size(); ++i)
    AddByDefinition(elements[i], &sums[i % 16], &errors[i % 16]);
  for (int half = 8; half > 0; half /= 2) {
    for (int lane = 0; lane < half; ++lane) {
      errors[lane] += errors[lane + half];
      AddByDefinition(sums[lane + half], &sums[lane], &errors[lane]);
    }
  }
  return {sums[0], errors[0]};
}

TEST(SumOps, LeafFollowsItsDefinitionToTheBit) {
  const std::uint64_t seed = std::random_device()();
  RecordProperty("seed", std::to_string(seed));
  std::mt19937_64 random(seed);
  std::uniform_real_distribution<double> mantissa(-1, 1);
  for (std::size_t count = 0; count <= 256; ++count) {
    std::vector<double> elements(count);
    for (double& element : elements)
      element = std::ldexp(mantissa(random), static_cast<int>(random() % 80) - 40);
    const CompensatedSum<double> leaf = SumOps().Leaf(elements),
                                 expected = LeafByDefinition(elements);
    ASSERT_EQ(leaf.sum, expected.sum) << "seed " << seed << ", " << count << " elements";
    ASSERT_EQ(leaf.error, expected.error) << "seed " << seed << ", " << count << " elements";
  }
}

// 2^53 + 1 is not a double: the sum loses the ones, and the error has them.
TEST(SumOps, RoundingErrorsAreKept) {
  std::vector<double> elements(256, 0.0);
  elements[0] = 0x1p53;
  elements[16] = elements[32] = elements[64] = 1;
  EXPECT_EQ(SumOps().Leaf(elements).value(), 0x1p53 + 4);  // 3 rounds to even
  elements[255] = -0x1p53;
  EXPECT_EQ(SumOps().Leaf(elements).value(), 3);
  const CompensatedSum<double> large{1e300, 0}, small{1, 0}, back{-1e300, 0};
  EXPECT_EQ(SumOps().Combine(SumOps().Combine(large, small), back).value(), 1);
}

TEST(SumOps, NansAndInfinitiesPropagate) {
  const double inf = std::numeric_limits<double>::infinity();
  std::vector<double> elements(256, 1.0);
  elements[100] = inf;
  EXPECT_EQ(SumOps().Leaf(elements).value(), inf);
  elements[101] = -inf;
  EXPECT_TRUE(std::isnan(SumOps().Leaf(elements).value()));
  const double max = std::numeric_limits<double>::max();
  EXPECT_EQ(SumOps().Leaf(std::vector<double>{max, -max, -max}).value(), -max);
  EXPECT_EQ(SumOps().Leaf(std::vector<double>(20, max)).value(), inf);
}

}  // namespace
}  // namespace mpaio
