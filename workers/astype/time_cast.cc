// SPDX-License-Identifier: Apache-2.0
#include "workers/astype/time_cast.h"

#include <limits>
#include <utility>

#include "absl/strings/string_view.h"

namespace mpaio {
namespace {

struct UnitLength {
  absl::string_view unit;
  bool is_of_calendar;  // counted in months, else in attoseconds
  __int128 length;
};

constexpr __int128 kSecond = 1000000000000000000;  // attoseconds
constexpr UnitLength kUnits[] = {
    {"Y", true, 12},
    {"M", true, 1},
    {"W", false, 7 * 86400 * kSecond},
    {"D", false, 86400 * kSecond},
    {"h", false, 3600 * kSecond},
    {"m", false, 60 * kSecond},
    {"s", false, kSecond},
    {"ms", false, kSecond / 1000},
    {"us", false, kSecond / 1000000},
    {"ns", false, kSecond / 1000000000},
    {"ps", false, 1000000},
    {"fs", false, 1000},
    {"as", false, 1},
};

const UnitLength* Find(const DType& dtype) {
  for (const UnitLength& unit : kUnits) {
    if (unit.unit == dtype.time_unit()) return &unit;
  }
  return nullptr;  // generic
}

}  // namespace

std::optional<TimeCast> TimeCast::Create(const DType& from, const DType& to) {
  const UnitLength *source = Find(from), *target = Find(to);
  // Ticks without a unit take the new unit; the reverse would lose the unit.
  if (source == nullptr) return TimeCast(1, 1);
  if (target == nullptr || source->is_of_calendar != target->is_of_calendar) return std::nullopt;
  __int128 numerator = source->length * from.time_multiple(),
           denominator = target->length * to.time_multiple();
  __int128 a = numerator, b = denominator;
  while (b != 0) a = std::exchange(b, a % b);
  return TimeCast(numerator / a, denominator / a);
}

std::optional<std::int64_t> TimeCast::operator()(std::int64_t ticks) const {
  constexpr std::int64_t kNotATime = std::numeric_limits<std::int64_t>::min();
  if (ticks == kNotATime) return kNotATime;
  __int128 product;
  if (__builtin_mul_overflow(static_cast<__int128>(ticks), numerator_, &product))
    return std::nullopt;
  __int128 result = product / denominator_;
  if (product % denominator_ < 0) --result;
  if (result <= kNotATime || result > std::numeric_limits<std::int64_t>::max()) return std::nullopt;
  return static_cast<std::int64_t>(result);
}

}  // namespace mpaio
