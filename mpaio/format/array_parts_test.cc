// SPDX-License-Identifier: Apache-2.0
#include "mpaio/format/array_parts.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mpaio/format/array_file.h"
#include "mpaio/testing/random_bytes.h"
#include "mpaio/testing/status_matchers.h"
#include "mpaio/testing/temp_directory.h"

namespace mpaio {
namespace {

constexpr std::uint64_t kSeed = 20240621;

class ArrayPartsTest : public testing::Test {
 protected:
  std::string Write(const std::string& name, const std::string& bytes) {
    std::ofstream(directory_.File(name), std::ios::binary) << bytes;
    return directory_.File(name);
  }
  absl::StatusOr<std::unique_ptr<ArrayParts>> PartsOf(const std::string& input) {
    const absl::StatusOr<ArrayFile> file = ArrayFile::Open(input);
    return file.ok() ? file->Parts() : file.status();
  }

  TempDirectory directory_;
};

TEST_F(ArrayPartsTest, AnyPartMatchesTheWholeArray) {
  constexpr Index kBytes = 1'200'000;
  const std::string path = Write("a.bin", RandomBytes(kSeed, kBytes));
  std::mt19937_64 random(kSeed);
  for (const char* dtype : {"<i8", ">i8", ">c16", ">U3", "|S5", ">i2"}) {
    SCOPED_TRACE(absl::StrCat(dtype, ", seed ", kSeed));
    const absl::StatusOr<ArrayFile> file = ArrayFile::Open(absl::StrCat("raw:", dtype, ":", path));
    MPAIO_ASSERT_OK(file.status());
    std::vector<std::byte> whole(kBytes);
    MPAIO_ASSERT_OK(file->LoadShare(0, 1, whole));
    const absl::StatusOr<std::unique_ptr<ArrayParts>> parts = file->Parts();
    MPAIO_ASSERT_OK(parts.status());
    EXPECT_EQ((*parts)->size_bytes(), kBytes);
    for (int times = 0; times < 50; ++times) {
      const Index begin = std::uniform_int_distribution<Index>(0, kBytes)(random);
      const Index end =
          times == 0 ? begin : std::uniform_int_distribution<Index>(begin, kBytes)(random);
      std::vector<std::byte> part(static_cast<std::size_t>(end - begin));
      ASSERT_EQ((*parts)->Read(begin, part), 0);
      EXPECT_TRUE(std::equal(part.begin(), part.end(), whole.begin() + begin))
          << begin << " to " << end;
    }
    MPAIO_EXPECT_OK((*parts)->CheckUnchanged());
  }
}

TEST_F(ArrayPartsTest, AFileThatIsCutOrWritten) {
  const std::string path = Write("a.bin", std::string(8000, 'x'));
  const absl::StatusOr<std::unique_ptr<ArrayParts>> parts = PartsOf(absl::StrCat("raw:<i8:", path));
  MPAIO_ASSERT_OK(parts.status());
  std::filesystem::last_write_time(
      path, std::filesystem::last_write_time(path) + std::chrono::seconds(5));
  EXPECT_THAT((*parts)->CheckUnchanged(),
              StatusIs(absl::StatusCode::kDataLoss, "was written while it was read"));
  std::filesystem::resize_file(path, 100);
  std::vector<std::byte> part(50);
  EXPECT_EQ((*parts)->Read(50, part), 0);
  EXPECT_EQ((*parts)->Read(51, part), ArrayParts::kTruncated);
  EXPECT_THAT((*parts)->CheckUnchanged(),
              StatusIs(absl::StatusCode::kDataLoss, "shrank while it was read"));
}

TEST_F(ArrayPartsTest, FailuresInWords) {
  const absl::StatusOr<std::unique_ptr<ArrayParts>> parts =
      PartsOf(absl::StrCat("raw:<i8:", Write("a.bin", std::string(8000, 'x'))));
  MPAIO_ASSERT_OK(parts.status());
  MPAIO_EXPECT_OK((*parts)->StatusOf(0));
  EXPECT_THAT((*parts)->StatusOf(ArrayParts::kTruncated),
              StatusIs(absl::StatusCode::kDataLoss, "a.bin shrank while it was read"));
  EXPECT_THAT((*parts)->StatusOf(EIO), StatusIs(absl::StatusCode::kDataLoss, "cannot read"));
  EXPECT_THAT((*parts)->StatusOf(EFAULT),
              StatusIs(absl::StatusCode::kResourceExhausted, "shared memory ran out while"));
}

TEST_F(ArrayPartsTest, ArraysWithoutParts) {
  std::string header = "{'descr': '<i8', 'fortran_order': True, 'shape': (4, 5), }";
  header.resize(117, ' ');
  const std::string npy = absl::StrCat("\x93NUMPY", std::string("\x01\x00\x76\x00", 4), header,
                                       "\n", std::string(160, 'x'));
  EXPECT_THAT(PartsOf(Write("fortran.npy", npy)),
              StatusIs(absl::StatusCode::kUnimplemented, "cannot be read in parts"));
}

}  // namespace
}  // namespace mpaio
