// SPDX-License-Identifier: Apache-2.0
#include "mpaio/kernel/order_key.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

#include "gtest/gtest.h"

namespace mpaio {
namespace {

TEST(IntKey, OrdersSignedAndUnsignedBytes) {
  const auto unsigned_key = IntKey<std::uint8_t>::Unsigned();
  const auto signed_key = IntKey<std::uint8_t>::Signed();
  for (int i = 0; i < 256; ++i) {
    EXPECT_EQ(unsigned_key(static_cast<std::uint8_t>(i)), i);
    // -128 is the smallest.
    const auto raw = static_cast<std::uint8_t>(i - 128);
    EXPECT_EQ(signed_key(raw), i);
    EXPECT_EQ(signed_key.Raw(signed_key(raw)), raw);
  }
}

TEST(IntKey, PutsNaTAfterAllTimes) {
  const auto key = IntKey<std::uint64_t>::Time();
  const std::vector<std::int64_t> times = {std::numeric_limits<std::int64_t>::min() + 1,
                                           -1,
                                           0,
                                           1,
                                           std::numeric_limits<std::int64_t>::max(),
                                           std::numeric_limits<std::int64_t>::min()};
  for (std::size_t i = 0; i < times.size(); ++i) {
    const auto raw = static_cast<std::uint64_t>(times[i]);
    EXPECT_EQ(key.Raw(key(raw)), raw);
    if (i > 0) {
      EXPECT_LT(key(static_cast<std::uint64_t>(times[i - 1])), key(raw)) << times[i];
    }
  }
}

template <typename Float, typename Bits>
void ExpectOrder(unsigned seed) {
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  const FloatKey<Bits, true> equal_zeros;
  const FloatKey<Bits, false> all;
  std::mt19937_64 random(seed);
  using Limits = std::numeric_limits<Float>;
  std::vector<Float> values = {Float{0},
                               -Float{0},
                               Limits::infinity(),
                               -Limits::infinity(),
                               Limits::max(),
                               Limits::lowest(),
                               Limits::denorm_min(),
                               -Limits::denorm_min(),
                               Limits::quiet_NaN(),
                               -Limits::quiet_NaN(),
                               Limits::signaling_NaN(),
                               1,
                               -1};
  for (int i = 0; i < 200; ++i) values.push_back(std::bit_cast<Float>(static_cast<Bits>(random())));
  for (const Float a : values) {
    const Bits raw_a = std::bit_cast<Bits>(a);
    EXPECT_EQ(equal_zeros(raw_a) == (FloatKey<Bits, true>::kNaN), std::isnan(a)) << a;
    if (!std::isnan(a)) {
      EXPECT_EQ(all.Raw(all(raw_a)), raw_a) << a;
      EXPECT_EQ(std::bit_cast<Float>(equal_zeros.Raw(equal_zeros(raw_a))), a);
    } else {
      EXPECT_TRUE(std::isnan(std::bit_cast<Float>(all.Raw(all(raw_a)))));
    }
    for (const Float b : values) {
      const Bits raw_b = std::bit_cast<Bits>(b);
      const bool less = a < b || (std::isnan(b) && !std::isnan(a));
      EXPECT_EQ(equal_zeros(raw_a) < equal_zeros(raw_b), less) << a << " " << b;
      const bool less_zero = a == 0 && b == 0 && std::signbit(a) && !std::signbit(b);
      EXPECT_EQ(all(raw_a) < all(raw_b), less || less_zero) << a << " " << b;
    }
  }
}

TEST(FloatKey, OrdersFloats) { ExpectOrder<float, std::uint32_t>(1); }
TEST(FloatKey, OrdersDoubles) { ExpectOrder<double, std::uint64_t>(2); }

// In ascending order: -inf, the most negative number, ..., -0, 0, ..., inf, NaN.
TEST(FloatKey, OrdersHalves) {
  const FloatKey<std::uint16_t, false> all;
  const FloatKey<std::uint16_t, true> equal_zeros;
  std::uint16_t last = 0;
  const auto expect_next = [&](int raw) {
    const std::uint16_t key = all(static_cast<std::uint16_t>(raw));
    EXPECT_LT(last, key) << raw;
    EXPECT_EQ(all.Raw(key), raw);
    last = key;
  };
  for (int raw = 0xFC00; raw >= 0x8000; --raw) expect_next(raw);
  for (int raw = 0; raw <= 0x7C00; ++raw) expect_next(raw);
  for (const int nan : {0x7C01, 0x7E00, 0x7FFF, 0xFC01, 0xFFFF})
    EXPECT_EQ(all(static_cast<std::uint16_t>(nan)), 0xFFFF);
  EXPECT_LT(last, 0xFFFF);
  EXPECT_EQ(equal_zeros(0x8000), equal_zeros(0));
  EXPECT_LT(equal_zeros(0x8001), equal_zeros(0x8000));
  EXPECT_LT(equal_zeros(0x8000), equal_zeros(1));
}

}  // namespace
}  // namespace mpaio
