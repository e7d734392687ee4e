// SPDX-License-Identifier: Apache-2.0

// The types of numbers that kernels compute with, and numpy's rules of what comes of two of them.
#ifndef MPAIO_KERNEL_NUMBER_TYPE_H_
#define MPAIO_KERNEL_NUMBER_TYPE_H_

#include <cstdint>
#include <optional>

#include "absl/strings/string_view.h"
#include "mpaio/array/dtype.h"
#include "mpaio/base/index.h"

namespace mpaio {

// numpy's bool, integers and floating-point numbers, in this machine's byte order.
enum class NumberType : std::uint8_t {
  kBool,
  kInt8,
  kInt16,
  kInt32,
  kInt64,
  kUint8,
  kUint16,
  kUint32,
  kUint64,
  kFloat16,
  kFloat32,
  kFloat64,
};
inline constexpr int kNumNumberTypes = 12;

// What a number is computed as. Each type is held exactly by its own; a bool is a byte, 0 or 1.
enum class WideType : std::uint8_t { kBool, kInt64, kUint64, kFloat64 };

// The type of the elements of `dtype`, or nothing where that is another kind, or in the other byte
// order.
std::optional<NumberType> NumberTypeOf(const DType& dtype);
DType DTypeOf(NumberType type);

// "float64".
absl::string_view NumberTypeName(NumberType type);
// The type of a text that DType::Parse() reads: a name ("float64", "int", "single") or a code
// ("f8", "<f8", "d").
std::optional<NumberType> ParseNumberType(absl::string_view name);

Index SizeBytes(NumberType type);
WideType WideTypeOf(NumberType type);
inline bool IsBool(NumberType type) { return type == NumberType::kBool; }
inline bool IsSigned(NumberType type) {
  return type >= NumberType::kInt8 && type <= NumberType::kInt64;
}
inline bool IsUnsigned(NumberType type) {
  return type >= NumberType::kUint8 && type <= NumberType::kUint64;
}
inline bool IsFloat(NumberType type) { return type >= NumberType::kFloat16; }

// numpy.promote_types.
NumberType Promote(NumberType a, NumberType b);

// The floating-point type in which numpy has functions such as sqrt of this type: of bool and 8-bit
// integers float16, of 16-bit ones float32, of wider ones float64.
NumberType FloatOf(NumberType type);

}  // namespace mpaio

#endif  // MPAIO_KERNEL_NUMBER_TYPE_H_
