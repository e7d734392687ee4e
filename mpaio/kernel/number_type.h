// SPDX-License-Identifier: Apache-2.0

// The types of numbers that kernels compute with, and numpy's type promotion.
#ifndef MPAIO_KERNEL_NUMBER_TYPE_H_
#define MPAIO_KERNEL_NUMBER_TYPE_H_

#include <cstdint>
#include <optional>

#include "absl/strings/string_view.h"
#include "mpaio/array/dtype.h"
#include "mpaio/base/index.h"

namespace mpaio {

// numpy's bool, integers and floating-point numbers, in native byte order.
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

// The type in which loops compute with a number: the widest of its kind, which holds every narrower
// number exactly. A bool is a byte, 0 or 1.
enum class WideType : std::uint8_t { kBool, kInt64, kUint64, kFloat64 };

// Returns the type of the elements of `dtype`; nullopt for another kind or the other byte order.
std::optional<NumberType> NumberTypeOf(const DType& dtype);
DType DTypeOf(NumberType type);

// Returns a name such as "float64".
absl::string_view NumberTypeName(NumberType type);
// Returns the type that a text names. The text may be a name ("float64", "int", "single") or a code
// ("f8", "<f8", "d"), as in DType::Parse(). Returns nullopt for any other text.
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

// As numpy.promote_types.
NumberType Promote(NumberType a, NumberType b);

// Returns the floating-point type in which numpy computes functions such as sqrt of this type:
// float16 for bool and 8-bit integers, float32 for 16-bit integers, float64 for wider ones.
NumberType FloatOf(NumberType type);

}  // namespace mpaio

#endif  // MPAIO_KERNEL_NUMBER_TYPE_H_
