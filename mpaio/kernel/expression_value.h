// SPDX-License-Identifier: Apache-2.0

// The values of an expression's nodes, and the type in which an operation on them computes (numpy's
// NEP 50): a literal takes the type of the other operand, unless it is of a higher kind.
#ifndef MPAIO_KERNEL_EXPRESSION_VALUE_H_
#define MPAIO_KERNEL_EXPRESSION_VALUE_H_

#include <optional>
#include <vector>

#include "absl/numeric/int128.h"
#include "mpaio/kernel/expression_program.h"
#include "mpaio/kernel/literal_arithmetic.h"
#include "mpaio/kernel/number_type.h"

namespace mpaio {

// Numbers of a type at a location of the program, or a literal that has no type yet.
struct ExpressionValue {
  ExpressionValue() = default;
  ExpressionValue(NumberType type_of_numbers, ProgramOperand location)
      : type(type_of_numbers), operand(location) {}
  explicit ExpressionValue(const Literal& number)
      : literal(number), type(number.is_real ? NumberType::kFloat64 : NumberType::kInt64) {}

  bool is_typed() const { return !literal.has_value(); }
  bool is_integer_literal() const { return literal.has_value() && !literal->is_real; }
  bool is_real_literal() const { return literal.has_value() && literal->is_real; }

  std::optional<Literal> literal;
  // A literal has int64 or float64.
  NumberType type = NumberType::kBool;
  ProgramOperand operand;
};

// Returns the common type of operands, one of which has a type.
NumberType CommonType(const std::vector<ExpressionValue>& values);

// The same for a function that numpy computes in floating point: each small integer type becomes
// its small floating-point type (FloatOf).
NumberType CommonFloatType(const std::vector<ExpressionValue>& values);

// Returns the type in which numpy computes an operation that bool does not have.
inline NumberType Int8IfBool(NumberType type) { return IsBool(type) ? NumberType::kInt8 : type; }

// Returns true if an integer type other than bool contains the number.
bool IsInRange(absl::int128 integer, NumberType type);

}  // namespace mpaio

#endif  // MPAIO_KERNEL_EXPRESSION_VALUE_H_
