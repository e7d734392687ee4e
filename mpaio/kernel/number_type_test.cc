// SPDX-License-Identifier: Apache-2.0
#include "mpaio/kernel/number_type.h"

#include <gtest/gtest.h>

#include <string>

namespace mpaio {
namespace {

constexpr NumberType kBool = NumberType::kBool, kInt8 = NumberType::kInt8,
                     kInt16 = NumberType::kInt16, kInt32 = NumberType::kInt32,
                     kInt64 = NumberType::kInt64, kUint8 = NumberType::kUint8,
                     kUint16 = NumberType::kUint16, kUint32 = NumberType::kUint32,
                     kUint64 = NumberType::kUint64, kFloat16 = NumberType::kFloat16,
                     kFloat32 = NumberType::kFloat32, kFloat64 = NumberType::kFloat64;

TEST(NumberTypeTest, PromotionIsNumpys) {
  const struct {
    NumberType a, b, common;
  } kCases[] = {
      {kBool, kBool, kBool},         {kBool, kInt8, kInt8},          {kBool, kFloat16, kFloat16},
      {kInt8, kInt64, kInt64},       {kUint8, kUint32, kUint32},     {kInt8, kUint8, kInt16},
      {kInt16, kUint8, kInt16},      {kInt8, kUint16, kInt32},       {kInt8, kUint32, kInt64},
      {kInt64, kUint32, kInt64},     {kInt8, kUint64, kFloat64},     {kInt64, kUint64, kFloat64},
      {kInt8, kFloat16, kFloat16},   {kUint8, kFloat16, kFloat16},   {kInt16, kFloat16, kFloat32},
      {kUint16, kFloat32, kFloat32}, {kInt32, kFloat32, kFloat64},   {kUint32, kFloat16, kFloat64},
      {kUint64, kFloat32, kFloat64}, {kFloat16, kFloat64, kFloat64},
  };
  for (const auto& [a, b, common] : kCases) {
    SCOPED_TRACE(std::string(NumberTypeName(a)) + " " + std::string(NumberTypeName(b)));
    EXPECT_EQ(Promote(a, b), common);
    EXPECT_EQ(Promote(b, a), common);
  }
}

TEST(NumberTypeTest, FloatOfIsTheSmallestFloatThatHoldsTheType) {
  for (const NumberType type : {kBool, kInt8, kUint8, kFloat16}) EXPECT_EQ(FloatOf(type), kFloat16);
  for (const NumberType type : {kInt16, kUint16, kFloat32}) EXPECT_EQ(FloatOf(type), kFloat32);
  for (const NumberType type : {kInt32, kUint32, kInt64, kUint64, kFloat64})
    EXPECT_EQ(FloatOf(type), kFloat64);
}

TEST(NumberTypeTest, NamesCodesAndDtypesAreOneToOne) {
  for (int i = 0; i < kNumNumberTypes; ++i) {
    const NumberType type = static_cast<NumberType>(i);
    const DType dtype = DTypeOf(type);
    EXPECT_EQ(dtype.name(), NumberTypeName(type));
    EXPECT_EQ(dtype.itemsize_bytes(), SizeBytes(type));
    EXPECT_EQ(NumberTypeOf(dtype), type);
    EXPECT_EQ(ParseNumberType(NumberTypeName(type)), type);
    EXPECT_EQ(ParseNumberType(dtype.ToString()), type);
  }
  EXPECT_EQ(ParseNumberType("float"), kFloat64);
  EXPECT_EQ(ParseNumberType("int"), kInt64);
  EXPECT_EQ(ParseNumberType("uintp"), kUint64);
  EXPECT_EQ(ParseNumberType("single"), kFloat32);
  for (const char* other :
       {"", "complex128", "<c8", "<U3", "|S1", "M8[s]", ">i8", "float80", "INT8"}) {
    EXPECT_EQ(ParseNumberType(other), std::nullopt) << other;
  }
  EXPECT_EQ(NumberTypeOf(DType::Parse(">f8").value()), std::nullopt);
  EXPECT_EQ(NumberTypeOf(DType::Bytes(8)), std::nullopt);
}

}  // namespace
}  // namespace mpaio
