// SPDX-License-Identifier: Apache-2.0
#include "mpaio/array/utf8.h"

#include <string>

#include "absl/strings/string_view.h"
#include "gtest/gtest.h"

namespace mpaio {
namespace {

TEST(Utf8, EveryCodePointThereAndBack) {
  for (char32_t code_point = 0; code_point <= 0x10FFFF; ++code_point) {
    std::string text;
    AppendCodePoint(code_point, &text);
    absl::string_view rest = text;
    ASSERT_EQ(TakeCodePoint(&rest), code_point);
    ASSERT_TRUE(rest.empty());
    ASSERT_EQ(text.size(), code_point < 0x80      ? 1u
                           : code_point < 0x800   ? 2u
                           : code_point < 0x10000 ? 3u
                                                  : 4u);
    const bool is_surrogate = code_point >= 0xD800 && code_point <= 0xDFFF;
    ASSERT_EQ(IsUtf8(text, Surrogates::kRefused), !is_surrogate);
    ASSERT_TRUE(IsUtf8(text, Surrogates::kAllowed));
    // Cut short.
    if (text.size() == 1) continue;
    rest = absl::string_view(text).substr(0, text.size() - 1);
    ASSERT_EQ(TakeCodePoint(&rest), kNoCodePoint);
    ASSERT_EQ(rest.size(), text.size() - 2);
  }
}

TEST(Utf8, InvalidUtf8IsDetected) {
  EXPECT_TRUE(IsUtf8("", Surrogates::kRefused));
  EXPECT_TRUE(IsUtf8("caf\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80", Surrogates::kRefused));
  for (const char* bad :
       {"\x80", "\xBF", "\xFF", "\xFE", "\xC3", "\xC3(", "\xE2\x82", "\xE2(\xAC", "\xC0\x80",
        "\xC1\xBF", "\xE0\x80\x80", "\xE0\x9F\xBF", "\xF0\x80\x80\x80", "\xF0\x8F\xBF\xBF",
        "\xF4\x90\x80\x80", "\xF8\x88\x80\x80\x80", "a\xF0\x9F\x98"}) {
    EXPECT_FALSE(IsUtf8(bad, Surrogates::kAllowed)) << testing::PrintToString(std::string(bad));
  }
}

}  // namespace
}  // namespace mpaio
