// SPDX-License-Identifier: Apache-2.0
#include "workers/histogram/uniform_bins.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mpaio/array/float16.h"

namespace mpaio {
namespace {

std::vector<Index> Find(const UniformBins& bins, const std::vector<double>& numbers) {
  std::vector<Index> found(numbers.size());
  bins.Find(numbers, found);
  return found;
}

// Bins [0, 2), [2, 4), [4, 6].
TEST(UniformBins, LastBinHasBothEdges) {
  const UniformBins bins(DType::Of<double>(), OuterEdges::Given(0, 6), 3);
  EXPECT_THAT(bins.edges(), testing::ElementsAre(0, 2, 4, 6));
  EXPECT_EQ(bins.edge_type(), DType::Of<double>());
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_THAT(Find(bins, {0, 1.9, 2, 3, 4, 5, 6, 6.1, -0.1, nan, -0.0}),
              testing::ElementsAre(0, 0, 1, 1, 2, 2, 2, -1, -1, -1, 0));
}

TEST(UniformBins, EqualEdgesAreMovedApart) {
  const UniformBins bins(DType::Of<std::int64_t>(), OuterEdges::Given(7, 7), 2);
  EXPECT_THAT(bins.edges(), testing::ElementsAre(6.5, 7, 7.5));
  EXPECT_THAT(Find(bins, {7, 6, 8}), testing::ElementsAre(1, -1, -1));
}

// The largest float16 is 65504, so it holds neither these positions nor the distances of these
// numbers from the first edge. The edges 0, 0.01, ... are rounded, 900 and 900.01 to the same
// number.
TEST(UniformBins, PositionsThatTheTypeDoesNotHold) {
  const DType half = DType::Of<Float16>();
  const UniformBins many(half, OuterEdges::Given(0, 1000), 100'000);
  EXPECT_THAT(Find(many, {0, 900, 1000}), testing::ElementsAre(0, 90'001, 99'999));
  const UniformBins wide(half, OuterEdges::Given(-60'000, 60'000), 12);
  EXPECT_THAT(Find(wide, {-60'000, -45'056, 5008, 45'056, 60'000}),
              testing::ElementsAre(0, 1, 6, 10, 11));
  const double least = std::numeric_limits<double>::denorm_min();
  const UniformBins narrow(DType::Of<double>(), OuterEdges::Given(0, least), 10);
  EXPECT_THAT(Find(narrow, {0, least}), testing::ElementsAre(1, 9));
}

// Rounding never puts a number into a wrong bin: it is not below the lower edge of its bin, and is
// below the upper one.
TEST(UniformBins, EdgesDecide) {
  const unsigned seed = 51;
  std::mt19937_64 random(seed);
  for (const DType& dtype : {DType::Of<double>(), DType::Of<float>(), DType::Of<Float16>()}) {
    for (int trial = 0; trial < 200; ++trial) {
      SCOPED_TRACE(testing::Message()
                   << "seed " << seed << ", trial " << trial << ", " << dtype.name());
      const auto draw = [&] {
        return static_cast<double>(static_cast<std::int64_t>(random() >> 40)) / 1e6 - 5;
      };
      const double first = draw(), last = first + 0.1 + std::abs(draw());
      const UniformBins bins(dtype, OuterEdges::Given(first, last),
                             1 + static_cast<Index>(random() % 40));
      std::vector<double> numbers(bins.edges());
      for (int i = 0; i < 100; ++i) {
        const double x = first + (last - first) * static_cast<double>(random() >> 40) /
                                     static_cast<double>(1 << 24);
        numbers.push_back(dtype == DType::Of<Float16>() ? static_cast<double>(Float16(x))
                          : dtype == DType::Of<float>() ? static_cast<float>(x)
                                                        : x);
      }
      const std::vector<Index> found = Find(bins, numbers);
      for (std::size_t i = 0; i < numbers.size(); ++i) {
        if (found[i] < 0) continue;
        const auto bin = static_cast<std::size_t>(found[i]);
        EXPECT_GE(numbers[i], bins.edges()[bin]);
        if (found[i] + 1 < bins.num_bins()) {
          EXPECT_LT(numbers[i], bins.edges()[bin + 1]);
        }
      }
    }
  }
}

}  // namespace
}  // namespace mpaio
