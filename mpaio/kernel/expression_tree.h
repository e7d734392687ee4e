// SPDX-License-Identifier: Apache-2.0

// The syntax tree of an expression: its operations and their positions in the text.
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
    kOperator,  // `name` is the operator's text; one or two operands
    kCall,      // `name`, with any number of operands
  };
  Kind kind;
  std::string name = {};
  absl::int128 integer = 0;
  double real = 0;
  // Indices into the vector of nodes; operands precede the node that uses them.
  std::vector<int> operands = {};
  // Offset in the text, in bytes.
  int position = 0;
};

// Returns the nodes of an expression; the last one is the root.
//
// The syntax is numbers (1, 0x1f, 2.5, 1e-3), names, calls, parentheses and Python's operators with
// Python's precedence, from lowest to highest:
//   or
//   and
//   not
//   < <= > >= == !=
//   |
//   ^
//   &
//   + -
//   * / // %
//   - + ~ (one operand)
//   **
// Comparisons cannot be chained, as in numpy. The prefix "np." or "numpy." of a name is dropped.
//
// Errors: InvalidArgument: a syntax error, in the format of ExpressionError, or a text of more than
// 20,000 bytes.
absl::StatusOr<std::vector<ExpressionNode>> ParseExpression(absl::string_view text);

// Returns InvalidArgument "at character 5 of 'x + * y': `problem`". `position` is an offset in
// bytes, here 4; the message counts characters of UTF-8. A long text is shortened.
absl::Status ExpressionError(absl::string_view text, int position, absl::string_view problem);

}  // namespace mpaio

#endif  // MPAIO_KERNEL_EXPRESSION_TREE_H_
