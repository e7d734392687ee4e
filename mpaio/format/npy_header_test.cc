// SPDX-License-Identifier: Apache-2.0
#include "mpaio/format/npy_header.h"

#include <cstdint>
#include <cstring>
#include <iostream>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "mpaio/array/dtype.h"
#include "mpaio/base/index.h"

namespace mpaio {
namespace {

constexpr absl::string_view kName = "words.npy";

// Returns the start of a .npy file whose header has exactly this text.
std::string FileWithText(absl::string_view text, int version = 1) {
  std::string file("\x93NUMPY", 6);
  file.push_back(static_cast<char>(version));
  file.push_back(0);
  std::size_t length = text.size();
  for (int i = 0; i < (version == 1 ? 2 : 4); ++i, length /= 256)
    file.push_back(static_cast<char>(length % 256));
  return absl::StrCat(file, text);
}

absl::StatusOr<NpyHeader> Parse(absl::string_view text) {
  return ParseNpyHeader(FileWithText(text), kName);
}

// Expects a message of one line that names the file.
void ExpectRefused(const absl::Status& status, absl::StatusCode code, absl::string_view why) {
  EXPECT_EQ(status.code(), code) << status;
  const std::string message(status.message());
  EXPECT_NE(message.find(std::string(why)), std::string::npos)
      << message << "\n  does not say: " << why;
  EXPECT_EQ(message.find('\n'), std::string::npos) << message;
  EXPECT_EQ(message.find(std::string(kName)), 0u) << message;
}

TEST(ParseNpyHeader, AsNumpyWritesIt) {
  const absl::StatusOr<NpyHeader> header =
      Parse("{'descr': '<i8', 'fortran_order': False, 'shape': (3, 4), }          \n");
  ASSERT_TRUE(header.ok()) << header.status();
  EXPECT_EQ(header->dtype, DType::Of<std::int64_t>());
  EXPECT_FALSE(header->fortran_order);
  EXPECT_EQ(header->shape, (std::vector<Index>{3, 4}));
  EXPECT_EQ(header->data_offset, 10 + 70);
  EXPECT_EQ(header->data_size_bytes, 96);
  EXPECT_TRUE(CheckSupported(*header, kName).ok());
}

TEST(ParseNpyHeader, VersionsTwoAndThreeHaveALongerLength) {
  for (const int version : {2, 3}) {
    const std::string text = absl::StrCat(
        "{'descr': '|S5', 'fortran_order': False, 'shape': (7,), }", std::string(70000, ' '), "\n");
    const absl::StatusOr<NpyHeader> header = ParseNpyHeader(FileWithText(text, version), kName);
    ASSERT_TRUE(header.ok()) << header.status();
    EXPECT_EQ(header->data_offset, 12 + static_cast<Index>(text.size()));
    EXPECT_EQ(header->data_size_bytes, 35);
  }
}

TEST(ParseNpyHeader, BytesAfterTheHeaderAreIgnored) {
  const std::string file =
      FileWithText("{'descr': '<i8', 'fortran_order': False, 'shape': (), }\n");
  const absl::StatusOr<NpyHeader> header = ParseNpyHeader(file + "}}{{data\xff", kName);
  ASSERT_TRUE(header.ok()) << header.status();
  EXPECT_EQ(header->data_offset, static_cast<Index>(file.size()));
  EXPECT_EQ(header->data_size_bytes, 8);
}

TEST(ParseNpyHeader, OtherSpellingsOfTheSameHeader) {
  for (const char* text : {
           "{'descr':'<U6','fortran_order':False,'shape':(2,3)}",
           "{'shape': (2, 3,), 'fortran_order': False, 'descr': '<U6'}\n",
           "{\"descr\": \"<U6\", \"fortran_order\": False, \"shape\": (2, 3)}",
           "  { 'descr' : '<U6' ,\n\t'fortran_order' : False , 'shape' : ( 2 , 3 ) , }  \r\n  ",
           "{'descr': '<U6', 'fortran_order': False, 'shape': (2L, 3L), }   \n",  // Python 2
           "{u'descr': u'<U6', u'fortran_order': False, u'shape': (2, 3), }\n",
       }) {
    const absl::StatusOr<NpyHeader> header = Parse(text);
    ASSERT_TRUE(header.ok()) << header.status();
    EXPECT_EQ(header->dtype, DType::Unicode(6)) << text;
    EXPECT_EQ(header->shape, (std::vector<Index>{2, 3})) << text;
    EXPECT_EQ(header->data_size_bytes, 144) << text;
  }
}

TEST(ParseNpyHeader, ShapesOfAnyLength) {
  const std::pair<const char*, std::vector<Index>> cases[] = {{"()", {}},
                                                              {"( )", {}},
                                                              {"(0,)", {0}},
                                                              {"(5,)", {5}},
                                                              {"(1000000,)", {1000000}},
                                                              {"(2, 3, 4)", {2, 3, 4}},
                                                              {"(2, 0, 4)", {2, 0, 4}}};
  for (const auto& [text, shape] : cases) {
    const absl::StatusOr<NpyHeader> header =
        Parse(absl::StrCat("{'descr': '<f8', 'fortran_order': False, 'shape': ", text, ", }"));
    ASSERT_TRUE(header.ok()) << header.status();
    EXPECT_EQ(header->shape, shape) << text;
  }
}

TEST(ParseNpyHeader, EveryTypeIsRead) {
  const absl::StatusOr<NpyHeader> complex =
      Parse("{'descr': '<c16', 'fortran_order': True, 'shape': (3, 4), }");
  ASSERT_TRUE(complex.ok()) << complex.status();
  EXPECT_EQ(complex->dtype.name(), "complex128");
  EXPECT_TRUE(complex->fortran_order);
  EXPECT_EQ(complex->data_size_bytes, 192);

  const absl::StatusOr<NpyHeader> objects =
      Parse("{'descr': '|O', 'fortran_order': False, 'shape': (3,), }");
  ASSERT_TRUE(objects.ok()) << objects.status();
  EXPECT_EQ(objects->data_size_bytes, 0);

  for (const auto& [descr, size_bytes] : std::vector<std::pair<const char*, Index>>{
           {"[('x', '<f8'), ('y', '<i4')]", 36},
           {"[('x', '<f8', (3,)), (('title', 'y'), [('z', '|S3')])]", 81},
           {"[(\"it's ]\", '>f8')]", 24}}) {
    const absl::StatusOr<NpyHeader> header =
        Parse(absl::StrCat("{'descr': ", descr, ", 'fortran_order': False, 'shape': (3,), }"));
    ASSERT_TRUE(header.ok()) << header.status();
    EXPECT_EQ(header->dtype.ToString(), descr);
    EXPECT_EQ(header->shape, std::vector<Index>{3});
    EXPECT_EQ(header->data_size_bytes, size_bytes);
  }
}

TEST(ParseNpyHeader, ASubArrayTypeBecomesAxes) {
  const absl::StatusOr<NpyHeader> header =
      Parse("{'descr': ('<i4', (2, 3)), 'fortran_order': False, 'shape': (5,), }");
  ASSERT_TRUE(header.ok()) << header.status();
  EXPECT_EQ(header->dtype, DType::Of<std::int32_t>());
  EXPECT_EQ(header->shape, (std::vector<Index>{5, 2, 3}));
  EXPECT_EQ(header->data_size_bytes, 120);
  ExpectRefused(
      Parse("{'descr': ('<i4', (2, 3)), 'fortran_order': True, 'shape': (5,), }").status(),
      absl::StatusCode::kUnimplemented, "a sub-array type in Fortran order");
  std::string shape = "(";
  for (int i = 0; i < 40; ++i) shape += "1,";
  ExpectRefused(Parse(absl::StrCat("{'descr': ('<i4', ", shape,
                                   ")), 'fortran_order': False, 'shape': ", shape, ")}"))
                    .status(),
                absl::StatusCode::kDataLoss, "an array of 80 axes");
}

TEST(ParseNpyHeader, NamesAreInTheVersionsEncoding) {
  const std::string latin1 = "{'descr': [('caf\xE9', '<i4')], 'fortran_order': False, 'shape': ()}";
  const std::string utf8 =
      "{'descr': [('caf\xC3\xA9', '<i4')], 'fortran_order': False, 'shape': ()}";
  for (const auto& [text, version] :
       std::vector<std::pair<std::string, int>>{{latin1, 1}, {latin1, 2}, {utf8, 3}}) {
    const absl::StatusOr<NpyHeader> header = ParseNpyHeader(FileWithText(text, version), kName);
    ASSERT_TRUE(header.ok()) << header.status();
    EXPECT_EQ(header->dtype.fields()[0].name, "caf\xC3\xA9");
  }
  ExpectRefused(ParseNpyHeader(FileWithText(latin1, 3), kName).status(),
                absl::StatusCode::kDataLoss, "not UTF-8");
}

TEST(ParseNpyHeader, TypesWithoutAMeaningHere) {
  const auto parse = [](absl::string_view descr) {
    return Parse(absl::StrCat("{'descr': ", descr, ", 'fortran_order': False, 'shape': (3,)}"))
        .status();
  };
  ExpectRefused(parse("'|T16'"), absl::StatusCode::kUnimplemented, "StringDType");
  ExpectRefused(parse("[('x', '<f12')]"), absl::StatusCode::kUnimplemented,
                "'<f12' is the long double of another kind of machine; there, save a.astype('f8')");
}

TEST(ParseNpyHeader, NotANpyFile) {
  using enum absl::StatusCode;
  ExpectRefused(ParseNpyHeader("", kName).status(), kInvalidArgument,
                "not a .npy file: it is empty");
  ExpectRefused(ParseNpyHeader("1,2,3\n4,5,6\n", kName).status(), kInvalidArgument,
                "not a .npy file but a table in text (CSV), starting with '1,2,3\\n'");
  ExpectRefused(ParseNpyHeader("\x93NUMPX", kName).status(), kInvalidArgument, "not a .npy file");
  ExpectRefused(ParseNpyHeader("a", kName).status(), kInvalidArgument, "not a .npy file");
  ExpectRefused(ParseNpyHeader("PK\x03\x04zip", kName).status(), kInvalidArgument, ".npz");
}

TEST(ParseNpyHeader, UnknownVersions) {
  for (const auto& [major, minor] :
       std::vector<std::pair<int, int>>{{0, 0}, {1, 1}, {2, 7}, {4, 0}, {255, 255}}) {
    std::string file = FileWithText("{}");
    file[6] = static_cast<char>(major);
    file[7] = static_cast<char>(minor);
    ExpectRefused(ParseNpyHeader(file, kName).status(), absl::StatusCode::kUnimplemented,
                  absl::StrCat("version ", major, ".", minor));
  }
}

TEST(ParseNpyHeader, CutAtEveryByte) {
  for (const int version : {1, 2, 3}) {
    const std::string file =
        FileWithText("{'descr': '<i8', 'fortran_order': False, 'shape': (3, 4), }\n", version);
    ASSERT_TRUE(ParseNpyHeader(file, kName).ok());
    for (std::size_t size = 1; size < file.size(); ++size) {
      ExpectRefused(ParseNpyHeader(file.substr(0, size), kName).status(),
                    absl::StatusCode::kDataLoss, "truncated");
    }
  }
}

TEST(ParseNpyHeader, LengthIsBounded) {
  std::string file = FileWithText("{}", 2);
  std::memcpy(&file[8], "\xff\xff\xff\xff", 4);
  ExpectRefused(ParseNpyHeader(file, kName).status(), absl::StatusCode::kDataLoss,
                "4294967307 bytes; at most 1048576");
  std::memcpy(&file[8], "\xf4\xff\x0f\x00", 4);  // 2^20 - 12
  EXPECT_EQ(NpyHeaderSizeBytes(file, kName).value(), kMaxNpyHeaderBytes);
  std::memcpy(&file[8], "\xf5\xff\x0f\x00", 4);
  EXPECT_FALSE(NpyHeaderSizeBytes(file, kName).ok());
}

TEST(ParseNpyHeader, NestingIsBounded) {
  for (const char* open : {"[('a', ", "("}) {
    std::string descr;
    for (int i = 0; i < 50000; ++i) descr += open;
    const std::string file = FileWithText(absl::StrCat("{'descr': ", descr), 2);
    ExpectRefused(ParseNpyHeader(file, kName).status(), absl::StatusCode::kDataLoss,
                  "nested too deep");
  }
}

TEST(ParseNpyHeader, NamesOfTypes) {
  for (const auto& [name, code] : std::vector<std::pair<const char*, const char*>>{
           {"'float32'", "<f4"}, {"'int'", "<i8"}, {"[('x', 'double')]", "[('x', '<f8')]"}}) {
    const absl::StatusOr<NpyHeader> header =
        Parse(absl::StrCat("{'descr': ", name, ", 'fortran_order': False, 'shape': (3,), }"));
    ASSERT_TRUE(header.ok()) << header.status();
    EXPECT_EQ(header->dtype.ToString(), code);
  }
}

TEST(ParseNpyHeader, DamagedTexts) {
  struct {
    const char* text;
    const char* why;
  } const cases[] = {
      {"", "'{' is expected"},
      {"      \n", "'{' is expected"},
      {"[]", "'{' is expected"},
      {"{", "a string is expected"},
      {"{}", "key 'descr' is missing"},
      {"{'descr': '<i8', 'fortran_order': False, }", "key 'shape' is missing"},
      {"{'descr': '<i8', 'shape': (3,), }", "key 'fortran_order' is missing"},
      {"{'fortran_order': False, 'shape': (3,), }", "key 'descr' is missing"},
      {"{'descr': '<i8', 'fortran_order': False, 'shape': (3,), 'x': 1}", "key 'x' is not one of"},
      {"{'descr': '<i8', 'descr': '<i8', 'fortran_order': False, 'shape': (3,)}",
       "key 'descr' appears twice"},
      {"{'descr': '<i8', 'fortran_order': False, 'fortran_order': True, 'shape': (3,)}",
       "key 'fortran_order' appears twice"},
      {"{'descr': '<i8', 'fortran_order': False, 'shape': (3,), 'shape': (3,)}",
       "key 'shape' appears twice"},
      {"{'descr': '<i8', 'fortran_order': False, 'shape': (3,)", "'}' is expected"},
      {"{'descr': '<i8', 'fortran_order': False, 'shape': (3,)} x", "something after"},
      {"{'descr': '<i8', 'fortran_order': False, 'shape': (3,)}}", "something after"},
      {"{'descr' '<i8'}", "':' is expected"},
      {"{'descr': '<i8' 'fortran_order': False}", "'}' is expected"},
      {"{,}", "a string is expected"},
      {"{descr: '<i8'}", "a string is expected"},
      {"{'descr", "no end"},
      {"{'descr\\", "no end"},
      {"{'descr\\'", "no end"},
      {"{'descr\": '<i8'}", "':' is expected"},
      {"{'descr': 8}", "a string is expected"},
      {"{'descr': None}", "a string is expected"},
      {"{'descr': 'int99'}", "'int99' is not a type of numpy"},
      {"{'descr': ''}", "'' is not a type of numpy"},
      {"{'descr': '<i8\\n'}", "is not a type of numpy"},
      {"{'descr': '|S99999999999'}", "is not a type of numpy"},
      {"{'descr': [('x', '<f8'}", "')' is expected"},
      {"{'descr': [('x', '<f8')}", "']' is expected"},
      {"{'descr': [x]}", "'(' is expected"},
      {"{'descr': [('x', '<f8'), ('x', '<f8')]}", "field 'x' appears twice"},
      {"{'descr': [('x', ('<f8', 3), (2147483647,))]}", "more than 2147483647 bytes"},
      {"{'de\\x7cscr': 1}", "key 'de|scr' is not one of"},
      {"{'fortran_order': 0}", "True or False"},
      {"{'fortran_order': false}", "True or False"},
      {"{'fortran_order': 'False'}", "a value is expected"},
      {"{'fortran_order': FalseTrue}", "True or False"},
      {"{'shape': 3}", "'(' is expected"},
      {"{'shape': [3]}", "'(' is expected"},
      {"{'shape': (3)}", "a number, not a tuple"},
      {"{'shape': (,)}", "a value is expected"},
      {"{'shape': (3 4)}", "',' or ')' is expected"},
      {"{'shape': (3,,4)}", "a value is expected"},
      {"{'shape': (3, 4}", "',' or ')' is expected"},
      {"{'shape': (3, 4", "',' or ')' is expected"},
      {"{'shape': (-1,)}", "negative"},
      {"{'shape': (3, -4)}", "negative"},
      {"{'shape': (1.5,)}", "',' or ')' is expected"},
      {"{'shape': (1e5,)}", "a number is expected, not 1e5"},
      {"{'shape': (0x10,)}", "a number is expected, not 0x10"},
      {"{'shape': (010,)}", "a number is expected, not 010"},
      {"{'shape': (L,)}", "a number is expected, not L"},
      {"{'shape': (3LL,)}", "a number is expected, not 3LL"},
      {"{'shape': (True,)}", "a number is expected, not True"},
      {"{'shape': ('3',)}", "a value is expected"},
      {"{'shape': (9223372036854775808,)}", "more than any array has"},
      {"{'shape': (99999999999999999999999999,)}", "more than any array has"},
      {"{'descr': '<i8', 'fortran_order': False, 'shape': (9223372036854775807,)}",
       "is larger than 2^62 bytes"},
      {"{'descr': '<i8', 'fortran_order': False, 'shape': (4294967296, 4294967296)}",
       "is larger than 2^62 bytes"},
      {"{'descr': '<i8', 'fortran_order': False, 'shape': (0, 4294967296, 4294967296)}",
       "is larger than 2^62 bytes"},
  };
  for (const auto& bad : cases) {
    SCOPED_TRACE(bad.text);
    ExpectRefused(Parse(bad.text).status(), absl::StatusCode::kDataLoss, bad.why);
  }
}

TEST(ParseNpyHeader, TooManyAxes) {
  std::string shape;
  for (int i = 0; i < 65; ++i) shape += "1, ";
  ExpectRefused(Parse(absl::StrCat("{'shape': (", shape, ")}")).status(),
                absl::StatusCode::kDataLoss, "more than 64 axes");
}

TEST(ParseNpyHeader, NulAndControlCharactersDoNotGetIntoMessages) {
  const absl::Status status = Parse(absl::string_view("{'de\0\n\x1b[31mscr': 1}", 19)).status();
  ExpectRefused(status, absl::StatusCode::kDataLoss, "key 'de\\x00\\n\\x1b[31mscr' is not one of");
}

TEST(CheckSupported, AllButObjectsAreSupported) {
  for (const char* descr :
       {"'<i8'", "'>f8'", "'|b1'", "'<f2'", "'<f16'", "'<c8'", "'<U0'", "'|S0'", "'|V7'",
        "'<M8[25s]'", "[('x', '<f8'), ('y', [('z', '|S3')], (2,))]", "('<i4', (2,))", "[]"}) {
    const absl::StatusOr<NpyHeader> header =
        Parse(absl::StrCat("{'descr': ", descr, ", 'fortran_order': False, 'shape': (3, 4), }"));
    ASSERT_TRUE(header.ok()) << header.status();
    EXPECT_TRUE(CheckSupported(*header, kName).ok()) << descr;
  }
}

TEST(CheckSupported, ObjectsAreRefusedWithARemedy) {
  const auto check = [](absl::string_view descr) {
    const absl::StatusOr<NpyHeader> header =
        Parse(absl::StrCat("{'descr': ", descr, ", 'fortran_order': False, 'shape': (3,), }"));
    EXPECT_TRUE(header.ok()) << header.status();
    return CheckSupported(*header, kName);
  };
  ExpectRefused(check("'|O'"), absl::StatusCode::kUnimplemented,
                "holds Python objects (a pickle), which mpaio does not support; save an array of "
                "numbers or strings, "
                "such as a.astype('U')");
  ExpectRefused(check("[('x', '<f8'), ('y', '|O')]"), absl::StatusCode::kUnimplemented,
                "Python objects (a pickle) in a field of structured [('x', '<f8'), ('y', '|O')]");
  ExpectRefused(check("[('x', [('y', '|O')], (2,))]"), absl::StatusCode::kUnimplemented,
                "in a field");
}

TEST(FormatNpyHeader, IsThatOfNumpy) {
  // numpy.save of numpy.arange(3): 10 + 118 bytes.
  EXPECT_EQ(FormatNpyHeader(DType::Of<std::int64_t>(), {3}),
            absl::StrCat(absl::string_view("\x93NUMPY\x01\x00\x76\x00", 10),
                         "{'descr': '<i8', 'fortran_order': False, 'shape': (3,), }",
                         std::string(60, ' '), "\n"));
}

TEST(FormatNpyHeader, TheVersionIsTheLowestThatSuffices) {
  const auto version = [](const std::string& descr) {
    const std::string header = FormatNpyHeader(DType::Parse(descr).value(), {3});
    EXPECT_EQ(ParseNpyHeader(header, kName).value().dtype, DType::Parse(descr).value());
    return static_cast<int>(header[6]);
  };
  EXPECT_EQ(version("[('caf\xC3\xA9', '<i4')]"), 1);
  EXPECT_EQ(version("[('\xE2\x82\xAC', '<i4')]"), 3);
  // Escapes are ASCII.
  EXPECT_EQ(version("[('\\u200b', '<i4')]"), 1);
  // Version 1 has at most 65535 bytes of text. The longest header, a multiple of 64, thus has
  // 65536.
  const auto long_name = [](std::size_t letters) {
    return absl::StrCat("[('", std::string(letters, 'x'), "', '<i4')]");
  };
  std::size_t last = 0;
  for (std::size_t letters = 65300; letters < 65536; ++letters) {
    if (version(long_name(letters)) == 1) last = letters;
  }
  ASSERT_GT(last, 65300u);
  EXPECT_EQ(FormatNpyHeader(DType::Parse(long_name(last)).value(), {3}).size(), 65536u);
  EXPECT_EQ(version(long_name(last + 1)), 2);
}

TEST(FormatNpyHeader, IsReadBack) {
  const DType dtypes[] = {
      DType::Of<std::int64_t>(),
      DType::Of<double>(),
      DType::Bytes(5),
      DType::Unicode(536870911),
      DType::Of<float>(),
      DType::Parse(">c16").value(),
      DType::Parse("[('a', '<i4'), ('', '|V4'), (('t', 'b'), '>f8', (2, 3))]").value()};
  const std::vector<Index> shapes[] = {
      {}, {0}, {1}, {3, 4}, {2, 3, 4}, {1000000}, {0, Index{1} << 30}, std::vector<Index>(64, 1)};
  for (const DType& dtype : dtypes) {
    for (const std::vector<Index>& shape : shapes) {
      const std::string text = FormatNpyHeader(dtype, shape);
      EXPECT_EQ(text.size() % 64, 0u);
      EXPECT_EQ(text.back(), '\n');
      const absl::StatusOr<NpyHeader> header = ParseNpyHeader(text, kName);
      ASSERT_TRUE(header.ok()) << header.status();
      EXPECT_EQ(header->dtype, dtype);
      EXPECT_EQ(header->shape, shape);
      EXPECT_FALSE(header->fortran_order);
      EXPECT_EQ(header->data_offset, static_cast<Index>(text.size()));
    }
  }
}

// A mutated header is either refused in one line, or read as an array that can exist.
TEST(ParseNpyHeader, MutatedHeadersAreReadOrRefused) {
  const std::uint32_t seed = std::random_device{}();
  std::cout << "seed " << seed << "\n";
  std::mt19937 random(seed);
  const auto below = [&random](std::size_t end) {
    return static_cast<std::size_t>(random() % end);
  };
  const std::vector<std::string> originals = {
      FormatNpyHeader(DType::Of<std::int64_t>(), {3, 4}),
      FormatNpyHeader(DType::Unicode(6), {1000000}),
      FileWithText(
          "{'descr': [('x', '<f8', (3,)), (('t', 'y'), [('z', '|S3')])], 'fortran_order': True, "
          "'shape': (2L, 3L), }  \n",
          2),
      FileWithText("{\"shape\": (), \"fortran_order\": False, \"descr\": \"<M8[25ns]\"}\n", 3),
  };
  const absl::string_view significant = "{}[]()'\",:\\ \n\0LuTF0123456789<>|=-";
  constexpr int kTrials = 40000;
  int num_read = 0;
  for (int trial = 0; trial < kTrials; ++trial) {
    std::string file = originals[below(originals.size())];
    for (std::size_t change = 1 + below(4); change > 0 && !file.empty(); --change) {
      const std::size_t at = below(file.size());
      switch (below(5)) {
        case 0:
          file[at] = static_cast<char>(file[at] ^ (1 << below(8)));
          break;
        case 1:
          file[at] = significant[below(significant.size())];
          break;
        case 2:
          file.erase(at, 1 + below(8));
          break;
        case 3:
          file.insert(at, 1, significant[below(significant.size())]);
          break;
        case 4:
          file.insert(at, file.substr(below(file.size()), below(24)));
          break;
      }
    }
    const absl::StatusOr<NpyHeader> header = ParseNpyHeader(file, kName);
    if (!header.ok()) {
      const std::string message(header.status().message());
      ASSERT_EQ(message.find('\n'), std::string::npos) << "seed " << seed << ", trial " << trial;
      ASSERT_LT(message.size(), 600u) << "seed " << seed << ", trial " << trial;
      continue;
    }
    ++num_read;
    ASSERT_GE(header->data_size_bytes, 0) << "seed " << seed << ", trial " << trial;
    ASSERT_LE(header->data_size_bytes, Index{1} << 62) << "seed " << seed << ", trial " << trial;
    ASSERT_LE(header->data_offset, static_cast<Index>(file.size()))
        << "seed " << seed << ", trial " << trial;
    const absl::Status supported = CheckSupported(*header, kName);
    ASSERT_EQ(std::string(supported.message()).find('\n'), std::string::npos)
        << "seed " << seed << ", trial " << trial;
  }
  // Both outcomes occur: many changes fall on the padding.
  EXPECT_GT(num_read, kTrials / 100) << "seed " << seed;
  EXPECT_LT(num_read, kTrials - kTrials / 100) << "seed " << seed;
}

}  // namespace
}  // namespace mpaio
