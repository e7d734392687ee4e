// SPDX-License-Identifier: Apache-2.0
#include "mpaio/kernel/literal_arithmetic.h"

#include <cmath>
#include <cstdint>
#include <limits>

#include "absl/status/status.h"
#include "mpaio/base/status_macros.h"

namespace mpaio {
namespace {

using absl::int128;

constexpr int128 kLargest = int128{std::numeric_limits<std::uint64_t>::max()};

absl::StatusOr<Literal> Checked(int128 integer) {
  if (integer > kLargest || integer < -kLargest)
    return absl::InvalidArgumentError(
        "the result does not fit an integer of 64 bits; write an operand with a decimal point to "
        "compute with floats");
  return Literal::Integer(integer);
}

// The magnitudes have up to 64 bits, so that their product could overflow an int128.
absl::StatusOr<Literal> Product(int128 a, int128 b) {
  if (std::fabs(static_cast<double>(a) * static_cast<double>(b)) > 0x1p66)
    return Checked(kLargest + 1);
  return Checked(a * b);
}

// Precondition: b >= 0.
absl::StatusOr<Literal> Power(int128 a, int128 b) {
  if (a == 0 || a == 1 || b == 0) return Literal::Integer(b == 0 ? 1 : a);
  if (a == -1) return Literal::Integer(b % 2 == 0 ? 1 : -1);
  int128 power = 1;
  // Ends after 64 multiplications at the latest, because the product is then too large.
  for (int128 i = 0; i < b; ++i) {
    MPAIO_ASSIGN_OR_RETURN(const Literal product, Product(power, a));
    power = product.integer;
  }
  return Literal::Integer(power);
}

absl::StatusOr<Literal> FoldIntegers(NumberOp op, int128 a, int128 b) {
  switch (op) {
    case NumberOp::kAdd:
      return Checked(a + b);
    case NumberOp::kSubtract:
      return Checked(a - b);
    case NumberOp::kAnd:
      return Checked(a & b);
    case NumberOp::kOr:
      return Checked(a | b);
    case NumberOp::kXor:
      return Checked(a ^ b);
    case NumberOp::kMultiply:
      return Product(a, b);
    case NumberOp::kPower:
      return Power(a, b);
    default:
      break;
  }
  // Rounds towards minus infinity; the remainder has the sign of the divisor.
  const int128 remainder = a % b;
  const bool is_off = remainder != 0 && (remainder < 0) != (b < 0);
  return Literal::Integer(op == NumberOp::kRemainder ? (is_off ? remainder + b : remainder)
                                                     : a / b - (is_off ? 1 : 0));
}

}  // namespace

absl::StatusOr<Literal> FoldUnary(NumberOp op, const Literal& a) {
  if (a.is_real) return Literal::Real(-a.real);
  return Checked(op == NumberOp::kInvert ? -a.integer - 1 : -a.integer);
}

absl::StatusOr<Literal> FoldBinary(NumberOp op, const Literal& a, const Literal& b) {
  const bool divides =
      op == NumberOp::kDivide || op == NumberOp::kFloorDivide || op == NumberOp::kRemainder;
  if (divides && b.AsReal() == 0) return absl::InvalidArgumentError("division by the number 0");
  const bool is_power = op == NumberOp::kPower;
  if (!a.is_real && !b.is_real && op != NumberOp::kDivide && !(is_power && b.integer < 0))
    return FoldIntegers(op, a.integer, b.integer);
  const double x = a.AsReal(), y = b.AsReal();
  if (is_power && x < 0 && y != std::floor(y))
    return absl::InvalidArgumentError(
        "a negative number to a power that is not an integer is not a real number");
  double z = 0;
  FindNumberLoop(op, NumberType::kFloat64)(&x, &y, nullptr, &z, 1);
  return Literal::Real(z);
}

}  // namespace mpaio
