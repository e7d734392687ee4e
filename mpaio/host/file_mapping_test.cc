// SPDX-License-Identifier: Apache-2.0
#include "mpaio/host/file_mapping.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mpaio/host/fault_handler.h"
#include "mpaio/testing/status_matchers.h"
#include "mpaio/testing/temp_directory.h"

namespace mpaio {
namespace {

constexpr absl::StatusCode kDataLoss = absl::StatusCode::kDataLoss;
constexpr absl::StatusCode kFailedPrecondition = absl::StatusCode::kFailedPrecondition;

class FileMappingTest : public testing::Test {
 protected:
  // Creates a file of `size_bytes` bytes, where byte k is k % 251, and returns a descriptor for
  // reading. No process has the file open for writing.
  int Make(const std::string& name, Index size_bytes) {
    std::string bytes;
    for (Index k = 0; k < size_bytes; ++k) bytes += static_cast<char>(k % 251);
    const int to = open(directory_.File(name).c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    EXPECT_EQ(write(to, bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
    close(to);
    fds_.push_back(open(directory_.File(name).c_str(), O_RDONLY | O_CLOEXEC));
    return fds_.back();
  }
  ~FileMappingTest() override {
    for (const int fd : fds_) close(fd);
  }

  // Returns how many bytes of the mapping are equal to those that Make() wrote.
  static Index NumRight(const FileMapping& mapping, Index offset_bytes) {
    Index right = 0;
    for (Index k = 0; k < mapping.size_bytes(); ++k)
      right += mapping.data()[k] == static_cast<std::byte>((offset_bytes + k) % 251);
    return right;
  }

  TempDirectory directory_;
  std::vector<int> fds_;
};

TEST_F(FileMappingTest, AnyPartOfAFile) {
  const int fd = Make("a", 100'000);
  for (const bool takes_lease : {false, true}) {
    for (const auto& [offset, size] : std::vector<std::pair<Index, Index>>{
             {0, 100'000}, {0, 1}, {128, 90'000}, {4096, 4096}, {99'999, 1}}) {
      const absl::StatusOr<std::unique_ptr<FileMapping>> mapping =
          FileMapping::Create(fd, "a", offset, size, takes_lease);
      if (takes_lease && absl::IsPermissionDenied(mapping.status()))
        GTEST_SKIP() << mapping.status();
      MPAIO_ASSERT_OK(mapping.status());
      EXPECT_EQ((*mapping)->size_bytes(), size);
      EXPECT_EQ(NumRight(**mapping, offset), size);
      MPAIO_EXPECT_OK((*mapping)->CheckUnchanged());
    }
  }
}

TEST_F(FileMappingTest, AFileThatIsTooShort) {
  const int fd = Make("a", 1000);
  EXPECT_THAT(FileMapping::Create(fd, "a", 0, 1001, false),
              StatusIs(kFailedPrecondition, "a cannot be mapped: it was truncated"));
  EXPECT_THAT(FileMapping::Create(fd, "a", 2000, 1, false),
              StatusIs(kFailedPrecondition, "a cannot be mapped: it was truncated"));
}

TEST_F(FileMappingTest, AFileThatShrinksIsReadAsZerosAndReported) {
  const int fd = Make("a", 100'000);
  const auto mapping = FileMapping::Create(fd, "a", 128, 90'000, false);
  MPAIO_ASSERT_OK(mapping.status());
  ASSERT_EQ(truncate(directory_.File("a").c_str(), 8192), 0);
  EXPECT_GE(NumRight(**mapping, 128), 8192 - 128);
  EXPECT_LT(NumRight(**mapping, 128), 20'000);
  EXPECT_THAT((*mapping)->CheckUnchanged(), StatusIs(kDataLoss, "a shrank while it was read"));
}

// The file has its old length again when it is checked, so that only the fault reveals the change.
TEST_F(FileMappingTest, AFileThatWasShortForAWhile) {
  const int fd = Make("a", 100'000);
  const auto mapping = FileMapping::Create(fd, "a", 0, 100'000, false);
  MPAIO_ASSERT_OK(mapping.status());
  ASSERT_EQ(truncate(directory_.File("a").c_str(), 0), 0);
  EXPECT_LT(NumRight(**mapping, 0), 1000);
  ASSERT_EQ(truncate(directory_.File("a").c_str(), 100'000), 0);
  EXPECT_THAT((*mapping)->CheckUnchanged(), StatusIs(kDataLoss, "could not be read in full"));
}

TEST_F(FileMappingTest, AFileThatIsWritten) {
  const int fd = Make("a", 10'000);
  // Long ago: otherwise the write below might fall within the same tick of the file system's clock.
  const timespec times[2] = {{1'000'000'000, 0}, {1'000'000'000, 0}};
  ASSERT_EQ(futimens(fd, times), 0);
  const auto mapping = FileMapping::Create(fd, "a", 0, 10'000, false);
  MPAIO_ASSERT_OK(mapping.status());
  MPAIO_EXPECT_OK((*mapping)->CheckUnchanged());
  const int writer = open(directory_.File("a").c_str(), O_WRONLY);
  ASSERT_EQ(pwrite(writer, "x", 1, 5000), 1);
  close(writer);
  EXPECT_THAT((*mapping)->CheckUnchanged(), StatusIs(kDataLoss, "a was written while it was read"));
}

TEST_F(FileMappingTest, ARenamedFileIsTheSame) {
  const int fd = Make("a", 10'000);
  const auto mapping = FileMapping::Create(fd, "a", 0, 10'000, false);
  MPAIO_ASSERT_OK(mapping.status());
  ASSERT_EQ(rename(directory_.File("a").c_str(), directory_.File("b").c_str()), 0);
  ASSERT_EQ(unlink(directory_.File("b").c_str()), 0);
  EXPECT_EQ(NumRight(**mapping, 0), 10'000);
  MPAIO_EXPECT_OK((*mapping)->CheckUnchanged());
}

TEST_F(FileMappingTest, ALeaseKeepsWritersOut) {
  const int fd = Make("a", 10'000);
  {
    const auto mapping = FileMapping::Create(fd, "a", 0, 10'000, true);
    if (absl::IsPermissionDenied(mapping.status())) GTEST_SKIP() << mapping.status();
    MPAIO_ASSERT_OK(mapping.status());
    // Several processes may read.
    const int other = open(directory_.File("a").c_str(), O_RDONLY);
    MPAIO_EXPECT_OK(FileMapping::Create(other, "a", 0, 10'000, true).status());
    close(other);
    MPAIO_EXPECT_OK((*mapping)->CheckUnchanged());
    EXPECT_EQ(open(directory_.File("a").c_str(), O_WRONLY | O_NONBLOCK), -1);
    EXPECT_EQ(errno, EWOULDBLOCK);
    EXPECT_EQ(NumRight(**mapping, 0), 10'000);
    // An attempt to open the file changes nothing.
    MPAIO_EXPECT_OK((*mapping)->CheckUnchanged());
  }
  // The lease ends with the mapping.
  const int writer = open(directory_.File("a").c_str(), O_WRONLY | O_NONBLOCK);
  EXPECT_GE(writer, 0);
  EXPECT_THAT(FileMapping::Create(fd, "a", 0, 10'000, true),
              StatusIs(kFailedPrecondition, "another program has it open to write"));
  MPAIO_EXPECT_OK(FileMapping::Create(fd, "a", 0, 10'000, false).status());
  close(writer);
}

// A fault in other memory ends the process, as it should.
TEST_F(FileMappingTest, OtherFaultsArePassedOn) {
  const int fd = Make("a", 10'000);
  const auto mapping = FileMapping::Create(fd, "a", 0, 10'000, false);
  MPAIO_ASSERT_OK(mapping.status());
  const int other = Make("b", 10'000);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    // Otherwise a sanitizer's handler would report the fault.
    KeepFaultHandlerOnly(SIGBUS);
    const auto* plain =
        static_cast<const volatile char*>(mmap(nullptr, 10'000, PROT_READ, MAP_SHARED, other, 0));
    if (truncate(directory_.File("b").c_str(), 0) == 0) static_cast<void>(plain[5000]);
    _exit(0);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status)) << status;
}

}  // namespace
}  // namespace mpaio
