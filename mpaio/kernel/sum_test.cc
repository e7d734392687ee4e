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
  for (const std::int64_t value : {kMin, kMax, std::int64_t{-1}, std::int64_t{0}, std::int64_t{1} << 32, -(std::int64_t{1} << 32)}) {
    for (std::size_t count = 0; count <= 70; ++count) {
      const std::vector<std::int64_t> values(count, value);
      EXPECT_EQ(SumExactly(values), absl::int128(value) * absl::int128(count)) << value << " x " << count;
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
      // Any start: chunks need not be aligned to a register.
      const std::vector<std::int64_t> tail(values.begin() + 1, values.end());
      ASSERT_EQ(SumExactly(std::span(values).subspan(1)), PlainSum(tail)) << "seed " << seed;
    }
  }
}

TEST(AsInt64, OnlyWhatFits) {
  EXPECT_EQ(AsInt64(absl::int128(kMax)), kMax);
  EXPECT_EQ(AsInt64(absl::int128(kMin)), kMin);
  EXPECT_EQ(AsInt64(absl::int128(kMax) + 1), std::nullopt);
  EXPECT_EQ(AsInt64(absl::int128(kMin) - 1), std::nullopt);
}

// The definition in the header, written out.
double LeafByDefinition(const std::vector<double>& elements) {
  double lanes[16] = {};
  for (std::size_t i = 0; i < elements.size(); ++i) lanes[i % 16] += elements[i];
  for (int half = 8; half > 0; half /= 2) {
    for (int lane = 0; lane < half; ++lane) lanes[lane] += lanes[lane + half];
  }
  return lanes[0];
}

TEST(SumOps, LeafFollowsItsDefinitionToTheBit) {
  const std::uint64_t seed = std::random_device()();
  RecordProperty("seed", std::to_string(seed));
  std::mt19937_64 random(seed);
  std::uniform_real_distribution<double> mantissa(-1, 1);
  for (std::size_t count = 1; count <= 256; ++count) {
    std::vector<double> elements(count);
    for (double& element : elements) element = std::ldexp(mantissa(random), static_cast<int>(random() % 80) - 40);
    ASSERT_EQ(SumOps().Leaf(elements), LeafByDefinition(elements)) << "seed " << seed << ", " << count << " elements";
  }
}

TEST(SumOps, NansAndInfinitiesPropagate) {
  const double inf = std::numeric_limits<double>::infinity();
  std::vector<double> elements(256, 1.0);
  elements[100] = inf;
  EXPECT_EQ(SumOps().Leaf(elements), inf);
  elements[101] = -inf;
  EXPECT_TRUE(std::isnan(SumOps().Leaf(elements)));
}

}  // namespace
}  // namespace mpaio
