// SPDX-License-Identifier: Apache-2.0
#include <bit>
#include <cmath>
#include <limits>

#include "mpaio/kernel/comparison_loops.h"
#include "mpaio/kernel/element_loop.h"
#include "mpaio/kernel/loops_by_kind.h"
#include "mpaio/kernel/multiversion.h"
#include "mpaio/kernel/vector_math.h"

namespace mpaio {
namespace {

using element_loop::B;
using element_loop::Compare;
using element_loop::D;
using element_loop::Each2;
using element_loop::U;

MPAIO_LOOP_2(AddD, D, D, D, a + b)
MPAIO_LOOP_2(SubtractD, D, D, D, a - b)
MPAIO_LOOP_2(MultiplyD, D, D, D, a* b)
MPAIO_LOOP_2(DivideD, D, D, D, a / b)
// As in numpy: the first NaN is the result.
MPAIO_LOOP_2(MinimumD, D, D, D, (a <= b || a != a) ? a : b)
MPAIO_LOOP_2(MaximumD, D, D, D, (a >= b || a != a) ? a : b)
// NaN only if both are NaN.
MPAIO_LOOP_2(FminD, D, D, D, (a <= b || b != b) ? a : b)
MPAIO_LOOP_2(FmaxD, D, D, D, (a >= b || b != b) ? a : b)
MPAIO_LOOP_2(CopysignD, D, D, D, __builtin_copysign(a, b))
MPAIO_LOOP_1(NegativeD, D, D, -a)
MPAIO_LOOP_1(AbsoluteD, D, D, __builtin_fabs(a))
MPAIO_LOOP_1(SignD, D, D, a > 0 ? 1.0 : a < 0 ? -1.0 : a == 0 ? 0.0 : a)
MPAIO_LOOP_1(SquareD, D, D, a* a)
MPAIO_LOOP_1(ReciprocalD, D, D, 1.0 / a)
MPAIO_LOOP_1(SqrtD, D, D, __builtin_sqrt(a))
MPAIO_LOOP_1(FloorD, D, D, __builtin_floor(a))
MPAIO_LOOP_1(CeilD, D, D, __builtin_ceil(a))
MPAIO_LOOP_1(TruncD, D, D, __builtin_trunc(a))
MPAIO_LOOP_1(RintD, D, D, __builtin_rint(a))
MPAIO_LOOP_1(IsnanD, D, B, a != a)
MPAIO_LOOP_1(IsinfD, D, B, __builtin_fabs(a) == std::numeric_limits<D>::infinity())
MPAIO_LOOP_1(IsfiniteD, D, B, __builtin_fabs(a) <= std::numeric_limits<D>::max())
MPAIO_LOOP_1(SignbitD, D, B, std::bit_cast<U>(a) >> 63)

MPAIO_COMPARISONS(D, D, D)

// Python's divmod, in the same steps as numpy.
template <typename T>
T FloorRemainder(T a, T b) {
  T remainder = std::fmod(a, b);
  if (b == 0) return remainder;
  if (remainder != 0) {
    if ((b < 0) != (remainder < 0)) remainder += b;
  } else {
    remainder = std::copysign(T{0}, b);
  }
  return remainder;
}
template <typename T>
T FloorQuotient(T a, T b) {
  if (b == 0) return a / b;
  const T remainder = std::fmod(a, b);
  T quotient = (a - remainder) / b;
  if (remainder != 0 && (b < 0) != (remainder < 0)) quotient -= 1;
  if (quotient == 0) return std::copysign(T{0}, a / b);
  const T floor = std::floor(quotient);
  return quotient - floor > T{0.5} ? floor + 1 : floor;
}
template <typename T>
D FloorDivideFloat(D a, D b) {
  return FloorQuotient(static_cast<T>(a), static_cast<T>(b));
}
template <typename T>
D RemainderFloat(D a, D b) {
  return FloorRemainder(static_cast<T>(a), static_cast<T>(b));
}

void PowerD(const void* x, const void* y, const void*, void* z, Index count) {
  static const MathLoop2 kLoop = FindMathLoop(MathFunction2::kPower);
  kLoop(static_cast<const D*>(x), static_cast<const D*>(y), static_cast<D*>(z), count);
}

}  // namespace

NumberLoop FindFloatLoop(NumberOp op, bool is_narrow) {
  switch (op) {
    case NumberOp::kAdd:
      return AddD;
    case NumberOp::kSubtract:
      return SubtractD;
    case NumberOp::kMultiply:
      return MultiplyD;
    case NumberOp::kDivide:
      return DivideD;
    case NumberOp::kFloorDivide:
      return is_narrow ? Each2<D, FloorDivideFloat<float>> : Each2<D, FloorDivideFloat<double>>;
    case NumberOp::kRemainder:
      return is_narrow ? Each2<D, RemainderFloat<float>> : Each2<D, RemainderFloat<double>>;
    case NumberOp::kPower:
      return PowerD;
    case NumberOp::kMinimum:
      return MinimumD;
    case NumberOp::kMaximum:
      return MaximumD;
    case NumberOp::kFmin:
      return FminD;
    case NumberOp::kFmax:
      return FmaxD;
    case NumberOp::kCopysign:
      return CopysignD;
    case NumberOp::kNegative:
      return NegativeD;
    case NumberOp::kAbsolute:
      return AbsoluteD;
    case NumberOp::kSign:
      return SignD;
    case NumberOp::kSquare:
      return SquareD;
    case NumberOp::kReciprocal:
      return ReciprocalD;
    case NumberOp::kSqrt:
      return SqrtD;
    case NumberOp::kFloor:
      return FloorD;
    case NumberOp::kCeil:
      return CeilD;
    case NumberOp::kTrunc:
      return TruncD;
    case NumberOp::kRint:
      return RintD;
    case NumberOp::kIsnan:
      return IsnanD;
    case NumberOp::kIsinf:
      return IsinfD;
    case NumberOp::kIsfinite:
      return IsfiniteD;
    case NumberOp::kSignbit:
      return SignbitD;
    default:
      return FindComparisonD(op);
  }
}

}  // namespace mpaio
