// SPDX-License-Identifier: Apache-2.0
#include "mpaio/kernel/expression_value.h"

#include <limits>

#include "gtest/gtest.h"

namespace mpaio {
namespace {

using Value = ExpressionValue;

constexpr NumberType kBool = NumberType::kBool, kInt8 = NumberType::kInt8,
                     kInt64 = NumberType::kInt64, kUint8 = NumberType::kUint8,
                     kInt16 = NumberType::kInt16, kUint64 = NumberType::kUint64,
                     kFloat16 = NumberType::kFloat16, kFloat32 = NumberType::kFloat32,
                     kFloat64 = NumberType::kFloat64;

Value Of(NumberType type) { return Value(type, {}); }
const Value kInteger(Literal::Integer(3)), kReal(Literal::Real(0.5));

TEST(ExpressionValueTest, LiteralsTakeTheTypeOfTheOtherOperand) {
  EXPECT_EQ(CommonType({Of(kInt8), kInteger}), kInt8);
  EXPECT_EQ(CommonType({kInteger, Of(kFloat32)}), kFloat32);
  EXPECT_EQ(CommonType({Of(kFloat16), kReal}), kFloat16);
  // Unless they are of a higher kind.
  EXPECT_EQ(CommonType({Of(kBool), kInteger}), kInt64);
  EXPECT_EQ(CommonType({Of(kInt8), kReal}), kFloat64);
  EXPECT_EQ(CommonType({Of(kBool), kReal}), kFloat64);
}

TEST(ExpressionValueTest, TypesArePromotedAsInNumpy) {
  EXPECT_EQ(CommonType({Of(kInt8), Of(kUint8)}), kInt16);
  EXPECT_EQ(CommonType({Of(kInt64), Of(kUint64)}), kFloat64);
  EXPECT_EQ(CommonType({Of(kUint8), Of(kFloat16), Of(kFloat32)}), kFloat32);
}

TEST(ExpressionValueTest, SmallIntegersBecomeSmallFloats) {
  EXPECT_EQ(CommonFloatType({Of(kBool)}), kFloat16);
  EXPECT_EQ(CommonFloatType({Of(kInt8), Of(kUint8)}), kFloat16);
  EXPECT_EQ(CommonFloatType({Of(kInt16)}), kFloat32);
  EXPECT_EQ(CommonFloatType({Of(kInt8), kInteger}), kFloat16);
  EXPECT_EQ(CommonFloatType({Of(kInt8), kReal}), kFloat64);
  EXPECT_EQ(CommonFloatType({Of(kBool), kInteger}), kFloat64);
  EXPECT_EQ(CommonFloatType({Of(kFloat32), kReal}), kFloat32);
}

TEST(ExpressionValueTest, RangesOfIntegers) {
  EXPECT_TRUE(IsInRange(-128, kInt8));
  EXPECT_FALSE(IsInRange(-129, kInt8));
  EXPECT_TRUE(IsInRange(255, kUint8));
  EXPECT_FALSE(IsInRange(256, kUint8));
  EXPECT_FALSE(IsInRange(-1, kUint64));
  EXPECT_TRUE(IsInRange(std::numeric_limits<std::uint64_t>::max(), kUint64));
  EXPECT_FALSE(IsInRange(std::numeric_limits<std::uint64_t>::max(), kInt64));
  EXPECT_TRUE(IsInRange(std::numeric_limits<std::int64_t>::min(), kInt64));
}

}  // namespace
}  // namespace mpaio
