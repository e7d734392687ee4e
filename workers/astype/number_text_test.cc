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
  } kCases[] = {{0, "0.0"},         {-0.0, "-0.0"},     {1, "1.0"},           {0.1, "0.1"},        {-2.5, "-2.5"},     {123456789, "123456789.0"},
                {1e15, "1000000000000000.0"}, {1e16, "1e+16"}, {1.5e300, "1.5e+300"}, {1e-4, "0.0001"}, {1e-5, "1e-05"},    {5e-324, "5e-324"},
                {NAN, "nan"},       {INFINITY, "inf"},  {-INFINITY, "-inf"},  {2.0 / 3, "0.6666666666666666"}};
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
  EXPECT_EQ(TextOf(NumberType::kInt64, std::numeric_limits<std::int64_t>::min()), "-9223372036854775808");
  EXPECT_EQ(TextOf(NumberType::kUint64, std::numeric_limits<std::uint64_t>::max()), "18446744073709551615");
  EXPECT_EQ(TextOf(NumberType::kInt8, std::int8_t{-128}), "-128");
  EXPECT_EQ(TextOf(NumberType::kUint8, std::uint8_t{65}), "65");
  EXPECT_EQ(TextOf(NumberType::kBool, std::uint8_t{1}), "True");
  EXPECT_EQ(TextOf(NumberType::kBool, std::uint8_t{0}), "False");
}

TEST(NumberTextTest, WhatIsWrittenReadsBackAsTheSame) {
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

TEST(NumberTextTest, WhatIsNoNumberOfTheTypeIsRefused) {
  std::byte number[8];
  for (const char* text : {"", " ", "abc", "1.5", "1e3", "0x10", "128", "-129", "1 2", "--1"}) {
    EXPECT_FALSE(ParseNumberText(NumberType::kInt8, text, number)) << text;
  }
  for (const char* text : {"", "abc", "1.5.2", "0x1p3", "nan(1)", "1,5"}) EXPECT_FALSE(ParseNumberText(NumberType::kFloat64, text, number)) << text;
  EXPECT_FALSE(ParseNumberText(NumberType::kUint8, "-1", number));
  EXPECT_TRUE(ParseNumberText(NumberType::kInt8, " -128\n", number));
  EXPECT_EQ(static_cast<std::int8_t>(number[0]), -128);
  EXPECT_TRUE(ParseNumberText(NumberType::kFloat64, " 1e3 ", number));
}

}  // namespace
}  // namespace mpaio
