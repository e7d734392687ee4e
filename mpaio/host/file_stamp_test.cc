// SPDX-License-Identifier: Apache-2.0
#include "mpaio/host/file_stamp.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "mpaio/host/file_descriptor.h"
#include "mpaio/testing/status_matchers.h"
#include "mpaio/testing/temp_directory.h"

namespace mpaio {
namespace {

constexpr absl::StatusCode kDataLoss = absl::StatusCode::kDataLoss;

// A file of 10 bytes that was last written 1.5 s after 1970 began.
class FileStampTest : public testing::Test {
 protected:
  FileStampTest() : file_(Open(path(), 10)) { SetTime(file(), 1, 500'000'000); }

  static FileDescriptor Open(const std::string& path, off_t size_bytes) {
    FileDescriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    EXPECT_EQ(::ftruncate(file.get(), size_bytes), 0);
    return file;
  }
  static void SetTime(int fd, time_t seconds, long nanoseconds) {
    const timespec times[2] = {{seconds, nanoseconds}, {seconds, nanoseconds}};
    EXPECT_EQ(::futimens(fd, times), 0);
  }
  static FileStamp Stamp(int fd) {
    const absl::StatusOr<FileStamp> stamp = FileStamp::Of(fd, "a");
    MPAIO_EXPECT_OK(stamp);
    return stamp.value_or(FileStamp());
  }
  int file() const { return file_.get(); }
  std::string path() const { return directory_.File("a"); }
  std::string other_path() const { return directory_.File("b"); }

 private:
  const TempDirectory directory_;
  const FileDescriptor file_;
};

TEST_F(FileStampTest, HasLengthAndTime) {
  EXPECT_EQ(Stamp(file()).size_bytes(), 10);
  EXPECT_EQ(Stamp(file()).mtime_ns(), 1'500'000'000);
  SetTime(file(), -2, 1);
  EXPECT_EQ(Stamp(file()).mtime_ns(), -1'999'999'999);
}

TEST_F(FileStampTest, AnUnchangedFileIsOk) {
  const FileStamp stamp = Stamp(file());
  MPAIO_EXPECT_OK(stamp.CheckUnchanged(file(), "a"));
  EXPECT_FALSE(stamp.HasShrunk(file()));
  EXPECT_EQ(Stamp(file()), stamp);
}

TEST_F(FileStampTest, AnotherNameIsNoChange) {
  const FileStamp stamp = Stamp(file());
  ASSERT_EQ(::rename(path().c_str(), other_path().c_str()), 0);
  ASSERT_EQ(::link(other_path().c_str(), path().c_str()), 0);
  ASSERT_EQ(::chmod(path().c_str(), 0400), 0);
  MPAIO_EXPECT_OK(stamp.CheckUnchanged(file(), "a"));
}

TEST_F(FileStampTest, AShorterFileHasShrunk) {
  const FileStamp stamp = Stamp(file());
  ASSERT_EQ(::ftruncate(file(), 9), 0);
  EXPECT_TRUE(stamp.HasShrunk(file()));
  EXPECT_THAT(stamp.CheckUnchanged(file(), "a"),
              StatusIs(kDataLoss, "a shrank while it was read; make sure that no program"));
}

TEST_F(FileStampTest, ALongerFileWasWritten) {
  const FileStamp stamp = Stamp(file());
  ASSERT_EQ(::ftruncate(file(), 11), 0);
  SetTime(file(), 1, 500'000'000);
  EXPECT_FALSE(stamp.HasShrunk(file()));
  EXPECT_THAT(stamp.CheckUnchanged(file(), "a"), StatusIs(kDataLoss, "a was written while"));
}

TEST_F(FileStampTest, ANanosecondIsAChange) {
  const FileStamp stamp = Stamp(file());
  SetTime(file(), 1, 500'000'001);
  if (Stamp(file()).mtime_ns() == stamp.mtime_ns()) GTEST_SKIP() << "coarse times";
  EXPECT_THAT(stamp.CheckUnchanged(file(), "a"), StatusIs(kDataLoss, "a was written while"));
}

TEST_F(FileStampTest, AnotherFileOfTheSameLengthAndTimeDiffers) {
  const FileDescriptor other = Open(other_path(), 10);
  SetTime(other.get(), 1, 500'000'000);
  EXPECT_EQ(Stamp(other.get()).mtime_ns(), Stamp(file()).mtime_ns());
  EXPECT_FALSE(Stamp(other.get()) == Stamp(file()));
}

TEST_F(FileStampTest, AClosedFileIsAnError) {
  EXPECT_EQ(FileStamp::Of(-1, "a").status().message(), "cannot look at a: Bad file descriptor");
  EXPECT_FALSE(Stamp(file()).CheckUnchanged(-1, "a").ok());
  EXPECT_FALSE(Stamp(file()).HasShrunk(-1));
}

}  // namespace
}  // namespace mpaio
