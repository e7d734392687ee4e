// SPDX-License-Identifier: Apache-2.0
#include "mpaio/jobs/answer_json.h"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <string>
#include <type_traits>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/civil_time.h"
#include "mpaio/array/elements.h"
#include "mpaio/array/float16.h"
#include "mpaio/array/short_decimal.h"
#include "mpaio/array/unicode.h"

namespace mpaio {
namespace {

using Json = nlohmann::ordered_json;
using Kind = DType::Kind;

constexpr std::int64_t kNaT = std::numeric_limits<std::int64_t>::min();
constexpr char32_t kReplacementCharacter = 0xFFFD;

template <typename T>
T Load(const std::byte* bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof(value));
  return value;
}

Json FloatToJson(const std::byte* bytes, Index size_bytes) {
  switch (size_bytes) {
    case 2:
      return DoubleOfShortest(Load<Float16>(bytes));
    case 4:
      return DoubleOfShortest(Load<float>(bytes));
    case 8:
      return Load<double>(bytes);
    default:
      return absl::StrFormat("%.*g", std::numeric_limits<long double>::max_digits10,
                             Load<long double>(bytes));
  }
}

Json IntToJson(const std::byte* bytes, Index size_bytes) {
  switch (size_bytes) {
    case 1:
      return Load<std::int8_t>(bytes);
    case 2:
      return Load<std::int16_t>(bytes);
    case 4:
      return Load<std::int32_t>(bytes);
    default:
      return Load<std::int64_t>(bytes);
  }
}

Json UintToJson(const std::byte* bytes, Index size_bytes) {
  switch (size_bytes) {
    case 1:
      return Load<std::uint8_t>(bytes);
    case 2:
      return Load<std::uint16_t>(bytes);
    case 4:
      return Load<std::uint32_t>(bytes);
    default:
      return Load<std::uint64_t>(bytes);
  }
}

std::string UnicodeToUtf8(std::u32string_view text) {
  std::string utf8;
  if (AppendUtf8(text, &utf8).ok()) return utf8;
  std::u32string valid(text);
  for (char32_t& c : valid) {
    if (!AppendUtf8(std::u32string_view(&c, 1), &utf8).ok()) c = kReplacementCharacter;
  }
  utf8.clear();
  (void)AppendUtf8(valid, &utf8);
  return utf8;
}

// As absl::FormatCivilTime(), but a year has at least four characters, including the sign.
template <typename CivilTime>
std::string CivilToText(CivilTime time) {
  std::string text = absl::FormatCivilTime(time);
  const std::size_t year_size = std::min(text.find('-', 1), text.size());
  if (year_size < 4) text.insert(text[0] == '-' ? 1 : 0, 4 - year_size, '0');
  return text;
}

// Returns the time `ticks` * `multiple` `unit`s after 1970, as numpy prints it.
std::string DatetimeToText(std::int64_t ticks, std::int64_t multiple, absl::string_view unit) {
  if (ticks == kNaT) return "NaT";
  // A count outside the calendar's range is printed as a number with its unit.
  std::int64_t count = 0;
  if (__builtin_mul_overflow(ticks, multiple, &count))
    return absl::StrCat(ticks, " * ", multiple, " ", unit);
  constexpr std::int64_t kMaxYears = std::int64_t{1} << 33;
  if (unit == "Y" || unit == "M") {
    if (count > kMaxYears || count < -kMaxYears) return absl::StrCat(count, " ", unit);
    if (unit == "Y") return CivilToText(absl::CivilYear(1970) + count);
    return CivilToText(absl::CivilMonth(1970) + count);
  }
  if (unit == "W") {
    if (__builtin_mul_overflow(count, 7, &count)) return absl::StrCat(ticks, " ", unit);
    unit = "D";
  }
  constexpr std::int64_t kMaxDays = kMaxYears * 300;
  if (unit == "D") {
    if (count > kMaxDays || count < -kMaxDays) return absl::StrCat(count, " ", unit);
    return CivilToText(absl::CivilDay(1970, 1, 1) + count);
  }
  struct Unit {
    absl::string_view name;
    std::int64_t seconds;  // per unit; 0 for fractions of a second
    std::int64_t per_second;
    int digits;  // digits of the fraction
  };
  constexpr Unit kUnits[] = {{"h", 3600, 1, 0},
                             {"m", 60, 1, 0},
                             {"s", 1, 1, 0},
                             {"ms", 0, 1000, 3},
                             {"us", 0, 1000000, 6},
                             {"ns", 0, 1000000000, 9},
                             {"ps", 0, 1000000000000, 12},
                             {"fs", 0, 1000000000000000, 15},
                             {"as", 0, 1000000000000000000, 18}};
  for (const Unit& known : kUnits) {
    if (known.name != unit) continue;
    std::int64_t seconds = count, fraction = 0;
    if (known.digits > 0) {
      seconds = count / known.per_second;
      fraction = count % known.per_second;
      if (fraction < 0) {
        fraction += known.per_second;
        --seconds;
      }
    } else if (__builtin_mul_overflow(count, known.seconds, &seconds)) {
      return absl::StrCat(count, " ", unit);
    }
    if (seconds > kMaxDays || seconds < -kMaxDays) return absl::StrCat(count, " ", unit);
    const absl::CivilSecond civil = absl::CivilSecond(1970, 1, 1) + seconds;
    if (unit == "h") return CivilToText(absl::CivilHour(civil));
    if (unit == "m") return CivilToText(absl::CivilMinute(civil));
    std::string text = CivilToText(civil);
    if (known.digits > 0)
      absl::StrAppend(&text, ".", absl::StrFormat("%0*d", known.digits, fraction));
    return text;
  }
  return absl::StrCat(count);  // The generic unit has no name: print the number.
}

Json ElementToJson(const std::byte* bytes, const DType& dtype);

Json Nested(const std::byte* bytes, const DType& dtype, std::span<const Index> shape) {
  if (shape.empty()) return ElementToJson(bytes, dtype);
  Index stride_bytes = dtype.itemsize_bytes();
  for (const Index extent : shape.subspan(1)) stride_bytes *= extent;
  Json list = Json::array();
  for (Index i = 0; i < shape[0]; ++i)
    list.push_back(Nested(bytes + i * stride_bytes, dtype, shape.subspan(1)));
  return list;
}

Json ElementToJson(const std::byte* bytes, const DType& dtype) {
  const Index size_bytes = dtype.itemsize_bytes();
  switch (dtype.kind()) {
    case Kind::kBool:
      return bytes[0] != std::byte{0};
    case Kind::kInt:
      return IntToJson(bytes, size_bytes);
    case Kind::kUint:
      return UintToJson(bytes, size_bytes);
    case Kind::kFloat:
      return FloatToJson(bytes, size_bytes);
    case Kind::kComplex:
      return Json::array({FloatToJson(bytes, size_bytes / 2),
                          FloatToJson(bytes + size_bytes / 2, size_bytes / 2)});
    case Kind::kString: {
      const char* chars = reinterpret_cast<const char*>(bytes);
      return std::string(chars, static_cast<std::size_t>(LengthWithoutPadding(chars, size_bytes)));
    }
    case Kind::kUnicode: {
      std::u32string text(static_cast<std::size_t>(size_bytes) / sizeof(char32_t), U'\0');
      if (!text.empty()) std::memcpy(text.data(), bytes, static_cast<std::size_t>(size_bytes));
      text.resize(static_cast<std::size_t>(
          LengthWithoutPadding(text.data(), static_cast<Index>(text.size()))));
      return UnicodeToUtf8(text);
    }
    case Kind::kDatetime:
      return DatetimeToText(Load<std::int64_t>(bytes), dtype.time_multiple(), dtype.time_unit());
    case Kind::kTimedelta: {
      const std::int64_t ticks = Load<std::int64_t>(bytes);
      return ticks == kNaT ? Json("NaT") : Json(ticks);
    }
    case Kind::kVoid: {
      if (dtype.fields().empty()) {
        return absl::BytesToHexString(absl::string_view(reinterpret_cast<const char*>(bytes),
                                                        static_cast<std::size_t>(size_bytes)));
      }
      Json object = Json::object();
      for (const DType::Field& field : dtype.fields())
        object[field.name] = Nested(bytes + field.offset_bytes, field.dtype, field.shape);
      return object;
    }
    case Kind::kObject:
      break;  // Never loaded.
  }
  return nullptr;
}

}  // namespace

nlohmann::ordered_json ToJson(const NdView& array) {
  return Nested(array.data(), array.dtype(), array.shape());
}

nlohmann::ordered_json ToJson(const AnswerValue& value) {
  return value.text() != nullptr ? Json(*value.text()) : ToJson(value.array()->view());
}

nlohmann::ordered_json ToJson(const Answer& answer) {
  if (answer.empty()) return nullptr;
  if (answer.is_single()) return ToJson(answer.values().front().value);
  Json object = Json::object();
  for (const Answer::Named& named : answer.values()) object[named.name] = ToJson(named.value);
  return object;
}

}  // namespace mpaio
