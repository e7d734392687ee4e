// SPDX-License-Identifier: Apache-2.0

// Mathematical functions of float64 arrays, with the same bits on every processor.
//
// All but sin and cos are SLEEF's deterministic functions (prefix "cinz" in its documentation).
// Each has a version per instruction set, chosen at the first use. sin and cos are our own, because
// SLEEF's deterministic versions take several times as long; they reduce the argument in three
// steps and use the polynomials of fdlibm. An argument out of the range of the vector version (sin
// and cos beyond 2^19, sinh and cosh beyond 709, asinh and acosh beyond 1e153, log1p beyond 1e300)
// is computed separately, so that a result depends on its own argument alone.
//
// Errors, measured against long double (64-bit mantissas): at most 1.05 ulp (sin and cos 0.8, hypot
// 0.55), except 2 ulp for sinh and cosh beyond 709. Subnormal results may be off by more. Special
// values (NaN, infinities, signed zeros, poles) are as in C and numpy.
#ifndef MPAIO_KERNEL_VECTOR_MATH_H_
#define MPAIO_KERNEL_VECTOR_MATH_H_

#include "mpaio/base/index.h"

namespace mpaio {

// Computes y[i] = f(x[i]) for 0 <= i < count. x and y are the same array, or do not overlap.
using MathLoop = void (*)(const double* x, double* y, Index count);
// Computes z[i] = f(x[i], y[i]), under the same conditions.
using MathLoop2 = void (*)(const double* x, const double* y, double* z, Index count);

// Functions of one and two arguments, by their numpy names.
enum class MathFunction {
  kSin,
  kCos,
  kTan,
  kArcsin,
  kArccos,
  kArctan,
  kSinh,
  kCosh,
  kTanh,
  kArcsinh,
  kArccosh,
  kArctanh,
  kExp,
  kExp2,
  kExpm1,
  kLog,
  kLog2,
  kLog10,
  kLog1p,
  kCbrt,
};
enum class MathFunction2 { kPower, kArctan2, kHypot };

// The instruction set of a vector version.
enum class MathIsa { kPortable, kSse2, kAvx, kAvx512 };
bool IsAvailable(MathIsa isa);
// Returns the best one that the processor has.
MathIsa BestMathIsa();

// Precondition: IsAvailable(isa).
MathLoop FindMathLoop(MathFunction function, MathIsa isa = BestMathIsa());
MathLoop2 FindMathLoop(MathFunction2 function, MathIsa isa = BestMathIsa());

}  // namespace mpaio

#endif  // MPAIO_KERNEL_VECTOR_MATH_H_
