// SPDX-License-Identifier: Apache-2.0

// Assigns types to the nodes of an expression and generates the steps of its program.
#include <algorithm>
#include <cstdint>
#include <limits>
#include <utility>

#include "absl/numeric/int128.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "mpaio/base/status_macros.h"
#include "mpaio/kernel/expression.h"
#include "mpaio/kernel/expression_functions.h"
#include "mpaio/kernel/expression_program.h"
#include "mpaio/kernel/expression_tree.h"
#include "mpaio/kernel/expression_value.h"
#include "mpaio/kernel/literal_arithmetic.h"
#include "mpaio/kernel/math_number_loops.h"
#include "mpaio/kernel/number_loops.h"
#include "mpaio/kernel/program_builder.h"

namespace mpaio {
namespace {

using absl::int128;
using Kind = ExpressionNode::Kind;
using Rule = ExpressionFunction::Rule;
using Value = ExpressionValue;

std::string Text(int128 integer) {
  const bool is_negative = integer < 0;
  return absl::StrCat(is_negative ? "-" : "",
                      static_cast<std::uint64_t>(is_negative ? -integer : integer));
}

// Returns the comparison whose operands are in the opposite order.
NumberOp Mirrored(NumberOp comparison) {
  switch (comparison) {
    case NumberOp::kLess:
      return NumberOp::kGreater;
    case NumberOp::kGreater:
      return NumberOp::kLess;
    case NumberOp::kLessEqual:
      return NumberOp::kGreaterEqual;
    case NumberOp::kGreaterEqual:
      return NumberOp::kLessEqual;
    default:
      return comparison;
  }
}

}  // namespace

class ExpressionCompiler {
 public:
  // `is_shown`: true if errors contain the text.
  ExpressionCompiler(absl::string_view text, const std::vector<ExpressionVariable>& variables,
                     bool is_shown)
      : text_(text), is_shown_(is_shown), builder_(variables) {}

  absl::StatusOr<Expression> Compile(std::optional<NumberType> convert_to) {
    MPAIO_ASSIGN_OR_RETURN(Value result, Evaluate());
    if (!result.is_typed()) {
      MPAIO_ASSIGN_OR_RETURN(result, Typed(result));
    }
    if (convert_to.has_value()) result = Cast(result, *convert_to);
    ExpressionProgram program = std::move(builder_).Finish(result.type, result.operand);
    if (is_shown_) program.text = std::string(text_);
    return Expression(std::make_shared<const ExpressionProgram>(std::move(program)));
  }

  std::optional<int128> EvaluateInteger() {
    const absl::StatusOr<Value> value = Evaluate();
    if (!value.ok() || !value->is_integer_literal()) return std::nullopt;
    return value->literal->integer;
  }

 private:
  // Returns the value of the whole text.
  absl::StatusOr<Value> Evaluate() {
    MPAIO_ASSIGN_OR_RETURN(const std::vector<ExpressionNode> nodes, ParseExpression(text_));
    // Names of functions are nodes too, but no other node refers to them.
    std::vector<bool> is_used(nodes.size(), false);
    is_used.back() = true;
    for (std::size_t i = nodes.size(); i-- > 0;) {
      if (!is_used[i]) continue;
      for (const int operand : nodes[i].operands) is_used[static_cast<std::size_t>(operand)] = true;
    }
    values_.resize(nodes.size());
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      if (!is_used[i]) continue;
      node_ = &nodes[i];
      MPAIO_ASSIGN_OR_RETURN(values_[i], Visit());
    }
    return values_.back();
  }

  absl::Status Error(absl::string_view problem) const {
    return is_shown_ ? ExpressionError(text_, node_->position, problem)
                     : absl::InvalidArgumentError(problem);
  }

  absl::StatusOr<Value> Visit() {
    switch (node_->kind) {
      case Kind::kInteger:
        return Value(Literal::Integer(node_->integer));
      case Kind::kReal:
        return Value(Literal::Real(node_->real));
      case Kind::kName:
        return VisitName();
      case Kind::kOperator:
        return Apply(FindOperator(node_->name, static_cast<int>(node_->operands.size())));
      case Kind::kCall:
        break;
    }
    const ExpressionFunction* function = FindFunction(node_->name);
    if (function == nullptr) {
      return Error(absl::StrCat("there is no function '", node_->name, "'; the functions are ",
                                FunctionNames()));
    }
    const std::size_t wanted = static_cast<std::size_t>(function->num_operands);
    if (node_->operands.size() != wanted) {
      return Error(absl::StrCat(node_->name, " takes ", wanted,
                                wanted == 1 ? " operand" : " operands", ", not ",
                                node_->operands.size()));
    }
    return Apply(*function);
  }

  absl::StatusOr<Value> VisitName() {
    const std::string& name = node_->name;
    const std::vector<ExpressionVariable>& variables = builder_.variables();
    for (std::size_t i = 0; i < variables.size(); ++i) {
      if (variables[i].name == name) return Value(variables[i].type, builder_.Load(i));
    }
    if (name == "True" || name == "False")
      return Value(NumberType::kBool, builder_.Constant(std::uint8_t{name == "True"}));
    if (name == "pi") return Value(Literal::Real(3.141592653589793238462643));
    if (name == "e") return Value(Literal::Real(2.718281828459045235360287));
    if (name == "inf") return Value(Literal::Real(std::numeric_limits<double>::infinity()));
    if (name == "nan") return Value(Literal::Real(std::numeric_limits<double>::quiet_NaN()));
    if (FindFunction(name) != nullptr)
      return Error(absl::StrCat("'", name, "' is a function: write ", name, "(...)"));
    return Error(absl::StrCat(
        "there is no variable '", name, "'; the variables are ",
        absl::StrJoin(variables, ", ",
                      [](std::string* out, const auto& variable) { out->append(variable.name); })));
  }

  const Value& Operand(std::size_t i) const {
    return values_[static_cast<std::size_t>(node_->operands[i])];
  }

  // --- Conversions ---

  Value Cast(const Value& value, NumberType type) {
    return Value(type, builder_.Cast(value.operand, value.type, type));
  }

  Value Double(double number) { return Value(NumberType::kFloat64, builder_.Constant(number)); }

  // Gives a literal the type that numpy gives it as an array.
  absl::StatusOr<Value> Typed(const Value& value) {
    if (value.is_typed()) return value;
    if (value.is_real_literal()) return Double(value.literal->real);
    const bool needs_uint =
        value.literal->integer > int128{std::numeric_limits<std::int64_t>::max()};
    return As(value, needs_uint ? NumberType::kUint64 : NumberType::kInt64);
  }

  // Converts any value to `type`, the type that its operation computes in.
  absl::StatusOr<Value> As(const Value& value, NumberType type) {
    if (value.is_typed()) return Cast(value, type);
    const Literal& literal = *value.literal;
    if (IsFloat(type))
      return Value(type, builder_.Narrow(builder_.Constant(literal.AsReal()), type));
    if (literal.is_real) return Cast(Double(literal.real), type);
    if (IsBool(type)) return Value(type, builder_.Constant(std::uint8_t{literal.integer != 0}));
    if (!IsInRange(literal.integer, type)) {
      return Error(absl::StrCat(
          "the number ", Text(literal.integer), " does not fit ", NumberTypeName(type),
          is_shown_ ? ", the type of the other operand; convert that operand, for example with "
                      "int64(...) or float64(...)"
                    : ", the type of the array; convert that first, with the worker astype"));
    }
    if (IsSigned(type))
      return Value(type, builder_.Constant(static_cast<std::int64_t>(literal.integer)));
    return Value(type, builder_.Constant(static_cast<std::uint64_t>(literal.integer)));
  }

  // Returns the operands of the node; if all are literals, gives each its own type.
  absl::StatusOr<std::vector<Value>> Operands() {
    std::vector<Value> values;
    bool any_typed = false;
    for (std::size_t i = 0; i < node_->operands.size(); ++i) {
      values.push_back(Operand(i));
      any_typed = any_typed || values.back().is_typed();
    }
    if (!any_typed) {
      for (Value& value : values) {
        MPAIO_ASSIGN_OR_RETURN(value, Typed(value));
      }
    }
    return values;
  }

  absl::StatusOr<Value> NoLoop(NumberType type) const {
    const bool is_operator = node_->kind == Kind::kOperator;
    return Error(absl::StrCat(is_operator ? "'" : "", node_->name, is_operator ? "'" : "",
                              " is not defined for ", NumberTypeName(type),
                              HintForUndefined(node_->name)));
  }

  // --- Operations ---

  absl::StatusOr<Value> Apply(const ExpressionFunction& function) {
    const bool all_literals = std::none_of(
        node_->operands.begin(), node_->operands.end(),
        [&](int operand) { return values_[static_cast<std::size_t>(operand)].is_typed(); });
    if (all_literals && node_->kind == Kind::kOperator && function.rule != Rule::kLogical)
      return FoldLiterals(function);
    MPAIO_ASSIGN_OR_RETURN(const std::vector<Value> values, Operands());
    switch (function.rule) {
      case Rule::kArithmetic:
        return InType(function.op, values, CommonType(values));
      case Rule::kFloorLike:
        return InType(function.op, values, Int8IfBool(CommonType(values)));
      case Rule::kDivide: {
        const NumberType type = CommonType(values);
        return InType(function.op, values, IsFloat(type) ? type : NumberType::kFloat64);
      }
      case Rule::kCompare:
        return Compare(function.op, values);
      case Rule::kLogical:
        return Logical(function.op, values);
      case Rule::kFloat:
        return InType(function.op, values, CommonFloatType(values));
      case Rule::kRound:
        if (!IsFloat(values[0].type)) return values[0];
        return InType(function.op, values, values[0].type);
      case Rule::kKeep:
        if (function.op == NumberOp::kAbsolute && IsUnsigned(values[0].type)) return values[0];
        return InType(function.op, values, values[0].type);
      case Rule::kTest:
        return Value(NumberType::kBool,
                     builder_.Run(FindNumberLoop(function.op, values[0].type), values[0].operand));
      case Rule::kMath:
        return RunInType(FindMathNumberLoop(function.math), values, CommonFloatType(values));
      case Rule::kMath2:
        return RunInType(FindMathNumberLoop(function.math2), values, CommonFloatType(values));
      case Rule::kSelect:
        return Select(values);
      case Rule::kClip:
        return Clip(values);
      case Rule::kPower:
        return Power(values);
      case Rule::kIdentity:
        return values[0];
      case Rule::kConvert:
        return Cast(values[0], function.type);
    }
    return Error("unknown rule");
  }

  absl::StatusOr<Value> InType(NumberOp op, const std::vector<Value>& values, NumberType type) {
    const NumberLoop loop = FindNumberLoop(op, type);
    if (loop == nullptr ||
        (IsBool(type) && (op == NumberOp::kSubtract || op == NumberOp::kNegative)))
      return NoLoop(type);
    return RunInType(loop, values, type);
  }

  // Runs a loop of one or two operands, which computes in `type`.
  absl::StatusOr<Value> RunInType(NumberLoop loop, const std::vector<Value>& values,
                                  NumberType type) {
    std::vector<ProgramOperand> operands(2);
    for (std::size_t i = 0; i < values.size(); ++i) {
      MPAIO_ASSIGN_OR_RETURN(const Value value, As(values[i], type));
      operands[i] = value.operand;
    }
    return Value(type, builder_.Narrow(builder_.Run(loop, operands[0], operands[1]), type));
  }

  absl::StatusOr<Value> Logical(NumberOp op, const std::vector<Value>& values) {
    std::vector<ProgramOperand> truths(2);
    for (std::size_t i = 0; i < values.size(); ++i) {
      MPAIO_ASSIGN_OR_RETURN(const Value typed, Typed(values[i]));
      truths[i] = Cast(typed, NumberType::kBool).operand;
    }
    return Value(NumberType::kBool,
                 builder_.Run(FindNumberLoop(op, NumberType::kBool), truths[0], truths[1]));
  }

  absl::StatusOr<Value> Compare(NumberOp op, const std::vector<Value>& values) {
    // Integers of any types are compared exactly, even with a literal that does not fit the other
    // type.
    const auto is_exact = [](const Value& value) {
      return value.is_integer_literal() || (value.is_typed() && !IsFloat(value.type));
    };
    if (!is_exact(values[0]) || !is_exact(values[1]))
      return CompareInType(op, values, CommonType(values));
    std::vector<Value> exact(2);
    for (std::size_t i = 0; i < 2; ++i) {
      MPAIO_ASSIGN_OR_RETURN(exact[i], Typed(values[i]));
    }
    if (IsBool(exact[0].type) && IsBool(exact[1].type))
      return CompareInType(op, exact, NumberType::kBool);
    for (Value& value : exact)
      value = Cast(value, IsUnsigned(value.type) ? NumberType::kUint64 : NumberType::kInt64);
    if (exact[0].type == exact[1].type) return CompareInType(op, exact, exact[0].type);
    if (IsUnsigned(exact[0].type)) {
      std::swap(exact[0], exact[1]);
      op = Mirrored(op);
    }
    return Value(NumberType::kBool,
                 builder_.Run(FindMixedComparison(op), exact[0].operand, exact[1].operand));
  }

  absl::StatusOr<Value> CompareInType(NumberOp op, const std::vector<Value>& values,
                                      NumberType type) {
    MPAIO_ASSIGN_OR_RETURN(const Value a, As(values[0], type));
    MPAIO_ASSIGN_OR_RETURN(const Value b, As(values[1], type));
    return Value(NumberType::kBool, builder_.Run(FindNumberLoop(op, type), a.operand, b.operand));
  }

  absl::StatusOr<Value> Clip(const std::vector<Value>& values) {
    const NumberType type = Int8IfBool(CommonType(values));
    MPAIO_ASSIGN_OR_RETURN(const Value raised,
                           InType(NumberOp::kMaximum, {values[0], values[1]}, type));
    return InType(NumberOp::kMinimum, {raised, values[2]}, type);
  }

  absl::StatusOr<Value> Select(const std::vector<Value>& values) {
    MPAIO_ASSIGN_OR_RETURN(const Value condition, Typed(values[0]));
    std::vector<Value> choices = {values[1], values[2]};
    if (!choices[0].is_typed() && !choices[1].is_typed()) {
      // Two literals each get their own type.
      for (Value& choice : choices) {
        MPAIO_ASSIGN_OR_RETURN(choice, Typed(choice));
      }
    }
    const NumberType type = CommonType(choices);
    MPAIO_ASSIGN_OR_RETURN(const Value yes, As(choices[0], type));
    MPAIO_ASSIGN_OR_RETURN(const Value no, As(choices[1], type));
    return Value(type,
                 builder_.Run(FindSelectLoop(WideTypeOf(type)),
                              Cast(condition, NumberType::kBool).operand, yes.operand, no.operand));
  }

  absl::StatusOr<Value> Power(const std::vector<Value>& values) {
    const NumberType type = Int8IfBool(CommonType(values));
    const Value& exponent = values[1];
    const bool is_literal = !exponent.is_typed();
    if (!IsFloat(type)) {
      if (is_literal && exponent.literal->integer < 0) {
        return Error(
            "an integer to a negative power is not an integer; convert it, for example with "
            "float64(...)");
      }
      if (exponent.is_typed() && IsSigned(exponent.type)) {
        builder_.CheckExponents(exponent.operand);
      }
      return InType(NumberOp::kPower, values, type);
    }
    if (is_literal && node_->kind == Kind::kOperator && IsFloat(values[0].type)) {
      const double real = exponent.literal->AsReal();
      if (real == 2) return InType(NumberOp::kSquare, {values[0]}, type);
      if (real == 0.5) return InType(NumberOp::kSqrt, {values[0]}, type);
      if (real == -1) return InType(NumberOp::kReciprocal, {values[0]}, type);
      if (real == 1) return values[0];
      if (real == 0) return As(Value(Literal::Integer(1)), type);
    }
    return InType(NumberOp::kPower, values, type);
  }

  absl::StatusOr<Value> FoldLiterals(const ExpressionFunction& function) {
    const Value& a = Operand(0);
    if (function.rule == Rule::kIdentity) return a;
    const Value& b = Operand(node_->operands.size() - 1);
    if (function.rule == Rule::kCompare) {
      MPAIO_ASSIGN_OR_RETURN(const Value typed_a, Typed(a));
      MPAIO_ASSIGN_OR_RETURN(const Value typed_b, Typed(b));
      return Compare(function.op, {typed_a, typed_b});
    }
    const bool takes_integers = function.op == NumberOp::kInvert || function.op == NumberOp::kAnd ||
                                function.op == NumberOp::kOr || function.op == NumberOp::kXor;
    if (takes_integers && (a.is_real_literal() || b.is_real_literal()))
      return NoLoop(NumberType::kFloat64);
    const absl::StatusOr<Literal> folded = function.num_operands == 1
                                               ? FoldUnary(function.op, *a.literal)
                                               : FoldBinary(function.op, *a.literal, *b.literal);
    if (!folded.ok()) return Error(folded.status().message());
    return Value(*folded);
  }

  absl::string_view text_;
  bool is_shown_;
  ProgramBuilder builder_;
  std::vector<Value> values_;
  const ExpressionNode* node_ = nullptr;
};

absl::StatusOr<Expression> Expression::Compile(absl::string_view text,
                                               const std::vector<Variable>& variables,
                                               std::optional<NumberType> convert_to) {
  return ExpressionCompiler(text, variables, /*is_shown=*/true).Compile(convert_to);
}

absl::StatusOr<Expression> Expression::CompileGenerated(absl::string_view text,
                                                        const std::vector<Variable>& variables,
                                                        std::optional<NumberType> convert_to) {
  return ExpressionCompiler(text, variables, /*is_shown=*/false).Compile(convert_to);
}

std::optional<absl::int128> Expression::IntegerLiteral(absl::string_view text) {
  return ExpressionCompiler(text, {}, /*is_shown=*/false).EvaluateInteger();
}

}  // namespace mpaio
