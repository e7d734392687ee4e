// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <limits>

#include "mpaio/kernel/comparison_loops.h"
#include "mpaio/kernel/element_loop.h"
#include "mpaio/kernel/loops_by_kind.h"
#include "mpaio/kernel/multiversion.h"

namespace mpaio {
namespace {

using element_loop::B;
using element_loop::Compare;
using element_loop::Each1;
using element_loop::Each2;
using element_loop::I;
using element_loop::U;

// Loops in U that do not compare also serve int64: the bits are the same, and unsigned arithmetic
// has no undefined overflow.
MPAIO_LOOP_2(AddU, U, U, U, a + b)
MPAIO_LOOP_2(SubtractU, U, U, U, a - b)
MPAIO_LOOP_2(MultiplyU, U, U, U, a* b)
MPAIO_LOOP_2(AndU, U, U, U, a& b)
MPAIO_LOOP_2(OrU, U, U, U, a | b)
MPAIO_LOOP_2(XorU, U, U, U, a ^ b)
MPAIO_LOOP_1(NegativeU, U, U, -a)
MPAIO_LOOP_1(InvertU, U, U, ~a)
MPAIO_LOOP_1(SquareU, U, U, a* a)
MPAIO_LOOP_1(SignU, U, U, a != 0)
MPAIO_LOOP_2(MinimumU, U, U, U, a <= b ? a : b)
MPAIO_LOOP_2(MaximumU, U, U, U, a >= b ? a : b)
MPAIO_LOOP_2(MinimumI, I, I, I, a <= b ? a : b)
MPAIO_LOOP_2(MaximumI, I, I, I, a >= b ? a : b)
MPAIO_LOOP_1(AbsoluteI, I, U, a < 0 ? -static_cast<U>(a) : static_cast<U>(a))
MPAIO_LOOP_1(SignI, I, I, (a > 0) - (a < 0))
MPAIO_LOOP_1(FalseI, I, B, (static_cast<void>(a), 0))
MPAIO_LOOP_1(TrueI, I, B, (static_cast<void>(a), 1))
MPAIO_LOOP_1(SignbitI, I, B, a < 0)

MPAIO_COMPARISONS(I, I, I)
MPAIO_COMPARISONS(U, U, U)

// Rounds towards minus infinity; division by 0 gives 0.
I FloorDivideInt(I a, I b) {
  if (b == 0) return 0;
  if (b == -1) return static_cast<I>(-static_cast<U>(a));
  const I quotient = a / b;
  return quotient - ((a % b != 0 && (a < 0) != (b < 0)) ? 1 : 0);
}
// Has the sign of the divisor; division by 0 gives 0.
I RemainderInt(I a, I b) {
  if (b == 0 || b == -1) return 0;
  const I remainder = a % b;
  return remainder != 0 && (remainder < 0) != (b < 0) ? remainder + b : remainder;
}
U FloorDivideUint(U a, U b) { return b == 0 ? 0 : a / b; }
U RemainderUint(U a, U b) { return b == 0 ? 0 : a % b; }

// Modulo 2^64. Precondition: the exponents are not negative.
U PowerUint(U base, U exponent) {
  U power = 1;
  for (; exponent != 0; exponent >>= 1, base *= base) {
    if ((exponent & 1) != 0) power *= base;
  }
  return power;
}

// 1 / a as in C. kOfZero is what x86-64 gives for an infinite double converted to the type.
template <I kOfZero>
I ReciprocalInt(I a) {
  return a == 0 ? kOfZero : a == 1 || a == -1 ? a : 0;
}
U ReciprocalUint(U a) { return a == 1 ? 1 : 0; }

}  // namespace

NumberLoop FindIntegerLoop(NumberOp op, NumberType type) {
  const bool has_sign = IsSigned(type);
  switch (op) {
    case NumberOp::kAdd:
      return AddU;
    case NumberOp::kSubtract:
      return SubtractU;
    case NumberOp::kMultiply:
      return MultiplyU;
    case NumberOp::kFloorDivide:
      return has_sign ? Each2<I, FloorDivideInt> : Each2<U, FloorDivideUint>;
    case NumberOp::kRemainder:
      return has_sign ? Each2<I, RemainderInt> : Each2<U, RemainderUint>;
    case NumberOp::kPower:
      return Each2<U, PowerUint>;
    case NumberOp::kMinimum:
    case NumberOp::kFmin:
      return has_sign ? MinimumI : MinimumU;
    case NumberOp::kMaximum:
    case NumberOp::kFmax:
      return has_sign ? MaximumI : MaximumU;
    case NumberOp::kAnd:
      return AndU;
    case NumberOp::kOr:
      return OrU;
    case NumberOp::kXor:
      return XorU;
    case NumberOp::kNegative:
      return NegativeU;
    case NumberOp::kInvert:
      return InvertU;
    case NumberOp::kAbsolute:
      return has_sign ? AbsoluteI : nullptr;
    case NumberOp::kSign:
      return has_sign ? SignI : SignU;
    case NumberOp::kSquare:
      return SquareU;
    case NumberOp::kReciprocal:
      if (type == NumberType::kInt64)
        return Each1<I, I, ReciprocalInt<std::numeric_limits<I>::min()>>;
      if (type == NumberType::kInt32)
        return Each1<I, I, ReciprocalInt<std::numeric_limits<std::int32_t>::min()>>;
      return has_sign ? Each1<I, I, ReciprocalInt<0>> : Each1<U, U, ReciprocalUint>;
    case NumberOp::kIsnan:
    case NumberOp::kIsinf:
      return FalseI;
    case NumberOp::kIsfinite:
      return TrueI;
    case NumberOp::kSignbit:
      return has_sign ? SignbitI : FalseI;
    default:
      return has_sign ? FindComparisonI(op) : FindComparisonU(op);
  }
}

}  // namespace mpaio
