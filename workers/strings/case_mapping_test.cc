// SPDX-License-Identifier: Apache-2.0
#include "workers/strings/case_mapping.h"

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mpaio {
namespace {

using ::testing::HasSubstr;

// Returns `text` mapped in an element of `width` code points, without the padding.
std::u32string Mapped(CaseMapper& mapper, std::u32string_view text, std::size_t width) {
  std::u32string element(text);
  element.resize(width);
  std::u32string to(width, U'?');
  EXPECT_TRUE(mapper.Map(element, to.data()).ok());
  to.resize(to.find_last_not_of(U'\0') + 1);
  return to;
}

std::u32string Lower(std::u32string_view text, std::size_t width = 40) {
  CaseMapper mapper(LetterCase::kLower);
  return Mapped(mapper, text, width);
}

std::u32string Upper(std::u32string_view text, std::size_t width = 40) {
  CaseMapper mapper(LetterCase::kUpper);
  return Mapped(mapper, text, width);
}

TEST(MapAsciiCase, MapsOnlyLetters) {
  std::string all(256, '\0');
  for (int i = 0; i < 256; ++i) all[static_cast<std::size_t>(i)] = static_cast<char>(i);
  std::string lower = all, upper = all;
  MapAsciiCase(all, LetterCase::kLower, lower.data());
  MapAsciiCase(all, LetterCase::kUpper, upper.data());
  for (int i = 0; i < 256; ++i) {
    const auto at = static_cast<std::size_t>(i);
    EXPECT_EQ(lower[at], i >= 'A' && i <= 'Z' ? static_cast<char>(i + 32) : all[at]) << i;
    EXPECT_EQ(upper[at], i >= 'a' && i <= 'z' ? static_cast<char>(i - 32) : all[at]) << i;
  }
}

TEST(CaseMapper, MapsAsciiWithAndWithoutOtherLetters) {
  EXPECT_EQ(Lower(U"@AMZ[`amz{"), U"@amz[`amz{");
  EXPECT_EQ(Upper(U"@AMZ[`amz{"), U"@AMZ[`AMZ{");
  EXPECT_EQ(Lower(U"AMZ\u00C9"), U"amz\u00E9");
  EXPECT_EQ(Upper(U""), U"");
  EXPECT_EQ(Upper(U"", 0), U"");
}

TEST(CaseMapper, MapsOneCodePointToSeveral) {
  EXPECT_EQ(Upper(U"stra\u00DFe"), U"STRASSE");
  EXPECT_EQ(Upper(U"\uFB03"), U"FFI");
  EXPECT_EQ(Lower(U"\u0130"), U"i\u0307");
  EXPECT_EQ(Upper(std::u32string(33, U'\u0390'), 99).size(), 99u);
}

TEST(CaseMapper, CutsOffLongResults) {
  EXPECT_EQ(Upper(U"\u00DF", 1), U"S");
  EXPECT_EQ(Upper(U"a\uFB03", 2), U"AF");
  EXPECT_EQ(Lower(U"\u0130\u0130", 2), U"i\u0307");
}

TEST(CaseMapper, MapsTheSigmaAtTheEndOfAWord) {
  EXPECT_EQ(Lower(U"\u039F\u03A3"), U"\u03BF\u03C2");
  EXPECT_EQ(Lower(U"\u03A3\u039F"), U"\u03C3\u03BF");
  EXPECT_EQ(Lower(U"\u03A3"), U"\u03C3");
  EXPECT_EQ(Lower(U"\u039F\u03A3 \u039F\u03A3."), U"\u03BF\u03C2 \u03BF\u03C2.");
}

TEST(CaseMapper, MapsBeyondTheBasicPlane) {
  EXPECT_EQ(Lower(U"\U00010400\U0001F600"), U"\U00010428\U0001F600");
  EXPECT_EQ(Upper(U"\U00010428\U0001F600"), U"\U00010400\U0001F600");
}

TEST(CaseMapper, LeavesSurrogatesAlone) {
  // In UTF-16 the two in the middle would be U+10400.
  const std::u32string text = {0xD801, U'A', 0xD801, 0xDC00, 0x3A3, 0xDC00};
  const std::u32string lower = {0xD801, U'a', 0xD801, 0xDC00, 0x3C3, 0xDC00};
  EXPECT_EQ(Lower(text), lower);
  EXPECT_EQ(Lower(std::u32string{0xD801, 0xDC00}), (std::u32string{0xD801, 0xDC00}));
}

TEST(CaseMapper, KeepsNulsInside) {
  EXPECT_EQ(Upper(std::u32string_view(U"a\0\u00DF", 3)), std::u32string(U"A\0SS", 4));
}

TEST(CaseMapper, MapsSeveralStringsInTurn) {
  CaseMapper mapper(LetterCase::kUpper);
  EXPECT_EQ(Mapped(mapper, U"\u00E9\u00E9\u00E9\u00E9", 9), U"\u00C9\u00C9\u00C9\u00C9");
  EXPECT_EQ(Mapped(mapper, U"\u00DF", 9), U"SS");
  EXPECT_EQ(Mapped(mapper, U"a", 9), U"A");
  EXPECT_EQ(Mapped(mapper, U"\u00E9", 9), U"\u00C9");
}

TEST(CaseMapper, RefusesInvalidCodePoints) {
  CaseMapper mapper(LetterCase::kLower);
  const std::u32string text = {U'A', 0x110000};
  std::u32string to(2, U'?');
  const absl::Status status = mapper.Map(text, to.data());
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("0x110000 at position 1"));
}

}  // namespace
}  // namespace mpaio
