// SPDX-License-Identifier: Apache-2.0
#include "mpaio/format/input_name.h"

#include <filesystem>
#include <fstream>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mpaio/array/dtype.h"
#include "mpaio/base/index.h"
#include "mpaio/testing/status_matchers.h"
#include "mpaio/testing/temp_directory.h"

namespace mpaio {
namespace {

using enum absl::StatusCode;

// Parses a name of which only the paths in `archives` may have members.
absl::StatusOr<InputName> Parse(const std::string& input,
                                const std::set<std::string>& archives = {}) {
  return ParseInputName(input, [&](const std::string& path) { return archives.contains(path); });
}

void ExpectPath(const absl::StatusOr<InputName>& name, const std::string& path,
                const std::optional<std::string>& member = std::nullopt) {
  MPAIO_ASSERT_OK(name);
  EXPECT_FALSE(name->is_standard_input);
  EXPECT_FALSE(name->raw.has_value());
  EXPECT_EQ(name->path, path);
  EXPECT_EQ(name->member, member);
}

void ExpectRaw(const std::string& input, const char* dtype, const std::vector<Index>& shape,
               const std::string& path) {
  SCOPED_TRACE(input);
  const absl::StatusOr<InputName> name = Parse(input);
  MPAIO_ASSERT_OK(name);
  EXPECT_EQ(name->text, input);
  EXPECT_EQ(name->is_standard_input, path.empty());
  EXPECT_EQ(name->path, path);
  EXPECT_FALSE(name->member.has_value());
  ASSERT_TRUE(name->raw.has_value());
  EXPECT_EQ(name->raw->dtype, DType::Parse(dtype).value());
  EXPECT_EQ(name->raw->shape, shape);
}

TEST(ParseInputName, PathsWithAndWithoutMember) {
  ExpectPath(Parse("/gone/a.npy"), "/gone/a.npy");
  ExpectPath(Parse(""), "");
  ExpectPath(Parse("/gone/a.npz:x"), "/gone/a.npz:x");  // names no archive, so it is all path
  ExpectPath(Parse("/gone/a.npz:x", {"/gone/a.npz"}), "/gone/a.npz", "x");
  ExpectPath(Parse("/gone/a.npz:", {"/gone/a.npz"}), "/gone/a.npz", "");
  ExpectPath(Parse("/gone/a:b.npz:c:d", {"/gone/a:b.npz"}), "/gone/a:b.npz", "c:d");
  ExpectPath(Parse("/gone/a:b:c", {"/gone/a", "/gone/a:b"}), "/gone/a", "b:c");
  EXPECT_EQ(Parse("/gone/a.npz:x", {"/gone/a.npz"})->text, "/gone/a.npz:x");
}

TEST(ParseInputName, StandardInput) {
  const absl::StatusOr<InputName> name = Parse("-");
  MPAIO_ASSERT_OK(name);
  EXPECT_TRUE(name->is_standard_input);
  EXPECT_FALSE(name->raw.has_value());
  EXPECT_EQ(name->path, "");
  ExpectPath(Parse("./-"), "./-");
  ExpectPath(Parse("a.npz:-", {"a.npz"}), "a.npz", "-");
}

TEST(ParseInputName, RawBytes) {
  ExpectRaw("raw:<f4:100x3:a.bin", "<f4", {100, 3}, "a.bin");
  ExpectRaw("raw:>i2:-1x3:/b/a.bin", ">i2", {-1, 3}, "/b/a.bin");
  ExpectRaw("raw:float64:a.bin", "<f8", {-1}, "a.bin");
  ExpectRaw("raw:i8:0:a.bin", "<i8", {0}, "a.bin");
  // A shape that is none belongs to the file's name.
  ExpectRaw("raw:i8:3x:a.bin", "<i8", {-1}, "3x:a.bin");
  ExpectRaw("raw:i8:-2:a.bin", "<i8", {-1}, "-2:a.bin");
  ExpectRaw("raw:i8:99999999999999999999:a.bin", "<i8", {-1}, "99999999999999999999:a.bin");
  ExpectRaw("raw:i8:a:b.bin", "<i8", {-1}, "a:b.bin");
  ExpectRaw("raw:i8:3:-", "<i8", {3}, "");
  ExpectRaw("raw:[('a:b', '<i4'), ('c', '|S3')]:2:a.bin", "[('a:b', '<i4'), ('c', '|S3')]", {2},
            "a.bin");
}

TEST(ParseInputName, RawBytesThatAreRefused) {
  for (const auto& [input, why] : std::vector<std::pair<std::string, std::string>>{
           {"raw:", ""},
           {"raw:i9:a.bin", ""},
           {"raw:[('a', '<i4':a.bin", "')' is expected"},
           {"raw:O:a.bin", "Python objects have no meaning in a file"},
           {"raw:i8", "there is no file after the type"},
           {"raw:i8:", "there is no file after the type"},
           {"raw:i8:3:", "there is no file after the type"},
           {"raw:i8:-1x-1:a.bin", "only one extent may be -1"},
           {"raw:i8:-1:-", "give the whole shape"},
           {"raw:i8:-", "give the whole shape"}}) {
    const absl::StatusOr<InputName> name = Parse(input);
    EXPECT_THAT(name, StatusIs(kInvalidArgument, why)) << input;
    EXPECT_THAT(name, StatusIs(kInvalidArgument, "the form is raw:TYPE:SHAPE:FILE")) << input;
  }
}

TEST(ParseInputName, AFileOfTheWholeNameTakesPrecedence) {
  const TempDirectory directory;
  const std::filesystem::path before = std::filesystem::current_path();
  std::filesystem::current_path(directory.path());
  for (const char* name : {"raw:i8:a", "raw:i8:3:-", "b.npz:x", "-"}) std::ofstream out(name);
  ExpectPath(Parse("raw:i8:a"), "raw:i8:a");
  ExpectPath(Parse("b.npz:x", {"b.npz"}), "b.npz:x");
  ExpectPath(Parse("raw:i8:3:-"), "raw:i8:3:-");
  EXPECT_TRUE(Parse("-")->is_standard_input);
  EXPECT_FALSE(NamesStandardInput("raw:i8:3:-"));
  EXPECT_TRUE(NamesStandardInput("raw:i4:3:-"));
  EXPECT_TRUE(NamesStandardInput("-"));
  EXPECT_FALSE(NamesStandardInput("./-"));
  EXPECT_FALSE(NamesStandardInput("b.npz:-"));
  std::filesystem::current_path(before);
}

}  // namespace
}  // namespace mpaio
