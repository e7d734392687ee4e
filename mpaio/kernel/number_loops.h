// SPDX-License-Identifier: Apache-2.0

// Loops over blocks of numbers, of which expressions are put together. What they compute is what
// numpy's functions of the same name compute.
//
// Numbers are held as their WideType: a byte 0 or 1, std::int64_t, std::uint64_t, double. A
// narrower type is held by the wider one exactly, and brought back to itself after each operation
// by NarrowLoop: integers wrap, floating-point numbers are rounded. With operands that are float32
// or float16, + - * / and sqrt rounded to double first and then to the type give what one rounding
// would, since a double has more than twice the digits.
#ifndef MPAIO_KERNEL_NUMBER_LOOPS_H_
#define MPAIO_KERNEL_NUMBER_LOOPS_H_

#include <cstddef>
#include <cstdint>

#include "mpaio/base/index.h"
#include "mpaio/kernel/number_type.h"

namespace mpaio {

// out[i] = f(a[i], b[i], c[i]) for 0 <= i < count; operands that f has not are not looked at. `out`
// overlaps no operand. Aligned to the elements.
using NumberLoop = void (*)(const void* a, const void* b, const void* c, void* out, Index count);

// Of one or two operands of one type, to a result of that type; those of comparisons and
// kLogicalNot ... kSignbit to bool.
enum class NumberOp : std::uint8_t {
  // Two operands.
  kAdd,
  kSubtract,
  kMultiply,
  kDivide,
  kFloorDivide,
  kRemainder,
  kPower,
  kMinimum,
  kMaximum,
  kFmin,
  kFmax,
  kCopysign,
  kAnd,
  kOr,
  kXor,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kEqual,
  kNotEqual,
  // One operand.
  kNegative,
  kInvert,
  kAbsolute,
  kSign,
  kSquare,
  kReciprocal,
  kSqrt,
  kFloor,
  kCeil,
  kTrunc,
  kRint,
  kIsnan,
  kIsinf,
  kIsfinite,
  kSignbit,
};

// Of operands of `type`'s WideType, or nullptr where there is no such operation. `type` matters
// besides its WideType where kFloorDivide and kRemainder round on the way, and for kReciprocal of
// 0. The result is still to be narrowed.
NumberLoop FindNumberLoop(NumberOp op, NumberType type);

// The comparisons of an std::int64_t with a std::uint64_t, exact.
NumberLoop FindMixedComparison(NumberOp op);

// a ? b : c, where a is bool and b and c are of `type`'s WideType.
NumberLoop FindSelectLoop(WideType type);

// Brings wide numbers, results of an operation of `type`, back to the range of `type`; nullptr
// where they are in it anyhow.
NumberLoop FindNarrowLoop(NumberType type);

// Converts wide numbers of type `from` as numpy's astype to wide numbers of type `to`; nullptr
// where they stay as they are. Of a floating-point number that the integer type does not hold, the
// result is what numpy's is on x86-64 with SSE2: that of converting to int32 (int64 for uint32 and
// 64 bits), where it is the least integer, taken modulo the width.
NumberLoop FindCastLoop(NumberType from, NumberType to);

// Reads `count` numbers of a type, `stride_bytes` apart and aligned or not, as wide ones; any byte
// but 0 is a true bool.
using LoadLoop = void (*)(const std::byte* from, Index stride_bytes, Index count, void* to);
LoadLoop FindLoadLoop(NumberType type);

// Writes wide numbers, in the range of `type`, as that type, one after the other; aligned.
using StoreLoop = void (*)(const void* from, Index count, std::byte* to);
StoreLoop FindStoreLoop(NumberType type);

// Whether one of the integers is negative.
bool AnyNegative(const std::int64_t* values, Index count);

}  // namespace mpaio

#endif  // MPAIO_KERNEL_NUMBER_LOOPS_H_
