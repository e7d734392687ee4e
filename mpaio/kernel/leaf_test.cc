// SPDX-License-Identifier: Apache-2.0
#include "mpaio/kernel/leaf.h"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <iostream>
#include <limits>
#include <random>
#include <vector>

#include "absl/numeric/int128.h"
#include "gtest/gtest.h"

namespace mpaio {
namespace {

constexpr std::uint64_t kSeed = 20231101;

// The definition of a leaf in the header: 16 lanes, then a tree over them.
template <typename Map, typename Join>
double Expected(const std::vector<double>& values, double neutral, Map map, Join join) {
  std::vector<double> lanes(16, neutral);
  for (std::size_t i = 0; i < values.size(); ++i)
    lanes[i % 16] = join(lanes[i % 16], map(values[i]));
  for (std::size_t half = 8; half > 0; half /= 2) {
    for (std::size_t lane = 0; lane < half; ++lane)
      lanes[lane] = join(lanes[lane], lanes[lane + half]);
  }
  return lanes[0];
}

TEST(Leaf, FloatingPointLoopsFollowTheirDefinitionToTheBit) {
  std::cout << "seed " << kSeed << "\n";
  std::mt19937_64 random(kSeed);
  std::normal_distribution<double> normal;
  const auto add = [](double a, double b) { return a + b; };
  for (std::size_t size = 0; size <= 256; ++size) {
    std::vector<double> values(size);
    for (double& value : values)
      value = normal(random) * std::exp2(static_cast<double>(random() % 60) - 30);
    EXPECT_EQ(SumLanes(values), Expected(
                                    values, 0, [](double x) { return x; }, add))
        << size;
    EXPECT_EQ(SumOfSquares(values), Expected(
                                        values, 0, [](double x) { return x * x; }, add))
        << size;
    EXPECT_EQ(SumOfDeviations(values, 1.5), Expected(
                                                values, 0, [](double x) { return x - 1.5; }, add))
        << size;
    EXPECT_EQ(SumOfSquaredDeviations(values, 1.5),
              Expected(
                  values, 0, [](double x) { return (x - 1.5) * (x - 1.5); }, add))
        << size;
    EXPECT_EQ(Product(values),
              Expected(
                  values, 1, [](double x) { return x; }, [](double a, double b) { return a * b; }))
        << size;
  }
}

TEST(Leaf, NansAndInfinitiesPropagate) {
  const double nan = std::numeric_limits<double>::quiet_NaN(),
               infinity = std::numeric_limits<double>::infinity();
  for (std::size_t position : {std::size_t{0}, std::size_t{15}, std::size_t{16}, std::size_t{30}}) {
    std::vector<double> values(31, 2.0);
    values[position] = nan;
    EXPECT_TRUE(std::isnan(SumLanes(values)) && std::isnan(SumOfSquares(values)) &&
                std::isnan(Product(values)));
    values[position] = -infinity;
    EXPECT_EQ(SumLanes(values), -infinity);
    EXPECT_EQ(SumOfSquares(values), infinity);
    EXPECT_EQ(Product(values), -infinity);
  }
}

TEST(Leaf, UnsignedSumsAreExact) {
  std::mt19937_64 random(kSeed);
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{1}, std::size_t{7}, std::size_t{1000}, std::size_t{4099}}) {
    std::vector<std::uint64_t> values(size);
    absl::uint128 expected = 0;
    for (std::uint64_t& value : values) {
      value = random() | (std::uint64_t{1} << 63);
      expected += value;
    }
    EXPECT_EQ(SumExactly(values), expected) << size;
  }
}

TEST(Leaf, CountsNonzero) {
  std::mt19937_64 random(kSeed);
  std::vector<std::int64_t> ints(4099);
  std::vector<std::uint64_t> uints(ints.size());
  std::vector<double> doubles(ints.size());
  Index expected = 0;
  for (std::size_t i = 0; i < ints.size(); ++i) {
    const bool is_zero = random() % 3 == 0;
    expected += is_zero ? 0 : 1;
    ints[i] = is_zero ? 0 : std::numeric_limits<std::int64_t>::min();
    uints[i] = is_zero ? 0 : 1;
    doubles[i] = is_zero ? -0.0 : i % 2 == 0 ? std::numeric_limits<double>::quiet_NaN() : 5e-324;
  }
  EXPECT_EQ(CountNonzero(ints), expected);
  EXPECT_EQ(CountNonzero(uints), expected);
  EXPECT_EQ(CountNonzero(doubles), expected);
  EXPECT_EQ(CountNonzero(std::span<const double>()), 0);
}

}  // namespace
}  // namespace mpaio
