// SPDX-License-Identifier: Apache-2.0
#include "mpaio/array/short_decimal.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <random>

#include "gtest/gtest.h"

namespace mpaio {
namespace {

TEST(ShortestScientific, HasTheDigitsOfTheType) {
  EXPECT_EQ(ShortestScientific(0.1f), "1e-01");
  EXPECT_EQ(ShortestScientific(0.1), "1e-01");
  EXPECT_EQ(ShortestScientific(static_cast<double>(0.1f)), "1.0000000149011612e-01");
  EXPECT_EQ(ShortestScientific(Float16(0.1)), "1e-01");
  EXPECT_EQ(ShortestScientific(Float16(0.015625)), "1.563e-02");
  EXPECT_EQ(ShortestScientific(16777216.0f), "1.6777216e+07");
  EXPECT_EQ(ShortestScientific(std::numeric_limits<float>::denorm_min()), "1e-45");
}

TEST(DoubleOfShortest, KeepsInfinitiesNanAndSignsOfZeros) {
  constexpr float kInf = std::numeric_limits<float>::infinity();
  EXPECT_EQ(DoubleOfShortest(kInf), static_cast<double>(kInf));
  EXPECT_EQ(DoubleOfShortest(-kInf), -static_cast<double>(kInf));
  EXPECT_TRUE(std::isnan(DoubleOfShortest(std::numeric_limits<float>::quiet_NaN())));
  EXPECT_TRUE(std::signbit(DoubleOfShortest(-0.0f)));
  EXPECT_EQ(DoubleOfShortest(0.1f), 0.1);
  EXPECT_EQ(DoubleOfShortest(Float16(0.1)), 0.1);
  EXPECT_EQ(DoubleOfShortest(Float16(65504)), 65500.0);
}

// Expects that DoubleOfShortest(value) has the text of `value`, and converts back to it.
void ExpectSameText(float value) {
  const double number = DoubleOfShortest(value);
  EXPECT_EQ(static_cast<float>(number), value);
  EXPECT_EQ(ShortestScientific(number), ShortestScientific(value))
      << std::bit_cast<std::uint32_t>(value);
}

TEST(DoubleOfShortest, HasTheTextOfAnyFloat) {
  const std::uint32_t seed = std::random_device()();
  std::printf("seed %u\n", seed);
  std::mt19937 random(seed);
  for (int i = 0; i < 300000; ++i) {
    const float value = std::bit_cast<float>(static_cast<std::uint32_t>(random()));
    if (std::isfinite(value)) ExpectSameText(value);
  }
  for (int exponent = -149; exponent < 128; ++exponent) {
    const float power = std::ldexp(1.0f, exponent);
    for (const float value : {power, std::nextafter(power, 0.0f), std::nextafter(power, 1e38f)})
      ExpectSameText(value);
  }
}

TEST(DoubleOfShortest, HasTheTextOfEveryFloat16) {
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const Float16 value = Float16::FromBits(static_cast<std::uint16_t>(bits));
    if (!std::isfinite(static_cast<double>(value))) continue;
    const double number = DoubleOfShortest(value);
    EXPECT_EQ(Float16(number).bits(), bits);
    EXPECT_EQ(ShortestScientific(number), ShortestScientific(value)) << bits;
  }
}

TEST(PlainDecimal, HasAnExponentWhereThereAreManyZeros) {
  EXPECT_EQ(PlainDecimal("1e-01", 15), "0.1");
  EXPECT_EQ(PlainDecimal("-1.25e+00", 15), "-1.25");
  EXPECT_EQ(PlainDecimal("0e+00", 15), "0.0");
  EXPECT_EQ(PlainDecimal("-0e+00", 15), "-0.0");
  EXPECT_EQ(PlainDecimal("1.5e-04", 15), "0.00015");
  EXPECT_EQ(PlainDecimal("1.5e-05", 15), "1.5e-05");
  EXPECT_EQ(PlainDecimal("1e+14", 15), "100000000000000.0");
  EXPECT_EQ(PlainDecimal("1e+15", 15), "1e+15");
  EXPECT_EQ(PlainDecimal("1e+15", 16), "1000000000000000.0");
  EXPECT_EQ(PlainDecimal("1.2345e+02", 15), "123.45");
  EXPECT_EQ(PlainDecimal("1.5e+300", 15), "1.5e+300");
}

}  // namespace
}  // namespace mpaio
