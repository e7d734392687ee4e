// SPDX-License-Identifier: Apache-2.0
#include "mpaio/base/index.h"

#include <cstdint>
#include <limits>

#include "gtest/gtest.h"

namespace mpaio {
namespace {

TEST(CheckedCast, KeepsWhatFitsAndRefusesTheRest) {
  EXPECT_EQ(CheckedCast<int>(Index{2147483647}), 2147483647);
  EXPECT_EQ(CheckedCast<int>(Index{2147483648}), std::nullopt);
  EXPECT_EQ(CheckedCast<std::uint32_t>(-1), std::nullopt);
  EXPECT_EQ(CheckedCast<std::int64_t>(~std::uint64_t{0}), std::nullopt);
  EXPECT_EQ(CheckedCast<std::uint64_t>(std::int64_t{5}), 5u);
}

TEST(CheckedMultiply, RefusesOverflow) {
  constexpr Index kMax = std::numeric_limits<Index>::max();
  EXPECT_EQ(CheckedMultiply(3, 4), 12);
  EXPECT_EQ(CheckedMultiply(kMax, 0), 0);
  EXPECT_EQ(CheckedMultiply(kMax, 1), kMax);
  EXPECT_EQ(CheckedMultiply(kMax, 2), std::nullopt);
  EXPECT_EQ(CheckedMultiply(Index{1} << 32, Index{1} << 31), std::nullopt);
}

TEST(CeilDivide, RoundsUpWithoutOverflow) {
  EXPECT_EQ(CeilDivide(0, 3), 0);
  EXPECT_EQ(CeilDivide(9, 3), 3);
  EXPECT_EQ(CeilDivide(10, 3), 4);
  constexpr Index kMax = std::numeric_limits<Index>::max();
  EXPECT_EQ(CeilDivide(kMax, kMax), 1);
  EXPECT_EQ(CeilDivide(kMax, 2), kMax / 2 + 1);
}

}  // namespace
}  // namespace mpaio
