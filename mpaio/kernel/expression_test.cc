// SPDX-License-Identifier: Apache-2.0
#include "mpaio/kernel/expression.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <iostream>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "mpaio/array/float16.h"

namespace mpaio {
namespace {

constexpr NumberType kBool = NumberType::kBool, kInt8 = NumberType::kInt8,
                     kInt16 = NumberType::kInt16, kInt32 = NumberType::kInt32,
                     kInt64 = NumberType::kInt64, kUint8 = NumberType::kUint8,
                     kUint16 = NumberType::kUint16, kUint32 = NumberType::kUint32,
                     kUint64 = NumberType::kUint64, kFloat16 = NumberType::kFloat16,
                     kFloat32 = NumberType::kFloat32, kFloat64 = NumberType::kFloat64;
constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// Variables x, y and z of the given types.
std::vector<Expression::Variable> Variables(NumberType x, NumberType y = kFloat64,
                                            NumberType z = kFloat64) {
  return {{"x", x, 0}, {"y", y, 0}, {"z", z, 0}};
}

NumberType TypeOf(absl::string_view text, NumberType x, NumberType y = kFloat64) {
  const absl::StatusOr<Expression> expression = Expression::Compile(text, Variables(x, y));
  EXPECT_TRUE(expression.ok()) << text << ": " << expression.status();
  return expression.ok() ? expression->type() : kBool;
}

std::string Refusal(absl::string_view text, NumberType x, NumberType y = kFloat64) {
  const absl::Status status = Expression::Compile(text, Variables(x, y)).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << text;
  return std::string(status.message());
}

// Evaluates `text` over one or two vectors of T, and returns a vector of R.
template <typename R, typename T, typename U = T>
std::vector<R> Evaluate(absl::string_view text, NumberType type, const std::vector<T>& x,
                        NumberType type_y = kFloat64, const std::vector<U>& y = {}) {
  const absl::StatusOr<Expression> expression = Expression::Compile(text, Variables(type, type_y));
  EXPECT_TRUE(expression.ok()) << text << ": " << expression.status();
  if (!expression.ok()) return {};
  EXPECT_EQ(SizeBytes(expression->type()), static_cast<Index>(sizeof(R))) << text;
  std::vector<R> result(x.size());
  const std::byte* inputs[] = {reinterpret_cast<const std::byte*>(x.data()),
                               reinterpret_cast<const std::byte*>(y.data()), nullptr};
  const absl::Status status = expression->Evaluate(inputs, static_cast<Index>(x.size()),
                                                   reinterpret_cast<std::byte*>(result.data()));
  EXPECT_TRUE(status.ok()) << status;
  return result;
}

std::vector<double> OfDoubles(absl::string_view text, const std::vector<double>& x) {
  return Evaluate<double>(text, kFloat64, x);
}

void ExpectSame(const std::vector<double>& values, const std::vector<double>& expected) {
  ASSERT_EQ(values.size(), expected.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (std::isnan(expected[i])) {
      EXPECT_TRUE(std::isnan(values[i])) << i;
    } else {
      EXPECT_EQ(values[i], expected[i]) << i;
      EXPECT_EQ(std::signbit(values[i]), std::signbit(expected[i])) << i;
    }
  }
}

TEST(ExpressionTest, ResultTypesAreNumpys) {
  EXPECT_EQ(TypeOf("x + 1", kInt8), kInt8);
  EXPECT_EQ(TypeOf("x + 1", kBool), kInt64);
  EXPECT_EQ(TypeOf("x + x", kBool), kBool);
  EXPECT_EQ(TypeOf("x + 1.5", kInt8), kFloat64);
  EXPECT_EQ(TypeOf("x + 1.5", kFloat32), kFloat32);
  EXPECT_EQ(TypeOf("2 * pi * x", kFloat16), kFloat16);
  EXPECT_EQ(TypeOf("x * y", kInt32, kFloat32), kFloat64);
  EXPECT_EQ(TypeOf("x * y", kInt16, kFloat32), kFloat32);
  EXPECT_EQ(TypeOf("x - y", kInt8, kUint8), kInt16);
  EXPECT_EQ(TypeOf("x - y", kInt64, kUint64), kFloat64);
  EXPECT_EQ(TypeOf("x / x", kInt8), kFloat64);
  EXPECT_EQ(TypeOf("x / 2", kFloat32), kFloat32);
  EXPECT_EQ(TypeOf("x // 2", kInt16), kInt16);
  EXPECT_EQ(TypeOf("x // x", kBool), kInt8);
  EXPECT_EQ(TypeOf("x ** 2", kInt32), kInt32);
  EXPECT_EQ(TypeOf("x ** x", kBool), kInt8);
  EXPECT_EQ(TypeOf("x < y", kInt8), kBool);
  EXPECT_EQ(TypeOf("not x", kFloat32), kBool);
  EXPECT_EQ(TypeOf("x and y", kFloat32, kInt8), kBool);
  EXPECT_EQ(TypeOf("sqrt(x)", kBool), kFloat16);
  EXPECT_EQ(TypeOf("sqrt(x)", kUint8), kFloat16);
  EXPECT_EQ(TypeOf("sin(x)", kInt16), kFloat32);
  EXPECT_EQ(TypeOf("exp(x)", kInt32), kFloat64);
  EXPECT_EQ(TypeOf("sqrt(2) * x", kFloat32), kFloat64);
  EXPECT_EQ(TypeOf("hypot(x, y)", kInt8, kUint8), kFloat16);
  EXPECT_EQ(TypeOf("hypot(x, 3)", kInt8), kFloat16);
  EXPECT_EQ(TypeOf("hypot(x, 3.0)", kInt8), kFloat64);
  EXPECT_EQ(TypeOf("abs(x)", kInt8), kInt8);
  EXPECT_EQ(TypeOf("abs(x)", kBool), kBool);
  EXPECT_EQ(TypeOf("square(x)", kBool), kInt8);
  EXPECT_EQ(TypeOf("floor(x)", kInt32), kInt32);
  EXPECT_EQ(TypeOf("rint(x)", kInt32), kFloat64);
  EXPECT_EQ(TypeOf("isnan(x)", kInt32), kBool);
  EXPECT_EQ(TypeOf("where(x, 1, 2)", kInt32), kInt64);
  EXPECT_EQ(TypeOf("where(x > 0, x, 2.5)", kFloat32), kFloat32);
  EXPECT_EQ(TypeOf("where(x > 0, x, y)", kFloat32, kInt64), kFloat64);
  EXPECT_EQ(TypeOf("clip(x, 1, 3)", kUint8), kUint8);
  EXPECT_EQ(TypeOf("minimum(x, y)", kUint8, kInt8), kInt16);
  EXPECT_EQ(TypeOf("float32(x) + 1", kInt64), kFloat32);
  EXPECT_EQ(TypeOf("1", kInt64), kInt64);
  EXPECT_EQ(TypeOf("1 / 2", kInt64), kFloat64);
  EXPECT_EQ(TypeOf("18446744073709551615", kInt64), kUint64);
  EXPECT_EQ(TypeOf("1 < 2", kInt64), kBool);
  EXPECT_EQ(TypeOf("~x", kBool), kBool);
  EXPECT_EQ(Expression::Compile("x * 2", Variables(kInt8), kFloat32)->type(), kFloat32);
}

TEST(ExpressionTest, InvalidExpressionsAreErrorsWithThePosition) {
  EXPECT_EQ(Refusal("1 + x ^ 2", kFloat64),
            "at character 7 of '1 + x ^ 2': '^' is not defined for float64 (it is exclusive or, of "
            "bools and integers; a power is written **)");
  EXPECT_EQ(Refusal("x > 1 & y", kFloat64),
            "at character 7 of 'x > 1 & y': '&' is not defined for float64 (it takes bools and "
            "integers; put each "
            "comparison into parentheses)");
  EXPECT_NE(Refusal("~x", kFloat32).find("at character 1 of '~x': '~' is not defined for float32"),
            std::string::npos);
  EXPECT_NE(Refusal("x - x", kBool).find("at character 3 of 'x - x': '-' is not defined for bool"),
            std::string::npos);
  EXPECT_NE(Refusal("-x", kBool).find("'-' is not defined for bool"), std::string::npos);
  EXPECT_NE(Refusal("sign(x)", kBool).find("sign is not defined for bool"), std::string::npos);
  EXPECT_EQ(Refusal("x + q", kInt8),
            "at character 5 of 'x + q': there is no variable 'q'; the variables are x, y, z");
  EXPECT_NE(Refusal("x + sine(x)", kInt8)
                .find("at character 5 of 'x + sine(x)': there is no function 'sine'; the functions "
                      "are abs "),
            std::string::npos);
  EXPECT_NE(Refusal("x + sin", kInt8).find("'sin' is a function: write sin(...)"),
            std::string::npos);
  EXPECT_NE(Refusal("hypot(x)", kInt8).find("hypot takes 2 operands, not 1"), std::string::npos);
  EXPECT_NE(Refusal("sin(x, y)", kInt8).find("sin takes 1 operand, not 2"), std::string::npos);
  EXPECT_NE(Refusal("x + 128", kInt8).find("the number 128 does not fit int8"), std::string::npos);
  EXPECT_NE(Refusal("x * -1", kUint64).find("the number -1 does not fit uint64"),
            std::string::npos);
  EXPECT_NE(Refusal("x ** -1", kInt64).find("to a negative power is not an integer"),
            std::string::npos);
  EXPECT_NE(Refusal("x + 1 // 0", kInt64)
                .find("at character 7 of 'x + 1 // 0': division by the number 0"),
            std::string::npos);
  EXPECT_NE(Refusal("2 ** 64 + x", kFloat64).find("does not fit an integer of 64 bits"),
            std::string::npos);
  EXPECT_NE(Refusal("10 ** 1000000000", kFloat64).find("does not fit an integer of 64 bits"),
            std::string::npos);
  EXPECT_NE(Refusal("(-8) ** 0.5", kFloat64).find("is not a real number"), std::string::npos);
}

TEST(ExpressionTest, LiteralsFollowPython) {
  const std::vector<double> x = {0};
  const struct {
    const char* text;
    double value;
  } kCases[] = {{"x + 7 // 2", 3},       {"x + -7 // 2", -4},   {"x + -7 % 3", 2},
                {"x + 7 % -3", -2},      {"x + 2 ** 10", 1024}, {"x + 2 ** -1", 0.5},
                {"x + 1 / 4", 0.25},     {"x + 7.5 // 2", 3},   {"x + -7.5 % 2", 0.5},
                {"x + (6 ^ 3)", 5},      {"x + ~5", -6},        {"x - 2 ** 62 // 2 ** 60", -4},
                {"x + (3 & 6 | 8)", 10}, {"x + (-1) ** 3", -1}, {"x + 0 ** 0", 1},
                {"x + True", 1},         {"x + (1 < 2)", 1},    {"x + 0x10", 16}};
  for (const auto& [text, value] : kCases)
    EXPECT_EQ(OfDoubles(text, x), std::vector<double>{value}) << text;
  EXPECT_EQ(OfDoubles("e + x - pi", x)[0], 2.718281828459045 + 0 - 3.141592653589793);
  EXPECT_TRUE(std::isnan(OfDoubles("nan + x", x)[0]));
  EXPECT_EQ(OfDoubles("-inf + x", x)[0], -kInfinity);
  // A variable takes precedence over a constant of the same name.
  const absl::StatusOr<Expression> named = Expression::Compile("e + 1", {{"e", kInt32, 0}});
  ASSERT_TRUE(named.ok());
  EXPECT_EQ(named->type(), kInt32);
}

TEST(ExpressionTest, IntegersWrapAndDivideAsInNumpy) {
  constexpr std::int64_t kMin = std::numeric_limits<std::int64_t>::min(),
                         kMax = std::numeric_limits<std::int64_t>::max();
  const std::vector<std::int64_t> x = {7, -7, 7, -7, 5, kMin, kMin, kMax, 0},
                                  y = {3, 3, -3, -3, 0, -1, 1, 2, 0};
  EXPECT_EQ((Evaluate<std::int64_t>("x // y", kInt64, x, kInt64, y)),
            (std::vector<std::int64_t>{2, -3, -3, 2, 0, kMin, kMin, kMax / 2, 0}));
  EXPECT_EQ((Evaluate<std::int64_t>("x % y", kInt64, x, kInt64, y)),
            (std::vector<std::int64_t>{1, 2, -2, -1, 0, 0, 0, 1, 0}));
  EXPECT_EQ((Evaluate<std::int64_t>("x * 2 + 1", kInt64, x))[5], 1);
  EXPECT_EQ((Evaluate<std::int64_t>("abs(x)", kInt64, x))[5], kMin);
  EXPECT_EQ((Evaluate<std::int8_t>("x * 3", kInt8, std::vector<std::int8_t>{100, -128, 43})),
            (std::vector<std::int8_t>{44, -128, -127}));
  EXPECT_EQ((Evaluate<std::uint8_t>("x - 1", kUint8, std::vector<std::uint8_t>{0, 1})),
            (std::vector<std::uint8_t>{255, 0}));
  EXPECT_EQ((Evaluate<std::uint8_t>("-x", kUint8, std::vector<std::uint8_t>{1})),
            (std::vector<std::uint8_t>{255}));
  EXPECT_EQ((Evaluate<std::int64_t>("x ** 3", kInt64, std::vector<std::int64_t>{-3, 0, 3'000'000})),
            (std::vector<std::int64_t>{-27, 0, 8'553'255'926'290'448'384}));
  EXPECT_EQ((Evaluate<std::uint64_t>("x // 10", kUint64, std::vector<std::uint64_t>{~0ull})),
            (std::vector<std::uint64_t>{1844674407370955161ull}));
  // Comparisons of int64 with uint64, also out of range of the other type, are exact.
  const std::vector<std::int64_t> a = {-1, kMax, kMax};
  const std::vector<std::uint64_t> b = {~0ull, static_cast<std::uint64_t>(kMax),
                                        static_cast<std::uint64_t>(kMax) + 1};
  EXPECT_EQ((Evaluate<std::uint8_t, std::int64_t, std::uint64_t>("x < y", kInt64, a, kUint64, b)),
            (std::vector<std::uint8_t>{1, 0, 1}));
}

TEST(ExpressionTest, DivisionOfFloatsHasPythonsSignsAndNumpysZeros) {
  const std::vector<double> x = {7.5, -7.5, 7.5, -7.5, 1, -1, 0, -0.0, kInfinity, 3, -3, kNan, 6};
  const std::vector<double> y = {2, 2, -2, -2, 0, 0, 0, 2, 2, kInfinity, kInfinity, 1, 2};
  ExpectSame(Evaluate<double>("x // y", kFloat64, x, kFloat64, y),
             {3, -4, -4, 3, kInfinity, -kInfinity, kNan, -0.0, kNan, 0, -1, kNan, 3});
  ExpectSame(Evaluate<double>("x % y", kFloat64, x, kFloat64, y),
             {1.5, 0.5, -0.5, -1.5, kNan, kNan, kNan, 0, kNan, 3, kInfinity, kNan, 0});
  ExpectSame(OfDoubles("1 / x", {0, -0.0, 4}), {kInfinity, -kInfinity, 0.25});
  ExpectSame(OfDoubles("sqrt(x)", {-1, -0.0, 4}), {kNan, -0.0, 2});
}

TEST(ExpressionTest, MinimaMaximaAndClipAreNumpys) {
  const std::vector<double> x = {1, 2, kNan, 1, -kInfinity}, y = {2, 1, 1, kNan, 0};
  ExpectSame(Evaluate<double>("minimum(x, y)", kFloat64, x, kFloat64, y),
             {1, 1, kNan, kNan, -kInfinity});
  ExpectSame(Evaluate<double>("maximum(x, y)", kFloat64, x, kFloat64, y), {2, 2, kNan, kNan, 0});
  ExpectSame(Evaluate<double>("fmin(x, y)", kFloat64, x, kFloat64, y), {1, 1, 1, 1, -kInfinity});
  ExpectSame(Evaluate<double>("fmax(x, y)", kFloat64, x, kFloat64, y), {2, 2, 1, 1, 0});
  ExpectSame(OfDoubles("clip(x, -1, 1.5)", x), {1, 1.5, kNan, 1, -1});
  ExpectSame(OfDoubles("copysign(x, -0.0)", {1, -2, kNan}), {-1, -2, kNan});
  ExpectSame(OfDoubles("sign(x)", {3, -3, 0, kNan}), {1, -1, 0, kNan});
  ExpectSame(OfDoubles("rint(x)", {0.5, 1.5, -0.5, 2.5}), {0, 2, -0.0, 2});
  ExpectSame(OfDoubles("trunc(x) + floor(x) * 100 + ceil(x) * 10000", {1.5, -1.5}),
             {20101, -10201});
}

TEST(ExpressionTest, SmallFloatsAreRoundedByEachOperation) {
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  std::vector<float> x, y;
  std::uniform_real_distribution<float> mantissa(1, 2);
  for (int i = 0; i < 5000; ++i) {
    x.push_back(std::ldexp(mantissa(random), static_cast<int>(random() % 40) - 20));
    y.push_back(std::ldexp(mantissa(random), static_cast<int>(random() % 40) - 20));
  }
  const std::vector<float> result =
      Evaluate<float>("(x * y + 0.1) / (x - y) - sqrt(x)", kFloat32, x, kFloat32, y);
  for (std::size_t i = 0; i < x.size(); ++i) {
    const float product = x[i] * y[i];
    const float sum = product + 0.1f;
    const float difference = x[i] - y[i];
    const float quotient = sum / difference;
    EXPECT_EQ(result[i], quotient - std::sqrt(x[i])) << i;
  }
  std::vector<Float16> halves = {Float16(1.0), Float16(0.1), Float16(60000), Float16(-3.0)};
  const std::vector<Float16> twice = Evaluate<Float16>("x * 1.1 + x", kFloat16, halves);
  for (std::size_t i = 0; i < halves.size(); ++i) {
    const double half = static_cast<double>(halves[i]);
    const double product = static_cast<double>(Float16(half * static_cast<double>(Float16(1.1))));
    EXPECT_EQ(twice[i].bits(), Float16(product + half).bits()) << i;
  }
}

TEST(ExpressionTest, PowersOfFloatsBySmallLiteralsAreExact) {
  const std::vector<double> x = {1.1, -2.3, 0.0, 1e200, 9};
  for (std::size_t i = 0; i < x.size(); ++i) {
    EXPECT_EQ(OfDoubles("x ** 2", x)[i], x[i] * x[i]);
    EXPECT_EQ(OfDoubles("x ** -1", x)[i], 1 / x[i]);
    EXPECT_EQ(OfDoubles("x ** 1", x)[i], x[i]);
    EXPECT_EQ(OfDoubles("x ** 0", x)[i], 1);
  }
  EXPECT_EQ(OfDoubles("x ** 0.5", x)[4], 3);
  EXPECT_TRUE(std::isnan(OfDoubles("power(x, 0.5)", x)[1]));
}

TEST(ExpressionTest, NegativeExponentsOfIntegersAreEvaluationErrors) {
  const absl::StatusOr<Expression> expression =
      Expression::Compile("x ** y", Variables(kInt64, kInt8));
  ASSERT_TRUE(expression.ok());
  std::vector<std::int64_t> x(2000, 2), result(2000);
  std::vector<std::int8_t> y(2000, 3);
  const std::byte* inputs[] = {reinterpret_cast<const std::byte*>(x.data()),
                               reinterpret_cast<const std::byte*>(y.data()), nullptr};
  EXPECT_TRUE(expression->Evaluate(inputs, 2000, reinterpret_cast<std::byte*>(result.data())).ok());
  EXPECT_EQ(result[1999], 8);
  y[1700] = -1;
  EXPECT_EQ(expression->Evaluate(inputs, 2000, reinterpret_cast<std::byte*>(result.data())).code(),
            absl::StatusCode::kOutOfRange);
  EXPECT_TRUE(expression->Evaluate(inputs, 1700, reinterpret_cast<std::byte*>(result.data())).ok());
}

TEST(ExpressionTest, VariablesMayBeStridedAndUnaligned) {
  // Fields of a record of 13 bytes.
  std::vector<std::byte> records(13 * 1500);
  for (int i = 0; i < 1500; ++i) {
    const double a = i * 0.5;
    const std::int32_t b = -i;
    std::memcpy(&records[static_cast<std::size_t>(13 * i + 1)], &a, sizeof(a));
    std::memcpy(&records[static_cast<std::size_t>(13 * i + 9)], &b, sizeof(b));
    records[static_cast<std::size_t>(13 * i)] = std::byte(i % 3);
  }
  const absl::StatusOr<Expression> expression = Expression::Compile(
      "where(flag, a, b)", {{"flag", kBool, 13}, {"a", kFloat64, 13}, {"b", kInt32, 13}});
  ASSERT_TRUE(expression.ok());
  const std::byte* inputs[] = {records.data(), records.data() + 1, records.data() + 9};
  std::vector<double> result(1500);
  ASSERT_TRUE(expression->Evaluate(inputs, 1500, reinterpret_cast<std::byte*>(result.data())).ok());
  for (int i = 0; i < 1500; ++i)
    EXPECT_EQ(result[static_cast<std::size_t>(i)], i % 3 != 0 ? i * 0.5 : -i);
}

TEST(ExpressionTest, ConversionsAreThoseOfAstype) {
  const std::vector<double> x = {1.9, -1.9, 300, -1, kNan, 0, 1e30};
  EXPECT_EQ((Evaluate<std::int8_t>("int8(x)", kFloat64, x)),
            (std::vector<std::int8_t>{1, -1, 44, -1, 0, 0, 0}));
  EXPECT_EQ(
      (Evaluate<std::uint64_t>("uint64(x)", kFloat64, std::vector<double>{1.9, 0x1p63, 18e18})),
      (std::vector<std::uint64_t>{1, 1ull << 63, 18'000'000'000'000'000'000ull}));
  EXPECT_EQ((Evaluate<std::int64_t>("int(x)", kFloat64, x))[4],
            std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ((Evaluate<std::uint8_t>("bool(x)", kFloat64, x)),
            (std::vector<std::uint8_t>{1, 1, 1, 1, 1, 0, 1}));
  // One rounding, not two.
  EXPECT_EQ((Evaluate<float>("float32(x)", kInt64, std::vector<std::int64_t>{9007199791611905}))[0],
            9007200328482816.0f);
  EXPECT_EQ((Evaluate<std::uint8_t>("uint8(x)", kInt64, std::vector<std::int64_t>{-1, 256})),
            (std::vector<std::uint8_t>{255, 0}));
}

// --- Random expressions, compared with a scalar evaluator ---

// float64 and int64 only, because C++ has their operations.
struct Scalar {
  enum class Type { kBool, kInt, kReal } type;
  std::int64_t integer = 0;
  double real = 0;
  double AsReal() const { return type == Type::kReal ? real : static_cast<double>(integer); }
};

class RandomExpression {
 public:
  explicit RandomExpression(std::mt19937_64& random) : random_(random) {}

  // A text and its value for the numbers x, y and n.
  struct Result {
    std::string text;
    Scalar value;
  };
  // Returns the same text for the same state of `random`.
  Result Make(double x, double y, std::int64_t n, int depth) {
    x_ = x, y_ = y, n_ = n;
    return Limited(depth);
  }

 private:
  static Scalar Real(double value) { return {Scalar::Type::kReal, 0, value}; }
  static Scalar Int(std::uint64_t value) {
    return {Scalar::Type::kInt, static_cast<std::int64_t>(value), 0};
  }
  static Scalar Bool(bool value) { return {Scalar::Type::kBool, value, 0}; }

  Result Limited(int depth) {
    if (depth == 0) {
      switch (random_() % 3) {
        case 0:
          return {"x", Real(x_)};
        case 1:
          return {"y", Real(y_)};
        default:
          return {"n", Int(static_cast<std::uint64_t>(n_))};
      }
    }
    const Result a = Limited(depth - 1);
    if (random_() % 4 == 0) return Unary(a);
    const Result b = Limited(static_cast<int>(random_() % static_cast<unsigned>(depth)));
    return Binary(a, b);
  }

  Result Unary(const Result& a) {
    const bool is_real = a.value.type == Scalar::Type::kReal;
    switch (random_() % 4) {
      case 0:
        if (a.value.type == Scalar::Type::kBool)
          return {absl::StrCat("~", Group(a.text)), Bool(a.value.integer == 0)};
        return {absl::StrCat("-", Group(a.text)),
                is_real ? Real(-a.value.real) : Int(-static_cast<std::uint64_t>(a.value.integer))};
      case 1:
        if (a.value.type == Scalar::Type::kBool)
          return {absl::StrCat("abs(", a.text, ")"), a.value};
        return {absl::StrCat("abs(", a.text, ")"),
                is_real ? Real(std::fabs(a.value.real))
                        : Int(a.value.integer < 0 ? -static_cast<std::uint64_t>(a.value.integer)
                                                  : static_cast<std::uint64_t>(a.value.integer))};
      case 2:
        return {absl::StrCat("not ", Group(a.text)),
                Bool(is_real ? a.value.real == 0 : a.value.integer == 0)};
      default:
        return {absl::StrCat("sqrt(abs(float64(", a.text, ")))"),
                Real(std::sqrt(std::fabs(a.value.AsReal())))};
    }
  }

  Result Binary(const Result& a, const Result& b) {
    const bool any_real =
        a.value.type == Scalar::Type::kReal || b.value.type == Scalar::Type::kReal;
    const bool both_bool =
        a.value.type == Scalar::Type::kBool && b.value.type == Scalar::Type::kBool;
    const double x = a.value.AsReal(), y = b.value.AsReal();
    const std::uint64_t i = static_cast<std::uint64_t>(a.value.integer),
                        j = static_cast<std::uint64_t>(b.value.integer);
    const auto text = [&](const char* op) {
      return absl::StrCat(Group(a.text), op, Group(b.text));
    };
    switch (random_() % 8) {
      case 0:
        return {text("+"), both_bool ? Bool((i | j) != 0) : any_real ? Real(x + y) : Int(i + j)};
      case 1:
        return {text(" * "), both_bool ? Bool((i & j) != 0) : any_real ? Real(x * y) : Int(i * j)};
      case 2:
        if (both_bool) return {text("^"), Bool(i != j)};
        return {text(" - "), any_real ? Real(x - y) : Int(i - j)};
      case 3:
        return {text("/"), Real(x / y)};
      case 4:
        return {text(" < "), Bool(any_real ? x < y : a.value.integer < b.value.integer)};
      case 5:
        return {text(" == "), Bool(any_real ? x == y : i == j)};
      case 6: {
        const bool truth = a.value.type == Scalar::Type::kReal ? x != 0 : i != 0;
        const Scalar chosen = truth ? a.value : b.value;
        if (any_real)
          return {absl::StrCat("where(", a.text, ", ", a.text, ", ", b.text, ")"),
                  Real(chosen.AsReal())};
        return {absl::StrCat("where(", a.text, ", ", a.text, ", ", b.text, ")"),
                both_bool ? Bool(chosen.integer != 0)
                          : Int(static_cast<std::uint64_t>(chosen.integer))};
      }
      default:
        if (any_real)
          return {absl::StrCat("maximum(", a.text, ", ", b.text, ")"),
                  Real(std::isnan(x) || x >= y ? x : y)};
        return {absl::StrCat("maximum(", a.text, ", ", b.text, ")"),
                both_bool
                    ? Bool((i | j) != 0)
                    : Int(static_cast<std::uint64_t>(std::max(a.value.integer, b.value.integer)))};
    }
  }

  static std::string Group(const std::string& text) {
    return text.size() == 1 ? text : absl::StrCat("(", text, ")");
  }

  std::mt19937_64& random_;
  double x_ = 0, y_ = 0;
  std::int64_t n_ = 0;
};

TEST(ExpressionTest, RandomExpressionsMatchScalarEvaluation) {
  const std::uint64_t seed = std::random_device{}();
  std::cout << "seed " << seed << "\n";
  std::mt19937_64 random(seed);
  constexpr std::size_t kCount = 1100;
  std::vector<double> x(kCount), y(kCount);
  std::vector<std::int64_t> n(kCount);
  std::normal_distribution<double> normal(0, 10);
  for (std::size_t i = 0; i < kCount; ++i) {
    x[i] = normal(random);
    y[i] = random() % 10 == 0 ? 0 : normal(random);
    n[i] = random() % 3 == 0 ? static_cast<std::int64_t>(random())
                             : static_cast<std::int64_t>(random() % 21) - 10;
  }
  for (int round = 0; round < 400; ++round) {
    const std::uint64_t shape = random();
    const auto of_element = [&](std::size_t i) {
      std::mt19937_64 same(shape);
      return RandomExpression(same).Make(x[i], y[i], n[i], 1 + static_cast<int>(shape % 7));
    };
    const std::string text = of_element(0).text;
    if (text.size() > 15'000) continue;
    SCOPED_TRACE(text);
    const absl::StatusOr<Expression> expression =
        Expression::Compile(text, {{"x", kFloat64, 0}, {"y", kFloat64, 0}, {"n", kInt64, 0}});
    ASSERT_TRUE(expression.ok()) << expression.status();
    const std::byte* inputs[] = {reinterpret_cast<const std::byte*>(x.data()),
                                 reinterpret_cast<const std::byte*>(y.data()),
                                 reinterpret_cast<const std::byte*>(n.data())};
    std::vector<std::uint64_t> result(kCount);
    ASSERT_TRUE(
        expression->Evaluate(inputs, kCount, reinterpret_cast<std::byte*>(result.data())).ok());
    for (std::size_t i = 0; i < kCount; ++i) {
      const Scalar expected = of_element(i).value;
      if (expected.type == Scalar::Type::kReal) {
        ASSERT_EQ(expression->type(), kFloat64);
        double value;
        std::memcpy(&value, &result[i], sizeof(value));
        if (std::isnan(expected.real) && std::isnan(value)) continue;
        ASSERT_EQ(value, expected.real) << "element " << i;
      } else if (expected.type == Scalar::Type::kInt) {
        ASSERT_EQ(expression->type(), kInt64);
        ASSERT_EQ(static_cast<std::int64_t>(result[i]), expected.integer) << "element " << i;
      } else {
        ASSERT_EQ(expression->type(), kBool);
        ASSERT_EQ(reinterpret_cast<const std::uint8_t*>(result.data())[i], expected.integer)
            << "element " << i;
      }
    }
  }
}

TEST(ExpressionTest, LongExpressionsAndAnyCountOfElements) {
  std::string sum = "x";
  for (int i = 0; i < 500; ++i) absl::StrAppend(&sum, "+(x*", i, ")");
  std::string nested = "x";
  for (int i = 0; i < 500; ++i) nested = absl::StrCat("x+(", nested, ")");
  for (const std::size_t count : {0u, 1u, 511u, 512u, 513u, 1025u}) {
    std::vector<double> x(count);
    for (std::size_t i = 0; i < count; ++i) x[i] = static_cast<double>(i);
    const std::vector<double> sums = OfDoubles(sum, x), nests = OfDoubles(nested, x);
    for (std::size_t i = 0; i < count; ++i) {
      ASSERT_EQ(sums[i], x[i] * (1 + 500 * 499 / 2));
      ASSERT_EQ(nests[i], x[i] * 501);
    }
  }
}

}  // namespace
}  // namespace mpaio
