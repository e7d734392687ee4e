// SPDX-License-Identifier: Apache-2.0

// Assigns types to the nodes of an expression and generates the steps of its program.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <utility>

#include "absl/numeric/int128.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "mpaio/base/status_macros.h"
#include "mpaio/kernel/expression_program.h"
#include "mpaio/kernel/expression_tree.h"
#include "mpaio/kernel/number_loops.h"
#include "mpaio/kernel/vector_math.h"

namespace mpaio {
namespace {

using absl::int128;
using Place = ProgramOperand::Place;
using Kind = ExpressionNode::Kind;

// Integer literals, and results computed from them, have a sign and a magnitude of up to 64 bits.
constexpr int128 kLargest = int128{std::numeric_limits<std::uint64_t>::max()};

// The value of a node: typed elements, or a literal that has no type yet.
struct Value {
  enum class Strength { kTyped, kInteger, kReal };
  Strength strength = Strength::kTyped;
  NumberType type = NumberType::kBool;
  ProgramOperand operand = {};
  int128 integer = 0;
  double real = 0;

  bool is_typed() const { return strength == Strength::kTyped; }
  double AsReal() const {
    return strength == Strength::kReal ? real : static_cast<double>(integer);
  }
};

Value IntegerLiteral(int128 integer) {
  return {Value::Strength::kInteger, NumberType::kInt64, {}, integer, 0};
}
Value RealLiteral(double real) {
  return {Value::Strength::kReal, NumberType::kFloat64, {}, 0, real};
}

// How a function or an operator chooses its loop and the type in which it computes.
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

struct Function {
  Rule rule;
  int num_operands;
  NumberOp op = NumberOp::kAdd;
  MathFunction math = MathFunction::kSin;
  MathFunction2 math2 = MathFunction2::kPower;
  NumberType type = NumberType::kBool;
};

Function Of(Rule rule, int num_operands, NumberOp op) { return {rule, num_operands, op}; }
Function Math(MathFunction function) { return {Rule::kMath, 1, NumberOp::kAdd, function}; }
Function Math2(MathFunction2 function) {
  return {Rule::kMath2, 2, NumberOp::kAdd, MathFunction::kSin, function};
}
Function Convert(NumberType type) {
  return {Rule::kConvert, 1, NumberOp::kAdd, MathFunction::kSin, MathFunction2::kPower, type};
}

const std::map<std::string, Function, std::less<>>& Functions() {
  static const auto* functions = [] {
    auto* all = new std::map<std::string, Function, std::less<>>{
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
        {"positive", {Rule::kIdentity, 1}},
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
        {"power", {Rule::kPower, 2}},
        {"where", {Rule::kSelect, 3}},
        {"clip", {Rule::kClip, 3}},
        {"cbrt", Math(MathFunction::kCbrt)},
        {"exp", Math(MathFunction::kExp)},
        {"exp2", Math(MathFunction::kExp2)},
        {"expm1", Math(MathFunction::kExpm1)},
        {"log", Math(MathFunction::kLog)},
        {"log2", Math(MathFunction::kLog2)},
        {"log10", Math(MathFunction::kLog10)},
        {"log1p", Math(MathFunction::kLog1p)},
        {"sin", Math(MathFunction::kSin)},
        {"cos", Math(MathFunction::kCos)},
        {"tan", Math(MathFunction::kTan)},
        {"arcsin", Math(MathFunction::kArcsin)},
        {"arccos", Math(MathFunction::kArccos)},
        {"arctan", Math(MathFunction::kArctan)},
        {"sinh", Math(MathFunction::kSinh)},
        {"cosh", Math(MathFunction::kCosh)},
        {"tanh", Math(MathFunction::kTanh)},
        {"arcsinh", Math(MathFunction::kArcsinh)},
        {"arccosh", Math(MathFunction::kArccosh)},
        {"arctanh", Math(MathFunction::kArctanh)},
        {"arctan2", Math2(MathFunction2::kArctan2)},
        {"hypot", Math2(MathFunction2::kHypot)},
        {"int", Convert(NumberType::kInt64)},
        {"float", Convert(NumberType::kFloat64)},
    };
    for (int i = 0; i < kNumNumberTypes; ++i) {
      const NumberType type = static_cast<NumberType>(i);
      all->emplace(std::string(NumberTypeName(type)), Convert(type));
    }
    return all;
  }();
  return *functions;
}

const std::map<std::string, Function, std::less<>>& BinaryOperators() {
  static const auto* operators = new std::map<std::string, Function, std::less<>>{
      {"+", Of(Rule::kArithmetic, 2, NumberOp::kAdd)},
      {"-", Of(Rule::kArithmetic, 2, NumberOp::kSubtract)},
      {"*", Of(Rule::kArithmetic, 2, NumberOp::kMultiply)},
      {"/", Of(Rule::kDivide, 2, NumberOp::kDivide)},
      {"//", Of(Rule::kFloorLike, 2, NumberOp::kFloorDivide)},
      {"%", Of(Rule::kFloorLike, 2, NumberOp::kRemainder)},
      {"**", {Rule::kPower, 2}},
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

const std::map<std::string, Function, std::less<>>& UnaryOperators() {
  static const auto* operators = new std::map<std::string, Function, std::less<>>{
      {"-", Of(Rule::kKeep, 1, NumberOp::kNegative)},
      {"~", Of(Rule::kKeep, 1, NumberOp::kInvert)},
      {"+", {Rule::kIdentity, 1}},
      {"not", Of(Rule::kLogical, 1, NumberOp::kInvert)},
  };
  return *operators;
}

// Returns advice for a function or operator that has no loop for a type.
std::string Hint(const std::string& name) {
  if (name == "^") return " (it is exclusive or, of bools and integers; a power is written **)";
  if (name == "&" || name == "|")
    return " (it takes bools and integers; put each comparison into parentheses)";
  if (name == "~" || name == "invert") return " (it takes bools and integers)";
  if (name == "-") return "; write ~ or ^, or convert it with int8(...)";
  return "";
}

}  // namespace

class ExpressionCompiler {
 public:
  // `is_shown`: true if errors contain the text.
  ExpressionCompiler(absl::string_view text, const std::vector<Expression::Variable>& variables,
                     bool is_shown)
      : text_(text), is_shown_(is_shown) {
    program_.variables = variables;
    if (is_shown) program_.text = std::string(text);
    loaded_.resize(variables.size());
  }

  absl::StatusOr<Expression> Compile(std::optional<NumberType> convert_to) {
    MPAIO_ASSIGN_OR_RETURN(Value result, Evaluate());
    if (!result.is_typed()) {
      MPAIO_ASSIGN_OR_RETURN(result, Typed(result));
    }
    if (convert_to.has_value()) result = Cast(result, *convert_to);
    program_.type = result.type;
    program_.result = result.operand;
    Finish();
    return Expression(std::make_shared<const Expression::Program>(std::move(program_)));
  }

  std::optional<int128> EvaluateInteger() {
    const absl::StatusOr<Value> value = Evaluate();
    if (!value.ok() || value->strength != Value::Strength::kInteger) return std::nullopt;
    return value->integer;
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
        return IntegerLiteral(node_->integer);
      case Kind::kReal:
        return RealLiteral(node_->real);
      case Kind::kName:
        return VisitName();
      case Kind::kOperator:
        return Apply((node_->operands.size() == 2 ? BinaryOperators() : UnaryOperators())
                         .find(node_->name)
                         ->second);
      case Kind::kCall:
        break;
    }
    const auto found = Functions().find(node_->name);
    if (found == Functions().end()) {
      return Error(absl::StrCat(
          "there is no function '", node_->name, "'; the functions are ",
          absl::StrJoin(Functions(), " ",
                        [](std::string* out, const auto& entry) { out->append(entry.first); })));
    }
    const std::size_t wanted = static_cast<std::size_t>(found->second.num_operands);
    if (node_->operands.size() != wanted) {
      return Error(absl::StrCat(node_->name, " takes ", wanted,
                                wanted == 1 ? " operand" : " operands", ", not ",
                                node_->operands.size()));
    }
    return Apply(found->second);
  }

  absl::StatusOr<Value> VisitName() {
    const std::string& name = node_->name;
    for (std::size_t i = 0; i < program_.variables.size(); ++i) {
      const Expression::Variable& variable = program_.variables[i];
      if (variable.name != name) continue;
      if (loaded_[i].place == Place::kNone) {
        const ProgramOperand input{Place::kInput, static_cast<int>(i)};
        if (SizeBytes(variable.type) == 8 && variable.stride_bytes == 0) {
          loaded_[i] = input;
        } else {
          loaded_[i] = NewRegister();
          program_.steps.push_back(
              {nullptr, FindLoadLoop(variable.type), false, {input}, loaded_[i]});
        }
      }
      return Value{Value::Strength::kTyped, variable.type, loaded_[i], 0, 0};
    }
    if (name == "True" || name == "False")
      return Constant(NumberType::kBool, std::uint8_t{name == "True"});
    if (name == "pi") return RealLiteral(3.141592653589793238462643);
    if (name == "e") return RealLiteral(2.718281828459045235360287);
    if (name == "inf") return RealLiteral(std::numeric_limits<double>::infinity());
    if (name == "nan") return RealLiteral(std::numeric_limits<double>::quiet_NaN());
    if (Functions().count(name) != 0)
      return Error(absl::StrCat("'", name, "' is a function: write ", name, "(...)"));
    return Error(absl::StrCat(
        "there is no variable '", name, "'; the variables are ",
        absl::StrJoin(program_.variables, ", ",
                      [](std::string* out, const auto& variable) { out->append(variable.name); })));
  }

  const Value& Operand(std::size_t i) const {
    return values_[static_cast<std::size_t>(node_->operands[i])];
  }

  // --- Steps ---

  ProgramOperand NewRegister() { return {Place::kRegister, program_.num_registers++}; }

  template <typename T>
  Value Constant(NumberType type, T wide) {
    NumberBlock& block = program_.constants.emplace_back();
    T* numbers = reinterpret_cast<T*>(block.bytes);
    std::fill(numbers, numbers + Expression::kBlock, wide);
    return {Value::Strength::kTyped,
            type,
            {Place::kConstant, static_cast<int>(program_.constants.size()) - 1},
            0,
            0};
  }

  // Adds a step that runs `loop`. If all operands are constants, computes the result at once
  // instead.
  ProgramOperand Run(NumberLoop loop, ProgramOperand a, ProgramOperand b = {},
                     ProgramOperand c = {}) {
    const auto is_constant = [](ProgramOperand operand) {
      return operand.place == Place::kConstant || operand.place == Place::kNone;
    };
    if (!is_constant(a) || !is_constant(b) || !is_constant(c)) {
      const ProgramOperand result = NewRegister();
      program_.steps.push_back({loop, nullptr, false, {a, b, c}, result});
      return result;
    }
    program_.constants.emplace_back();
    const auto address = [&](ProgramOperand operand) -> const void* {
      return operand.place == Place::kNone
                 ? nullptr
                 : program_.constants[static_cast<std::size_t>(operand.index)].bytes;
    };
    loop(address(a), address(b), address(c), program_.constants.back().bytes, Expression::kBlock);
    return {Place::kConstant, static_cast<int>(program_.constants.size()) - 1};
  }

  Value Narrowed(NumberType type, ProgramOperand operand) {
    const NumberLoop narrow = FindNarrowLoop(type);
    return {Value::Strength::kTyped, type, narrow == nullptr ? operand : Run(narrow, operand), 0,
            0};
  }

  Value Cast(const Value& value, NumberType type) {
    const NumberLoop cast = FindCastLoop(value.type, type);
    return {Value::Strength::kTyped, type,
            cast == nullptr ? value.operand : Run(cast, value.operand), 0, 0};
  }

  // --- Types ---

  // Gives a literal the type that numpy gives it as an array.
  absl::StatusOr<Value> Typed(const Value& value) {
    if (value.is_typed()) return value;
    if (value.strength == Value::Strength::kReal) return Constant(NumberType::kFloat64, value.real);
    const bool needs_uint = value.integer > int128{std::numeric_limits<std::int64_t>::max()};
    return As(value, needs_uint ? NumberType::kUint64 : NumberType::kInt64);
  }

  // Converts any value to `type`, the type that its operation computes in.
  absl::StatusOr<Value> As(const Value& value, NumberType type) {
    if (value.is_typed()) return Cast(value, type);
    if (IsFloat(type))
      return Narrowed(type, Constant(NumberType::kFloat64, value.AsReal()).operand);
    if (value.strength == Value::Strength::kReal)
      return Cast(Constant(NumberType::kFloat64, value.real), type);
    if (IsBool(type)) return Constant(type, std::uint8_t{value.integer != 0});
    const int bits = static_cast<int>(8 * SizeBytes(type));
    const int128 largest = (int128{1} << (IsSigned(type) ? bits - 1 : bits)) - 1;
    const int128 smallest = IsSigned(type) ? -largest - 1 : int128{0};
    if (value.integer < smallest || value.integer > largest) {
      return Error(absl::StrCat(
          "the number ", Text(value.integer), " does not fit ", NumberTypeName(type),
          is_shown_ ? ", the type of the other operand; convert that operand, for example with "
                      "int64(...) or float64(...)"
                    : ", the type of the array; convert that first, with the worker astype"));
    }
    if (IsSigned(type)) return Constant(type, static_cast<std::int64_t>(value.integer));
    return Constant(type, static_cast<std::uint64_t>(value.integer));
  }

  static std::string Text(int128 integer) {
    const bool is_negative = integer < 0;
    return absl::StrCat(is_negative ? "-" : "",
                        static_cast<std::uint64_t>(is_negative ? -integer : integer));
  }

  // Returns the common type of operands; literals take that type. Precondition: one of them has a
  // type.
  static NumberType CommonType(const std::vector<Value>& values) {
    std::optional<NumberType> type;
    for (const Value& value : values) {
      if (value.is_typed()) type = type.has_value() ? Promote(*type, value.type) : value.type;
    }
    for (const Value& value : values) {
      if (value.strength == Value::Strength::kInteger && IsBool(*type)) type = NumberType::kInt64;
    }
    for (const Value& value : values) {
      if (value.strength == Value::Strength::kReal && !IsFloat(*type)) type = NumberType::kFloat64;
    }
    return *type;
  }

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
                              " is not defined for ", NumberTypeName(type), Hint(node_->name)));
  }

  // --- Operations ---

  absl::StatusOr<Value> Apply(const Function& function) {
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
        return InType(function.op, values, NotBool(CommonType(values)));
      case Rule::kDivide: {
        const NumberType type = CommonType(values);
        return InType(function.op, values, IsFloat(type) ? type : NumberType::kFloat64);
      }
      case Rule::kCompare:
        return Compare(function.op, values);
      case Rule::kLogical: {
        std::vector<ProgramOperand> truths(2);
        for (std::size_t i = 0; i < values.size(); ++i) {
          MPAIO_ASSIGN_OR_RETURN(const Value typed, Typed(values[i]));
          truths[i] = Cast(typed, NumberType::kBool).operand;
        }
        return Value{Value::Strength::kTyped, NumberType::kBool,
                     Run(FindNumberLoop(function.op, NumberType::kBool), truths[0], truths[1]), 0,
                     0};
      }
      case Rule::kFloat:
        return InType(function.op, values, FloatType(values));
      case Rule::kRound:
        if (!IsFloat(values[0].type)) return values[0];
        return InType(function.op, values, values[0].type);
      case Rule::kKeep:
        if (function.op == NumberOp::kAbsolute && IsUnsigned(values[0].type)) return values[0];
        return InType(function.op, values, values[0].type);
      case Rule::kTest: {
        const NumberLoop loop = FindNumberLoop(function.op, values[0].type);
        return Value{Value::Strength::kTyped, NumberType::kBool, Run(loop, values[0].operand), 0,
                     0};
      }
      case Rule::kMath:
      case Rule::kMath2:
        return Mathematical(function, values);
      case Rule::kSelect:
        return Select(values);
      case Rule::kClip: {
        const NumberType type = NotBool(CommonType(values));
        MPAIO_ASSIGN_OR_RETURN(const Value raised,
                               InType(NumberOp::kMaximum, {values[0], values[1]}, type));
        return InType(NumberOp::kMinimum, {raised, values[2]}, type);
      }
      case Rule::kPower:
        return Power(values);
      case Rule::kIdentity:
        return values[0];
      case Rule::kConvert:
        return Cast(values[0], function.type);
    }
    return Error("unknown rule");
  }

  static NumberType NotBool(NumberType type) { return IsBool(type) ? NumberType::kInt8 : type; }

  static NumberType FloatType(const std::vector<Value>& values) {
    // Each small integer type becomes its small float type, and an integer literal takes the type
    // of the other operand.
    std::optional<NumberType> type;
    bool any_real = false;
    for (const Value& value : values) {
      any_real = any_real || value.strength == Value::Strength::kReal;
      if (value.is_typed())
        type = type.has_value() ? std::max(*type, FloatOf(value.type)) : FloatOf(value.type);
    }
    const NumberType common = CommonType(values);
    if (any_real) return common;
    return IsBool(values[0].type) && common == NumberType::kInt64 ? NumberType::kFloat64 : *type;
  }

  absl::StatusOr<Value> InType(NumberOp op, const std::vector<Value>& values, NumberType type) {
    const NumberLoop loop = FindNumberLoop(op, type);
    if (loop == nullptr ||
        (IsBool(type) && (op == NumberOp::kSubtract || op == NumberOp::kNegative)))
      return NoLoop(type);
    std::vector<ProgramOperand> operands(2);
    for (std::size_t i = 0; i < values.size(); ++i) {
      MPAIO_ASSIGN_OR_RETURN(const Value value, As(values[i], type));
      operands[i] = value.operand;
    }
    return Narrowed(type, Run(loop, operands[0], operands[1]));
  }

  absl::StatusOr<Value> Compare(NumberOp op, const std::vector<Value>& values) {
    // Integers of any types are compared exactly, even with a literal that does not fit the other
    // type.
    const auto is_exact = [](const Value& value) {
      return value.strength == Value::Strength::kInteger ||
             (value.is_typed() && !IsFloat(value.type));
    };
    NumberType type = CommonType(values);
    if (!is_exact(values[0]) || !is_exact(values[1])) {
      MPAIO_ASSIGN_OR_RETURN(Value result, CompareInType(op, values, type));
      return result;
    }
    std::vector<Value> exact(2);
    for (std::size_t i = 0; i < 2; ++i) {
      MPAIO_ASSIGN_OR_RETURN(exact[i], Typed(values[i]));
    }
    if (IsBool(exact[0].type) && IsBool(exact[1].type))
      return CompareInType(op, exact, NumberType::kBool);
    for (std::size_t i = 0; i < 2; ++i) {
      exact[i] =
          Cast(exact[i], IsUnsigned(exact[i].type) ? NumberType::kUint64 : NumberType::kInt64);
    }
    if (exact[0].type == exact[1].type) return CompareInType(op, exact, exact[0].type);
    if (IsUnsigned(exact[0].type)) {
      std::swap(exact[0], exact[1]);
      op = op == NumberOp::kLess           ? NumberOp::kGreater
           : op == NumberOp::kGreater      ? NumberOp::kLess
           : op == NumberOp::kLessEqual    ? NumberOp::kGreaterEqual
           : op == NumberOp::kGreaterEqual ? NumberOp::kLessEqual
                                           : op;
    }
    return Value{Value::Strength::kTyped, NumberType::kBool,
                 Run(FindMixedComparison(op), exact[0].operand, exact[1].operand), 0, 0};
  }

  absl::StatusOr<Value> CompareInType(NumberOp op, const std::vector<Value>& values,
                                      NumberType type) {
    MPAIO_ASSIGN_OR_RETURN(const Value a, As(values[0], type));
    MPAIO_ASSIGN_OR_RETURN(const Value b, As(values[1], type));
    return Value{Value::Strength::kTyped, NumberType::kBool,
                 Run(FindNumberLoop(op, type), a.operand, b.operand), 0, 0};
  }

  absl::StatusOr<Value> Mathematical(const Function& function, const std::vector<Value>& values) {
    const NumberType type = FloatType(values);
    std::vector<ProgramOperand> operands(2);
    for (std::size_t i = 0; i < values.size(); ++i) {
      MPAIO_ASSIGN_OR_RETURN(const Value value, As(values[i], type));
      operands[i] = value.operand;
    }
    const NumberLoop loop = function.rule == Rule::kMath ? FindNumberLoop(function.math)
                                                         : FindNumberLoop(function.math2);
    return Narrowed(type, Run(loop, operands[0], operands[1]));
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
    return Value{Value::Strength::kTyped, type,
                 Run(FindSelectLoop(WideTypeOf(type)), Cast(condition, NumberType::kBool).operand,
                     yes.operand, no.operand),
                 0, 0};
  }

  absl::StatusOr<Value> Power(const std::vector<Value>& values) {
    const NumberType type = NotBool(CommonType(values));
    const Value& exponent = values[1];
    const bool is_literal = !exponent.is_typed();
    if (!IsFloat(type)) {
      if (is_literal && exponent.integer < 0) {
        return Error(
            "an integer to a negative power is not an integer; convert it, for example with "
            "float64(...)");
      }
      if (exponent.is_typed() && IsSigned(exponent.type)) {
        ProgramStep check;
        check.checks_exponents = true;
        check.operands[0] = exponent.operand;
        program_.steps.push_back(check);
      }
      return InType(NumberOp::kPower, values, type);
    }
    if (is_literal && node_->kind == Kind::kOperator && IsFloat(values[0].type)) {
      const double real = exponent.AsReal();
      if (real == 2) return InType(NumberOp::kSquare, {values[0]}, type);
      if (real == 0.5) return InType(NumberOp::kSqrt, {values[0]}, type);
      if (real == -1) return InType(NumberOp::kReciprocal, {values[0]}, type);
      if (real == 1) return values[0];
      if (real == 0) return As(IntegerLiteral(1), type);
    }
    return InType(NumberOp::kPower, values, type);
  }

  // --- Literals, by Python's rules ---

  absl::StatusOr<Value> FoldLiterals(const Function& function) {
    const std::string& name = node_->name;
    const Value& a = Operand(0);
    if (node_->operands.size() == 1) {
      if (name == "+") return a;
      if (a.strength == Value::Strength::kReal) {
        if (name == "~") return NoLoop(NumberType::kFloat64);
        return RealLiteral(-a.real);
      }
      return Checked(name == "~" ? -a.integer - 1 : -a.integer);
    }
    const Value& b = Operand(1);
    if (function.rule == Rule::kCompare) {
      MPAIO_ASSIGN_OR_RETURN(const Value typed_a, Typed(a));
      MPAIO_ASSIGN_OR_RETURN(const Value typed_b, Typed(b));
      return Compare(function.op, {typed_a, typed_b});
    }
    const bool are_integers =
        a.strength == Value::Strength::kInteger && b.strength == Value::Strength::kInteger;
    if ((name == "/" || name == "//" || name == "%") && b.AsReal() == 0)
      return Error("division by the number 0");
    if (are_integers && name != "/" && !(name == "**" && b.integer < 0))
      return FoldIntegers(name, a.integer, b.integer);
    if (name == "&" || name == "|" || name == "^") return NoLoop(NumberType::kFloat64);
    const NumberOp op = name == "**" ? NumberOp::kPower : function.op;
    const double x = a.AsReal(), y = b.AsReal();
    if (name == "**" && x < 0 && y != std::floor(y))
      return Error("a negative number to a power that is not an integer is not a real number");
    double z = 0;
    FindNumberLoop(op, NumberType::kFloat64)(&x, &y, nullptr, &z, 1);
    return RealLiteral(z);
  }

  absl::StatusOr<Value> Checked(int128 integer) const {
    if (integer > kLargest || integer < -kLargest)
      return Error(
          "the result does not fit an integer of 64 bits; write an operand with a decimal point to "
          "compute with floats");
    return IntegerLiteral(integer);
  }

  absl::StatusOr<Value> FoldIntegers(const std::string& name, int128 a, int128 b) const {
    if (name == "+") return Checked(a + b);
    if (name == "-") return Checked(a - b);
    if (name == "&") return Checked(a & b);
    if (name == "|") return Checked(a | b);
    if (name == "^") return Checked(a ^ b);
    if (name == "*") return Product(a, b);
    if (name == "**") {
      if (a == 0 || a == 1 || b == 0) return IntegerLiteral(b == 0 ? 1 : a);
      if (a == -1) return IntegerLiteral(b % 2 == 0 ? 1 : -1);
      int128 power = 1;
      for (int128 i = 0; i < b; ++i) {
        MPAIO_ASSIGN_OR_RETURN(const Value product, Product(power, a));
        power = product.integer;
      }
      return IntegerLiteral(power);
    }
    const int128 remainder = a % b;
    const bool is_off = remainder != 0 && (remainder < 0) != (b < 0);
    return IntegerLiteral(name == "%" ? (is_off ? remainder + b : remainder)
                                      : a / b - (is_off ? 1 : 0));
  }

  // The magnitudes have up to 64 bits, so that their product could overflow an int128.
  absl::StatusOr<Value> Product(int128 a, int128 b) const {
    if (std::fabs(static_cast<double>(a) * static_cast<double>(b)) > 0x1p66)
      return Checked(kLargest + 1);
    return Checked(a * b);
  }

  // --- Loops and registers ---

  NumberLoop FindNumberLoop(NumberOp op, NumberType type) const {
    return ::mpaio::FindNumberLoop(op, type);
  }

  template <MathFunction kFunction>
  static void MathStep(const void* a, const void*, const void*, void* out, Index count) {
    static const MathLoop kLoop = FindMathLoop(kFunction);
    kLoop(static_cast<const double*>(a), static_cast<double*>(out), count);
  }
  template <MathFunction2 kFunction>
  static void MathStep(const void* a, const void* b, const void*, void* out, Index count) {
    static const MathLoop2 kLoop = FindMathLoop(kFunction);
    kLoop(static_cast<const double*>(a), static_cast<const double*>(b), static_cast<double*>(out),
          count);
  }

  static NumberLoop FindNumberLoop(MathFunction function) {
    switch (function) {
      case MathFunction::kSin:
        return MathStep<MathFunction::kSin>;
      case MathFunction::kCos:
        return MathStep<MathFunction::kCos>;
      case MathFunction::kTan:
        return MathStep<MathFunction::kTan>;
      case MathFunction::kArcsin:
        return MathStep<MathFunction::kArcsin>;
      case MathFunction::kArccos:
        return MathStep<MathFunction::kArccos>;
      case MathFunction::kArctan:
        return MathStep<MathFunction::kArctan>;
      case MathFunction::kSinh:
        return MathStep<MathFunction::kSinh>;
      case MathFunction::kCosh:
        return MathStep<MathFunction::kCosh>;
      case MathFunction::kTanh:
        return MathStep<MathFunction::kTanh>;
      case MathFunction::kArcsinh:
        return MathStep<MathFunction::kArcsinh>;
      case MathFunction::kArccosh:
        return MathStep<MathFunction::kArccosh>;
      case MathFunction::kArctanh:
        return MathStep<MathFunction::kArctanh>;
      case MathFunction::kExp:
        return MathStep<MathFunction::kExp>;
      case MathFunction::kExp2:
        return MathStep<MathFunction::kExp2>;
      case MathFunction::kExpm1:
        return MathStep<MathFunction::kExpm1>;
      case MathFunction::kLog:
        return MathStep<MathFunction::kLog>;
      case MathFunction::kLog2:
        return MathStep<MathFunction::kLog2>;
      case MathFunction::kLog10:
        return MathStep<MathFunction::kLog10>;
      case MathFunction::kLog1p:
        return MathStep<MathFunction::kLog1p>;
      case MathFunction::kCbrt:
        return MathStep<MathFunction::kCbrt>;
    }
    return nullptr;
  }
  static NumberLoop FindNumberLoop(MathFunction2 function) {
    return function == MathFunction2::kArctan2 ? MathStep<MathFunction2::kArctan2>
                                               : MathStep<MathFunction2::kHypot>;
  }

  // Lets the last step write to the output if possible, and lets steps reuse registers that are no
  // longer needed.
  void Finish() {
    const bool is_wide = SizeBytes(program_.type) == 8 || IsBool(program_.type);
    if (is_wide && program_.result.place == Place::kRegister &&
        program_.steps.back().result.place == Place::kRegister &&
        program_.steps.back().result.index == program_.result.index) {
      program_.result = program_.steps.back().result = {Place::kOutput, 0};
    }
    std::vector<int> last_use(static_cast<std::size_t>(program_.num_registers), -1);
    const int num_steps = static_cast<int>(program_.steps.size());
    for (int i = 0; i < num_steps; ++i) {
      for (const ProgramOperand& operand : program_.steps[static_cast<std::size_t>(i)].operands) {
        if (operand.place == Place::kRegister)
          last_use[static_cast<std::size_t>(operand.index)] = i;
      }
    }
    if (program_.result.place == Place::kRegister)
      last_use[static_cast<std::size_t>(program_.result.index)] = num_steps;
    std::vector<int> assigned(last_use.size(), -1);
    std::vector<int> free;
    int num_registers = 0;
    for (int i = 0; i < num_steps; ++i) {
      ProgramStep& step = program_.steps[static_cast<std::size_t>(i)];
      std::vector<int> done;
      for (ProgramOperand& operand : step.operands) {
        if (operand.place != Place::kRegister) continue;
        const std::size_t virtual_register = static_cast<std::size_t>(operand.index);
        operand.index = assigned[virtual_register];
        if (last_use[virtual_register] == i &&
            std::find(done.begin(), done.end(), operand.index) == done.end())
          done.push_back(operand.index);
      }
      if (step.result.place == Place::kRegister) {
        // Not a register of an operand: a loop's result must not overlap its operands.
        const std::size_t virtual_register = static_cast<std::size_t>(step.result.index);
        if (free.empty()) free.push_back(num_registers++);
        step.result.index = assigned[virtual_register] = free.back();
        free.pop_back();
        if (last_use[virtual_register] < 0) free.push_back(step.result.index);
      }
      free.insert(free.end(), done.begin(), done.end());
    }
    if (program_.result.place == Place::kRegister)
      program_.result.index = assigned[static_cast<std::size_t>(program_.result.index)];
    program_.num_registers = num_registers;
  }

  absl::string_view text_;
  bool is_shown_;
  Expression::Program program_;
  // The location of each variable as wide numbers, once it has been loaded.
  std::vector<ProgramOperand> loaded_;
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

std::optional<absl::int128> Expression::WrittenInteger(absl::string_view text) {
  return ExpressionCompiler(text, {}, /*is_shown=*/false).EvaluateInteger();
}

}  // namespace mpaio
