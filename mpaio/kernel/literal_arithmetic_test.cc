// SPDX-License-Identifier: Apache-2.0
#include "mpaio/kernel/literal_arithmetic.h"

#include <cstdint>
#include <iostream>
#include <limits>
#include <random>
#include <string>

#include "absl/numeric/int128.h"
#include "absl/status/status.h"
#include "gtest/gtest.h"

namespace mpaio {
namespace {

using absl::int128;

constexpr std::uint64_t kLargest = std::numeric_limits<std::uint64_t>::max();

int128 Integer(NumberOp op, int128 a, int128 b) {
  const absl::StatusOr<Literal> folded = FoldBinary(op, Literal::Integer(a), Literal::Integer(b));
  EXPECT_TRUE(folded.ok()) << folded.status();
  if (!folded.ok()) return 0;
  EXPECT_FALSE(folded->is_real);
  return folded->integer;
}

double Real(NumberOp op, const Literal& a, const Literal& b) {
  const absl::StatusOr<Literal> folded = FoldBinary(op, a, b);
  EXPECT_TRUE(folded.ok()) << folded.status();
  if (!folded.ok()) return 0;
  EXPECT_TRUE(folded->is_real);
  return folded->real;
}

std::string Refusal(const absl::StatusOr<Literal>& folded) {
  EXPECT_EQ(folded.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(folded.status().message());
}

TEST(LiteralArithmeticTest, IntegersFollowPython) {
  EXPECT_EQ(Integer(NumberOp::kFloorDivide, 7, 2), 3);
  EXPECT_EQ(Integer(NumberOp::kFloorDivide, -7, 2), -4);
  EXPECT_EQ(Integer(NumberOp::kRemainder, -7, 3), 2);
  EXPECT_EQ(Integer(NumberOp::kRemainder, 7, -3), -2);
  EXPECT_EQ(Integer(NumberOp::kPower, 2, 10), 1024);
  EXPECT_EQ(Integer(NumberOp::kPower, 0, 0), 1);
  EXPECT_EQ(Integer(NumberOp::kPower, -1, kLargest), -1);
  EXPECT_EQ(Integer(NumberOp::kXor, 6, 3), 5);
  EXPECT_EQ(Integer(NumberOp::kAnd, -1, 7), 7);
  EXPECT_EQ(FoldUnary(NumberOp::kInvert, Literal::Integer(6))->integer, -7);
  EXPECT_EQ(FoldUnary(NumberOp::kNegative, Literal::Integer(kLargest))->integer, -int128(kLargest));
}

TEST(LiteralArithmeticTest, QuotientAndRemainderMakeTheDividend) {
  const std::uint64_t seed = std::random_device()();
  std::cout << "seed " << seed << "\n";
  std::mt19937_64 random(seed);
  for (int i = 0; i < 10000; ++i) {
    // Magnitudes of all sizes.
    const auto next = [&]() -> int128 {
      const int128 magnitude = random() >> (random() % 64);
      return random() % 2 == 0 ? magnitude : -magnitude;
    };
    const int128 a = next(), b = next();
    if (b == 0) continue;
    const int128 quotient = Integer(NumberOp::kFloorDivide, a, b);
    const int128 remainder = Integer(NumberOp::kRemainder, a, b);
    EXPECT_EQ(quotient * b + remainder, a);
    EXPECT_TRUE(remainder == 0 || (remainder < 0) == (b < 0));
    EXPECT_LT(remainder < 0 ? -remainder : remainder, b < 0 ? -b : b);
  }
}

TEST(LiteralArithmeticTest, SomeOperationsOfIntegersAreReal) {
  EXPECT_EQ(Real(NumberOp::kDivide, Literal::Integer(1), Literal::Integer(2)), 0.5);
  EXPECT_EQ(Real(NumberOp::kPower, Literal::Integer(2), Literal::Integer(-1)), 0.5);
  EXPECT_EQ(Real(NumberOp::kAdd, Literal::Integer(1), Literal::Real(0.5)), 1.5);
  EXPECT_EQ(FoldUnary(NumberOp::kNegative, Literal::Real(1.5))->real, -1.5);
}

TEST(LiteralArithmeticTest, ResultsThatDoNotExistAreErrors) {
  const Literal largest = Literal::Integer(kLargest);
  for (const NumberOp op : {NumberOp::kAdd, NumberOp::kMultiply, NumberOp::kPower})
    EXPECT_NE(Refusal(FoldBinary(op, largest, largest)).find("does not fit"), std::string::npos);
  EXPECT_NE(Refusal(FoldUnary(NumberOp::kInvert, largest)).find("does not fit"), std::string::npos);
  for (const NumberOp op : {NumberOp::kDivide, NumberOp::kFloorDivide, NumberOp::kRemainder}) {
    for (const Literal& zero : {Literal::Integer(0), Literal::Real(0), Literal::Real(-0.0)})
      EXPECT_EQ(Refusal(FoldBinary(op, Literal::Integer(1), zero)), "division by the number 0");
  }
  EXPECT_NE(Refusal(FoldBinary(NumberOp::kPower, Literal::Real(-8), Literal::Real(0.5)))
                .find("is not a real number"),
            std::string::npos);
}

}  // namespace
}  // namespace mpaio
