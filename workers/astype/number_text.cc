#include "workers/astype/number_text.h"

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
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

template <typename T>
bool ParseInteger(absl::string_view text, std::byte* number) {
  if constexpr (std::is_signed_v<T>) {
    std::int64_t value = 0;
    if (!absl::SimpleAtoi(text, &value) || value < std::numeric_limits<T>::min() || value > std::numeric_limits<T>::max()) return false;
    Write(static_cast<T>(value), number);
  } else {
    std::uint64_t value = 0;
    if (!absl::SimpleAtoi(text, &value) || value > std::numeric_limits<T>::max()) return false;
    Write(static_cast<T>(value), number);
  }
  return true;
}

}  // namespace

int TextWidth(NumberType type) {
  switch (type) {
    case NumberType::kBool: return 5;
    case NumberType::kInt8: return 4;
    case NumberType::kInt16: return 6;
    case NumberType::kInt32: return 11;
    case NumberType::kInt64: return 21;
    case NumberType::kUint8: return 3;
    case NumberType::kUint16: return 5;
    case NumberType::kUint32: return 10;
    case NumberType::kUint64: return 20;
    default: return 32;
  }
}

void AppendNumber(NumberType type, const std::byte* number, std::string* text) {
  switch (type) {
    case NumberType::kBool: *text += *number != std::byte{0} ? "True" : "False"; break;
    case NumberType::kInt8: absl::StrAppend(text, static_cast<int>(Read<std::int8_t>(number))); break;
    case NumberType::kInt16: absl::StrAppend(text, Read<std::int16_t>(number)); break;
    case NumberType::kInt32: absl::StrAppend(text, Read<std::int32_t>(number)); break;
    case NumberType::kInt64: absl::StrAppend(text, Read<std::int64_t>(number)); break;
    case NumberType::kUint8: absl::StrAppend(text, static_cast<int>(Read<std::uint8_t>(number))); break;
    case NumberType::kUint16: absl::StrAppend(text, Read<std::uint16_t>(number)); break;
    case NumberType::kUint32: absl::StrAppend(text, Read<std::uint32_t>(number)); break;
    case NumberType::kUint64: absl::StrAppend(text, Read<std::uint64_t>(number)); break;
    case NumberType::kFloat16: AppendFloat(Read<Float16>(number), text); break;
    case NumberType::kFloat32: AppendFloat(Read<float>(number), text); break;
    case NumberType::kFloat64: AppendFloat(Read<double>(number), text); break;
  }
}

bool ParseNumberText(NumberType type, absl::string_view text, std::byte* number) {
  text = absl::StripAsciiWhitespace(text);
  // What the functions below take and Python does not: hexadecimal floats, "nan(...)".
  if (text.find_first_of("xX(") != absl::string_view::npos) return false;
  double real = 0;
  switch (type) {
    case NumberType::kBool: {
      std::int64_t value = 0;
      if (!absl::SimpleAtoi(text, &value)) return false;
      Write(static_cast<std::uint8_t>(value != 0), number);
      return true;
    }
    case NumberType::kInt8: return ParseInteger<std::int8_t>(text, number);
    case NumberType::kInt16: return ParseInteger<std::int16_t>(text, number);
    case NumberType::kInt32: return ParseInteger<std::int32_t>(text, number);
    case NumberType::kInt64: return ParseInteger<std::int64_t>(text, number);
    case NumberType::kUint8: return ParseInteger<std::uint8_t>(text, number);
    case NumberType::kUint16: return ParseInteger<std::uint16_t>(text, number);
    case NumberType::kUint32: return ParseInteger<std::uint32_t>(text, number);
    case NumberType::kUint64: return ParseInteger<std::uint64_t>(text, number);
    case NumberType::kFloat16:
      if (!absl::SimpleAtod(text, &real)) return false;
      Write(Float16(real), number);
      return true;
    case NumberType::kFloat32:
      // By way of a double, as numpy does.
      if (!absl::SimpleAtod(text, &real)) return false;
      Write(static_cast<float>(real), number);
      return true;
    case NumberType::kFloat64:
      if (!absl::SimpleAtod(text, &real)) return false;
      Write(real, number);
      return true;
  }
  return false;
}

}  // namespace mpaio
