// SPDX-License-Identifier: Apache-2.0
#include "mpaio/kernel/expression_functions.h"

#include <functional>
#include <map>

#include "absl/strings/str_join.h"

namespace mpaio {
namespace {

using Rule = ExpressionFunction::Rule;
using FunctionsByName = std::map<std::string, ExpressionFunction, std::less<>>;

ExpressionFunction Of(Rule rule, int num_operands, NumberOp op) { return {rule, num_operands, op}; }
ExpressionFunction Math(MathFunction function) {
  return {Rule::kMath, 1, NumberOp::kAdd, function};
}
ExpressionFunction Math2(MathFunction2 function) {
  return {Rule::kMath2, 2, NumberOp::kAdd, MathFunction::kSin, function};
}
ExpressionFunction Convert(NumberType type) {
  return {Rule::kConvert, 1, NumberOp::kAdd, MathFunction::kSin, MathFunction2::kPower, type};
}

FunctionsByName NumberFunctions() {
  return {
      {"sqrt", Of(Rule::kFloat, 1, NumberOp::kSqrt)},
      {"fabs", Of(Rule::kFloat, 1, NumberOp::kAbsolute)},
      {"rint", Of(Rule::kFloat, 1, NumberOp::kRint)},
      {"copysign", Of(Rule::kFloat, 2, NumberOp::kCopysign)},
      {"floor", Of(Rule::kRound, 1, NumberOp::kFloor)},
      {"ceil", Of(Rule::kRound, 1, NumberOp::kCeil)},
      {"trunc", Of(Rule::kRound, 1, NumberOp::kTrunc)},
      {"abs", Of(Rule::kKeep, 1, NumberOp::kAbsolute)},
      {"absolute", Of(Rule::kKeep, 1, NumberOp::kAbsolute)},
      {"sign", Of(Rule::kKeep, 1, NumberOp::kSign)},
      {"negative", Of(Rule::kKeep, 1, NumberOp::kNegative)},
      {"invert", Of(Rule::kKeep, 1, NumberOp::kInvert)},
      {"square", Of(Rule::kFloorLike, 1, NumberOp::kSquare)},
      {"reciprocal", Of(Rule::kFloorLike, 1, NumberOp::kReciprocal)},
      {"positive", Of(Rule::kIdentity, 1, NumberOp::kAdd)},
      {"isnan", Of(Rule::kTest, 1, NumberOp::kIsnan)},
      {"isinf", Of(Rule::kTest, 1, NumberOp::kIsinf)},
      {"isfinite", Of(Rule::kTest, 1, NumberOp::kIsfinite)},
      {"signbit", Of(Rule::kTest, 1, NumberOp::kSignbit)},
      {"logical_not", Of(Rule::kLogical, 1, NumberOp::kInvert)},
      {"logical_and", Of(Rule::kLogical, 2, NumberOp::kAnd)},
      {"logical_or", Of(Rule::kLogical, 2, NumberOp::kOr)},
      {"logical_xor", Of(Rule::kLogical, 2, NumberOp::kXor)},
      {"minimum", Of(Rule::kArithmetic, 2, NumberOp::kMinimum)},
      {"maximum", Of(Rule::kArithmetic, 2, NumberOp::kMaximum)},
      {"fmin", Of(Rule::kArithmetic, 2, NumberOp::kFmin)},
      {"fmax", Of(Rule::kArithmetic, 2, NumberOp::kFmax)},
      {"add", Of(Rule::kArithmetic, 2, NumberOp::kAdd)},
      {"subtract", Of(Rule::kArithmetic, 2, NumberOp::kSubtract)},
      {"multiply", Of(Rule::kArithmetic, 2, NumberOp::kMultiply)},
      {"divide", Of(Rule::kDivide, 2, NumberOp::kDivide)},
      {"floor_divide", Of(Rule::kFloorLike, 2, NumberOp::kFloorDivide)},
      {"mod", Of(Rule::kFloorLike, 2, NumberOp::kRemainder)},
      {"floor_mod", Of(Rule::kFloorLike, 2, NumberOp::kRemainder)},
      {"remainder", Of(Rule::kFloorLike, 2, NumberOp::kRemainder)},
      {"power", Of(Rule::kPower, 2, NumberOp::kPower)},
      {"where", Of(Rule::kSelect, 3, NumberOp::kAdd)},
      {"clip", Of(Rule::kClip, 3, NumberOp::kAdd)},
  };
}

FunctionsByName MathFunctions() {
  return {
      {"cbrt", Math(MathFunction::kCbrt)},         {"exp", Math(MathFunction::kExp)},
      {"exp2", Math(MathFunction::kExp2)},         {"expm1", Math(MathFunction::kExpm1)},
      {"log", Math(MathFunction::kLog)},           {"log2", Math(MathFunction::kLog2)},
      {"log10", Math(MathFunction::kLog10)},       {"log1p", Math(MathFunction::kLog1p)},
      {"sin", Math(MathFunction::kSin)},           {"cos", Math(MathFunction::kCos)},
      {"tan", Math(MathFunction::kTan)},           {"arcsin", Math(MathFunction::kArcsin)},
      {"arccos", Math(MathFunction::kArccos)},     {"arctan", Math(MathFunction::kArctan)},
      {"sinh", Math(MathFunction::kSinh)},         {"cosh", Math(MathFunction::kCosh)},
      {"tanh", Math(MathFunction::kTanh)},         {"arcsinh", Math(MathFunction::kArcsinh)},
      {"arccosh", Math(MathFunction::kArccosh)},   {"arctanh", Math(MathFunction::kArctanh)},
      {"arctan2", Math2(MathFunction2::kArctan2)}, {"hypot", Math2(MathFunction2::kHypot)},
  };
}

FunctionsByName Conversions() {
  FunctionsByName all = {
      {"int", Convert(NumberType::kInt64)},
      {"float", Convert(NumberType::kFloat64)},
  };
  for (int i = 0; i < kNumNumberTypes; ++i) {
    const NumberType type = static_cast<NumberType>(i);
    all.emplace(NumberTypeName(type), Convert(type));
  }
  return all;
}

const FunctionsByName& Functions() {
  static const auto* functions = [] {
    auto* all = new FunctionsByName(NumberFunctions());
    all->merge(MathFunctions());
    all->merge(Conversions());
    return all;
  }();
  return *functions;
}

const FunctionsByName& BinaryOperators() {
  static const auto* operators = new FunctionsByName{
      {"+", Of(Rule::kArithmetic, 2, NumberOp::kAdd)},
      {"-", Of(Rule::kArithmetic, 2, NumberOp::kSubtract)},
      {"*", Of(Rule::kArithmetic, 2, NumberOp::kMultiply)},
      {"/", Of(Rule::kDivide, 2, NumberOp::kDivide)},
      {"//", Of(Rule::kFloorLike, 2, NumberOp::kFloorDivide)},
      {"%", Of(Rule::kFloorLike, 2, NumberOp::kRemainder)},
      {"**", Of(Rule::kPower, 2, NumberOp::kPower)},
      {"&", Of(Rule::kArithmetic, 2, NumberOp::kAnd)},
      {"|", Of(Rule::kArithmetic, 2, NumberOp::kOr)},
      {"^", Of(Rule::kArithmetic, 2, NumberOp::kXor)},
      {"<", Of(Rule::kCompare, 2, NumberOp::kLess)},
      {"<=", Of(Rule::kCompare, 2, NumberOp::kLessEqual)},
      {">", Of(Rule::kCompare, 2, NumberOp::kGreater)},
      {">=", Of(Rule::kCompare, 2, NumberOp::kGreaterEqual)},
      {"==", Of(Rule::kCompare, 2, NumberOp::kEqual)},
      {"!=", Of(Rule::kCompare, 2, NumberOp::kNotEqual)},
      {"and", Of(Rule::kLogical, 2, NumberOp::kAnd)},
      {"or", Of(Rule::kLogical, 2, NumberOp::kOr)},
  };
  return *operators;
}

const FunctionsByName& UnaryOperators() {
  static const auto* operators = new FunctionsByName{
      {"-", Of(Rule::kKeep, 1, NumberOp::kNegative)},
      {"~", Of(Rule::kKeep, 1, NumberOp::kInvert)},
      {"+", Of(Rule::kIdentity, 1, NumberOp::kAdd)},
      {"not", Of(Rule::kLogical, 1, NumberOp::kInvert)},
  };
  return *operators;
}

}  // namespace

const ExpressionFunction* FindFunction(absl::string_view name) {
  const auto found = Functions().find(name);
  return found == Functions().end() ? nullptr : &found->second;
}

std::string FunctionNames() {
  return absl::StrJoin(Functions(), " ",
                       [](std::string* out, const auto& entry) { out->append(entry.first); });
}

const ExpressionFunction& FindOperator(absl::string_view name, int num_operands) {
  return (num_operands == 2 ? BinaryOperators() : UnaryOperators()).find(name)->second;
}

absl::string_view HintForUndefined(absl::string_view name) {
  if (name == "^") return " (it is exclusive or, of bools and integers; a power is written **)";
  if (name == "&" || name == "|")
    return " (it takes bools and integers; put each comparison into parentheses)";
  if (name == "~" || name == "invert") return " (it takes bools and integers)";
  if (name == "-") return "; write ~ or ^, or convert it with int8(...)";
  return "";
}

}  // namespace mpaio
