// SPDX-License-Identifier: Apache-2.0
#include "mpaio/format/array_opener.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mpaio/array/dtype.h"
#include "mpaio/base/index.h"
#include "mpaio/base/status_macros.h"
#include "mpaio/format/array_file.h"
#include "mpaio/format/array_format.h"
#include "mpaio/format/array_layout.h"
#include "mpaio/format/array_parts.h"
#include "mpaio/format/array_source.h"
#include "mpaio/format/file_array.h"
#include "mpaio/host/file_mapping.h"
#include "mpaio/testing/status_matchers.h"
#include "mpaio/testing/temp_directory.h"

namespace mpaio {
namespace {

using enum absl::StatusCode;

// A made-up format: "BYTES", then as many bytes as there are.
ArrayFormat BytesFormat() {
  return {[](const FormatInput& input) { return absl::StartsWith(input.first_bytes, "BYTES"); },
          [](FormatInput input) -> absl::StatusOr<std::unique_ptr<ArraySource>> {
            MPAIO_ASSIGN_OR_RETURN(
                ArrayLayout layout,
                ArrayLayout::Create(DType::Of<std::uint8_t>(), {input.file.size_bytes() - 5}));
            return std::make_unique<FileArray>(input.name, std::move(input.file), 5,
                                               std::move(layout), input.first_bytes);
          }};
}

// A made-up format like Zarr: a directory with a file `.letters`, in which each member is an array
// of the letters of its name, repeated.
class LettersArray : public ArraySource {
 public:
  static constexpr Index kNumRows = 1000;

  static absl::StatusOr<std::unique_ptr<ArraySource>> Open(FormatInput input) {
    if (!input.member.has_value()) return absl::InvalidArgumentError("say which member");
    const auto num_letters = static_cast<Index>(input.member->size());
    MPAIO_ASSIGN_OR_RETURN(ArrayLayout layout,
                           ArrayLayout::Create(DType::Of<std::uint8_t>(), {kNumRows, num_letters}));
    return std::make_unique<LettersArray>(input, std::move(layout));
  }
  LettersArray(const FormatInput& input, ArrayLayout layout)
      : ArraySource(input.name, input.path, std::move(layout), *input.member),
        letters_(*input.member) {}

  bool writes_in_order() const override { return false; }
  absl::Status LoadShare(int share, int num_shares, std::span<std::byte> array,
                         const BeforeWriting& /*before_writing*/) const override {
    for (Index row = share; row < kNumRows; row += num_shares) {
      for (std::size_t i = 0; i < letters_.size(); ++i)
        array[static_cast<std::size_t>(row) * letters_.size() + i] =
            static_cast<std::byte>(letters_[i]);
    }
    return absl::OkStatus();
  }

 private:
  std::string letters_;
};

ArrayFormat LettersFormat() {
  return {[](const FormatInput& input) {
            return input.is_directory() && std::filesystem::exists(input.path + "/.letters");
          },
          &LettersArray::Open};
}

// The program's formats, after two made-up ones.
std::vector<ArrayFormat> MoreFormats() {
  std::vector<ArrayFormat> formats = {BytesFormat(), LettersFormat()};
  formats.insert(formats.end(), ArrayFormats().begin(), ArrayFormats().end());
  return formats;
}

absl::StatusOr<ArrayFile> Open(const std::string& input, const std::vector<ArrayFormat>& formats) {
  MPAIO_ASSIGN_OR_RETURN(auto source, OpenArraySource(input, formats));
  return ArrayFile(std::move(source));
}

std::string Load(const ArrayFile& file, int num_shares) {
  std::string array(static_cast<std::size_t>(file.size_bytes()), '?');
  for (int share = 0; share < num_shares; ++share) {
    MPAIO_EXPECT_OK(file.LoadShare(share, num_shares, std::as_writable_bytes(std::span(array))));
  }
  return array;
}

class ArrayOpenerTest : public testing::Test {
 protected:
  std::string Write(absl::string_view name, absl::string_view text) const {
    const std::string path = directory_.File(name);
    std::ofstream(path, std::ios::binary) << text;
    return path;
  }
  std::string MakeLetters(absl::string_view name) const {
    std::filesystem::create_directory(directory_.File(name));
    Write(absl::StrCat(name, "/.letters"), "");
    return directory_.File(name);
  }

  TempDirectory directory_;
};

TEST_F(ArrayOpenerTest, AFurtherFormatOfFiles) {
  const std::string path = Write("a.bytes", "BYTESsome letters");
  absl::StatusOr<ArrayFile> file = Open(path, MoreFormats());
  MPAIO_ASSERT_OK(file);
  EXPECT_EQ(file->name(), path);
  EXPECT_EQ(file->path(), path);
  EXPECT_EQ(file->Describe(), "|u1 (12,), 12 bytes");
  EXPECT_EQ(Load(*file, 2), "some letters");
  file->CloseForNow();
  MPAIO_EXPECT_OK(file->OpenAgain());
  EXPECT_EQ(Load(*file, 1), "some letters");
  EXPECT_THAT(file->Map(false), StatusIs(kUnimplemented, "its elements are not aligned"));
  MPAIO_EXPECT_OK(file->Parts());
  EXPECT_THAT(ArrayFile::Open(path), StatusIs(kInvalidArgument, "not a .npy file but text"));
}

TEST_F(ArrayOpenerTest, AFurtherFormatOfDirectories) {
  const std::string path = MakeLetters("a.letters");
  const absl::StatusOr<ArrayFile> file = Open(path + ":xyz", MoreFormats());
  MPAIO_ASSERT_OK(file);
  EXPECT_EQ(file->name(), path + ":xyz");
  EXPECT_EQ(file->path(), path);
  EXPECT_EQ(file->shape(), (std::vector<Index>{1000, 3}));
  EXPECT_FALSE(file->writes_in_order());
  EXPECT_FALSE(file->is_stream());
  EXPECT_EQ(Load(*file, 3).substr(0, 9), "xyzxyzxyz");
  EXPECT_NE(Open(path + ":zyx", MoreFormats())->fingerprint(), file->fingerprint());
  EXPECT_THAT(Open(path, MoreFormats()), StatusIs(kInvalidArgument, "say which member"));
  // The defaults of ArraySource.
  EXPECT_THAT(file->Map(false), StatusIs(kUnimplemented, "cannot be mapped: its format"));
  EXPECT_THAT(file->Parts(), StatusIs(kUnimplemented, "cannot be read in parts"));
}

TEST_F(ArrayOpenerTest, OtherDirectoriesHaveNoMembers) {
  EXPECT_THAT(Open(directory_.path(), MoreFormats()), StatusIs(kInvalidArgument, "is a directory"));
  EXPECT_THAT(Open(directory_.path() + ":x", MoreFormats()),
              StatusIs(kNotFound, absl::StrCat("there is no file ", directory_.path(), ":x")));
  const std::string letters = MakeLetters("b.letters");
  EXPECT_THAT(ArrayFile::Open(letters), StatusIs(kInvalidArgument, "is a directory"));
  EXPECT_THAT(ArrayFile::Open(letters + ":x"), StatusIs(kNotFound, "there is no file"));
}

TEST_F(ArrayOpenerTest, TheFirstFormatThatRecognizesAnInputOpensIt) {
  const ArrayFormat refuse = {[](const FormatInput&) { return true; },
                              [](FormatInput) -> absl::StatusOr<std::unique_ptr<ArraySource>> {
                                return absl::UnimplementedError("refused");
                              }};
  const std::string path = Write("a.bytes", "BYTESabc");
  EXPECT_THAT(Open(path, {refuse, BytesFormat()}), StatusIs(kUnimplemented, "refused"));
  MPAIO_EXPECT_OK(Open(path, {BytesFormat(), refuse}));
  EXPECT_THAT(Open(path, {}), StatusIs(kInvalidArgument, "is in no format that can be read"));
  // Raw bytes are what the name says, whatever they begin with.
  MPAIO_EXPECT_OK(Open("raw:u1:8:" + path, {refuse}));
}

}  // namespace
}  // namespace mpaio
