// SPDX-License-Identifier: Apache-2.0
#include "mpaio/kernel/expression_functions.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "gtest/gtest.h"

namespace mpaio {
namespace {

using Rule = ExpressionFunction::Rule;

TEST(ExpressionFunctionsTest, NamesAreSortedAndKnown) {
  const std::vector<std::string> names = absl::StrSplit(FunctionNames(), ' ');
  EXPECT_TRUE(std::is_sorted(names.begin(), names.end()));
  for (const std::string& name : names) EXPECT_NE(FindFunction(name), nullptr) << name;
  for (const char* name : {"abs", "sin", "where", "int", "float", "bool", "uint64", "float16"})
    EXPECT_EQ(std::count(names.begin(), names.end(), name), 1) << name;
  EXPECT_EQ(FindFunction("sine"), nullptr);
  EXPECT_EQ(FindFunction(""), nullptr);
}

TEST(ExpressionFunctionsTest, FunctionsHaveTheirRuleAndOperands) {
  EXPECT_EQ(FindFunction("clip")->rule, Rule::kClip);
  EXPECT_EQ(FindFunction("clip")->num_operands, 3);
  EXPECT_EQ(FindFunction("hypot")->math2, MathFunction2::kHypot);
  EXPECT_EQ(FindFunction("cbrt")->math, MathFunction::kCbrt);
  EXPECT_EQ(FindFunction("uint8")->type, NumberType::kUint8);
  EXPECT_EQ(FindFunction("int")->type, NumberType::kInt64);
}

TEST(ExpressionFunctionsTest, OperatorsDependOnTheNumberOfOperands) {
  EXPECT_EQ(FindOperator("-", 2).op, NumberOp::kSubtract);
  EXPECT_EQ(FindOperator("-", 1).op, NumberOp::kNegative);
  EXPECT_EQ(FindOperator("+", 1).rule, Rule::kIdentity);
  EXPECT_EQ(FindOperator("**", 2).op, NumberOp::kPower);
  EXPECT_EQ(FindOperator("not", 1).rule, Rule::kLogical);
}

TEST(ExpressionFunctionsTest, OperatorsOfIntegersHaveAHint) {
  for (const char* name : {"^", "&", "|", "~", "invert", "-"})
    EXPECT_FALSE(HintForUndefined(name).empty()) << name;
  EXPECT_TRUE(HintForUndefined("sign").empty());
}

}  // namespace
}  // namespace mpaio
