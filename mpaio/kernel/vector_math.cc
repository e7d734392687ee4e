// SPDX-License-Identifier: Apache-2.0
#include "mpaio/kernel/vector_math.h"

#include <sleef.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <limits>

#include "mpaio/kernel/multiversion.h"

namespace mpaio {
namespace {

// SLEEF's names; for functions of two arguments, also their accuracy.
#define MPAIO_SLEEF_FUNCTIONS(APPLY) \
  APPLY(tan)                         \
  APPLY(asin)                        \
  APPLY(acos)                        \
  APPLY(atan)                        \
  APPLY(sinh)                        \
  APPLY(cosh)                        \
  APPLY(tanh)                        \
  APPLY(asinh)                       \
  APPLY(acosh)                       \
  APPLY(atanh)                       \
  APPLY(exp)                         \
  APPLY(exp2)                        \
  APPLY(expm1)                       \
  APPLY(log)                         \
  APPLY(log2)                        \
  APPLY(log10)                       \
  APPLY(log1p)                       \
  APPLY(cbrt)
#define MPAIO_SLEEF_FUNCTIONS_2(APPLY) \
  APPLY(pow, u10)                      \
  APPLY(atan2, u10)                    \
  APPLY(hypot, u05)

#define MPAIO_PORTABLE_LOOP(name)                                                  \
  void Portable_##name(const double* x, double* y, Index count) {                  \
    for (Index i = 0; i < count; ++i) y[i] = Sleef_cinz_##name##d1_u10purec(x[i]); \
  }
#define MPAIO_PORTABLE_LOOP_2(name, accuracy)                                                     \
  void Portable_##name(const double* x, const double* y, double* z, Index count) {                \
    for (Index i = 0; i < count; ++i) z[i] = Sleef_cinz_##name##d1_##accuracy##purec(x[i], y[i]); \
  }
MPAIO_SLEEF_FUNCTIONS(MPAIO_PORTABLE_LOOP)
MPAIO_SLEEF_FUNCTIONS_2(MPAIO_PORTABLE_LOOP_2)

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define MPAIO_MATH_ON_X86 1

}  // namespace

// <sleef.h> declares these only if all code may use the instructions.
#if !defined(__AVX__)
extern "C" {
#define MPAIO_DECLARE(name) __m256d Sleef_cinz_##name##d4_u10avx(__m256d);
#define MPAIO_DECLARE_2(name, accuracy) \
  __m256d Sleef_cinz_##name##d4_##accuracy##avx(__m256d, __m256d);
MPAIO_SLEEF_FUNCTIONS(MPAIO_DECLARE)
MPAIO_SLEEF_FUNCTIONS_2(MPAIO_DECLARE_2)
#undef MPAIO_DECLARE
#undef MPAIO_DECLARE_2
}
#endif
#if !defined(__AVX512F__)
extern "C" {
#define MPAIO_DECLARE(name) __m512d Sleef_cinz_##name##d8_u10avx512fnofma(__m512d);
#define MPAIO_DECLARE_2(name, accuracy) \
  __m512d Sleef_cinz_##name##d8_##accuracy##avx512fnofma(__m512d, __m512d);
MPAIO_SLEEF_FUNCTIONS(MPAIO_DECLARE)
MPAIO_SLEEF_FUNCTIONS_2(MPAIO_DECLARE_2)
#undef MPAIO_DECLARE
#undef MPAIO_DECLARE_2
}
#endif

namespace {

// The remaining elements, fewer than a vector, are padded with ones: a lane's result does not
// depend on the other lanes.
#define MPAIO_VECTOR_LOOP(isa, name, Vector, function)                               \
  void isa##_##name(const double* x, double* y, Index count) {                       \
    constexpr Index kLanes = sizeof(Vector) / sizeof(double);                        \
    for (Index i = 0; i < count; i += kLanes) {                                      \
      Vector v;                                                                      \
      if (i + kLanes <= count) {                                                     \
        std::memcpy(&v, x + i, sizeof(v));                                           \
        v = function(v);                                                             \
        std::memcpy(y + i, &v, sizeof(v));                                           \
      } else {                                                                       \
        double rest[kLanes];                                                         \
        for (Index j = 0; j < kLanes; ++j) rest[j] = i + j < count ? x[i + j] : 1.0; \
        std::memcpy(&v, rest, sizeof(v));                                            \
        v = function(v);                                                             \
        std::memcpy(rest, &v, sizeof(v));                                            \
        for (Index j = 0; i + j < count; ++j) y[i + j] = rest[j];                    \
      }                                                                              \
    }                                                                                \
  }
#define MPAIO_VECTOR_LOOP_2(isa, name, Vector, function)                              \
  void isa##_##name(const double* x, const double* y, double* z, Index count) {       \
    constexpr Index kLanes = sizeof(Vector) / sizeof(double);                         \
    for (Index i = 0; i < count; i += kLanes) {                                       \
      Vector v, w;                                                                    \
      if (i + kLanes <= count) {                                                      \
        std::memcpy(&v, x + i, sizeof(v));                                            \
        std::memcpy(&w, y + i, sizeof(w));                                            \
        v = function(v, w);                                                           \
        std::memcpy(z + i, &v, sizeof(v));                                            \
      } else {                                                                        \
        double rest[kLanes], other[kLanes];                                           \
        for (Index j = 0; j < kLanes; ++j) rest[j] = i + j < count ? x[i + j] : 1.0;  \
        for (Index j = 0; j < kLanes; ++j) other[j] = i + j < count ? y[i + j] : 1.0; \
        std::memcpy(&v, rest, sizeof(v));                                             \
        std::memcpy(&w, other, sizeof(w));                                            \
        v = function(v, w);                                                           \
        std::memcpy(rest, &v, sizeof(v));                                             \
        for (Index j = 0; i + j < count; ++j) z[i + j] = rest[j];                     \
      }                                                                               \
    }                                                                                 \
  }

#define MPAIO_SSE2_LOOP(name) MPAIO_VECTOR_LOOP(Sse2, name, __m128d, Sleef_cinz_##name##d2_u10sse2)
#define MPAIO_SSE2_LOOP_2(name, accuracy) \
  MPAIO_VECTOR_LOOP_2(Sse2, name, __m128d, Sleef_cinz_##name##d2_##accuracy##sse2)
MPAIO_SLEEF_FUNCTIONS(MPAIO_SSE2_LOOP)
MPAIO_SLEEF_FUNCTIONS_2(MPAIO_SSE2_LOOP_2)

#define MPAIO_AVX_LOOP(name) \
  __attribute__((target("avx"))) MPAIO_VECTOR_LOOP(Avx, name, __m256d, Sleef_cinz_##name##d4_u10avx)
#define MPAIO_AVX_LOOP_2(name, accuracy) \
  __attribute__((target("avx")))         \
  MPAIO_VECTOR_LOOP_2(Avx, name, __m256d, Sleef_cinz_##name##d4_##accuracy##avx)
MPAIO_SLEEF_FUNCTIONS(MPAIO_AVX_LOOP)
MPAIO_SLEEF_FUNCTIONS_2(MPAIO_AVX_LOOP_2)

#define MPAIO_AVX512_LOOP(name)      \
  __attribute__((target("avx512f"))) \
  MPAIO_VECTOR_LOOP(Avx512, name, __m512d, Sleef_cinz_##name##d8_u10avx512fnofma)
#define MPAIO_AVX512_LOOP_2(name, accuracy) \
  __attribute__((target("avx512f")))        \
  MPAIO_VECTOR_LOOP_2(Avx512, name, __m512d, Sleef_cinz_##name##d8_##accuracy##avx512fnofma)
MPAIO_SLEEF_FUNCTIONS(MPAIO_AVX512_LOOP)
MPAIO_SLEEF_FUNCTIONS_2(MPAIO_AVX512_LOOP_2)
#endif

// The four versions of a function, indexed by MathIsa.
struct Versions {
  MathLoop loops[4];
};
struct Versions2 {
  MathLoop2 loops[4];
};
#if defined(MPAIO_MATH_ON_X86)
#define MPAIO_VERSIONS(name) \
  { Portable_##name, Sse2_##name, Avx_##name, Avx512_##name }
#else
#define MPAIO_VERSIONS(name) \
  { Portable_##name, nullptr, nullptr, nullptr }
#endif

// --- sin and cos ---

// Up to this angle, the number of quarter turns times each part of pi / 2 is exact.
constexpr double kMaxAngle = 524288;

// pi / 2 in parts of 33 bits, and the remainder.
constexpr double kTwoOverPi = 6.36619772367581382433e-01;
constexpr double kPart1 = 1.57079632673412561417e+00;
constexpr double kPart2 = 6.07710050630396597660e-11;
constexpr double kPart3 = 2.02226624871116645580e-21;
constexpr double kRest = 8.47842766036889956997e-32;

// `kQuarters`: 0 computes sin, 1 cos.
template <int kQuarters>
[[gnu::always_inline]] inline double SinOrCos(double x) {
  // Adding this rounds to the nearest integer, which is then in the low bits of the sum.
  constexpr double kShift = 0x1.8p52;
  const double shifted = x * kTwoOverPi + kShift;
  const double turns = shifted - kShift;
  const std::uint64_t quarter = std::bit_cast<std::uint64_t>(shifted) + kQuarters;
  // x - turns * pi / 2 as high + low.
  const double first = x - turns * kPart1;
  const double second_part = turns * kPart2;
  const double second = first - second_part;
  const double second_error = (first - second) - second_part;
  const double third_part = turns * kPart3;
  const double third = second - third_part;
  const double third_error = (second - third) - third_part;
  const double low_part = (second_error + third_error) - turns * kRest;
  const double high = third + low_part;
  const double low = (third - high) + low_part;
  const double square = high * high;
  // The sine of high + low.
  const double cube = square * high;
  const double sine_tail =
      8.33333333332248946124e-03 +
      square *
          (-1.98412698298579493134e-04 +
           square * (2.75573137070700676789e-06 +
                     square * (-2.50507602534068634195e-08 + square * 1.58969099521155010221e-10)));
  const double sine =
      high - ((square * (0.5 * low - cube * sine_tail) - low) - cube * -1.66666666666666324348e-01);
  // The cosine of high + low.
  const double fourth = square * square;
  const double cosine_tail =
      square * (4.16666666666666019037e-02 +
                square * (-1.38888888888741095749e-03 + square * 2.48015872894767294178e-05)) +
      fourth * fourth *
          (-2.75573143513906633035e-07 +
           square * (2.08757232129817482790e-09 + square * -1.13596475577881948265e-11));
  const double half = 0.5 * square;
  const double rest = 1.0 - half;
  const double cosine = rest + (((1.0 - rest) - half) + (square * cosine_tail - high * low));
  const double turned = (quarter & 1) != 0 ? cosine : sine;
  const double result =
      std::bit_cast<double>(std::bit_cast<std::uint64_t>(turned) ^ (quarter & 2) << 62);
  // The sum of the parts has lost the sign of a zero.
  return kQuarters == 0 && x == 0 ? x : result;
}

MPAIO_MULTIVERSION void SinLoop(const double* x, double* y, Index count) {
  for (Index i = 0; i < count; ++i) y[i] = SinOrCos<0>(x[i]);
}
MPAIO_MULTIVERSION void CosLoop(const double* x, double* y, Index count) {
  for (Index i = 0; i < count; ++i) y[i] = SinOrCos<1>(x[i]);
}

// --- Arguments that a vector version does not take ---

MPAIO_MULTIVERSION bool AnyBeyond(const double* x, Index count, double limit) {
  std::uint64_t any = 0;
  for (Index i = 0; i < count; ++i) any |= std::fabs(x[i]) <= limit ? 0 : 1;
  return any != 0;
}

constexpr double kLn2 = 0.693147180559945309417;

// Returns e^x / 2 for x > 709, where e^x itself may overflow.
double HalfExp(double x) {
  // This double is e^430 / 2 within a thousandth of an ulp, and x - 430 is exact.
  constexpr double kHalfExp430 = 0x1.484c9abab9169p+619;
  return Sleef_cinz_expd1_u10purec(x - 430) * kHalfExp430;
}

double BeyondSin(double x) { return Sleef_cinz_sind1_u10purec(x); }
double BeyondCos(double x) { return Sleef_cinz_cosd1_u10purec(x); }
double BeyondSinh(double x) {
  return std::isinf(x) || std::isnan(x) ? x : std::copysign(HalfExp(std::fabs(x)), x);
}
double BeyondCosh(double x) {
  return std::isnan(x) ? x : std::isinf(x) ? std::fabs(x) : HalfExp(std::fabs(x));
}
double BeyondAsinh(double x) {
  return std::isnan(x) ? x : std::copysign(Sleef_cinz_logd1_u10purec(std::fabs(x)) + kLn2, x);
}
double BeyondAcosh(double x) {
  if (std::isnan(x)) return x;
  return x < 0 ? std::numeric_limits<double>::quiet_NaN() : Sleef_cinz_logd1_u10purec(x) + kLn2;
}
double BeyondLog1p(double x) {
  if (std::isnan(x)) return x;
  return x < 0 ? std::numeric_limits<double>::quiet_NaN() : Sleef_cinz_logd1_u10purec(x);
}

// Applies `kLoop` if |x| <= kLimit * 2^kExponent, else `kBeyond`.
template <MathLoop kLoop, double (*kBeyond)(double), Index kLimit, int kExponent>
void WithBeyond(const double* x, double* y, Index count) {
  const double limit = std::ldexp(static_cast<double>(kLimit), kExponent);
  if (!AnyBeyond(x, count, limit)) {
    kLoop(x, y, count);
    return;
  }
  // Rare. The arguments are copied, because x and y may be the same array.
  constexpr Index kBlock = 64;
  for (Index begin = 0; begin < count; begin += kBlock) {
    const Index size = std::min(kBlock, count - begin);
    double arguments[kBlock];
    std::memcpy(arguments, x + begin, static_cast<std::size_t>(size) * sizeof(double));
    kLoop(arguments, y + begin, size);
    for (Index i = 0; i < size; ++i) {
      if (!(std::fabs(arguments[i]) <= limit)) y[begin + i] = kBeyond(arguments[i]);
    }
  }
}

#if defined(MPAIO_MATH_ON_X86)
#define MPAIO_VERSIONS_WITH_BEYOND(name, ...)                                       \
  {                                                                                 \
    WithBeyond<Portable_##name, __VA_ARGS__>, WithBeyond<Sse2_##name, __VA_ARGS__>, \
        WithBeyond<Avx_##name, __VA_ARGS__>, WithBeyond<Avx512_##name, __VA_ARGS__> \
  }
#else
#define MPAIO_VERSIONS_WITH_BEYOND(name, ...) \
  { WithBeyond<Portable_##name, __VA_ARGS__>, nullptr, nullptr, nullptr }
#endif

void Sin(const double* x, double* y, Index count) {
  WithBeyond<SinLoop, BeyondSin, static_cast<Index>(kMaxAngle), 0>(x, y, count);
}
void Cos(const double* x, double* y, Index count) {
  WithBeyond<CosLoop, BeyondCos, static_cast<Index>(kMaxAngle), 0>(x, y, count);
}

// Indexed by MathFunction.
constexpr Versions kVersions[] = {
    {Sin, Sin, Sin, Sin},
    {Cos, Cos, Cos, Cos},
    MPAIO_VERSIONS(tan),
    MPAIO_VERSIONS(asin),
    MPAIO_VERSIONS(acos),
    MPAIO_VERSIONS(atan),
    MPAIO_VERSIONS_WITH_BEYOND(sinh, BeyondSinh, 709, 0),
    MPAIO_VERSIONS_WITH_BEYOND(cosh, BeyondCosh, 709, 0),
    MPAIO_VERSIONS(tanh),
    MPAIO_VERSIONS_WITH_BEYOND(asinh, BeyondAsinh, 1, 508),
    MPAIO_VERSIONS_WITH_BEYOND(acosh, BeyondAcosh, 1, 508),
    MPAIO_VERSIONS(atanh),
    MPAIO_VERSIONS(exp),
    MPAIO_VERSIONS(exp2),
    MPAIO_VERSIONS(expm1),
    MPAIO_VERSIONS(log),
    MPAIO_VERSIONS(log2),
    MPAIO_VERSIONS(log10),
    MPAIO_VERSIONS_WITH_BEYOND(log1p, BeyondLog1p, 1, 996),
    MPAIO_VERSIONS(cbrt),
};
static_assert(std::size(kVersions) == static_cast<std::size_t>(MathFunction::kCbrt) + 1);

const Versions2& VersionsOf(MathFunction2 function) {
  static constexpr Versions2 kPower = {MPAIO_VERSIONS(pow)};
  static constexpr Versions2 kArctan2 = {MPAIO_VERSIONS(atan2)};
  static constexpr Versions2 kHypot = {MPAIO_VERSIONS(hypot)};
  return function == MathFunction2::kPower     ? kPower
         : function == MathFunction2::kArctan2 ? kArctan2
                                               : kHypot;
}

}  // namespace

bool IsAvailable(MathIsa isa) {
  switch (isa) {
    case MathIsa::kPortable:
      return true;
#if defined(MPAIO_MATH_ON_X86)
    case MathIsa::kSse2:
      return true;
    case MathIsa::kAvx:
      return __builtin_cpu_supports("avx");
    case MathIsa::kAvx512:
      return __builtin_cpu_supports("avx512f");
#else
    default:
      return false;
#endif
  }
  return false;
}

MathIsa BestMathIsa() {
  for (const MathIsa isa : {MathIsa::kAvx512, MathIsa::kAvx, MathIsa::kSse2}) {
    if (IsAvailable(isa)) return isa;
  }
  return MathIsa::kPortable;
}

MathLoop FindMathLoop(MathFunction function, MathIsa isa) {
  return kVersions[static_cast<int>(function)].loops[static_cast<int>(isa)];
}
MathLoop2 FindMathLoop(MathFunction2 function, MathIsa isa) {
  return VersionsOf(function).loops[static_cast<int>(isa)];
}

}  // namespace mpaio
