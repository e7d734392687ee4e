// SPDX-License-Identifier: Apache-2.0

// Loops over blocks of numbers, the building blocks of expressions. They compute the same as
// numpy's functions of the same name.
//
// Numbers are held as their WideType: a byte 0 or 1, std::int64_t, std::uint64_t, double. The wide
// type holds a narrower type exactly, and a narrowing loop (FindNarrowLoop) reduces the result of
// each operation to the narrower type: integers wrap, floating-point numbers are rounded. For + - *
// / and sqrt of float32 and float16, rounding to double and then to the type gives the same result
// as rounding once, because a double has more than twice the digits of either (Figueroa, "When is
// double rounding innocuous?", 1995).
#ifndef MPAIO_KERNEL_NUMBER_LOOPS_H_
#define MPAIO_KERNEL_NUMBER_LOOPS_H_

#include <cstddef>
#include <cstdint>

#include "mpaio/base/index.h"
#include "mpaio/kernel/number_type.h"

namespace mpaio {

// Computes out[i] = f(a[i], b[i], c[i]) for 0 <= i < count; operands that f does not have are
// ignored. `out` overlaps no operand. All arrays are aligned to their elements.
using NumberLoop = void (*)(const void* a, const void* b, const void* c, void* out, Index count);

// Operations on one or two operands of one type. The result has that type, except that comparisons
// and kIsnan ... kSignbit give bool.
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

// Returns the loop for operands of `type`'s WideType, or nullptr if the type has no such operation.
// Types that share a WideType share the loop, except those of kFloorDivide and kRemainder, which
// round intermediate results to `type`, and of kReciprocal, whose result for 0 depends on it. The
// result must still be narrowed (FindNarrowLoop).
NumberLoop FindNumberLoop(NumberOp op, NumberType type);

// Returns the exact comparison of a std::int64_t with a std::uint64_t.
NumberLoop FindMixedComparison(NumberOp op);

// Returns the loop for a ? b : c, where a is bool and b and c have the wide type `type`.
NumberLoop FindSelectLoop(WideType type);

// Returns the loop that reduces wide results of an operation of `type` to the range of `type`;
// nullptr if they are always in range.
NumberLoop FindNarrowLoop(NumberType type);

// Returns the loop that converts wide numbers of type `from` to wide numbers of type `to`, as
// numpy's astype; nullptr if the numbers do not change. A floating-point number out of the range of
// an integer type gives the same result as numpy on x86-64 with SSE2: it is converted to int32 (to
// int64 for uint32 and 64-bit types), which gives the smallest integer if it is out of range there
// too, and the result is taken modulo the width.
NumberLoop FindCastLoop(NumberType from, NumberType to);

// Reads `count` numbers of a type, `stride_bytes` apart, aligned or not, as wide ones. Any nonzero
// byte is a true bool.
using LoadLoop = void (*)(const std::byte* from, Index stride_bytes, Index count, void* to);
LoadLoop FindLoadLoop(NumberType type);

// Writes wide numbers that are in the range of `type` as that type, contiguous and aligned.
using StoreLoop = void (*)(const void* from, Index count, std::byte* to);
StoreLoop FindStoreLoop(NumberType type);

// True if any of the integers is negative.
bool AnyNegative(const std::int64_t* values, Index count);

}  // namespace mpaio

#endif  // MPAIO_KERNEL_NUMBER_LOOPS_H_
