// SPDX-License-Identifier: Apache-2.0

// What the text of an expression says: its operations, each with where it stands.
#ifndef MPAIO_KERNEL_EXPRESSION_TREE_H_
#define MPAIO_KERNEL_EXPRESSION_TREE_H_

#include <string>
#include <vector>

#include "absl/numeric/int128.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace mpaio {

struct ExpressionNode {
  enum class Kind {
    kInteger,   // `integer`, from 0 to 2^64 - 1
    kReal,      // `real`
    kName,      // `name`
    kOperator,  // `name` as it is written, with one or two operands
    kCall,      // `name`, with any number of operands
  };
  Kind kind;
  std::string name = {};
  absl::int128 integer = 0;
  double real = 0;
  // Positions in the vector of nodes; operands stand before what uses them.
  std::vector<int> operands = {};
  // Bytes of the text before it.
  int position = 0;
};

// The nodes of an expression; the last one is the whole of it.
//
// numbers (1, 0x1f, 2.5, 1e-3), names, calls, parentheses, and the operators of Python, which bind
// as there; from the loosest to the tightest:
//   or and not < <= > >= == != | ^ & + - * / // % - + ~ (of one operand) **
// Comparisons are not chained, as they are not in numpy. "np." in front of a name is dropped.
//
// Errors: InvalidArgument, as ExpressionError gives it.
absl::StatusOr<std::vector<ExpressionNode>> ParseExpression(absl::string_view text);

// "at character 5 of 'x + + y)': `problem`".
absl::Status ExpressionError(absl::string_view text, int position, absl::string_view problem);

}  // namespace mpaio

#endif  // MPAIO_KERNEL_EXPRESSION_TREE_H_
