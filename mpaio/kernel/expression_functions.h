// SPDX-License-Identifier: Apache-2.0

// The functions and operators of expressions, and the rule by which each computes.
#ifndef MPAIO_KERNEL_EXPRESSION_FUNCTIONS_H_
#define MPAIO_KERNEL_EXPRESSION_FUNCTIONS_H_

#include <string>

#include "absl/strings/string_view.h"
#include "mpaio/kernel/number_loops.h"
#include "mpaio/kernel/number_type.h"
#include "mpaio/kernel/vector_math.h"

namespace mpaio {

struct ExpressionFunction {
  // How the function chooses its loop and the type in which it computes.
  enum class Rule {
    kArithmetic,  // the operands' common type; an error for bool if bool has no such loop
    kFloorLike,   // as kArithmetic, bools as int8
    kDivide,      // floating-point: integers as float64
    kCompare,
    kLogical,  // of truth values
    kFloat,    // floating-point: small integers as small floats (FloatOf)
    kKeep,     // one operand, which has the type of the result
    kRound,    // one operand; integers stay as they are
    kTest,     // one operand, to bool
    kMath,     // kFloat, by MathFunction
    kMath2,    // kFloat, by MathFunction2
    kSelect,
    kClip,
    kPower,
    kIdentity,
    kConvert,
  };

  Rule rule;
  int num_operands;
  // Meaningful only if the rule uses it.
  NumberOp op = NumberOp::kAdd;
  MathFunction math = MathFunction::kSin;
  MathFunction2 math2 = MathFunction2::kPower;
  NumberType type = NumberType::kBool;
};

// Returns the function of a name, such as "sqrt" or "int8"; nullptr if there is none. The functions
// exist until the program ends.
const ExpressionFunction* FindFunction(absl::string_view name);

// Returns the names of all functions, sorted, with a space between two.
std::string FunctionNames();

// Returns an operator that the grammar knows, such as "**" or "and", of one or two operands.
const ExpressionFunction& FindOperator(absl::string_view name, int num_operands);

// Returns advice to the user for a function or operator that is not defined for a type: a
// continuation of the sentence, or nothing.
absl::string_view HintForUndefined(absl::string_view name);

}  // namespace mpaio

#endif  // MPAIO_KERNEL_EXPRESSION_FUNCTIONS_H_
