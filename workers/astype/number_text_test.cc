// SPDX-License-Identifier: Apache-2.0
#include "workers/astype/number_text.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <string>

#include "mpaio/array/float16.h"

namespace mpaio {
namespace {

template <typename T>
std::string TextOf(NumberType type, T number) {
  std::string text;
  AppendNumber(type, reinterpret_cast<const std::byte*>(&number), &text);
  return text;
}

TEST(NumberTextTest, FloatsAreWrittenAsPythonWritesThem) {
  const struct {
    double number;
    const char* text;
  } kCases[] = {{0, "0.0"},
                {-0.0, "-0.0"},
                {1, "1.0"},
                {0.1, "0.1"},
                {-2.5, "-2.5"},
                {123456789, "123456789.0"},
                {1e15, "1000000000000000.0"},
                {1e16, "1e+16"},
                {1.5e300, "1.5e+300"},
                {1e-4, "0.0001"},
                {1e-5, "1e-05"},
                {5e-324, "5e-324"},
                {NAN, "nan"},
                {INFINITY, "inf"},
                {-INFINITY, "-inf"},
                {2.0 / 3, "0.6666666666666666"}};
  for (const auto& [number, text] : kCases) EXPECT_EQ(TextOf(NumberType::kFloat64, number), text);
  EXPECT_EQ(TextOf(NumberType::kFloat32, 0.1f), "0.1");
  EXPECT_EQ(TextOf(NumberType::kFloat32, 123456789.0f), "123456790.0");
  EXPECT_EQ(TextOf(NumberType::kFloat32, 1e-5f), "1e-05");
  EXPECT_EQ(TextOf(NumberType::kFloat16, Float16(0.1)), "0.1");
  EXPECT_EQ(TextOf(NumberType::kFloat16, Float16(60000)), "60000.0");
  // A power of two: its neighbour below is nearer than the one above.
  EXPECT_EQ(TextOf(NumberType::kFloat16, Float16(0.015625)), "0.01563");
}

TEST(NumberTextTest, IntegersAndBools) {
  EXPECT_EQ(TextOf(NumberType::kInt64, std::numeric_limits<std::int64_t>::min()),
            "-9223372036854775808");
  EXPECT_EQ(TextOf(NumberType::kUint64, std::numeric_limits<std::uint64_t>::max()),
            "18446744073709551615");
  EXPECT_EQ(TextOf(NumberType::kInt8, std::int8_t{-128}), "-128");
  EXPECT_EQ(TextOf(NumberType::kUint8, std::uint8_t{65}), "65");
  EXPECT_EQ(TextOf(NumberType::kBool, std::uint8_t{1}), "True");
  EXPECT_EQ(TextOf(NumberType::kBool, std::uint8_t{0}), "False");
}

TEST(NumberTextTest, WrittenNumbersReadBackUnchanged) {
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  for (int t = 0; t < kNumNumberTypes; ++t) {
    const NumberType type = static_cast<NumberType>(t);
    if (type == NumberType::kBool) continue;
    const std::size_t size = static_cast<std::size_t>(SizeBytes(type));
    for (int i = 0; i < 3000; ++i) {
      const std::uint64_t bits = random();
      std::byte number[8], back[8];
      std::memcpy(number, &bits, sizeof(bits));
      std::string text;
      AppendNumber(type, number, &text);
      EXPECT_LE(text.size(), static_cast<std::size_t>(TextWidth(type)));
      ASSERT_TRUE(ParseNumberText(type, text, back)) << text;
      if (text != "nan") {
        EXPECT_EQ(std::memcmp(number, back, size), 0) << NumberTypeName(type) << " " << text;
      }
    }
  }
}

template <typename T>
T Parsed(NumberType type, absl::string_view text) {
  std::byte number[8] = {};
  EXPECT_TRUE(ParseNumberText(type, text, number)) << text;
  T value;
  std::memcpy(&value, number, sizeof(value));
  return value;
}

TEST(NumberTextTest, NumbersAreReadAsPythonReadsThem) {
  EXPECT_EQ(Parsed<std::int64_t>(NumberType::kInt64, "1_000"), 1000);
  EXPECT_EQ(Parsed<std::int64_t>(NumberType::kInt64, "-9_223372036854775808"),
            std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(Parsed<std::int64_t>(NumberType::kInt64, "\v+0012\r"), 12);
  EXPECT_EQ(Parsed<std::uint8_t>(NumberType::kUint8, "-0"), 0);
  EXPECT_EQ(Parsed<std::uint8_t>(NumberType::kUint8, "-00_0"), 0);
  EXPECT_EQ(Parsed<double>(NumberType::kFloat64, "1_0.2_5e1_0"), 10.25e10);
  EXPECT_EQ(Parsed<double>(NumberType::kFloat64, "-iNfinitY"), -INFINITY);
  EXPECT_EQ(Parsed<double>(NumberType::kFloat64, "1e400"), INFINITY);
  EXPECT_TRUE(std::isnan(Parsed<double>(NumberType::kFloat64, "+NaN")));
  EXPECT_EQ(Parsed<std::uint8_t>(NumberType::kBool, "-99999999999999999999999"), 1);
  EXPECT_EQ(Parsed<std::uint8_t>(NumberType::kBool, "-00"), 0);
}

TEST(NumberTextTest, TextsThatAreNotNumbersOfTheTypeAreRefused) {
  std::byte number[8];
  for (const char* text : {"", " ", "abc", "1.5", "1e3", "0x10", "128", "-129", "1 2", "--1"}) {
    EXPECT_FALSE(ParseNumberText(NumberType::kInt8, text, number)) << text;
  }
  for (const char* text : {"", "abc", "1.5.2", "0x1p3", "nan(1)", "1,5"})
    EXPECT_FALSE(ParseNumberText(NumberType::kFloat64, text, number)) << text;
  EXPECT_FALSE(ParseNumberText(NumberType::kUint8, "-1", number));
  EXPECT_FALSE(ParseNumberText(NumberType::kUint64, "18446744073709551616", number));
  EXPECT_FALSE(ParseNumberText(NumberType::kInt64, "9223372036854775808", number));
  for (const char* text : {"_1", "1_", "1__0", "+_1", "1_ ", "?", "- 5", "+-5", "-"}) {
    EXPECT_FALSE(ParseNumberText(NumberType::kInt64, text, number)) << text;
    EXPECT_FALSE(ParseNumberText(NumberType::kFloat64, text, number)) << text;
  }
  for (const char* text :
       {"1_.5", "1._5", "1_e5", "infinit", "1e", "1e+", ".", "e5", "n_an", "0x10", "1j"}) {
    EXPECT_FALSE(ParseNumberText(NumberType::kFloat64, text, number)) << text;
  }
  for (const char* text : {"True", "1.0", ""})
    EXPECT_FALSE(ParseNumberText(NumberType::kBool, text, number)) << text;
  EXPECT_TRUE(ParseNumberText(NumberType::kInt8, " -128\n", number));
  EXPECT_EQ(static_cast<std::int8_t>(number[0]), -128);
  EXPECT_TRUE(ParseNumberText(NumberType::kFloat64, " 1e3 ", number));
}

}  // namespace
}  // namespace mpaio
