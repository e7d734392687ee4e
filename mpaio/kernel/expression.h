// SPDX-License-Identifier: Apache-2.0

// Expressions over the elements of arrays, such as "sqrt(x) * sin(x)" or "where(x > 0, x, y) ** 2",
// with the types and results of numpy.
//
//   MPAIO_ASSIGN_OR_RETURN(const Expression f,
//                          Expression::Compile("sqrt(x) + 1", {{"x", NumberType::kFloat64}}));
//   // Evaluate may be called repeatedly. `output` has count * SizeBytes(f.type()) bytes.
//   f.Evaluate(inputs, count, output);
//
// Syntax, in addition to that in expression_tree.h:
//   constants       True False pi e inf nan (unless a variable has the name)
//   operators       + - * / // % ** < <= > >= == != & | ^ ~ and or not
//                   (and, or, not take any type: a number is true if it is not 0)
//   one operand     sqrt cbrt exp exp2 expm1 log log2 log10 log1p sin cos tan arcsin arccos arctan
//                   sinh cosh tanh arcsinh arccosh arctanh abs absolute fabs sign floor ceil trunc
//                   rint square reciprocal negative positive isnan isinf isfinite signbit
//                   logical_not invert
//   two operands    arctan2 hypot power minimum maximum fmin fmax copysign mod floor_mod remainder
//                   floor_divide add subtract multiply divide logical_and logical_or logical_xor
//   three operands  where(condition, a, b) clip(x, low, high)
//   conversions     bool int8 ... uint64 float16 float32 float64 int float, as astype
//
// Types follow numpy 2 (NEP 50). A literal takes the type of the other operand; an operation on
// two literals follows Python's rules. "x ^ 2" is exclusive or, as in numpy, and an error for
// floats.
//
// Results are bit-identical to numpy's for + - * / // %, comparisons, minima, roundings, sqrt and
// all integer operations (integers wrap; division by 0 gives 0), except that int64 and uint64 are
// compared exactly. The functions of vector_math.h are within about 1 ulp of the exact result, and
// within 0.51 ulp for float32 and float16. All results have the same bits on every processor. As in
// numpy, x ** 2, x ** 0.5, x ** 1, x ** 0 and x ** -1 of floats are square, sqrt and so on.
#ifndef MPAIO_KERNEL_EXPRESSION_H_
#define MPAIO_KERNEL_EXPRESSION_H_

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "absl/numeric/int128.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "mpaio/base/index.h"
#include "mpaio/kernel/expression_variable.h"
#include "mpaio/kernel/number_type.h"

namespace mpaio {

struct ExpressionProgram;

// Immutable, cheap to copy, and safe to evaluate on several threads at once.
class Expression {
 public:
  using Variable = ExpressionVariable;

  // Compiles `text`. If `convert_to` is given, the result is converted to that type at the end, as
  // by astype. Errors: InvalidArgument, with the position in the text, for a syntax error, an
  // unknown name, an operand type that an operation does not support, or a constant that does not
  // fit its type.
  static absl::StatusOr<Expression> Compile(absl::string_view text,
                                            const std::vector<Variable>& variables,
                                            std::optional<NumberType> convert_to = std::nullopt);

  // The same for a text that a worker generates: errors contain only the problem, because the user
  // has not seen the text.
  static absl::StatusOr<Expression> CompileGenerated(
      absl::string_view text, const std::vector<Variable>& variables,
      std::optional<NumberType> convert_to = std::nullopt);

  // Returns the value of an expression that consists of integer literals, such as "2 ** 10", and
  // therefore has no type of its own; nullopt for any other text.
  static std::optional<absl::int128> IntegerLiteral(absl::string_view text);

  NumberType type() const;

  // Writes `count` elements of type() to `output`, which is aligned and overlaps no input. `inputs`
  // points to the first element of each variable, in the order of Compile. Errors: OutOfRange if an
  // integer is raised to a negative power; the contents of `output` are then undefined.
  absl::Status Evaluate(std::span<const std::byte* const> inputs, Index count,
                        std::byte* output) const;

  // Elements per block of the evaluation.
  static constexpr Index kBlock = kExpressionBlock;

 private:
  friend class ExpressionCompiler;
  explicit Expression(std::shared_ptr<const ExpressionProgram> program)
      : program_(std::move(program)) {}
  std::shared_ptr<const ExpressionProgram> program_;
};

}  // namespace mpaio

#endif  // MPAIO_KERNEL_EXPRESSION_H_
