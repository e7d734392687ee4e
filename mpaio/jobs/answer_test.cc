// SPDX-License-Identifier: Apache-2.0
#include "mpaio/jobs/answer.h"

#include <cstdint>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace mpaio {
namespace {

TEST(Answer, ASingleValueHasNoName) {
  const Answer answer = std::int64_t{7};
  ASSERT_TRUE(answer.is_single());
  const AnswerValue* value = answer.Find("");
  ASSERT_NE(value, nullptr);
  ASSERT_NE(value->array(), nullptr);
  EXPECT_EQ(value->text(), nullptr);
  EXPECT_EQ(value->array()->dtype(), DType::Of<std::int64_t>());
  EXPECT_EQ(value->array()->shape(), std::vector<Index>());
  EXPECT_EQ(*reinterpret_cast<const std::int64_t*>(value->array()->view().data()), 7);
}

TEST(Answer, ATextKeepsEachByte) {
  const std::string text("a\0b\xff", 4);
  const Answer answer = text;
  ASSERT_TRUE(answer.is_single());
  ASSERT_NE(answer.Find("")->text(), nullptr);
  EXPECT_EQ(*answer.Find("")->text(), text);
  EXPECT_EQ(answer.Find("")->array(), nullptr);
}

TEST(Answer, NamedValuesKeepTheirOrder) {
  Answer answer = {{"min", -1.5}, {"max", 2.5}};
  EXPECT_FALSE(answer.is_single());
  answer.Append({{"edges", std::vector<Index>{1, 2, 3}}});
  ASSERT_EQ(answer.values().size(), 3u);
  EXPECT_EQ(answer.values()[0].name, "min");
  EXPECT_EQ(answer.values()[1].name, "max");
  EXPECT_EQ(answer.values()[2].name, "edges");
  EXPECT_EQ(answer.Find("edges")->array()->shape(), std::vector<Index>{3});
  EXPECT_EQ(answer.Find("middle"), nullptr);
  EXPECT_TRUE(Answer().empty());
}

TEST(Answer, OneNamedValueIsNotSingle) {
  const Answer answer = {{"distinct", std::int64_t{3}}};
  EXPECT_FALSE(answer.is_single());
  EXPECT_EQ(answer.Find(""), nullptr);
}

TEST(Answer, DescribesAnArray) {
  const AnswerArray array(DType::Of<float>(), {3, 4});
  const Answer answer = DescribeArray(array.view());
  EXPECT_EQ(*answer.Find("dtype")->text(), "<f4");
  const NdView shape = answer.Find("shape")->array()->view();
  ASSERT_EQ(shape.num_elements(), 2);
  EXPECT_EQ(reinterpret_cast<const Index*>(shape.data())[0], 3);
  EXPECT_EQ(reinterpret_cast<const Index*>(shape.data())[1], 4);
}

}  // namespace
}  // namespace mpaio
