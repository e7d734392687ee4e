// SPDX-License-Identifier: Apache-2.0
#include "mpaio/array/python_literal.h"

#include <algorithm>
#include <iterator>
#include <limits>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "mpaio/array/shape.h"
#include "mpaio/array/utf8.h"
#include "mpaio/base/status_macros.h"

namespace mpaio {
namespace {

// Code points for which str.isprintable() is false, except the space and unassigned ones:
// categories Cc, Cf, Cs, Co, Zl, Zp, Zs.
struct Range {
  char32_t first, last;
};
constexpr Range kNotPrintable[] = {
    {0x0000, 0x001F},   {0x007F, 0x00A0},   {0x00AD, 0x00AD},   {0x0600, 0x0605},
    {0x061C, 0x061C},   {0x06DD, 0x06DD},   {0x070F, 0x070F},   {0x0890, 0x0891},
    {0x08E2, 0x08E2},   {0x1680, 0x1680},   {0x180E, 0x180E},   {0x2000, 0x200F},
    {0x2028, 0x202F},   {0x205F, 0x2064},   {0x2066, 0x206F},   {0x3000, 0x3000},
    {0xD800, 0xF8FF},   {0xFEFF, 0xFEFF},   {0xFFF9, 0xFFFB},   {0x110BD, 0x110BD},
    {0x110CD, 0x110CD}, {0x13430, 0x13438}, {0x1BCA0, 0x1BCA3}, {0x1D173, 0x1D17A},
    {0xE0001, 0xE0001}, {0xE0020, 0xE007F}, {0xF0000, 0xFFFFD}, {0x100000, 0x10FFFD}};

bool IsPrintable(char32_t code_point) {
  const Range* const range =
      std::lower_bound(std::begin(kNotPrintable), std::end(kNotPrintable), code_point,
                       [](const Range& range, char32_t value) { return range.last < value; });
  return range == std::end(kNotPrintable) || code_point < range->first;
}

absl::Status Wrong(absl::string_view what) { return absl::InvalidArgumentError(what); }

// Returns the value of a hexadecimal digit; 16 for any other character.
char32_t DigitValue(char c) {
  if (c >= '0' && c <= '9') return static_cast<char32_t>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<char32_t>(c - 'a' + 10);
  if (c >= 'A' && c <= 'F') return static_cast<char32_t>(c - 'A' + 10);
  return 16;
}

bool IsSpace(char c) { return absl::ascii_isspace(static_cast<unsigned char>(c)); }

}  // namespace

std::string Printable(absl::string_view text) {
  constexpr std::size_t kMaxChars = 80;
  // Undo the escapes of quotes: descriptors are full of quotes, which are harmless in a message.
  const std::string escaped = absl::StrReplaceAll(absl::CHexEscape(text.substr(0, kMaxChars)),
                                                  {{"\\'", "'"}, {"\\\"", "\""}});
  return absl::StrCat(escaped, text.size() > kMaxChars ? "..." : "");
}

void AppendPythonString(absl::string_view text, std::string* out) {
  const bool has_single = text.find('\'') != absl::string_view::npos;
  const bool has_double = text.find('"') != absl::string_view::npos;
  const char32_t quote = has_single && !has_double ? '"' : '\'';
  out->push_back(static_cast<char>(quote));
  while (!text.empty()) {
    const char32_t c = TakeCodePoint(&text);
    const auto value = static_cast<std::uint32_t>(c);
    if (c == quote || c == '\\') {
      out->push_back('\\');
      out->push_back(static_cast<char>(c));
    } else if (c == '\n') {
      out->append("\\n");
    } else if (c == '\r') {
      out->append("\\r");
    } else if (c == '\t') {
      out->append("\\t");
    } else if (c == kNoCodePoint) {
      AppendCodePoint(0xFFFD, out);
    } else if (IsPrintable(c)) {
      AppendCodePoint(c, out);
    } else if (c < 0x100) {
      absl::StrAppendFormat(out, "\\x%02x", value);
    } else if (c < 0x10000) {
      absl::StrAppendFormat(out, "\\u%04x", value);
    } else {
      absl::StrAppendFormat(out, "\\U%08x", value);
    }
  }
  out->push_back(static_cast<char>(quote));
}

char PythonLiteralReader::Peek() {
  while (position_ < text_.size() && IsSpace(text_[position_])) ++position_;
  return position_ < text_.size() ? text_[position_] : '\0';
}

bool PythonLiteralReader::AtEnd() {
  Peek();
  return position_ == text_.size();
}

bool PythonLiteralReader::Accept(char c) {
  if (Peek() != c || position_ == text_.size()) return false;
  ++position_;
  return true;
}

absl::Status PythonLiteralReader::Expect(char c) {
  if (Accept(c)) return absl::OkStatus();
  return Wrong(absl::StrCat("'", absl::string_view(&c, 1), "' is expected"));
}

absl::StatusOr<std::string> PythonLiteralReader::String() {
  Accept('u');  // as Python 2 wrote
  const char quote = Peek();
  if (quote != '\'' && quote != '"') return Wrong("a string is expected");
  std::string value;
  for (++position_; position_ < text_.size();) {
    const char c = text_[position_++];
    if (c == quote) return value;
    if (c == '\\') {
      MPAIO_RETURN_IF_ERROR(Escape(&value));
    } else {
      value.push_back(c);
    }
  }
  return Wrong("a string has no end");
}

// Reads the digits of an escape, and appends the code point that they give.
absl::Status PythonLiteralReader::NumericEscape(std::size_t min_digits, std::size_t max_digits,
                                                char32_t base, std::string* value) {
  char32_t code_point = 0;
  for (std::size_t i = 0; i < max_digits; ++i, ++position_) {
    const char32_t digit = DigitValue(position_ < text_.size() ? text_[position_] : '\0');
    if (digit >= base) {
      if (i >= min_digits) break;
      return Wrong("an escape in a string is not one of Python's");
    }
    code_point = code_point * base + digit;
  }
  if (code_point > 0x10FFFF) return Wrong("an escape in a string is over U+10FFFF");
  AppendCodePoint(code_point, value);
  return absl::OkStatus();
}

// Reads the rest of an escape, after the backslash.
absl::Status PythonLiteralReader::Escape(std::string* value) {
  constexpr absl::string_view kLetters = "abfnrtv\\'\"", kValues = "\a\b\f\n\r\t\v\\'\"";
  if (position_ == text_.size()) return Wrong("a string has no end");
  const char c = text_[position_++];
  if (const std::size_t letter = kLetters.find(c); letter != absl::string_view::npos) {
    value->push_back(kValues[letter]);
    return absl::OkStatus();
  }
  switch (c) {
    case '\n':
      return absl::OkStatus();
    case 'x':
      return NumericEscape(2, 2, 16, value);
    case 'u':
      return NumericEscape(4, 4, 16, value);
    case 'U':
      return NumericEscape(8, 8, 16, value);
    case 'N':
      return Wrong("an escape in a string is a name (\\N), which repr() does not write");
    default:
      if (c >= '0' && c <= '7') {
        --position_;
        return NumericEscape(1, 3, 8, value);
      }
      // As in Python, the backslash stands for itself.
      value->push_back('\\');
      value->push_back(c);
      return absl::OkStatus();
  }
}

absl::StatusOr<absl::string_view> PythonLiteralReader::Word() {
  Peek();
  const std::size_t begin = position_;
  while (position_ < text_.size() &&
         absl::ascii_isalnum(static_cast<unsigned char>(text_[position_])))
    ++position_;
  if (position_ == begin) return Wrong("a value is expected");
  return text_.substr(begin, position_ - begin);
}

absl::StatusOr<bool> PythonLiteralReader::Bool() {
  MPAIO_ASSIGN_OR_RETURN(const absl::string_view word, Word());
  if (word == "True") return true;
  if (word == "False") return false;
  return Wrong(absl::StrCat("True or False is expected, not ", Printable(word)));
}

absl::StatusOr<Index> PythonLiteralReader::Extent() {
  if (Peek() == '-') return Wrong("an extent of the shape is negative");
  MPAIO_ASSIGN_OR_RETURN(absl::string_view word, Word());
  const absl::string_view whole = word;
  if (word.back() == 'L') word.remove_suffix(1);
  if (word.empty() || (word.size() > 1 && word[0] == '0'))
    return Wrong(absl::StrCat("a number is expected, not ", Printable(whole)));
  Index value = 0;
  for (const char c : word) {
    if (!absl::ascii_isdigit(static_cast<unsigned char>(c)))
      return Wrong(absl::StrCat("a number is expected, not ", Printable(whole)));
    const Index digit = c - '0';
    if (value > (std::numeric_limits<Index>::max() - digit) / 10)
      return Wrong(absl::StrCat("an extent of ", Printable(whole), " is more than any array has"));
    value = value * 10 + digit;
  }
  return value;
}

absl::StatusOr<std::vector<Index>> PythonLiteralReader::Shape() {
  MPAIO_RETURN_IF_ERROR(Expect('('));
  std::vector<Index> shape;
  bool has_comma = true;
  while (!Accept(')')) {
    if (!has_comma) return Wrong("',' or ')' is expected");
    if (static_cast<Index>(shape.size()) == kMaxDimensions)
      return Wrong(absl::StrCat("the shape has more than ", kMaxDimensions, " axes"));
    MPAIO_ASSIGN_OR_RETURN(const Index extent, Extent());
    shape.push_back(extent);
    has_comma = Accept(',');
  }
  if (shape.size() == 1 && !has_comma) return Wrong("the shape is a number, not a tuple");
  return shape;
}

}  // namespace mpaio
