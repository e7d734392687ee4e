// SPDX-License-Identifier: Apache-2.0
#include "mpaio/array/dtype.h"

#include <complex>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "mpaio/array/elements.h"
#include "mpaio/array/float16.h"
#include "mpaio/base/index.h"

namespace mpaio {
namespace {

using Kind = DType::Kind;
using ByteOrder = DType::ByteOrder;

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
                    Case{"<m8[25s]", Kind::kTimedelta, 8, 8, kNative, "<m8[25s]",
                         "timedelta64[25s]"},
                    Case{"|V7", Kind::kVoid, 7, 1, kNone, "|V7", "void (|V7)"},
                    Case{"|O", Kind::kObject, 8, 8, kNone, "|O", "object"}));

INSTANTIATE_TEST_SUITE_P(
    ByteOrder, DTypeCode,
    testing::Values(Case{">i8", Kind::kInt, 8, 8, kSwapped, ">i8", "int64 (>i8)"},
                    Case{">f8", Kind::kFloat, 8, 8, kSwapped, ">f8", "float64 (>f8)"},
                    Case{">U6", Kind::kUnicode, 24, 4, kSwapped, ">U6", "str (>U6)"},
                    Case{">M8[D]", Kind::kDatetime, 8, 8, kSwapped, ">M8[D]",
                         "datetime64[D] (>M8[D])"},
                    Case{"=i4", Kind::kInt, 4, 4, kNative, "<i4", "int32"},
                    Case{"|i8", Kind::kInt, 8, 8, kNative, "<i8", "int64"},
                    Case{"f8", Kind::kFloat, 8, 8, kNative, "<f8", "float64"},
                    // No byte order if there is nothing to swap.
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

INSTANTIATE_TEST_SUITE_P(
    Names, DTypeCode,
    testing::Values(
        Case{"float32", Kind::kFloat, 4, 4, kNative, "<f4", "float32"},
        Case{"bool", Kind::kBool, 1, 1, kNone, "|b1", "bool"},
        Case{"int", Kind::kInt, 8, 8, kNative, "<i8", "int64"},
        Case{"uintp", Kind::kUint, 8, 8, kNative, "<u8", "uint64"},
        Case{"uint8", Kind::kUint, 1, 1, kNone, "|u1", "uint8"},
        Case{"half", Kind::kFloat, 2, 2, kNative, "<f2", "float16"},
        Case{"longdouble", Kind::kFloat, 16, 16, kNative, "<f16", "float128"},
        Case{"complex64", Kind::kComplex, 8, 4, kNative, "<c8", "complex64"},
        Case{"str", Kind::kUnicode, 0, 4, kNative, "<U0", "str (<U0)"},
        Case{"bytes_", Kind::kString, 0, 1, kNone, "|S0", "bytes (|S0)"},
        Case{"datetime64", Kind::kDatetime, 8, 8, kNative, "<M8", "datetime64"},
        Case{">datetime64[D]", Kind::kDatetime, 8, 8, kSwapped, ">M8[D]", "datetime64[D] (>M8[D])"},
        Case{"timedelta64[25s]", Kind::kTimedelta, 8, 8, kNative, "<m8[25s]", "timedelta64[25s]"},
        Case{"m8[s/10]", Kind::kTimedelta, 8, 8, kNative, "<m8[100ms]", "timedelta64[100ms]"},
        Case{"object", Kind::kObject, 8, 8, kNone, "|O", "object"}));

INSTANTIATE_TEST_SUITE_P(Widest, DTypeCode,
                         testing::Values(Case{"S2147483647", Kind::kString, 2147483647, 1, kNone,
                                              "|S2147483647", "bytes (|S2147483647)"},
                                         Case{"U536870911", Kind::kUnicode, 2147483644, 4, kNative,
                                              "<U536870911", "str (<U536870911)"}));

TEST(DType, UnknownTypesAreRefusedWithTheirText) {
  for (const char* descr : {"",
                            "<",
                            "|",
                            "x",
                            "i3",
                            "<i16",
                            "b8",
                            "B1",
                            "h2",
                            "d8",
                            "c1",
                            "S-1",
                            "U ",
                            " i8",
                            "i8 ",
                            "i-8",
                            "<<i8",
                            "<",
                            "8",
                            "i8i8",
                            "u",
                            "<int64",
                            "Int64",
                            "int64 ",
                            "float80",
                            "datetime64ns",
                            "O5",
                            "M4",
                            "i8[ns]",
                            "M8[",
                            "M8[]",
                            "M8[ns",
                            "M8ns]",
                            "M8[xs]",
                            "M8[25]",
                            "M8[s/7]",
                            "M8[s/0]",
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
    EXPECT_NE(std::string(dtype.status().message()).find(absl::StrCat("'", descr, "'")),
              std::string::npos)
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
  EXPECT_EQ(DType::Of<Bool>(), DType::Of<bool>());
  EXPECT_EQ(DType::Of<Float16>().ToString(), "<f2");
  EXPECT_EQ(DType::Of<long double>().ToString(), "<f16");
  EXPECT_EQ(DType::Of<std::complex<float>>().ToString(), "<c8");
  EXPECT_EQ(DType::Of<std::complex<double>>().ToString(), "<c16");
  EXPECT_EQ(DType::Of<std::complex<long double>>().ToString(), "<c32");
  EXPECT_EQ(DType::Bytes(5).ToString(), "|S5");
  EXPECT_EQ(DType::Void(7).ToString(), "|V7");
  EXPECT_EQ(DType::Unicode(6).ToString(), "<U6");
  EXPECT_EQ(DType::Unicode(6).itemsize_bytes(), 24);
  EXPECT_EQ(DType().ToString(), "|V0");
}

TEST(DType, EqualityComparesTheDescribedType) {
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

TEST(DType, TypesWithoutAMeaningHereAreRefusedByName) {
  for (const char* descr : {"T", "|T16", "=T16"}) {
    const absl::Status status = DType::Parse(descr).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented) << status;
    EXPECT_NE(std::string(status.message()).find("StringDType"), std::string::npos) << status;
    EXPECT_NE(std::string(status.message()).find("a.astype('U')"), std::string::npos) << status;
  }
  for (const char* descr : {"<f12", "f10", ">c24", "c20"}) {
    const absl::Status status = DType::Parse(descr).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented) << status;
    EXPECT_NE(std::string(status.message()).find("long double of another kind of machine"),
              std::string::npos);
    EXPECT_NE(std::string(status.message()).find(absl::StrCat("'", descr, "'")), std::string::npos)
        << status;
  }
}

TEST(DType, TimeSteps) {
  const DType step = DType::Parse("<M8[25ns]").value();
  EXPECT_EQ(step.time_unit(), "ns");
  EXPECT_EQ(step.time_multiple(), 25);
  EXPECT_EQ(DType::Parse("m8").value().time_unit(), "generic");
  EXPECT_EQ(DType::Parse("m8[D]").value().time_multiple(), 1);
}

DType Structured(absl::string_view descr) {
  const absl::StatusOr<DType> dtype = DType::Parse(descr);
  EXPECT_TRUE(dtype.ok()) << dtype.status();
  return dtype.value_or(DType());
}

TEST(StructuredDType, FieldsOfEveryForm) {
  const DType dtype = Structured(
      "[('a', '<i4'), ('', '|V4'), (('title', 'b'), '>f8', (2, 3)), ('n', [('x', '<i2'), ('y', "
      "'|S3')])]");
  EXPECT_TRUE(dtype.is_structured());
  EXPECT_EQ(dtype.kind(), Kind::kVoid);
  EXPECT_EQ(dtype.itemsize_bytes(), 8 + 48 + 5);
  EXPECT_EQ(dtype.alignment_bytes(), 1);
  EXPECT_EQ(dtype.byte_order(), kNone);
  EXPECT_TRUE(dtype.is_swapped());
  EXPECT_FALSE(dtype.has_objects());
  EXPECT_EQ(dtype.nesting(), 2);
  ASSERT_EQ(dtype.fields().size(), 3u);
  const DType::Field& a = dtype.fields()[0];
  EXPECT_EQ(a.name, "a");
  EXPECT_FALSE(a.title.has_value());
  EXPECT_EQ(a.offset_bytes, 0);
  EXPECT_EQ(a.dtype, DType::Of<std::int32_t>());
  EXPECT_EQ(a.num_elements(), 1);
  const DType::Field& b = dtype.fields()[1];
  EXPECT_EQ(b.name, "b");
  EXPECT_EQ(b.title, "title");
  EXPECT_EQ(b.offset_bytes, 8);
  EXPECT_EQ(b.shape, (std::vector<Index>{2, 3}));
  EXPECT_EQ(b.num_elements(), 6);
  EXPECT_EQ(b.size_bytes(), 48);
  const DType::Field& n = dtype.fields()[2];
  EXPECT_EQ(n.offset_bytes, 56);
  ASSERT_EQ(n.dtype.fields().size(), 2u);
  EXPECT_EQ(n.dtype.fields()[1].dtype, DType::Bytes(3));
  EXPECT_EQ(dtype.name(),
            "structured [('a', '<i4'), ('', '|V4'), (('title', 'b'), '>f8', (2, 3)), ('n', [('x', "
            "'<i2'), "
            "('y', '|S3')])]");
  EXPECT_TRUE(Structured("<i8").fields().empty());
  EXPECT_FALSE(Structured("|V8").is_structured());
}

// The expected texts are those of numpy.lib.format.dtype_to_descr(descr_to_dtype(...)) of numpy
// 1.24.
TEST(StructuredDType, TextIsThatOfNumpy) {
  const std::pair<const char*, const char*> cases[] = {
      {"[('a','i4')]", "[('a', '<i4')]"},
      {"[]", "[]"},
      {"[('', '|V8')]", "[('', '|V8')]"},
      {"[('', '|V3'), ('', '|V5'), ('a', 'B')]", "[('', '|V8'), ('a', '|u1')]"},
      {"[('', '|V0')]", "[]"},
      {"[('', '<i4')]", "[('', '<i4')]"},
      {"[('', '<i4', (2,)), ('b', '|i1')]", "[('', '|V8'), ('b', '|i1')]"},
      {"[('', [('x', '<i4')]), ('b', '|i1')]", "[('', [('x', '<i4')]), ('b', '|i1')]"},
      {"[(('', 'b'), '|V8')]", "[(('', 'b'), '|V8')]"},
      {"[('a', '<i4', 2), ('b', '<i4', 1), ('c', '<i4', (1,)), ('d', '<i4', ())]",
       "[('a', '<i4', (2,)), ('b', '<i4'), ('c', '<i4', (1,)), ('d', '<i4')]"},
      {"[('a', ('<i4', (2,)))]", "[('a', '<i4', (2,))]"},
      {"[('a', '|S0'), ('b', '<U0'), ('c', '<M8[25us]'), ('d', '<f16'), ('e', '?')]",
       "[('a', '|S0'), ('b', '<U0'), ('c', '<M8[25us]'), ('d', '<f16'), ('e', '|b1')]"},
      {"[('caf\xC3\xA9', '<i4'), (\"it's\", '<i4'), ('\\x00\\u200b', '<i4'), ('\\ud800', '<i4')]",
       "[('caf\xC3\xA9', '<i4'), (\"it's\", '<i4'), ('\\x00\\u200b', '<i4'), ('\\ud800', '<i4')]"},
      {"[('a', '<i4', (0,)), ('b', '<i4')]", "[('a', '<i4', (0,)), ('b', '<i4')]"},
      {"[('a', [], (3,)), ('b', '<i4')]", "[('a', [], (3,)), ('b', '<i4')]"},
  };
  for (const auto& [descr, text] : cases) {
    const DType dtype = Structured(descr);
    EXPECT_EQ(dtype.ToString(), text);
    EXPECT_TRUE(dtype.is_structured());
    const DType again = Structured(dtype.ToString());
    EXPECT_EQ(again, dtype);
    EXPECT_EQ(again.ToString(), text);
  }
  EXPECT_EQ(Structured("[('a', ('<i4', (2,)), (3,))]").ToString(), "[('a', '<i4', (3, 2))]");
}

TEST(StructuredDType, EqualityIsDeep) {
  const DType dtype = Structured("[('a', [('x', '<i2')]), ('b', '<i4', (2,))]");
  EXPECT_EQ(dtype, Structured("[('a', [('x', '<i2')]), ('b', '<i4', (2,))]"));
  for (const char* other : {"[('a', [('y', '<i2')]), ('b', '<i4', (2,))]",
                            "[('a', [('x', '<u2')]), ('b', '<i4', (2,))]",
                            "[('a', [('x', '<i2')]), ('b', '<i4', (1, 2))]",
                            "[('a', [(('t', 'x'), '<i2')]), ('b', '<i4', (2,))]",
                            "[('a', [('x', '<i2')]), ('', '|V8')]", "|V10",
                            "[('a', [('x', '>i2')]), ('b', '<i4', (2,))]"})
    EXPECT_NE(dtype, Structured(other)) << other;
  EXPECT_NE(Structured("[('', '|V8')]"), Structured("|V8"));
}

TEST(StructuredDType, NativeIsNativeAllTheWayDown) {
  const DType dtype =
      Structured("[('a', '>i4'), ('n', [('x', '>U2', (2,)), ('y', '|S3')]), ('z', '<i2')]");
  EXPECT_TRUE(dtype.is_swapped());
  const DType native = dtype.Native();
  EXPECT_FALSE(native.is_swapped());
  EXPECT_EQ(native.ToString(),
            "[('a', '<i4'), ('n', [('x', '<U2', (2,)), ('y', '|S3')]), ('z', '<i2')]");
  EXPECT_EQ(native.Native(), native);
  EXPECT_EQ(Structured(">i8").Native(), DType::Of<std::int64_t>());
  EXPECT_EQ(Structured(">M8[25s]").Native().ToString(), "<M8[25s]");
  EXPECT_EQ(dtype, Structured(dtype.ToString()));  // unchanged
}

TEST(StructuredDType, ObjectsAreFoundAllTheWayDown) {
  EXPECT_TRUE(Structured("|O").has_objects());
  EXPECT_TRUE(Structured("[('a', '<i4'), ('n', [('x', '|O')])]").has_objects());
  EXPECT_FALSE(Structured("[('a', '<i4'), ('n', [('x', '|V8')])]").has_objects());
}

TEST(StructuredDType, UnknownTypesAreRefused) {
  const std::pair<const char*, const char*> cases[] = {
      {"[", "'(' is expected"},
      {"[('a', '<i4')", "']' is expected"},
      {"[('a', '<i4')] x", "something after"},
      {"[('a')]", "',' is expected"},
      {"[('a',)]", "a string is expected"},
      {"[('a', '<i4', )(]", "']' is expected"},
      {"[('a', '<i4', 'x')]", "a value is expected"},
      {"[('a', '<i4', (2,), 3)]", "')' is expected"},
      {"[('a', '<i4', (2))]", "a number, not a tuple"},
      {"[('a', '<i4', -2)]", "negative"},
      {"[('a', '<i4', (-2,))]", "negative"},
      {"[('a', 'int99')]", "'int99' is not a type of numpy"},
      {"[('a', 'i4,f4')]", "is not a type"},
      {"[('a', '[(\\'b\\', \\'<i4\\')]')]", "in quotes"},
      {"[('a', '<i4'), ('a', '<i8')]", "field 'a' appears twice"},
      {"[(('a', 'a'), '<i4')]", "field 'a' appears twice"},
      {"[(('t', 'a'), '<i4'), ('t', '<i8')]", "field 't' appears twice"},
      {"[(('t', 'a', 'b'), '<i4')]", "')' is expected"},
      {"[((8, 'a'), '<i4')]", "a string is expected"},
      {"[('a', '<i4', (2147483648,))]", "more than 2147483647 bytes"},
      {"[('a', '<i4', (536870912,))]", "more than 2147483647 bytes"},
      {"[('a', '<i4', (65536, 65536, 0))]", "more than 2147483647 bytes"},
      {"[('a', '|S2147483647'), ('b', '|S1')]", "more than 2147483647 bytes"},
      {"['a']", "'(' is expected"},
      {"[8]", "'(' is expected"},
      {"[('\xFF', '<i4')]", "is not a type"},
  };
  for (const auto& [descr, why] : cases) {
    const absl::Status status = DType::Parse(descr).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << descr;
    EXPECT_NE(std::string(status.message()).find(why), std::string::npos)
        << status << "\n  does not say: " << why;
    EXPECT_EQ(std::string(status.message()).find('\n'), std::string::npos) << status;
  }
  EXPECT_EQ(DType::Parse("[('a', '|T16')]").status().code(), absl::StatusCode::kUnimplemented);
}

TEST(StructuredDType, NestingIsBounded) {
  const auto nested = [](int depth) {
    std::string text;
    for (int i = 0; i < depth; ++i) text += "[('a', ";
    text += "'<i4'";
    for (int i = 0; i < depth; ++i) text += ")]";
    return DType::Parse(text);
  };
  ASSERT_TRUE(nested(DType::kMaxNesting).ok()) << nested(DType::kMaxNesting).status();
  EXPECT_EQ(nested(DType::kMaxNesting)->nesting(), DType::kMaxNesting);
  for (const int depth : {DType::kMaxNesting + 1, 100000}) {
    EXPECT_EQ(nested(depth).status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_NE(std::string(nested(depth).status().message()).find("nested too deep"),
              std::string::npos);
  }
  std::string tuples = "[('a', ";
  for (int i = 0; i < 100000; ++i) tuples += "(";
  EXPECT_NE(std::string(DType::Parse(tuples).status().message()).find("nested too deep"),
            std::string::npos);
}

TEST(StructuredDType, MadeOfFields) {
  const DType int32 = DType::Of<std::int32_t>();
  const auto field = [&](std::string name, Index offset_bytes, std::vector<Index> shape = {}) {
    return DType::Field{std::move(name), std::nullopt, offset_bytes, int32, std::move(shape)};
  };
  const absl::StatusOr<DType> dtype = DType::Structured({field("a", 0), field("b", 8, {2})}, 20);
  ASSERT_TRUE(dtype.ok()) << dtype.status();
  EXPECT_EQ(dtype->ToString(), "[('a', '<i4'), ('', '|V4'), ('b', '<i4', (2,)), ('', '|V4')]");
  EXPECT_EQ(*dtype, Structured(dtype->ToString()));
  EXPECT_FALSE(DType::Structured({field("a", 0), field("b", 3)}, 20).ok());
  EXPECT_FALSE(DType::Structured({field("b", 8), field("a", 0)}, 20).ok());
  EXPECT_FALSE(DType::Structured({field("a", 17)}, 20).ok());
  EXPECT_FALSE(DType::Structured({field("a", -1)}, 20).ok());
  EXPECT_FALSE(DType::Structured({field("a", 0, {-1})}, 20).ok());
  EXPECT_FALSE(DType::Structured({field("a\xFF", 0)}, 20).ok());
  EXPECT_FALSE(DType::Structured({}, -1).ok());
  EXPECT_FALSE(DType::Structured({}, Index{1} << 31).ok());
}

TEST(StructuredDType, NamesForMessagesAreNotLong) {
  std::string text = "[";
  for (int i = 0; i < 1000; ++i) absl::StrAppend(&text, "('\xE2\x82\xAC", i, "', '<i4'), ");
  const std::string name = Structured(text + "]").name();
  EXPECT_LT(name.size(), 150u);
  EXPECT_EQ(name.substr(name.size() - 3), "...");
}

}  // namespace
}  // namespace mpaio
