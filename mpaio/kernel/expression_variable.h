// SPDX-License-Identifier: Apache-2.0

// The inputs of an expression.
#ifndef MPAIO_KERNEL_EXPRESSION_VARIABLE_H_
#define MPAIO_KERNEL_EXPRESSION_VARIABLE_H_

#include <string>

#include "mpaio/base/index.h"
#include "mpaio/kernel/number_type.h"

namespace mpaio {

struct ExpressionVariable {
  std::string name;
  NumberType type;
  // Distance between elements; 0 if they are contiguous and aligned.
  Index stride_bytes = 0;
};

// Elements that an expression is evaluated for at once.
inline constexpr Index kExpressionBlock = 512;

}  // namespace mpaio

#endif  // MPAIO_KERNEL_EXPRESSION_VARIABLE_H_
