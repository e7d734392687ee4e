// SPDX-License-Identifier: Apache-2.0
#include "mpaio/kernel/number_type.h"

#include <algorithm>
#include <array>

namespace mpaio {
namespace {

struct Entry {
  absl::string_view name;
  absl::string_view code;
  int size_bytes;
};

constexpr std::array<Entry, kNumNumberTypes> kEntries = {{
    {"bool", "?", 1},
    {"int8", "i1", 1},
    {"int16", "i2", 2},
    {"int32", "i4", 4},
    {"int64", "i8", 8},
    {"uint8", "u1", 1},
    {"uint16", "u2", 2},
    {"uint32", "u4", 4},
    {"uint64", "u8", 8},
    {"float16", "f2", 2},
    {"float32", "f4", 4},
    {"float64", "f8", 8},
}};

const Entry& EntryOf(NumberType type) { return kEntries[static_cast<std::size_t>(type)]; }

// Returns the type of `size_bytes` bytes in the family whose smallest type is `first`.
NumberType OfSize(NumberType first, int size_bytes) {
  int steps = 0;
  for (int size = first == NumberType::kFloat16 ? 2 : 1; size < size_bytes; size *= 2) ++steps;
  return static_cast<NumberType>(static_cast<int>(first) + steps);
}

}  // namespace

std::optional<NumberType> NumberTypeOf(const DType& dtype) {
  for (int i = 0; i < kNumNumberTypes; ++i) {
    const NumberType type = static_cast<NumberType>(i);
    if (dtype == DTypeOf(type)) return type;
  }
  return std::nullopt;
}

DType DTypeOf(NumberType type) { return DType::Parse(EntryOf(type).code).value(); }

absl::string_view NumberTypeName(NumberType type) { return EntryOf(type).name; }

std::optional<NumberType> ParseNumberType(absl::string_view name) {
  const absl::StatusOr<DType> dtype = DType::Parse(name);
  return dtype.ok() ? NumberTypeOf(*dtype) : std::nullopt;
}

Index SizeBytes(NumberType type) { return EntryOf(type).size_bytes; }

WideType WideTypeOf(NumberType type) {
  if (IsBool(type)) return WideType::kBool;
  if (IsFloat(type)) return WideType::kFloat64;
  return IsSigned(type) ? WideType::kInt64 : WideType::kUint64;
}

NumberType Promote(NumberType a, NumberType b) {
  if (a == b || IsBool(b)) return a;
  if (IsBool(a)) return b;
  if (IsFloat(a) || IsFloat(b)) {
    // The result type holds the integer exactly, or is float64.
    return std::max(IsFloat(a) ? a : FloatOf(a), IsFloat(b) ? b : FloatOf(b));
  }
  if (IsSigned(a) == IsSigned(b)) return std::max(a, b);
  const NumberType with_sign = IsSigned(a) ? a : b;
  const NumberType without = IsSigned(a) ? b : a;
  if (SizeBytes(with_sign) > SizeBytes(without)) return with_sign;
  return without == NumberType::kUint64
             ? NumberType::kFloat64
             : OfSize(NumberType::kInt8, static_cast<int>(2 * SizeBytes(without)));
}

NumberType FloatOf(NumberType type) {
  if (IsFloat(type)) return type;
  return OfSize(NumberType::kFloat16, static_cast<int>(std::min<Index>(8, 2 * SizeBytes(type))));
}

}  // namespace mpaio
