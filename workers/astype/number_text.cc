// SPDX-License-Identifier: Apache-2.0
#include "workers/astype/number_text.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <type_traits>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "mpaio/array/float16.h"
#include "mpaio/array/short_decimal.h"

namespace mpaio {
namespace {

template <typename T>
T Read(const std::byte* bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof(value));
  return value;
}

template <typename T>
void AppendFloat(T value, std::string* text) {
  if (std::isnan(static_cast<double>(value))) {
    *text += "nan";
  } else if (std::isinf(static_cast<double>(value))) {
    *text += static_cast<double>(value) < 0 ? "-inf" : "inf";
  } else {
    *text += PlainDecimal(ShortestScientific(value), /*max_whole_digits=*/16);
  }
}
template <typename T>
void Write(T value, std::byte* bytes) {
  std::memcpy(bytes, &value, sizeof(value));
}

bool IsDigit(char c) { return absl::ascii_isdigit(static_cast<unsigned char>(c)); }

// Removes underscores. Returns false if one is not between digits.
bool RemoveUnderscores(std::string* text) {
  for (std::size_t at = 0; (at = text->find('_', at)) != std::string::npos;) {
    if (at == 0 || !IsDigit((*text)[at - 1]) || at + 1 == text->size() || !IsDigit((*text)[at + 1]))
      return false;
    text->erase(at, 1);
  }
  return true;
}

// An integer of any length.
struct IntegerText {
  bool is_negative = false;
  absl::string_view digits;  // without leading zeros
};

std::optional<IntegerText> SplitInteger(absl::string_view text) {
  IntegerText integer;
  integer.is_negative = absl::ConsumePrefix(&text, "-");
  if (!integer.is_negative) absl::ConsumePrefix(&text, "+");
  if (text.empty() || !std::all_of(text.begin(), text.end(), IsDigit)) return std::nullopt;
  text.remove_prefix(std::min(text.find_first_not_of('0'), text.size()));
  integer.digits = text;
  return integer;
}

template <typename T>
bool ParseInteger(absl::string_view text, std::byte* number) {
  const std::optional<IntegerText> integer = SplitInteger(text);
  if (!integer.has_value()) return false;
  std::uint64_t value = 0;
  if (!integer->digits.empty() && !absl::SimpleAtoi(integer->digits, &value)) return false;
  const std::uint64_t largest = static_cast<std::uint64_t>(std::numeric_limits<T>::max());
  if (integer->is_negative && value > (std::is_signed_v<T> ? largest + 1 : 0)) return false;
  if (!integer->is_negative && value > largest) return false;
  Write(static_cast<T>(integer->is_negative ? std::uint64_t{0} - value : value), number);
  return true;
}

// The functions of C and Abseil accept more than Python: hexadecimal numbers, "nan(...)".
bool ParseReal(absl::string_view text, double* value) {
  absl::string_view body = text;
  if (absl::StartsWith(body, "+") || absl::StartsWith(body, "-")) body.remove_prefix(1);
  const bool is_word = absl::EqualsIgnoreCase(body, "nan") || absl::EqualsIgnoreCase(body, "inf") ||
                       absl::EqualsIgnoreCase(body, "infinity");
  if (!is_word && body.find_first_not_of("0123456789.eE+-") != absl::string_view::npos)
    return false;
  return absl::SimpleAtod(text, value);
}

}  // namespace

int TextWidth(NumberType type) {
  switch (type) {
    case NumberType::kBool:
      return 5;
    case NumberType::kInt8:
      return 4;
    case NumberType::kInt16:
      return 6;
    case NumberType::kInt32:
      return 11;
    case NumberType::kInt64:
      return 21;
    case NumberType::kUint8:
      return 3;
    case NumberType::kUint16:
      return 5;
    case NumberType::kUint32:
      return 10;
    case NumberType::kUint64:
      return 20;
    default:
      return 32;
  }
}

void AppendNumber(NumberType type, const std::byte* number, std::string* text) {
  switch (type) {
    case NumberType::kBool:
      *text += *number != std::byte{0} ? "True" : "False";
      break;
    case NumberType::kInt8:
      absl::StrAppend(text, static_cast<int>(Read<std::int8_t>(number)));
      break;
    case NumberType::kInt16:
      absl::StrAppend(text, Read<std::int16_t>(number));
      break;
    case NumberType::kInt32:
      absl::StrAppend(text, Read<std::int32_t>(number));
      break;
    case NumberType::kInt64:
      absl::StrAppend(text, Read<std::int64_t>(number));
      break;
    case NumberType::kUint8:
      absl::StrAppend(text, static_cast<int>(Read<std::uint8_t>(number)));
      break;
    case NumberType::kUint16:
      absl::StrAppend(text, Read<std::uint16_t>(number));
      break;
    case NumberType::kUint32:
      absl::StrAppend(text, Read<std::uint32_t>(number));
      break;
    case NumberType::kUint64:
      absl::StrAppend(text, Read<std::uint64_t>(number));
      break;
    case NumberType::kFloat16:
      AppendFloat(Read<Float16>(number), text);
      break;
    case NumberType::kFloat32:
      AppendFloat(Read<float>(number), text);
      break;
    case NumberType::kFloat64:
      AppendFloat(Read<double>(number), text);
      break;
  }
}

bool ParseNumberText(NumberType type, absl::string_view text, std::byte* number) {
  text = absl::StripAsciiWhitespace(text);
  std::string without_underscores;
  if (text.find('_') != absl::string_view::npos) {
    without_underscores = std::string(text);
    if (!RemoveUnderscores(&without_underscores)) return false;
    text = without_underscores;
  }
  switch (type) {
    case NumberType::kBool: {
      const std::optional<IntegerText> integer = SplitInteger(text);
      if (!integer.has_value()) return false;
      Write(static_cast<std::uint8_t>(!integer->digits.empty()), number);
      return true;
    }
    case NumberType::kInt8:
      return ParseInteger<std::int8_t>(text, number);
    case NumberType::kInt16:
      return ParseInteger<std::int16_t>(text, number);
    case NumberType::kInt32:
      return ParseInteger<std::int32_t>(text, number);
    case NumberType::kInt64:
      return ParseInteger<std::int64_t>(text, number);
    case NumberType::kUint8:
      return ParseInteger<std::uint8_t>(text, number);
    case NumberType::kUint16:
      return ParseInteger<std::uint16_t>(text, number);
    case NumberType::kUint32:
      return ParseInteger<std::uint32_t>(text, number);
    case NumberType::kUint64:
      return ParseInteger<std::uint64_t>(text, number);
    case NumberType::kFloat16:
    case NumberType::kFloat32:
    case NumberType::kFloat64:
      break;
  }
  double real = 0;
  if (!ParseReal(text, &real)) return false;
  if (type == NumberType::kFloat16) {
    Write(Float16(real), number);
  } else if (type == NumberType::kFloat32) {
    // Through a double, as numpy does.
    Write(static_cast<float>(real), number);
  } else {
    Write(real, number);
  }
  return true;
}

}  // namespace mpaio
