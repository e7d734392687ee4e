// SPDX-License-Identifier: Apache-2.0
#include "mpaio/kernel/expression_value.h"

#include <algorithm>

namespace mpaio {

NumberType CommonType(const std::vector<ExpressionValue>& values) {
  std::optional<NumberType> type;
  for (const ExpressionValue& value : values) {
    if (value.is_typed()) type = type.has_value() ? Promote(*type, value.type) : value.type;
  }
  for (const ExpressionValue& value : values) {
    if (value.is_integer_literal() && IsBool(*type)) type = NumberType::kInt64;
  }
  for (const ExpressionValue& value : values) {
    if (value.is_real_literal() && !IsFloat(*type)) type = NumberType::kFloat64;
  }
  return *type;
}

NumberType CommonFloatType(const std::vector<ExpressionValue>& values) {
  // An integer literal takes the type of the other operand.
  std::optional<NumberType> type;
  bool any_real = false;
  for (const ExpressionValue& value : values) {
    any_real = any_real || value.is_real_literal();
    if (value.is_typed())
      type = type.has_value() ? std::max(*type, FloatOf(value.type)) : FloatOf(value.type);
  }
  const NumberType common = CommonType(values);
  if (any_real) return common;
  return IsBool(values[0].type) && common == NumberType::kInt64 ? NumberType::kFloat64 : *type;
}

bool IsInRange(absl::int128 integer, NumberType type) {
  const int bits = static_cast<int>(8 * SizeBytes(type));
  const absl::int128 largest = (absl::int128{1} << (IsSigned(type) ? bits - 1 : bits)) - 1;
  const absl::int128 smallest = IsSigned(type) ? -largest - 1 : absl::int128{0};
  return smallest <= integer && integer <= largest;
}

}  // namespace mpaio
