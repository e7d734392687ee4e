// SPDX-License-Identifier: Apache-2.0

// Narrowing, and conversions between types.
#include <cstdint>
#include <limits>

#include "mpaio/array/float16.h"
#include "mpaio/kernel/element_loop.h"
#include "mpaio/kernel/multiversion.h"
#include "mpaio/kernel/number_loops.h"

namespace mpaio {
namespace {

using element_loop::B;
using element_loop::D;
using element_loop::Each1;
using element_loop::I;
using element_loop::U;

MPAIO_LOOP_1(ToInt8, I, I, static_cast<std::int8_t>(a))
MPAIO_LOOP_1(ToInt16, I, I, static_cast<std::int16_t>(a))
MPAIO_LOOP_1(ToInt32, I, I, static_cast<std::int32_t>(a))
MPAIO_LOOP_1(ToUint8, U, U, static_cast<std::uint8_t>(a))
MPAIO_LOOP_1(ToUint16, U, U, static_cast<std::uint16_t>(a))
MPAIO_LOOP_1(ToUint32, U, U, static_cast<std::uint32_t>(a))
MPAIO_LOOP_1(ToFloat32, D, D, static_cast<float>(a))
MPAIO_LOOP_1(BoolToInt, B, U, a)
MPAIO_LOOP_1(BoolToDouble, B, D, a)
MPAIO_LOOP_1(IntToBool, U, B, a != 0)
MPAIO_LOOP_1(DoubleToBool, D, B, a != 0)
MPAIO_LOOP_1(IntToDouble, I, D, a)
MPAIO_LOOP_1(UintToDouble, U, D, a)
// Rounded once, to float32; through double they would be rounded twice.
MPAIO_LOOP_1(IntToFloat, I, D, static_cast<float>(a))
MPAIO_LOOP_1(UintToFloat, U, D, static_cast<float>(a))

D RoundToHalf(D a) { return static_cast<D>(Float16(a)); }
// Through float32, as in numpy.
D IntToHalf(I a) { return RoundToHalf(static_cast<float>(a)); }
D UintToHalf(U a) { return RoundToHalf(static_cast<float>(a)); }

[[gnu::always_inline]] inline std::int32_t AsInt32(D a) {
  return a > -2147483649.0 && a < 2147483648.0 ? static_cast<std::int32_t>(a)
                                               : std::numeric_limits<std::int32_t>::min();
}
[[gnu::always_inline]] inline I AsInt64(D a) {
  return a >= -0x1p63 && a < 0x1p63 ? static_cast<I>(a) : std::numeric_limits<I>::min();
}
I DoubleToInt8(D a) { return static_cast<std::int8_t>(AsInt32(a)); }
I DoubleToInt16(D a) { return static_cast<std::int16_t>(AsInt32(a)); }
I DoubleToInt32(D a) { return AsInt32(a); }
I DoubleToInt64(D a) { return AsInt64(a); }
U DoubleToUint8(D a) { return static_cast<std::uint8_t>(AsInt32(a)); }
U DoubleToUint16(D a) { return static_cast<std::uint16_t>(AsInt32(a)); }
U DoubleToUint32(D a) { return static_cast<std::uint32_t>(AsInt64(a)); }
U DoubleToUint64(D a) {
  return a >= 0x1p63 ? static_cast<U>(AsInt64(a - 0x1p63)) ^ U { 1 } << 63
                     : static_cast<U>(AsInt64(a));
}

}  // namespace

NumberLoop FindNarrowLoop(NumberType type) {
  switch (type) {
    case NumberType::kInt8:
      return ToInt8;
    case NumberType::kInt16:
      return ToInt16;
    case NumberType::kInt32:
      return ToInt32;
    case NumberType::kUint8:
      return ToUint8;
    case NumberType::kUint16:
      return ToUint16;
    case NumberType::kUint32:
      return ToUint32;
    case NumberType::kFloat16:
      return Each1<D, D, RoundToHalf>;
    case NumberType::kFloat32:
      return ToFloat32;
    default:
      return nullptr;
  }
}

NumberLoop FindCastLoop(NumberType from, NumberType to) {
  if (from == to) return nullptr;
  if (IsBool(from)) return IsFloat(to) ? BoolToDouble : BoolToInt;
  if (IsFloat(from)) {
    switch (to) {
      case NumberType::kBool:
        return DoubleToBool;
      case NumberType::kInt8:
        return Each1<D, I, DoubleToInt8>;
      case NumberType::kInt16:
        return Each1<D, I, DoubleToInt16>;
      case NumberType::kInt32:
        return Each1<D, I, DoubleToInt32>;
      case NumberType::kInt64:
        return Each1<D, I, DoubleToInt64>;
      case NumberType::kUint8:
        return Each1<D, U, DoubleToUint8>;
      case NumberType::kUint16:
        return Each1<D, U, DoubleToUint16>;
      case NumberType::kUint32:
        return Each1<D, U, DoubleToUint32>;
      case NumberType::kUint64:
        return Each1<D, U, DoubleToUint64>;
      default:
        return to < from ? FindNarrowLoop(to) : nullptr;
    }
  }
  const bool has_sign = IsSigned(from);
  switch (to) {
    case NumberType::kBool:
      return IntToBool;
    case NumberType::kFloat16:
      return has_sign ? Each1<I, D, IntToHalf> : Each1<U, D, UintToHalf>;
    case NumberType::kFloat32:
      return has_sign ? IntToFloat : UintToFloat;
    case NumberType::kFloat64:
      return has_sign ? IntToDouble : UintToDouble;
    default:
      return FindNarrowLoop(to);
  }
}

}  // namespace mpaio
