// SPDX-License-Identifier: Apache-2.0
#include "mpaio/telemetry/si_format.h"

#include "gtest/gtest.h"

namespace mpaio {
namespace {

TEST(FormatSiTest, HasThreeDigits) {
  EXPECT_EQ(FormatSi(0, "B/s"), "0 B/s");
  EXPECT_EQ(FormatSi(0.5, "B/s"), "0.50 B/s");
  EXPECT_EQ(FormatSi(7, "B/s"), "7.00 B/s");
  EXPECT_EQ(FormatSi(42.25, "B/s"), "42.2 B/s");
  EXPECT_EQ(FormatSi(999, "rows/s"), "999 rows/s");
  EXPECT_EQ(FormatSi(1000, "rows/s"), "1.00 krows/s");
  EXPECT_EQ(FormatSi(1234567, "B/s"), "1.23 MB/s");
  EXPECT_EQ(FormatSi(8.1e9, "B/s"), "8.10 GB/s");
  EXPECT_EQ(FormatSi(123e18, "B"), "123 EB");
}

TEST(FormatSiTest, RoundingGivesNoFourthDigit) {
  EXPECT_EQ(FormatSi(9.996, "B"), "10.0 B");
  EXPECT_EQ(FormatSi(99.96, "B"), "100 B");
  EXPECT_EQ(FormatSi(999.4, "B"), "999 B");
  EXPECT_EQ(FormatSi(999.6, "B"), "1.00 kB");
  EXPECT_EQ(FormatSi(999'600, "B"), "1.00 MB");
}

}  // namespace
}  // namespace mpaio
