// SPDX-License-Identifier: Apache-2.0
#include "mpaio/kernel/number_loops.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "mpaio/array/float16.h"
#include "mpaio/kernel/multiversion.h"
#include "mpaio/kernel/vector_math.h"

namespace mpaio {
namespace {

using I = std::int64_t;
using U = std::uint64_t;
using D = double;
// Bool, stored as a byte.
using B = std::uint8_t;

// Loops whose body is one expression of a (and b) are multiversioned, because they vectorise.
#define MPAIO_LOOP_1(name, In, Out, expression)                                                 \
  MPAIO_MULTIVERSION void name(const void* x, const void*, const void*, void* z, Index count) { \
    const In* __restrict__ from = static_cast<const In*>(x);                                    \
    Out* __restrict__ to = static_cast<Out*>(z);                                                \
    for (Index i = 0; i < count; ++i) {                                                         \
      const In a = from[i];                                                                     \
      to[i] = static_cast<Out>(expression);                                                     \
    }                                                                                           \
  }
#define MPAIO_LOOP_2(name, In1, In2, Out, expression)                                             \
  MPAIO_MULTIVERSION void name(const void* x, const void* y, const void*, void* z, Index count) { \
    const In1* __restrict__ first = static_cast<const In1*>(x);                                   \
    const In2* __restrict__ second = static_cast<const In2*>(y);                                  \
    Out* __restrict__ to = static_cast<Out*>(z);                                                  \
    for (Index i = 0; i < count; ++i) {                                                           \
      const In1 a = first[i];                                                                     \
      const In2 b = second[i];                                                                    \
      to[i] = static_cast<Out>(expression);                                                       \
    }                                                                                             \
  }

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

MPAIO_LOOP_2(AndB, B, B, B, a& b)
MPAIO_LOOP_2(OrB, B, B, B, a | b)
MPAIO_LOOP_2(XorB, B, B, B, a ^ b)
MPAIO_LOOP_1(NotB, B, B, a ^ 1)
MPAIO_LOOP_1(SameB, B, B, a)
MPAIO_LOOP_1(FalseB, B, B, (static_cast<void>(a), 0))
MPAIO_LOOP_1(TrueB, B, B, (static_cast<void>(a), 1))

#define MPAIO_COMPARISONS(suffix, In1, In2)                                 \
  MPAIO_LOOP_2(Less##suffix, In1, In2, B, Compare::Less(a, b))              \
  MPAIO_LOOP_2(LessEqual##suffix, In1, In2, B, Compare::LessEqual(a, b))    \
  MPAIO_LOOP_2(Greater##suffix, In1, In2, B, Compare::Less(b, a))           \
  MPAIO_LOOP_2(GreaterEqual##suffix, In1, In2, B, Compare::LessEqual(b, a)) \
  MPAIO_LOOP_2(Equal##suffix, In1, In2, B, Compare::Equal(a, b))            \
  MPAIO_LOOP_2(NotEqual##suffix, In1, In2, B, !Compare::Equal(a, b))
struct Compare {
  template <typename T>
  [[gnu::always_inline]] static bool Less(T a, T b) {
    return a < b;
  }
  template <typename T>
  [[gnu::always_inline]] static bool LessEqual(T a, T b) {
    return a <= b;
  }
  template <typename T>
  [[gnu::always_inline]] static bool Equal(T a, T b) {
    return a == b;
  }
  [[gnu::always_inline]] static bool Less(I a, U b) { return (a < 0) | (static_cast<U>(a) < b); }
  [[gnu::always_inline]] static bool LessEqual(I a, U b) {
    return (a < 0) | (static_cast<U>(a) <= b);
  }
  [[gnu::always_inline]] static bool Less(U a, I b) { return (b >= 0) & (a < static_cast<U>(b)); }
  [[gnu::always_inline]] static bool LessEqual(U a, I b) {
    return (b >= 0) & (a <= static_cast<U>(b));
  }
  [[gnu::always_inline]] static bool Equal(I a, U b) { return (a >= 0) & (static_cast<U>(a) == b); }
};
MPAIO_COMPARISONS(D, D, D)
MPAIO_COMPARISONS(I, I, I)
MPAIO_COMPARISONS(U, U, U)
MPAIO_COMPARISONS(B, B, B)
MPAIO_COMPARISONS(Mixed, I, U)

// Loops whose body is a division, a branch or a call have one version, because they do not
// vectorise.
template <typename T, typename R, R (*kFunction)(T)>
void Each1(const void* x, const void*, const void*, void* z, Index count) {
  const T* from = static_cast<const T*>(x);
  R* to = static_cast<R*>(z);
  for (Index i = 0; i < count; ++i) to[i] = kFunction(from[i]);
}
template <typename T, T (*kFunction)(T, T)>
void Each2(const void* x, const void* y, const void*, void* z, Index count) {
  const T* first = static_cast<const T*>(x);
  const T* second = static_cast<const T*>(y);
  T* to = static_cast<T*>(z);
  for (Index i = 0; i < count; ++i) to[i] = kFunction(first[i], second[i]);
}

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

void PowerD(const void* x, const void* y, const void*, void* z, Index count) {
  static const MathLoop2 kLoop = FindMathLoop(MathFunction2::kPower);
  kLoop(static_cast<const D*>(x), static_cast<const D*>(y), static_cast<D*>(z), count);
}

#define MPAIO_SELECT(name, T)                                                                \
  MPAIO_MULTIVERSION void name(const void* condition, const void* x, const void* y, void* z, \
                               Index count) {                                                \
    const B* __restrict__ which = static_cast<const B*>(condition);                          \
    const T* __restrict__ yes = static_cast<const T*>(x);                                    \
    const T* __restrict__ no = static_cast<const T*>(y);                                     \
    T* __restrict__ to = static_cast<T*>(z);                                                 \
    for (Index i = 0; i < count; ++i) {                                                      \
      const T a = yes[i], b = no[i];                                                         \
      to[i] = which[i] != 0 ? a : b;                                                         \
    }                                                                                        \
  }
MPAIO_SELECT(SelectU, U)
MPAIO_SELECT(SelectB, B)

// Narrowing and conversions.
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

// Loads. Contiguous elements, the usual case, have a loop that can be vectorised.
#define MPAIO_LOAD(name, T, W, widened)                                                           \
  MPAIO_MULTIVERSION void name(const std::byte* from, Index stride_bytes, Index count, void* z) { \
    W* __restrict__ to = static_cast<W*>(z);                                                      \
    if (stride_bytes == static_cast<Index>(sizeof(T))) {                                          \
      for (Index i = 0; i < count; ++i) {                                                         \
        T a;                                                                                      \
        std::memcpy(&a, from + i * static_cast<Index>(sizeof(T)), sizeof(T));                     \
        to[i] = static_cast<W>(widened);                                                          \
      }                                                                                           \
      return;                                                                                     \
    }                                                                                             \
    for (Index i = 0; i < count; ++i) {                                                           \
      T a;                                                                                        \
      std::memcpy(&a, from + i * stride_bytes, sizeof(T));                                        \
      to[i] = static_cast<W>(widened);                                                            \
    }                                                                                             \
  }
MPAIO_LOAD(LoadBool, B, B, a != 0)
MPAIO_LOAD(LoadInt8, std::int8_t, I, a)
MPAIO_LOAD(LoadInt16, std::int16_t, I, a)
MPAIO_LOAD(LoadInt32, std::int32_t, I, a)
MPAIO_LOAD(LoadUint8, std::uint8_t, U, a)
MPAIO_LOAD(LoadUint16, std::uint16_t, U, a)
MPAIO_LOAD(LoadUint32, std::uint32_t, U, a)
MPAIO_LOAD(Load64, U, U, a)
MPAIO_LOAD(LoadFloat16, std::uint16_t, D, static_cast<float>(Float16::FromBits(a)))
MPAIO_LOAD(LoadFloat32, float, D, a)

#define MPAIO_STORE(name, W, T)                                            \
  MPAIO_MULTIVERSION void name(const void* x, Index count, std::byte* z) { \
    const W* __restrict__ from = static_cast<const W*>(x);                 \
    T* __restrict__ to = reinterpret_cast<T*>(z);                          \
    for (Index i = 0; i < count; ++i) to[i] = static_cast<T>(from[i]);     \
  }
MPAIO_STORE(Store8, U, std::uint8_t)
MPAIO_STORE(Store16, U, std::uint16_t)
MPAIO_STORE(Store32, U, std::uint32_t)
MPAIO_STORE(StoreFloat32, D, float)
void Store64(const void* from, Index count, std::byte* to) {
  std::memcpy(to, from, static_cast<std::size_t>(count) * 8);
}
void StoreBool(const void* from, Index count, std::byte* to) {
  std::memcpy(to, from, static_cast<std::size_t>(count));
}
void StoreFloat16(const void* x, Index count, std::byte* z) {
  const D* from = static_cast<const D*>(x);
  Float16* to = reinterpret_cast<Float16*>(z);
  for (Index i = 0; i < count; ++i) to[i] = Float16(from[i]);
}

NumberLoop FindForBool(NumberOp op) {
  switch (op) {
    case NumberOp::kAdd:
    case NumberOp::kOr:
    case NumberOp::kMaximum:
    case NumberOp::kFmax:
      return OrB;
    case NumberOp::kMultiply:
    case NumberOp::kAnd:
    case NumberOp::kMinimum:
    case NumberOp::kFmin:
      return AndB;
    case NumberOp::kXor:
      return XorB;
    case NumberOp::kInvert:
      return NotB;
    case NumberOp::kAbsolute:
    case NumberOp::kFloor:
    case NumberOp::kCeil:
    case NumberOp::kTrunc:
      return SameB;
    case NumberOp::kIsnan:
    case NumberOp::kIsinf:
    case NumberOp::kSignbit:
      return FalseB;
    case NumberOp::kIsfinite:
      return TrueB;
    case NumberOp::kLess:
      return LessB;
    case NumberOp::kLessEqual:
      return LessEqualB;
    case NumberOp::kGreater:
      return GreaterB;
    case NumberOp::kGreaterEqual:
      return GreaterEqualB;
    case NumberOp::kEqual:
      return EqualB;
    case NumberOp::kNotEqual:
      return NotEqualB;
    default:
      return nullptr;
  }
}

NumberLoop FindForIntegers(NumberOp op, NumberType type) {
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
    case NumberOp::kLess:
      return has_sign ? LessI : LessU;
    case NumberOp::kLessEqual:
      return has_sign ? LessEqualI : LessEqualU;
    case NumberOp::kGreater:
      return has_sign ? GreaterI : GreaterU;
    case NumberOp::kGreaterEqual:
      return has_sign ? GreaterEqualI : GreaterEqualU;
    case NumberOp::kEqual:
      return has_sign ? EqualI : EqualU;
    case NumberOp::kNotEqual:
      return has_sign ? NotEqualI : NotEqualU;
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
      return nullptr;
  }
}

NumberLoop FindForFloats(NumberOp op, bool is_narrow) {
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
    case NumberOp::kLess:
      return LessD;
    case NumberOp::kLessEqual:
      return LessEqualD;
    case NumberOp::kGreater:
      return GreaterD;
    case NumberOp::kGreaterEqual:
      return GreaterEqualD;
    case NumberOp::kEqual:
      return EqualD;
    case NumberOp::kNotEqual:
      return NotEqualD;
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
      return nullptr;
  }
}

}  // namespace

NumberLoop FindNumberLoop(NumberOp op, NumberType type) {
  if (IsBool(type)) return FindForBool(op);
  return IsFloat(type) ? FindForFloats(op, type != NumberType::kFloat64)
                       : FindForIntegers(op, type);
}

NumberLoop FindMixedComparison(NumberOp op) {
  switch (op) {
    case NumberOp::kLess:
      return LessMixed;
    case NumberOp::kLessEqual:
      return LessEqualMixed;
    case NumberOp::kGreater:
      return GreaterMixed;
    case NumberOp::kGreaterEqual:
      return GreaterEqualMixed;
    case NumberOp::kEqual:
      return EqualMixed;
    case NumberOp::kNotEqual:
      return NotEqualMixed;
    default:
      return nullptr;
  }
}

NumberLoop FindSelectLoop(WideType type) { return type == WideType::kBool ? SelectB : SelectU; }

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

LoadLoop FindLoadLoop(NumberType type) {
  switch (type) {
    case NumberType::kBool:
      return LoadBool;
    case NumberType::kInt8:
      return LoadInt8;
    case NumberType::kInt16:
      return LoadInt16;
    case NumberType::kInt32:
      return LoadInt32;
    case NumberType::kUint8:
      return LoadUint8;
    case NumberType::kUint16:
      return LoadUint16;
    case NumberType::kUint32:
      return LoadUint32;
    case NumberType::kInt64:
    case NumberType::kUint64:
    case NumberType::kFloat64:
      return Load64;
    case NumberType::kFloat16:
      return LoadFloat16;
    case NumberType::kFloat32:
      return LoadFloat32;
  }
  return nullptr;
}

StoreLoop FindStoreLoop(NumberType type) {
  switch (type) {
    case NumberType::kBool:
      return StoreBool;
    case NumberType::kFloat16:
      return StoreFloat16;
    case NumberType::kFloat32:
      return StoreFloat32;
    case NumberType::kInt8:
    case NumberType::kUint8:
      return Store8;
    case NumberType::kInt16:
    case NumberType::kUint16:
      return Store16;
    case NumberType::kInt32:
    case NumberType::kUint32:
      return Store32;
    case NumberType::kInt64:
    case NumberType::kUint64:
    case NumberType::kFloat64:
      return Store64;
  }
  return nullptr;
}

bool AnyNegative(const std::int64_t* values, Index count) {
  I all = 0;
  for (Index i = 0; i < count; ++i) all |= values[i];
  return all < 0;
}

}  // namespace mpaio
