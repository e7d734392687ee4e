// SPDX-License-Identifier: Apache-2.0

// Arithmetic with the literals of an expression, by Python's rules: integers do not wrap, and "/"
// gives a real number.
#ifndef MPAIO_KERNEL_LITERAL_ARITHMETIC_H_
#define MPAIO_KERNEL_LITERAL_ARITHMETIC_H_

#include "absl/numeric/int128.h"
#include "absl/status/statusor.h"
#include "mpaio/kernel/number_loops.h"

namespace mpaio {

// A number in the text of an expression, or computed from such numbers. An integer has a sign and a
// magnitude of up to 64 bits.
struct Literal {
  static Literal Integer(absl::int128 integer) { return {false, integer, 0}; }
  static Literal Real(double real) { return {true, 0, real}; }

  double AsReal() const { return is_real ? real : static_cast<double>(integer); }

  bool is_real = false;
  absl::int128 integer = 0;
  double real = 0;
};

// Computes -a (kNegative) or ~a (kInvert, of integers only).
//
// Errors of both functions: InvalidArgument, with the problem but no position: division by 0, a
// result that is not real, or an integer of more than 64 bits.
absl::StatusOr<Literal> FoldUnary(NumberOp op, const Literal& a);

// Computes a op b; `op` is kAdd to kPower or, of integers only, kAnd, kOr, kXor.
absl::StatusOr<Literal> FoldBinary(NumberOp op, const Literal& a, const Literal& b);

}  // namespace mpaio

#endif  // MPAIO_KERNEL_LITERAL_ARITHMETIC_H_
