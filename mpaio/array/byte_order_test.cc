// SPDX-License-Identifier: Apache-2.0
#include "mpaio/array/byte_order.h"

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "mpaio/array/dtype.h"
#include "mpaio/base/index.h"
#include "mpaio/testing/random_bytes.h"

namespace mpaio {
namespace {

DType Parse(absl::string_view descr) {
  const absl::StatusOr<DType> dtype = DType::Parse(descr);
  EXPECT_TRUE(dtype.ok()) << dtype.status();
  return dtype.value_or(DType());
}

std::string Swapped(absl::string_view descr, std::string bytes) {
  const DType dtype = Parse(descr);
  const Index count =
      dtype.itemsize_bytes() == 0 ? 1 : static_cast<Index>(bytes.size()) / dtype.itemsize_bytes();
  dtype.SwapBytes(reinterpret_cast<std::byte*>(bytes.data()), count);
  return bytes;
}

TEST(SwapBytes, EachNumberOfAnElementByItself) {
  EXPECT_EQ(Swapped(">i2", "abcd"), "badc");
  EXPECT_EQ(Swapped(">f4", "abcdefgh"), "dcbahgfe");
  EXPECT_EQ(Swapped(">u8", "abcdefgh"), "hgfedcba");
  EXPECT_EQ(Swapped(">f2", "ab"), "ba");
  EXPECT_EQ(Swapped(">f16", "abcdefghijklmnop"), "ponmlkjihgfedcba");
  EXPECT_EQ(Swapped(">c8", "abcdefgh"), "dcbahgfe");
  EXPECT_EQ(Swapped(">c16", "abcdefghijklmnop"), "hgfedcbaponmlkji");
  EXPECT_EQ(Swapped(">U2", "abcdefgh"), "dcbahgfe");
  EXPECT_EQ(Swapped(">M8[s]", "abcdefgh"), "hgfedcba");
}

TEST(SwapBytes, ElementsInNativeOrderAreUnchanged) {
  for (const char* descr :
       {"<i8", "|S8", "|V8", "|b1", "[('a', '<i4'), ('b', '<i4')]", "|O", "[]", ">U0"})
    EXPECT_EQ(Swapped(descr, "abcdefgh"), "abcdefgh") << descr;
}

TEST(SwapBytes, FieldsEachByItsOwnType) {
  EXPECT_EQ(
      Swapped("[('a', '>i2'), ('', '|V1'), ('b', '<i2'), ('c', '>i4')]", "abcdefghiABCDEFGHI"),
      "bacdeihgfBACDEIHGF");
  EXPECT_EQ(Swapped("[('a', '>i2', (2,)), ('s', '|S1')]", "abcdeABCDE"), "badceBADCE");
  EXPECT_EQ(Swapped("[('n', [('x', '>i2'), ('y', '|S1')], (2, 1)), ('z', '>i2')]", "abcdefgh"),
            "bacedfhg");
  EXPECT_EQ(Swapped("[('n', [('m', [('x', '>i2'), ('y', '|i1')], (2,)), ('w', '|i1')], (2,))]",
                    "abcdefghijklmn"),
            "bacedfgihjlkmn");
  EXPECT_EQ(Swapped("[('e', '>i2', (0,)), ('x', '>i2')]", "ab"), "ba");
}

// Swapping twice restores the bytes, and swapping element by element equals swapping all at once;
// at any address.
TEST(SwapBytes, ManyElements) {
  for (const char* descr : {">i2", ">i4", ">f8", ">f16", ">c8", ">c16", ">U5",
                            "[('a', '>i4'), ('b', '>i4'), ('c', '|i1')]",
                            "[('n', [('x', '>i2'), ('y', '>f8')], (3,)), ('', '|V3')]",
                            "[('x', '>i4'), ('y', '>f4')]"}) {
    const DType dtype = Parse(descr);
    for (const Index count : {0, 1, 3, 1000}) {
      const std::string original = RandomBytes(7, count * dtype.itemsize_bytes() + 1);
      std::string all = original, single = original;
      dtype.SwapBytes(reinterpret_cast<std::byte*>(all.data() + 1), count);
      for (Index i = 0; i < count; ++i)
        dtype.SwapBytes(
            reinterpret_cast<std::byte*>(single.data() + 1 + i * dtype.itemsize_bytes()), 1);
      EXPECT_EQ(all, single) << descr;
      EXPECT_EQ(all == original, count == 0) << descr;
      dtype.SwapBytes(reinterpret_cast<std::byte*>(all.data() + 1), count);
      EXPECT_EQ(all, original) << descr;
    }
  }
}

TEST(ByteSwapper, UnitsMustNotBeCut) {
  const auto unit = [](absl::string_view descr) { return ByteSwapper(Parse(descr)).unit_bytes(); };
  EXPECT_EQ(unit(">i8"), 8);
  EXPECT_EQ(unit(">U33"), 4);
  EXPECT_EQ(unit(">c16"), 8);
  EXPECT_EQ(unit("<i8"), 1);
  EXPECT_EQ(unit("|S5"), 1);
  EXPECT_EQ(unit("[('a', '>i4'), ('b', '|i1')]"), 5);
  EXPECT_EQ(unit("[('a', '<i4'), ('b', '|i1')]"), 1);
  EXPECT_EQ(unit("[('a', '>i4', (0,)), ('b', '|i1')]"), 1);
  EXPECT_EQ(unit(">U0"), 1);
  EXPECT_EQ(ByteSwapper().unit_bytes(), 1);
  EXPECT_TRUE(ByteSwapper(Parse("<i8")).swaps_nothing());
  EXPECT_FALSE(ByteSwapper(Parse(">i8")).swaps_nothing());
}

}  // namespace
}  // namespace mpaio
