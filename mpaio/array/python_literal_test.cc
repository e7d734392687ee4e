// SPDX-License-Identifier: Apache-2.0
#include "mpaio/array/python_literal.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mpaio/base/index.h"
#include "mpaio/testing/status_matchers.h"

namespace mpaio {
namespace {

std::string Repr(absl::string_view text) {
  std::string out;
  AppendPythonString(text, &out);
  return out;
}

absl::StatusOr<std::string> Read(absl::string_view literal) {
  PythonLiteralReader reader(literal);
  absl::StatusOr<std::string> value = reader.String();
  if (value.ok()) {
    EXPECT_TRUE(reader.AtEnd()) << literal;
  }
  return value;
}

// The expected texts are those of Python 3.11.
TEST(AppendPythonString, IsPythonsRepr) {
  const std::pair<absl::string_view, const char*> cases[] = {
      {"", "''"},
      {"abc", "'abc'"},
      {"it's", "\"it's\""},
      {"say \"x\"", "'say \"x\"'"},
      {"it's \"x\"", "'it\\'s \"x\"'"},
      {"back\\slash", "'back\\\\slash'"},
      {"\t\n\r", "'\\t\\n\\r'"},
      {absl::string_view("\0\x01\x1F\x7F ", 5), "'\\x00\\x01\\x1f\\x7f '"},
      {"caf\xC3\xA9", "'caf\xC3\xA9'"},
      {"\xC2\x80\xC2\xA0\xC2\xA1\xC2\xAD", "'\\x80\\xa0\xC2\xA1\\xad'"},
      {"\xE2\x82\xAC\xE2\x80\x8B\xE3\x80\x80", "'\xE2\x82\xAC\\u200b\\u3000'"},
      {"\xF0\x9F\x98\x80\xF3\xA0\x80\x81", "'\xF0\x9F\x98\x80\\U000e0001'"},
      {"\xED\xA0\x80\xEE\x80\x80", "'\\ud800\\ue000'"},
      {"\xEF\xBB\xBF\xEF\xBF\xBD", "'\\ufeff\xEF\xBF\xBD'"},
  };
  for (const auto& [text, repr] : cases) {
    EXPECT_EQ(Repr(text), repr);
    const absl::StatusOr<std::string> back = Read(repr);
    MPAIO_ASSERT_OK(back);
    EXPECT_EQ(*back, std::string(text));
  }
}

TEST(PythonLiteralReader, StringsInAllTheirForms) {
  const std::pair<const char*, absl::string_view> cases[] = {
      {" 'a'  ", "a"},
      {"u'a'", "a"},
      {"\"it's\"", "it's"},
      {"'\\a\\b\\f\\n\\r\\t\\v\\\\\\'\\\"'", "\a\b\f\n\r\t\v\\'\""},
      {"'\\x41\\xe9\\u20ac\\U0001F600'", "A\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80"},
      {"'\\0'", absl::string_view("\0", 1)},
      {"'\\18\\101\\377\\777'",
       "\x01"
       "8A\xC3\xBF\xC7\xBF"},
      {"'a\\\nb'", "ab"},
      {"'\\q'", "\\q"},
      {"'\\ud83d\\ude00'", "\xED\xA0\xBD\xED\xB8\x80"},
  };
  for (const auto& [literal, value] : cases) {
    const absl::StatusOr<std::string> read = Read(literal);
    MPAIO_ASSERT_OK(read);
    EXPECT_EQ(*read, std::string(value)) << literal;
  }
}

TEST(PythonLiteralReader, InvalidStrings) {
  for (const char* literal :
       {"", "a", "'", "'a", "'a\\", "'a\\'", "\"a'", "'\\x4'", "'\\xg0'", "'\\u20a'", "'\\U0011",
        "'\\U00110000'", "'\\UFFFFFFFF'", "'\\N{DASH}'", "b'a'", "8", "None"}) {
    EXPECT_THAT(Read(literal), StatusIs(absl::StatusCode::kInvalidArgument)) << literal;
  }
}

TEST(PythonLiteralReader, SeveralValuesInARow) {
  PythonLiteralReader reader(" ( 'a' , True,False , (2, 3L,) ,17)x");
  EXPECT_TRUE(reader.Accept('('));
  EXPECT_EQ(reader.String().value(), "a");
  EXPECT_FALSE(reader.Accept(')'));
  MPAIO_EXPECT_OK(reader.Expect(','));
  EXPECT_TRUE(reader.Bool().value());
  MPAIO_EXPECT_OK(reader.Expect(','));
  EXPECT_FALSE(reader.Bool().value());
  MPAIO_EXPECT_OK(reader.Expect(','));
  EXPECT_EQ(reader.Peek(), '(');
  EXPECT_EQ(reader.Shape().value(), (std::vector<Index>{2, 3}));
  MPAIO_EXPECT_OK(reader.Expect(','));
  EXPECT_EQ(reader.Extent().value(), 17);
  EXPECT_THAT(reader.Expect(']'), StatusIs(absl::StatusCode::kInvalidArgument, "']' is expected"));
  MPAIO_EXPECT_OK(reader.Expect(')'));
  EXPECT_FALSE(reader.AtEnd());
  EXPECT_EQ(reader.rest(), "x");
  EXPECT_EQ(reader.position(), 35u);
  EXPECT_TRUE(reader.Accept('x'));
  EXPECT_TRUE(reader.AtEnd());
  EXPECT_EQ(reader.Peek(), '\0');
  EXPECT_FALSE(reader.Accept('\0'));
}

TEST(PythonLiteralReader, ExtentsFit63Bits) {
  EXPECT_EQ(PythonLiteralReader("9223372036854775807").Extent().value(), 9223372036854775807);
  for (const char* literal :
       {"9223372036854775808", "-1", "01", "1.", "1e3", "x", "", "L", "0x10"}) {
    PythonLiteralReader reader(literal);
    EXPECT_TRUE(!reader.Extent().ok() || !reader.AtEnd()) << literal;
  }
}

}  // namespace
}  // namespace mpaio
