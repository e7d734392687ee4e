// SPDX-License-Identifier: Apache-2.0
#include "mpaio/array/unicode.h"

#include <climits>
#include <clocale>
#include <cstddef>
#include <cstdint>
#include <cuchar>
#include <cwchar>
#include <iostream>
#include <random>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace mpaio {
namespace {

bool IsSurrogate(char32_t c) { return c >= 0xD800 && c <= 0xDFFF; }

std::string ToUtf8(std::u32string_view text) {
  std::string out;
  EXPECT_TRUE(AppendUtf8(text, &out).ok());
  return out;
}

// Encodes UTF-8 with the C library.
class CLibrary {
 public:
  CLibrary() : has_utf8_(std::setlocale(LC_CTYPE, "C.UTF-8") != nullptr) {}
  ~CLibrary() { std::setlocale(LC_CTYPE, "C"); }
  bool has_utf8() const { return has_utf8_; }
  std::string Encode(char32_t c) const {
    char bytes[MB_LEN_MAX];
    std::mbstate_t state{};
    const std::size_t count = std::c32rtomb(bytes, c, &state);
    EXPECT_NE(count, static_cast<std::size_t>(-1)) << static_cast<std::uint32_t>(c);
    return count == static_cast<std::size_t>(-1) ? "" : std::string(bytes, count);
  }

 private:
  bool has_utf8_;
};

TEST(AppendUtf8, WorkedExamples) {
  EXPECT_EQ(ToUtf8(U""), "");
  EXPECT_EQ(ToUtf8(U"abc"), "abc");
  EXPECT_EQ(ToUtf8(U"caf\u00e9"), "caf\xC3\xA9");
  EXPECT_EQ(ToUtf8(U"\u20AC"), "\xE2\x82\xAC");
  EXPECT_EQ(ToUtf8(U"\U0001F600"), "\xF0\x9F\x98\x80");
  EXPECT_EQ(ToUtf8(std::u32string_view(U"a\0b", 3)), std::string("a\0b", 3));
}

TEST(AppendUtf8, AppendsToExistingText) {
  std::string out = "x";
  EXPECT_TRUE(AppendUtf8(U"yz", &out).ok());
  EXPECT_TRUE(AppendUtf8(U"\u00e9", &out).ok());
  EXPECT_EQ(out, "xyz\xC3\xA9");
}

TEST(AppendUtf8, EveryCodePointMatchesTheCLibrary) {
  const CLibrary library;
  ASSERT_TRUE(library.has_utf8());
  std::string out;
  for (char32_t c = 0; c <= 0x10FFFF; ++c) {
    if (IsSurrogate(c)) continue;
    out.clear();
    ASSERT_TRUE(AppendUtf8(std::u32string_view(&c, 1), &out).ok());
    ASSERT_EQ(out, library.Encode(c)) << static_cast<std::uint32_t>(c);
  }
}

// The lengths cross the bounds of blocks and pieces; most of the text is ASCII, so that ASCII runs
// begin and end anywhere.
TEST(AppendUtf8, MixedTextOfAllLengthsMatchesTheCLibrary) {
  const CLibrary library;
  ASSERT_TRUE(library.has_utf8());
  const std::uint32_t seed = std::random_device{}();
  std::cout << "seed " << seed << "\n";
  std::mt19937 random(seed);
  for (std::size_t length = 0; length < 700; ++length) {
    std::u32string text;
    std::string expected = "before";
    const std::uint32_t ascii_share = random() % 40;
    while (text.size() < length) {
      const char32_t c = random() % 40 < ascii_share ? random() % 0x80 : random() % 0x110000;
      if (IsSurrogate(c)) continue;
      text.push_back(c);
      expected += library.Encode(c);
    }
    std::string out = "before";
    ASSERT_TRUE(AppendUtf8(text, &out).ok());
    ASSERT_EQ(out, expected) << "length " << length << ", seed " << seed;
  }
}

TEST(AppendUtf8, InvalidCodePointsAreNamedWithTheirPosition) {
  struct {
    char32_t code_point;
    const char* name;
  } const cases[] = {{0xD800, "U+D800"},
                     {0xDBFF, "U+DBFF"},
                     {0xDFFF, "U+DFFF"},
                     {0x110000, "U+110000"},
                     {0xFFFFFFFF, "U+FFFFFFFF"}};
  for (const auto& bad : cases) {
    for (const std::size_t position : {0, 3, 15, 16, 17, 127, 128, 300}) {
      std::u32string text(400, U'a');
      text[position] = bad.code_point;
      std::string out = "kept";
      const absl::Status status = AppendUtf8(text, &out);
      EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
      const std::string message(status.message());
      EXPECT_NE(message.find(absl::StrCat(bad.name, " at position ", position, " ")),
                std::string::npos)
          << message;
      EXPECT_EQ(out, "kept");
    }
  }
}

TEST(AppendUtf8, NeighboursOfInvalidCodePointsAreWritten) {
  EXPECT_EQ(ToUtf8(U"\uD7FF"), "\xED\x9F\xBF");
  EXPECT_EQ(ToUtf8(U"\uE000"), "\xEE\x80\x80");
  EXPECT_EQ(ToUtf8(U"\U0010FFFF"), "\xF4\x8F\xBF\xBF");
}

}  // namespace
}  // namespace mpaio
