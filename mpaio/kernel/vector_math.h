// SPDX-License-Identifier: Apache-2.0

// Mathematical functions of float64, many at once, with the same bits on every processor.
//
// All but sin and cos are SLEEF's deterministic functions (those that its documentation calls
// "cinz"), of which there is a version for each instruction set, chosen when they are first used.
// sin and cos are ours, as SLEEF's deterministic ones take several times as long; they reduce the
// argument in three steps and use the polynomials of fdlibm. Where an argument lies beyond what a
// vector version takes (sin and cos beyond 2^19, sinh and cosh beyond 709, asinh and acosh beyond
// 1e153, log1p beyond 1e300) that element is computed by itself, so that a result depends on its
// own argument alone.
//
// Errors, measured against 64-bit mantissas: at most 1.05 ulp of the exact result (sin and cos 0.8,
// hypot 0.55), but of sinh and cosh beyond 709 2. Results that are subnormal may be off by more.
// Special values (NaN, infinities, signed zeros, poles) are as in C and numpy.
#ifndef MPAIO_KERNEL_VECTOR_MATH_H_
#define MPAIO_KERNEL_VECTOR_MATH_H_

#include "mpaio/base/index.h"

namespace mpaio {

// y[i] = f(x[i]) for 0 <= i < count. x and y are the same array, or do not overlap.
using MathLoop = void (*)(const double* x, double* y, Index count);
// z[i] = f(x[i], y[i]), likewise.
using MathLoop2 = void (*)(const double* x, const double* y, double* z, Index count);

// Functions of one and of two arguments by their numpy names.
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

// What the vector versions are written in.
enum class MathIsa { kPortable, kSse2, kAvx, kAvx512 };
bool IsAvailable(MathIsa isa);
// The best one that the processor has.
MathIsa BestMathIsa();

// Precondition: IsAvailable(isa).
MathLoop FindMathLoop(MathFunction function, MathIsa isa = BestMathIsa());
MathLoop2 FindMathLoop(MathFunction2 function, MathIsa isa = BestMathIsa());

}  // namespace mpaio

#endif  // MPAIO_KERNEL_VECTOR_MATH_H_
