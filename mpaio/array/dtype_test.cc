#include "mpaio/array/dtype.h"

#include <cstdint>
#include <string>
#include <type_traits>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "mpaio/base/index.h"

namespace mpaio {
namespace {

using Kind = DType::Kind;
using ByteOrder = DType::ByteOrder;

static_assert(std::is_trivially_copyable_v<DType>);
static_assert(DType::Of<std::int64_t>().itemsize_bytes() == 8);

struct Case {
  const char* descr;
  Kind kind;
  Index itemsize_bytes;
  Index alignment_bytes;
  ByteOrder byte_order;
  const char* canonical;  // numpy's dtype.str
  const char* name;
};

class DTypeCode : public testing::TestWithParam<Case> {};

TEST_P(DTypeCode, IsReadAsNumpyReadsIt) {
  const Case& expected = GetParam();
  const absl::StatusOr<DType> dtype = DType::Parse(expected.descr);
  ASSERT_TRUE(dtype.ok()) << dtype.status();
  EXPECT_EQ(dtype->kind(), expected.kind);
  EXPECT_EQ(dtype->itemsize_bytes(), expected.itemsize_bytes);
  EXPECT_EQ(dtype->alignment_bytes(), expected.alignment_bytes);
  EXPECT_EQ(dtype->byte_order(), expected.byte_order);
  EXPECT_EQ(dtype->ToString(), expected.canonical);
  EXPECT_EQ(dtype->name(), expected.name);
  const absl::StatusOr<DType> again = DType::Parse(dtype->ToString());
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(*again, *dtype);
}

constexpr auto kNone = ByteOrder::kNotApplicable;
constexpr auto kNative = ByteOrder::kNative;
constexpr auto kSwapped = ByteOrder::kSwapped;

INSTANTIATE_TEST_SUITE_P(
    Canonical, DTypeCode,
    testing::Values(Case{"|b1", Kind::kBool, 1, 1, kNone, "|b1", "bool"},
                    Case{"|i1", Kind::kInt, 1, 1, kNone, "|i1", "int8"},
                    Case{"<i2", Kind::kInt, 2, 2, kNative, "<i2", "int16"},
                    Case{"<i4", Kind::kInt, 4, 4, kNative, "<i4", "int32"},
                    Case{"<i8", Kind::kInt, 8, 8, kNative, "<i8", "int64"},
                    Case{"|u1", Kind::kUint, 1, 1, kNone, "|u1", "uint8"},
                    Case{"<u8", Kind::kUint, 8, 8, kNative, "<u8", "uint64"},
                    Case{"<f2", Kind::kFloat, 2, 2, kNative, "<f2", "float16"},
                    Case{"<f4", Kind::kFloat, 4, 4, kNative, "<f4", "float32"},
                    Case{"<f8", Kind::kFloat, 8, 8, kNative, "<f8", "float64"},
                    Case{"<f16", Kind::kFloat, 16, 16, kNative, "<f16", "float128"},
                    Case{"<c8", Kind::kComplex, 8, 4, kNative, "<c8", "complex64"},
                    Case{"<c16", Kind::kComplex, 16, 8, kNative, "<c16", "complex128"},
                    Case{"|S5", Kind::kString, 5, 1, kNone, "|S5", "bytes (|S5)"},
                    Case{"<U6", Kind::kUnicode, 24, 4, kNative, "<U6", "str (<U6)"},
                    Case{"<M8[ns]", Kind::kDatetime, 8, 8, kNative, "<M8[ns]", "datetime64[ns]"},
                    Case{"<m8[25s]", Kind::kTimedelta, 8, 8, kNative, "<m8[25s]", "timedelta64[25s]"},
                    Case{"|V7", Kind::kVoid, 7, 1, kNone, "|V7", "void (|V7)"},
                    Case{"|O", Kind::kObject, 8, 8, kNone, "|O", "object"}));

INSTANTIATE_TEST_SUITE_P(ByteOrder, DTypeCode,
                         testing::Values(Case{">i8", Kind::kInt, 8, 8, kSwapped, ">i8", "int64 (>i8)"},
                                         Case{">f8", Kind::kFloat, 8, 8, kSwapped, ">f8", "float64 (>f8)"},
                                         Case{">U6", Kind::kUnicode, 24, 4, kSwapped, ">U6", "str (>U6)"},
                                         Case{">M8[D]", Kind::kDatetime, 8, 8, kSwapped, ">M8[D]",
                                              "datetime64[D] (>M8[D])"},
                                         Case{"=i4", Kind::kInt, 4, 4, kNative, "<i4", "int32"},
                                         Case{"|i8", Kind::kInt, 8, 8, kNative, "<i8", "int64"},
                                         Case{"f8", Kind::kFloat, 8, 8, kNative, "<f8", "float64"},
                                         // No order where there is nothing to swap.
                                         Case{">i1", Kind::kInt, 1, 1, kNone, "|i1", "int8"},
                                         Case{">S5", Kind::kString, 5, 1, kNone, "|S5", "bytes (|S5)"},
                                         Case{">O", Kind::kObject, 8, 8, kNone, "|O", "object"}));

INSTANTIATE_TEST_SUITE_P(
    Aliases, DTypeCode,
    testing::Values(Case{"?", Kind::kBool, 1, 1, kNone, "|b1", "bool"},
                    Case{"b", Kind::kInt, 1, 1, kNone, "|i1", "int8"},
                    Case{"B", Kind::kUint, 1, 1, kNone, "|u1", "uint8"},
                    Case{"h", Kind::kInt, 2, 2, kNative, "<i2", "int16"},
                    Case{"i", Kind::kInt, 4, 4, kNative, "<i4", "int32"},
                    Case{"<l", Kind::kInt, 8, 8, kNative, "<i8", "int64"},
                    Case{"P", Kind::kUint, 8, 8, kNative, "<u8", "uint64"},
                    Case{"e", Kind::kFloat, 2, 2, kNative, "<f2", "float16"},
                    Case{"<d", Kind::kFloat, 8, 8, kNative, "<f8", "float64"},
                    Case{"g", Kind::kFloat, 16, 16, kNative, "<f16", "float128"},
                    Case{"F", Kind::kComplex, 8, 4, kNative, "<c8", "complex64"},
                    Case{"c", Kind::kString, 1, 1, kNone, "|S1", "bytes (|S1)"},
                    Case{"a05", Kind::kString, 5, 1, kNone, "|S5", "bytes (|S5)"},
                    Case{"U", Kind::kUnicode, 0, 4, kNative, "<U0", "str (<U0)"},
                    Case{"S0", Kind::kString, 0, 1, kNone, "|S0", "bytes (|S0)"},
                    Case{"O8", Kind::kObject, 8, 8, kNone, "|O", "object"},
                    Case{"O4", Kind::kObject, 8, 8, kNone, "|O", "object"},
                    Case{"M8", Kind::kDatetime, 8, 8, kNative, "<M8", "datetime64"},
                    Case{"<M8[generic]", Kind::kDatetime, 8, 8, kNative, "<M8", "datetime64"},
                    Case{"m8[1s]", Kind::kTimedelta, 8, 8, kNative, "<m8[s]", "timedelta64[s]"}));

INSTANTIATE_TEST_SUITE_P(Widest, DTypeCode,
                         testing::Values(Case{"S2147483647", Kind::kString, 2147483647, 1, kNone,
                                              "|S2147483647", "bytes (|S2147483647)"},
                                         Case{"U536870911", Kind::kUnicode, 2147483644, 4, kNative,
                                              "<U536870911", "str (<U536870911)"}));

TEST(DType, WhatNumpyDoesNotKnowIsRefusedWithItsText) {
  for (const char* descr : {"",
                            "<",
                            "|",
                            "x",
                            "i3",
                            "<i16",
                            "f12",
                            "b8",
                            "B1",
                            "h2",
                            "d8",
                            "c1",
                            "S-1",
                            "U ",
                            " i8",
                            "i8 ",
                            "i+8",
                            "<<i8",
                            "<",
                            "8",
                            "i8i8",
                            "u",
                            "T",
                            "int64",
                            "O5",
                            "M4",
                            "i8[ns]",
                            "M8[",
                            "M8[]",
                            "M8[ns",
                            "M8ns]",
                            "M8[xs]",
                            "M8[25]",
                            "M8[5generic]",
                            "M8[99999999999s]",
                            "M8[ns]]",
                            "M8[s]x",
                            "S2147483648",
                            "U536870912",
                            "V99999999999999999999999",
                            "f4,f4",
                            "(2,)i4"}) {
    const absl::StatusOr<DType> dtype = DType::Parse(descr);
    EXPECT_EQ(dtype.status().code(), absl::StatusCode::kInvalidArgument) << descr;
    EXPECT_NE(std::string(dtype.status().message()).find(absl::StrCat("'", descr, "'")), std::string::npos)
        << dtype.status();
  }
}

TEST(DType, RefusalQuotesNoControlCharactersAndNoEndlessText) {
  const absl::Status status = DType::Parse(absl::string_view("\0\n\xff", 3)).status();
  EXPECT_NE(std::string(status.message()).find("'\\x00\\n\\xff'"), std::string::npos) << status;
  EXPECT_LT(DType::Parse(std::string(100000, 'S')).status().message().size(), 400u);
}

TEST(DType, OfCppTypes) {
  EXPECT_EQ(DType::Of<bool>().ToString(), "|b1");
  EXPECT_EQ(DType::Of<std::int8_t>().ToString(), "|i1");
  EXPECT_EQ(DType::Of<std::uint8_t>().ToString(), "|u1");
  EXPECT_EQ(DType::Of<std::int32_t>().ToString(), "<i4");
  EXPECT_EQ(DType::Of<std::uint16_t>().ToString(), "<u2");
  EXPECT_EQ(DType::Of<std::int64_t>().ToString(), "<i8");
  EXPECT_EQ(DType::Of<long long>(), DType::Of<std::int64_t>());
  EXPECT_EQ(DType::Of<float>().ToString(), "<f4");
  EXPECT_EQ(DType::Of<double>().ToString(), "<f8");
  EXPECT_EQ(DType::Bytes(5).ToString(), "|S5");
  EXPECT_EQ(DType::Unicode(6).ToString(), "<U6");
  EXPECT_EQ(DType::Unicode(6).itemsize_bytes(), 24);
  EXPECT_EQ(DType().ToString(), "|V0");
}

TEST(DType, EqualityIsThatOfWhatIsDescribed) {
  const auto parse = [](absl::string_view descr) { return DType::Parse(descr).value(); };
  EXPECT_EQ(parse("<i8"), DType::Of<std::int64_t>());
  EXPECT_EQ(parse("<U6"), DType::Unicode(6));
  EXPECT_EQ(parse("|S6"), DType::Bytes(6));
  EXPECT_NE(parse(">i8"), parse("<i8"));
  EXPECT_NE(parse("<U6"), parse("<U7"));
  EXPECT_NE(parse("<i8"), parse("<u8"));
  EXPECT_NE(parse("<M8[s]"), parse("<M8[ms]"));
  EXPECT_NE(parse("<M8[s]"), parse("<M8[2s]"));
  EXPECT_NE(parse("<M8[s]"), parse("<m8[s]"));
}

}  // namespace
}  // namespace mpaio
