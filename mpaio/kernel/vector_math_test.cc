// SPDX-License-Identifier: Apache-2.0
#include "mpaio/kernel/vector_math.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <iostream>
#include <limits>
#include <random>
#include <string>
#include <vector>

namespace mpaio {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// Arguments are drawn from `low` to `high`, uniformly in their logarithm if is_wide.
struct Case {
  MathFunction function;
  const char* name;
  long double (*exact)(long double);
  double low, high;
  bool is_wide = false;
};

const Case kCases[] = {
    {MathFunction::kSin, "sin", std::sin, -1000, 1000},
    {MathFunction::kSin, "sin of all sizes", std::sin, 1e-300, 1e15, true},
    {MathFunction::kSin, "sin around the last vector argument", std::sin, 524200, 524400},
    {MathFunction::kCos, "cos", std::cos, -1000, 1000},
    {MathFunction::kCos, "cos of all sizes", std::cos, 1e-300, 1e15, true},
    {MathFunction::kTan, "tan", std::tan, -100, 100},
    {MathFunction::kTan, "tan of all sizes", std::tan, 1e-300, 1e9, true},
    {MathFunction::kArcsin, "arcsin", std::asin, -1, 1},
    {MathFunction::kArccos, "arccos", std::acos, -1, 1},
    {MathFunction::kArctan, "arctan", std::atan, 1e-300, 1e300, true},
    {MathFunction::kSinh, "sinh", std::sinh, -710.4, 710.4},
    {MathFunction::kSinh, "sinh of small", std::sinh, 1e-300, 1, true},
    {MathFunction::kCosh, "cosh", std::cosh, -710.4, 710.4},
    {MathFunction::kCosh, "cosh where e^x does not fit", std::cosh, 709, 710.4},
    {MathFunction::kTanh, "tanh", std::tanh, 1e-300, 30, true},
    {MathFunction::kArcsinh, "arcsinh", std::asinh, 1e-300, 1e308, true},
    {MathFunction::kArccosh, "arccosh", std::acosh, 1, 1e308, true},
    {MathFunction::kArctanh, "arctanh", std::atanh, -1, 1},
    {MathFunction::kExp, "exp", std::exp, -707, 709.7},
    {MathFunction::kExp2, "exp2", std::exp2, -1021, 1023.9},
    {MathFunction::kExpm1, "expm1", std::expm1, 1e-300, 709, true},
    {MathFunction::kExpm1, "expm1 of negative", std::expm1, -40, 1},
    {MathFunction::kLog, "log", std::log, 1e-307, 1e308, true},
    {MathFunction::kLog, "log around 1", std::log, 0.5, 2},
    {MathFunction::kLog2, "log2", std::log2, 1e-307, 1e308, true},
    {MathFunction::kLog10, "log10", std::log10, 1e-307, 1e308, true},
    {MathFunction::kLog1p, "log1p", std::log1p, 1e-300, 1e308, true},
    {MathFunction::kLog1p, "log1p around 0", std::log1p, -0.99, 1},
    {MathFunction::kCbrt, "cbrt", std::cbrt, 1e-300, 1e300, true},
};

class Arguments {
 public:
  explicit Arguments(std::uint64_t seed) : random_(seed) {}
  std::vector<double> Between(double low, double high, bool is_wide, int count) {
    std::vector<double> arguments;
    std::uniform_real_distribution<double> plain(low, high),
        logarithm(is_wide ? std::log(low) : 0, is_wide ? std::log(high) : 1);
    for (int i = 0; i < count; ++i)
      arguments.push_back(
          std::clamp(is_wide ? std::exp(logarithm(random_)) : plain(random_), low, high));
    return arguments;
  }
  // Random bits: every exponent and sign.
  std::vector<double> AnyBits(int count) {
    std::vector<double> arguments;
    for (int i = 0; i < count; ++i) arguments.push_back(std::bit_cast<double>(random_()));
    return arguments;
  }

 private:
  std::mt19937_64 random_;
};

std::uint64_t Seed() {
  const std::uint64_t seed = std::random_device{}();
  std::cout << "seed " << seed << "\n";
  return seed;
}

double UlpsOff(double value, long double exact) {
  const double nearest = static_cast<double>(exact);
  if (value == nearest)
    return static_cast<double>(
        std::fabs(value - exact) /
        (std::nextafter(std::fabs(nearest), kInfinity) - std::fabs(nearest)));
  if (!std::isfinite(value) || !std::isfinite(nearest)) return kInfinity;
  const double ulp = std::nextafter(std::fabs(nearest), kInfinity) - std::fabs(nearest);
  return static_cast<double>(std::fabs(value - exact) / ulp);
}

std::vector<double> Results(MathLoop loop, const std::vector<double>& x) {
  std::vector<double> y(x.size());
  loop(x.data(), y.data(), static_cast<Index>(x.size()));
  return y;
}

TEST(VectorMathTest, ResultsAreWithinAboutOneUlp) {
  Arguments arguments(Seed());
  for (const Case& test : kCases) {
    SCOPED_TRACE(test.name);
    const std::vector<double> x = arguments.Between(test.low, test.high, test.is_wide, 40'000);
    const std::vector<double> y = Results(FindMathLoop(test.function), x);
    double worst = 0;
    std::size_t where = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double off = UlpsOff(y[i], test.exact(static_cast<long double>(x[i])));
      if (off > worst) worst = off, where = i;
    }
    std::cout << test.name << ": " << worst << " ulp\n";
    // sinh and cosh multiply twice if e^x overflows.
    EXPECT_LE(worst, test.high == 710.4 ? 2.0 : 1.05) << "of " << std::hexfloat << x[where];
  }
}

TEST(VectorMathTest, ResultsOfTwoArgumentsAreWithinTheirBounds) {
  Arguments arguments(Seed());
  const struct {
    MathFunction2 function;
    long double (*exact)(long double, long double);
    double low, high, bound;
  } kCases2[] = {
      {MathFunction2::kPower, std::pow, 1e-5, 1e5, 1.5},
      {MathFunction2::kArctan2, std::atan2, 1e-100, 1e100, 1.0},
      {MathFunction2::kHypot, std::hypot, 1e-100, 1e100, 1.0},
  };
  for (const auto& test : kCases2) {
    const std::vector<double> x = arguments.Between(test.low, test.high, true, 40'000);
    std::vector<double> y = arguments.Between(test.low, test.high, true, 40'000);
    if (test.function == MathFunction2::kPower) y = arguments.Between(-60, 60, false, 40'000);
    std::vector<double> z(x.size());
    FindMathLoop(test.function)(x.data(), y.data(), z.data(), static_cast<Index>(x.size()));
    double worst = 0;
    for (std::size_t i = 0; i < x.size(); ++i)
      worst = std::max(worst, UlpsOff(z[i], test.exact(x[i], y[i])));
    std::cout << "function " << static_cast<int>(test.function) << ": " << worst << " ulp\n";
    EXPECT_LE(worst, test.bound);
  }
}

void ExpectSame(double value, double expected) {
  if (std::isnan(expected)) {
    EXPECT_TRUE(std::isnan(value)) << value;
  } else {
    EXPECT_EQ(std::bit_cast<std::uint64_t>(value), std::bit_cast<std::uint64_t>(expected))
        << value << " is not " << expected;
  }
}

TEST(VectorMathTest, SpecialValuesAreThoseOfC) {
  const double kSpecial[] = {0.0,  -0.0,  kInfinity, -kInfinity, kNan,
                             -1.5, 1e308, -1e308,    800,        -800};
  for (const Case& test : kCases) {
    for (const double x : kSpecial) {
      const double exact = static_cast<double>(test.exact(static_cast<long double>(x)));
      // The other tests cover nonzero finite arguments with nonzero finite results.
      if (x != 0 && std::isfinite(x) && std::isfinite(exact) && exact != 0) continue;
      SCOPED_TRACE(testing::Message() << test.name << " of " << x);
      ExpectSame(Results(FindMathLoop(test.function), {x})[0], exact);
    }
  }
  const double kOf2[] = {0.0, -0.0, 1, -1, 2, 3, -3, 0.5, kInfinity, -kInfinity, kNan};
  for (const double x : kOf2) {
    for (const double y : kOf2) {
      SCOPED_TRACE(testing::Message() << x << ", " << y);
      double z;
      FindMathLoop(MathFunction2::kPower)(&x, &y, &z, 1);
      const double power = std::pow(x, y);
      if (power == std::floor(power) || !std::isfinite(power)) {
        ExpectSame(z, power);
      } else {
        EXPECT_LE(UlpsOff(z, std::pow(static_cast<long double>(x), static_cast<long double>(y))),
                  1);
      }
      FindMathLoop(MathFunction2::kHypot)(&x, &y, &z, 1);
      const long double length =
          std::hypot(static_cast<long double>(x), static_cast<long double>(y));
      if (std::isfinite(length) && length != 0) {
        EXPECT_LE(UlpsOff(z, length), 1);
      } else {
        ExpectSame(z, static_cast<double>(length));
      }
      FindMathLoop(MathFunction2::kArctan2)(&x, &y, &z, 1);
      const double angle = std::atan2(x, y);
      if (angle == 0 || std::isnan(angle)) {
        ExpectSame(z, angle);
      } else {
        EXPECT_LE(UlpsOff(z, std::atan2(static_cast<long double>(x), static_cast<long double>(y))),
                  1);
      }
    }
  }
}

// Also checks that neighbouring elements do not matter: they are different ones in a register of
// another length.
TEST(VectorMathTest, EveryInstructionSetGivesTheSameBits) {
  Arguments arguments(Seed());
  std::vector<double> x = arguments.AnyBits(20'000);
  for (const Case& test : kCases) {
    const std::vector<double> more = arguments.Between(test.low, test.high, test.is_wide, 3001);
    x.insert(x.end(), more.begin(), more.end());
  }
  std::vector<double> y = x;
  std::reverse(y.begin(), y.end());
  for (int i = 0; i < 5000; ++i) y[static_cast<std::size_t>(i) * 7] = i % 40 - 20;
  int num_others = 0;
  for (const MathIsa isa : {MathIsa::kSse2, MathIsa::kAvx, MathIsa::kAvx512}) {
    if (!IsAvailable(isa)) continue;
    ++num_others;
    for (const Case& test : kCases) {
      SCOPED_TRACE(testing::Message()
                   << test.name << " by instruction set " << static_cast<int>(isa));
      const std::vector<double> portable =
          Results(FindMathLoop(test.function, MathIsa::kPortable), x);
      const std::vector<double> vector = Results(FindMathLoop(test.function, isa), x);
      for (std::size_t i = 0; i < x.size(); ++i) {
        if (std::isnan(portable[i]) && std::isnan(vector[i])) continue;
        ASSERT_EQ(std::bit_cast<std::uint64_t>(portable[i]),
                  std::bit_cast<std::uint64_t>(vector[i]))
            << "of " << std::hexfloat << x[i];
      }
    }
    for (const MathFunction2 function :
         {MathFunction2::kPower, MathFunction2::kArctan2, MathFunction2::kHypot}) {
      std::vector<double> portable(x.size()), vector(x.size());
      FindMathLoop(function, MathIsa::kPortable)(x.data(), y.data(), portable.data(),
                                                 static_cast<Index>(x.size()));
      FindMathLoop(function, isa)(x.data(), y.data(), vector.data(), static_cast<Index>(x.size()));
      for (std::size_t i = 0; i < x.size(); ++i) {
        if (std::isnan(portable[i]) && std::isnan(vector[i])) continue;
        ASSERT_EQ(std::bit_cast<std::uint64_t>(portable[i]),
                  std::bit_cast<std::uint64_t>(vector[i]))
            << std::hexfloat << x[i] << ", " << y[i];
      }
    }
  }
  if (num_others == 0) GTEST_SKIP() << "this processor has one instruction set";
}

TEST(VectorMathTest, AResultDependsOnItsOwnArgumentAlone) {
  Arguments arguments(Seed());
  for (const Case& test : kCases) {
    SCOPED_TRACE(test.name);
    std::vector<double> x = arguments.Between(test.low, test.high, test.is_wide, 203);
    const std::vector<double> odd = arguments.AnyBits(40);
    for (std::size_t i = 0; i < odd.size(); ++i) x[i * 5 + i % 3] = odd[i];
    const std::vector<double> together = Results(FindMathLoop(test.function), x);
    std::vector<double> in_place = x;
    FindMathLoop(test.function)(in_place.data(), in_place.data(), static_cast<Index>(x.size()));
    for (std::size_t i = 0; i < x.size(); ++i) {
      ExpectSame(Results(FindMathLoop(test.function), {x[i]})[0], together[i]);
      ExpectSame(in_place[i], together[i]);
    }
  }
}

}  // namespace
}  // namespace mpaio
