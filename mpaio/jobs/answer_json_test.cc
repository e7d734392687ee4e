// SPDX-License-Identifier: Apache-2.0
#include "mpaio/jobs/answer_json.h"

#include <complex>
#include <cstdint>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "mpaio/jobs/answer.h"

namespace mpaio {
namespace {

template <typename T>
std::string Text(const char* code, std::vector<T> values) {
  const DType dtype = DType::Parse(code).value();
  AnswerArray array(dtype,
                    {static_cast<Index>(values.size() * sizeof(T)) / dtype.itemsize_bytes()});
  std::memcpy(array.mutable_data(), values.data(), values.size() * sizeof(T));
  return ToJson(array.view()).dump();
}

TEST(AnswerJson, NumbersAreExact) {
  EXPECT_EQ(Text<std::int64_t>("i8", {std::numeric_limits<std::int64_t>::min(),
                                      std::numeric_limits<std::int64_t>::max()}),
            "[-9223372036854775808,9223372036854775807]");
  EXPECT_EQ(Text<std::uint64_t>("u8", {std::numeric_limits<std::uint64_t>::max()}),
            "[18446744073709551615]");
  EXPECT_EQ(Text<std::int8_t>("i1", {-128, 127}), "[-128,127]");
  EXPECT_EQ(Text<std::uint16_t>("u2", {65535}), "[65535]");
  EXPECT_EQ(Text<std::uint8_t>("?", {0, 1, 2}), "[false,true,true]");
  EXPECT_EQ(Text<double>("f8", {0.1, -0.0}), "[0.1,-0.0]");
  EXPECT_EQ(Text<float>("f4", {0.5f, 0.1f, -1e-7f, 16777216.0f, 3.4028235e38f}),
            "[0.5,0.1,-1e-07,16777216.0,3.4028235e+38]");
  EXPECT_EQ(Text<std::uint16_t>("f2", {0x2E66, 0x7BFF, 0x0001}), "[0.1,65500.0,6e-08]");
  EXPECT_EQ(Text<std::complex<float>>("c8", {{0.1f, -0.7f}}), "[[0.1,-0.7]]");
  EXPECT_EQ(Text<std::uint16_t>("f2", {0x3C00, 0xC000}), "[1.0,-2.0]");
  EXPECT_EQ(Text<std::complex<double>>("c16", {{1.5, -2}}), "[[1.5,-2.0]]");
  EXPECT_EQ(Text<std::complex<float>>("c8", {{1.5, -2}}), "[[1.5,-2.0]]");
  EXPECT_EQ(Text<long double>("g", {0.1L}), "[\"0.100000000000000000001\"]");
}

TEST(AnswerJson, ShapesAreNestedLists) {
  AnswerArray array(DType::Of<std::int64_t>(), {2, 0, 3});
  EXPECT_EQ(ToJson(array.view()).dump(), "[[],[]]");
  array = AnswerArray(DType::Of<std::int64_t>(), {2, 3});
  for (std::int64_t i = 0; i < 6; ++i)
    array.Elements<std::int64_t>()[static_cast<std::size_t>(i)] = i;
  EXPECT_EQ(ToJson(array.view()).dump(), "[[0,1,2],[3,4,5]]");
  EXPECT_EQ(ToJson(std::move(array).Reshaped({3, 2}).view()).dump(), "[[0,1],[2,3],[4,5]]");
  EXPECT_EQ(ToJson(AnswerArray::Scalar<std::int64_t>(7).view()).dump(), "7");
  const std::vector<double> values = {1.5, 2.5};
  EXPECT_EQ(ToJson(AnswerArray::Of<double>(values).view()).dump(), "[1.5,2.5]");
}

TEST(AnswerJson, StringsLoseTheirPaddingAndBecomeUtf8) {
  EXPECT_EQ(Text<char>("S3", {'a', 'b', 0}), "[\"ab\"]");
  EXPECT_EQ(Text<char32_t>("U2", {U'\u00e9', 0, 0xD800, U'x'}), "[\"\u00e9\",\"\uFFFDx\"]");
}

// As numpy.datetime64 prints them.
TEST(AnswerJson, TimesAreAsNumpyPrintsThem) {
  EXPECT_EQ(Text<std::int64_t>("M8[Y]", {0, -1970, 30}), "[\"1970\",\"0000\",\"2000\"]");
  EXPECT_EQ(Text<std::int64_t>("M8[M]", {1}), "[\"1970-02\"]");
  EXPECT_EQ(Text<std::int64_t>("M8[W]", {1}), "[\"1970-01-08\"]");
  EXPECT_EQ(Text<std::int64_t>("M8[D]", {-1, 59}), "[\"1969-12-31\",\"1970-03-01\"]");
  EXPECT_EQ(Text<std::int64_t>("M8[h]", {25}), "[\"1970-01-02T01\"]");
  EXPECT_EQ(Text<std::int64_t>("M8[m]", {61}), "[\"1970-01-01T01:01\"]");
  EXPECT_EQ(Text<std::int64_t>("M8[s]", {-1}), "[\"1969-12-31T23:59:59\"]");
  EXPECT_EQ(Text<std::int64_t>("M8[ms]", {-1}), "[\"1969-12-31T23:59:59.999\"]");
  EXPECT_EQ(Text<std::int64_t>("M8[25ns]", {2}), "[\"1970-01-01T00:00:00.000000050\"]");
  EXPECT_EQ(Text<std::int64_t>("M8[as]", {-1}), "[\"1969-12-31T23:59:59.999999999999999999\"]");
  EXPECT_EQ(Text<std::int64_t>("M8[s]", {std::numeric_limits<std::int64_t>::min()}), "[\"NaT\"]");
  EXPECT_EQ(Text<std::int64_t>("m8[s]", {std::numeric_limits<std::int64_t>::min(), -5}),
            "[\"NaT\",-5]");
}

// A sign counts as one of the four characters.
TEST(AnswerJson, YearsHaveFourCharactersAtLeast) {
  EXPECT_EQ(Text<std::int64_t>("M8[Y]", {-971, -1961, -1971, -1982, -2970, -11970, 8030}),
            "[\"0999\",\"0009\",\"-001\",\"-012\",\"-1000\",\"-10000\",\"10000\"]");
  EXPECT_EQ(Text<std::int64_t>("M8[M]", {-12 * 971, -12 * 1971}), "[\"0999-01\",\"-001-01\"]");
  EXPECT_EQ(Text<std::int64_t>("M8[W]", {-800000}), "[\"-13363-09-21\"]");
  EXPECT_EQ(Text<std::int64_t>("M8[D]", {-354650, -719528, -719529, -800000}),
            "[\"0999-01-01\",\"0000-01-01\",\"-001-12-31\",\"-221-09-04\"]");
  EXPECT_EQ(Text<std::int64_t>("M8[h]", {-719528 * 24}), "[\"0000-01-01T00\"]");
  EXPECT_EQ(Text<std::int64_t>("M8[m]", {-719528 * 24 * 60}), "[\"0000-01-01T00:00\"]");
  EXPECT_EQ(Text<std::int64_t>("M8[s]", {-62200000000}), "[\"-002-12-17T14:13:20\"]");
  EXPECT_EQ(Text<std::int64_t>("M8[ms]", {-31000000000000}), "[\"0987-08-25T16:53:20.000\"]");
}

TEST(AnswerJson, StructuredElementsAreObjects) {
  AnswerArray array(
      DType::Parse("[('a', '<i2'), ('', '|V2'), ('b', '<f4', (2,)), ('c', '|V2')]").value(), {1});
  const std::uint8_t bytes[] = {7, 0, 9, 9, 0, 0, 0x80, 0x3F, 0, 0, 0, 0x40, 0xAB, 0x01};
  ASSERT_EQ(array.dtype().itemsize_bytes(), static_cast<Index>(sizeof(bytes)));
  std::memcpy(array.mutable_data(), bytes, sizeof(bytes));
  EXPECT_EQ(ToJson(array.view()).dump(), "[{\"a\":7,\"b\":[1.0,2.0],\"c\":\"ab01\"}]");
}

}  // namespace
}  // namespace mpaio
