// SPDX-License-Identifier: Apache-2.0
#include "mpaio/array/float16.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include "gtest/gtest.h"

namespace mpaio {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

TEST(Float16, KnownValues) {
  const struct {
    std::uint16_t bits;
    double value;
  } cases[] = {
      {0x0000, 0.0},       {0x3C00, 1.0},        {0xC000, -2.0},    {0x3555, 0.333251953125},
      {0x7BFF, 65504.0},   {0x0400, 0x1p-14},    {0x0001, 0x1p-24}, {0x83FF, -0x1.FF8p-15},
      {0x7C00, kInfinity}, {0xFC00, -kInfinity}, {0x4248, 3.140625}};
  for (const auto& [bits, value] : cases) {
    EXPECT_EQ(static_cast<double>(Float16::FromBits(bits)), value) << std::hex << bits;
    EXPECT_EQ(Float16(value).bits(), bits) << value;
  }
  EXPECT_TRUE(std::signbit(static_cast<double>(Float16::FromBits(0x8000))));
  EXPECT_EQ(Float16(-0.0).bits(), 0x8000);
}

// sign * fraction * 2^exponent, as the standard defines it.
TEST(Float16, EveryValueIsExactAndRoundTrips) {
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const Float16 half = Float16::FromBits(static_cast<std::uint16_t>(bits));
    const int exponent = bits >> 10 & 31, fraction = bits & 1023;
    const auto value = static_cast<double>(half);
    EXPECT_EQ(half.is_nan(), exponent == 31 && fraction != 0);
    EXPECT_EQ(std::isnan(value), half.is_nan());
    // The conversion through float makes a signalling NaN quiet.
    EXPECT_EQ(Float16(value).bits(), half.is_nan() ? bits | 0x0200 : bits);
    EXPECT_EQ(std::bit_cast<std::uint32_t>(static_cast<float>(half)) >> 31, bits >> 15);
    if (exponent == 31) continue;
    const double magnitude =
        exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25);
    EXPECT_EQ(value, (bits & 0x8000) != 0 ? -magnitude : magnitude) << std::hex << bits;
  }
}

// Between any two neighbours: a little below the middle, the middle, a little above.
TEST(Float16, RoundsOnceToNearestTiesToEven) {
  for (std::uint32_t bits = 0; bits < 0x7C00; ++bits) {
    const double low = static_cast<double>(Float16::FromBits(static_cast<std::uint16_t>(bits)));
    // The neighbour of the largest value is where the next exponent would begin.
    const double high =
        bits == 0x7BFF
            ? 65536
            : static_cast<double>(Float16::FromBits(static_cast<std::uint16_t>(bits + 1)));
    const double middle = (low + high) / 2;
    for (const int sign : {0, 0x8000}) {
      const double factor = sign == 0 ? 1 : -1;
      EXPECT_EQ(Float16(factor * std::nextafter(middle, 0)).bits(), bits | sign);
      EXPECT_EQ(Float16(factor * middle).bits(), (bits % 2 == 0 ? bits : bits + 1) | sign);
      EXPECT_EQ(Float16(factor * std::nextafter(middle, kInfinity)).bits(), (bits + 1) | sign);
    }
  }
}

TEST(Float16, EndsOfTheRange) {
  EXPECT_EQ(Float16(std::numeric_limits<double>::max()).bits(), 0x7C00);
  EXPECT_EQ(Float16(-65520.0).bits(), 0xFC00);
  EXPECT_EQ(Float16(std::numeric_limits<double>::denorm_min()).bits(), 0);
  EXPECT_EQ(Float16(-std::numeric_limits<double>::min()).bits(), 0x8000);
  EXPECT_EQ(Float16(0x1p-26).bits(), 0);
  EXPECT_EQ(Float16(0x1.8p-25).bits(), 1);
  // A NaN does not become infinite if all set bits of its payload are dropped.
  EXPECT_TRUE(Float16(std::bit_cast<double>(0x7FF0000000000001)).is_nan());
  EXPECT_TRUE(Float16(std::numeric_limits<double>::quiet_NaN()).is_nan());
}

TEST(Float16, EqualityIsThatOfNumbers) {
  EXPECT_EQ(Float16(0.0), Float16(-0.0));
  EXPECT_EQ(Float16(), Float16(0.0));
  EXPECT_NE(Float16(1.0), Float16(2.0));
  EXPECT_NE(Float16::FromBits(0x7E00), Float16::FromBits(0x7E00));
}

}  // namespace
}  // namespace mpaio
