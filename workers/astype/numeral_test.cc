// SPDX-License-Identifier: Apache-2.0
#include "workers/astype/numeral.h"

#include <string>

#include "gtest/gtest.h"

namespace mpaio {
namespace {

std::string Numerals(const std::u32string& text) {
  std::string numerals;
  for (const char32_t code_point : text) numerals.push_back(NumeralOf(code_point));
  return numerals;
}

TEST(NumeralTest, AsciiIsItself) {
  for (char32_t c = 0; c < 0x80; ++c) EXPECT_EQ(NumeralOf(c), static_cast<char>(c));
}

TEST(NumeralTest, DigitsOfEveryScript) {
  EXPECT_EQ(Numerals(U"\u0660\u0669\u0966\u096F\uFF15\U0001D7CE\U0001D7FF\U0001FBF9"), "09095099");
  int num_digits = 0;
  for (char32_t c = 0x80; c < 0x110000; ++c)
    num_digits += NumeralOf(c) >= '0' && NumeralOf(c) <= '9';
  EXPECT_EQ(num_digits, 650);  // as Unicode 14 has them
}

TEST(NumeralTest, Spaces) {
  EXPECT_EQ(Numerals(U"\u0085\u00A0\u2009\u3000"), "    ");
  EXPECT_EQ(Numerals(U"\u200B\uFEFF"), "??");  // zero-width, and not spaces to Python
}

TEST(NumeralTest, OtherCharactersBecomeQuestionMarks) {
  // Superscript two, a half, the minus sign, a Roman numeral, a surrogate, beyond Unicode.
  EXPECT_EQ(Numerals({0xB2, 0xBD, 0x2212, 0x2160, 0xD800, 0x110000, 0xFFFFFFFF}), "???????");
}

}  // namespace
}  // namespace mpaio
