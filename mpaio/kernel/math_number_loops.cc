// SPDX-License-Identifier: Apache-2.0
#include "mpaio/kernel/math_number_loops.h"

namespace mpaio {
namespace {

template <MathFunction kFunction>
void MathStep(const void* a, const void*, const void*, void* out, Index count) {
  static const MathLoop kLoop = FindMathLoop(kFunction);
  kLoop(static_cast<const double*>(a), static_cast<double*>(out), count);
}

template <MathFunction2 kFunction>
void MathStep(const void* a, const void* b, const void*, void* out, Index count) {
  static const MathLoop2 kLoop = FindMathLoop(kFunction);
  kLoop(static_cast<const double*>(a), static_cast<const double*>(b), static_cast<double*>(out),
        count);
}

}  // namespace

NumberLoop FindMathNumberLoop(MathFunction function) {
  switch (function) {
    case MathFunction::kSin:
      return MathStep<MathFunction::kSin>;
    case MathFunction::kCos:
      return MathStep<MathFunction::kCos>;
    case MathFunction::kTan:
      return MathStep<MathFunction::kTan>;
    case MathFunction::kArcsin:
      return MathStep<MathFunction::kArcsin>;
    case MathFunction::kArccos:
      return MathStep<MathFunction::kArccos>;
    case MathFunction::kArctan:
      return MathStep<MathFunction::kArctan>;
    case MathFunction::kSinh:
      return MathStep<MathFunction::kSinh>;
    case MathFunction::kCosh:
      return MathStep<MathFunction::kCosh>;
    case MathFunction::kTanh:
      return MathStep<MathFunction::kTanh>;
    case MathFunction::kArcsinh:
      return MathStep<MathFunction::kArcsinh>;
    case MathFunction::kArccosh:
      return MathStep<MathFunction::kArccosh>;
    case MathFunction::kArctanh:
      return MathStep<MathFunction::kArctanh>;
    case MathFunction::kExp:
      return MathStep<MathFunction::kExp>;
    case MathFunction::kExp2:
      return MathStep<MathFunction::kExp2>;
    case MathFunction::kExpm1:
      return MathStep<MathFunction::kExpm1>;
    case MathFunction::kLog:
      return MathStep<MathFunction::kLog>;
    case MathFunction::kLog2:
      return MathStep<MathFunction::kLog2>;
    case MathFunction::kLog10:
      return MathStep<MathFunction::kLog10>;
    case MathFunction::kLog1p:
      return MathStep<MathFunction::kLog1p>;
    case MathFunction::kCbrt:
      return MathStep<MathFunction::kCbrt>;
  }
  return nullptr;
}

NumberLoop FindMathNumberLoop(MathFunction2 function) {
  switch (function) {
    case MathFunction2::kPower:
      return MathStep<MathFunction2::kPower>;
    case MathFunction2::kArctan2:
      return MathStep<MathFunction2::kArctan2>;
    case MathFunction2::kHypot:
      return MathStep<MathFunction2::kHypot>;
  }
  return nullptr;
}

}  // namespace mpaio
