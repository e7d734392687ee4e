// SPDX-License-Identifier: Apache-2.0

// Expressions over the elements of arrays, such as "sqrt(x) * sin(x)" or "where(x > 0, x, y) ** 2",
// with the types and results that numpy has.
//
//   MPAIO_ASSIGN_OR_RETURN(const Expression f, Expression::Compile("sqrt(x) + 1", {{"x",
//   NumberType::kFloat64}}));
//   f.Evaluate(inputs, count, output);   // as often as wanted; output holds count *
//                                        SizeBytes(f.type()) bytes
//
// What can be written, besides what expression_tree.h says:
//   constants    True False pi e inf nan (unless a variable has the name)
//   operators + - * / // % ** < <= > >= == != & | ^ ~ and or not (of any type: whether it is not 0)
//   of one       sqrt cbrt exp exp2 expm1 log log2 log10 log1p sin cos tan arcsin arccos arctan
//                sinh cosh tanh arcsinh arccosh arctanh abs absolute fabs sign floor ceil trunc
//                rint square reciprocal negative positive isnan isinf isfinite signbit logical_not
//                invert
//   of two       arctan2 hypot power minimum maximum fmin fmax copysign mod floor_mod remainder
//                floor_divide add subtract multiply divide logical_and logical_or logical_xor
//   of three     where(condition, a, b) clip(x, low, high)
//   conversions  bool int8 ... uint64 float16 float32 float64 int float, as astype
//
// Types are numpy 2's (NEP 50). A number that is written takes on the type of what it is combined
// with; where both are written, Python's rules hold. "x ^ 2" is exclusive or, as in numpy, and
// refused for floats.
//
// Results are numpy's to the bit for + - * / // %, comparisons, minima, roundings, sqrt and all of
// integers (which wrap; division by 0 is 0), except that int64 and uint64 are compared exactly. The
// functions of vector_math.h are within about 1 ulp of the exact result, and float32 and float16
// ones within 0.51 ulp. All are the same bits on every processor. x ** 2, ** 0.5, ** 1, ** 0 and **
// -1 of floats are square, sqrt and so on, as in numpy.
#ifndef MPAIO_KERNEL_EXPRESSION_H_
#define MPAIO_KERNEL_EXPRESSION_H_

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/numeric/int128.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "mpaio/base/index.h"
#include "mpaio/kernel/number_type.h"

namespace mpaio {

// Immutable, cheap to copy, and safe to evaluate on several threads at once.
class Expression {
 public:
  struct Variable {
    std::string name;
    NumberType type;
    // Between elements; 0 where they lie one after the other.
    Index stride_bytes = 0;
  };

  // `convert_to`: the type of the result, converted as by astype at the end. Errors:
  // InvalidArgument, with the place, for text that cannot be read, names that are not known,
  // operands that an operation does not take, constants that do not fit.
  static absl::StatusOr<Expression> Compile(absl::string_view text,
                                            const std::vector<Variable>& variables,
                                            std::optional<NumberType> convert_to = std::nullopt);

  // The same for a text that the user has not written: errors state the problem alone, and neither
  // place nor text.
  static absl::StatusOr<Expression> CompileGenerated(
      absl::string_view text, const std::vector<Variable>& variables,
      std::optional<NumberType> convert_to = std::nullopt);

  // The value of a text that is made of written integers alone, so that it takes on the type of
  // what it is combined with; nothing for any other text.
  static std::optional<absl::int128> WrittenInteger(absl::string_view text);

  NumberType type() const;

  // `inputs`: the first element of each variable, in the order given to Compile; aligned where the
  // stride is 0. Writes `count` elements of type() from `output` on, which is aligned and overlaps
  // no input. Errors: OutOfRange where an integer is raised to a negative power.
  absl::Status Evaluate(std::span<const std::byte* const> inputs, Index count,
                        std::byte* output) const;

  // Elements that are worked on at a time.
  static constexpr Index kBlock = 512;

 private:
  friend class ExpressionCompiler;
  struct Program;
  explicit Expression(std::shared_ptr<const Program> program) : program_(std::move(program)) {}
  std::shared_ptr<const Program> program_;
};

}  // namespace mpaio

#endif  // MPAIO_KERNEL_EXPRESSION_H_
