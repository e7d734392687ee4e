// SPDX-License-Identifier: Apache-2.0
#include "mpaio/host/memory_capacity.h"

#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cstddef>
#include <cstdio>
#include <functional>
#include <limits>
#include <string>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mpaio/testing/child_process.h"
#include "mpaio/testing/resident_pages.h"
#include "mpaio/testing/status_matchers.h"
#include "mpaio/testing/temp_directory.h"

namespace mpaio {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr Index kUnlimited = std::numeric_limits<Index>::max();
constexpr Index kMebi = 1 << 20;

TEST(CheckMemoryCapacity, ReportsSizeLimitAndRemedy) {
  const MemoryCapacity capacity{1'500'000'000, "the shelf", "buy a larger one"};
  const absl::Status status = CheckMemoryCapacity(capacity, 2'000'000'000);
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kResourceExhausted, "2.00 GB (2000000000 bytes)"));
  EXPECT_THAT(
      std::string(status.message()),
      AllOf(HasSubstr("the shelf has 1.50 GB (1500000000 bytes)"), HasSubstr("buy a larger one")));
}

TEST(CheckOwnMemory, ReportsSizeLimitAndRemedy) {
  const MemoryCapacity capacity{1'000'000'000, "the node's available memory", "end other programs"};
  MPAIO_EXPECT_OK(CheckOwnMemory(capacity, 1'000'000'000, "the answer"));
  EXPECT_THAT(CheckOwnMemory(capacity, 2'000'000'000, "the answer"),
              StatusIs(absl::StatusCode::kResourceExhausted,
                       "the answer needs 2.00 GB (2000000000 bytes) of memory, 1.00 GB are free: "
                       "the limit is the node's available memory; "
                       "end other programs"));
}

TEST(CheckMemoryCapacity, ReservesMemoryForOpenMpi) {
  const MemoryCapacity capacity{100 * kMebi, "the shelf", "buy a larger one"};
  MPAIO_EXPECT_OK(CheckMemoryCapacity(capacity, 0));
  MPAIO_EXPECT_OK(CheckMemoryCapacity(capacity, 92 * kMebi));
  // The message names the reserve; without it, the memory would seem to be enough.
  EXPECT_THAT(CheckMemoryCapacity(capacity, 92 * kMebi + 1),
              StatusIs(absl::StatusCode::kResourceExhausted, "8 MiB are kept for Open MPI"));
  MPAIO_EXPECT_OK(CheckMemoryCapacity(capacity, 52 * kMebi, 40 * kMebi));
  EXPECT_THAT(
      CheckMemoryCapacity(capacity, 52 * kMebi + 1, 40 * kMebi),
      StatusIs(absl::StatusCode::kResourceExhausted,
               "8 MiB are kept for Open MPI and 0.04 GB for arrays that are still being loaded"));
  EXPECT_THAT(CheckMemoryCapacity(capacity, kUnlimited),
              StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_THAT(CheckMemoryCapacity({0, "nothing", ""}, 1),
              StatusIs(absl::StatusCode::kResourceExhausted));
  MPAIO_EXPECT_OK(CheckMemoryCapacity({kUnlimited, "nothing", ""}, Index{1} << 62));
}

TEST(FindMemoryCapacity, WithoutADirectoryIsLimitedByMemory) {
  const MemoryCapacity capacity = FindMemoryCapacity("");
  EXPECT_GT(capacity.available_bytes, 0);
  // More than any machine has.
  EXPECT_LT(capacity.available_bytes, Index{1} << 50);
  EXPECT_THAT(capacity.limited_by, HasSubstr("memory"));
  EXPECT_FALSE(capacity.remedy.empty());
}

// Runs `body` in a child that has a private tmpfs of `size`, and expects that it returns 0. Returns
// false if this user may not mount.
bool RunWithSmallFileSystem(const std::string& size,
                            const std::function<int(const std::string& directory)>& body) {
  constexpr int kMayNot = 77;
  const TempDirectory directory;
  const ChildEnd end = RunInChild([&] {
    // In a private mount namespace; an ordinary user needs a user namespace too.
    if (unshare(CLONE_NEWNS) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return kMayNot;
    if (mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return kMayNot;
    if (mount("tmpfs", directory.path().c_str(), "tmpfs", 0, ("size=" + size).c_str()) != 0)
      return kMayNot;
    return body(directory.path());
  });
  if (end == ChildEnd{.signal = 0, .exit_status = kMayNot}) return false;
  EXPECT_EQ(end, ChildEnd{}) << "the exit status is the number of the line";
  return true;
}

// For a child process: if the condition does not hold, returns the line number as the exit status,
// which must be less than 256.
#define CHILD_EXPECT(condition) \
  if (!(condition)) return __LINE__

TEST(FindMemoryCapacity, IsLimitedByASmallFileSystem) {
  const bool ran = RunWithSmallFileSystem("3m", [](const std::string& directory) {
    const MemoryCapacity capacity = FindMemoryCapacity(directory);
    std::fprintf(stderr, "%s has %lld; %s\n", capacity.limited_by.c_str(),
                 static_cast<long long>(capacity.available_bytes), capacity.remedy.c_str());
    CHILD_EXPECT(capacity.available_bytes == 3 * kMebi);
    CHILD_EXPECT(capacity.limited_by == directory);
    CHILD_EXPECT(capacity.remedy.find("size=") != std::string::npos);
    CHILD_EXPECT(capacity.remedy.find(directory) != std::string::npos);
    CHILD_EXPECT(CheckMemoryCapacity(capacity, 4 * kMebi).code() ==
                 absl::StatusCode::kResourceExhausted);
    // Written pages are no longer available.
    const int file = open((directory + "/a").c_str(), O_RDWR | O_CREAT, 0600);
    CHILD_EXPECT(posix_fallocate(file, 0, kMebi) == 0);
    CHILD_EXPECT(FindMemoryCapacity(directory).available_bytes == 2 * kMebi);
    return 0;
  });
  if (!ran) GTEST_SKIP() << "this user may not mount a file system";
}

TEST(UnpopulatedBytes, CountsPagesThatWereNeverTouched) {
  const Index page = sysconf(_SC_PAGESIZE);
  constexpr Index kPages = 100;
  void* const pages = mmap(nullptr, static_cast<std::size_t>(kPages * page), PROT_READ | PROT_WRITE,
                           MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(pages, MAP_FAILED);
  auto* const data = static_cast<std::byte*>(pages);
  EXPECT_EQ(UnpopulatedBytes(data, 0), 0);
  EXPECT_EQ(UnpopulatedBytes(data, kPages * page - 5), kPages * page);
  // Also counts pages that this process may not access.
  MPAIO_EXPECT_OK(PopulatePages(data + 10 * page, 30 * page));
  ASSERT_EQ(mprotect(data, static_cast<std::size_t>(20 * page), PROT_NONE), 0);
  EXPECT_EQ(UnpopulatedBytes(data, kPages * page), 70 * page);
  munmap(pages, static_cast<std::size_t>(kPages * page));
}

TEST(WhyNotWritable, TellsWhyAndLeavesNothing) {
  TempDirectory directory;
  EXPECT_EQ(WhyNotWritable(directory.path()), "");
  EXPECT_EQ(rmdir(directory.path().c_str()), 0) << "something was left";
  EXPECT_EQ(WhyNotWritable(directory.path()), "no such file or directory");
  const int file = open(directory.path().c_str(), O_RDWR | O_CREAT, 0600);
  ASSERT_GE(file, 0);
  close(file);
  EXPECT_EQ(WhyNotWritable(directory.path()), "not a directory");
}

// Otherwise Open MPI would hang.
TEST(FindMemoryCapacity, IsNoneWhereNoFileCanBeMade) {
  TempDirectory directory;
  for (const std::string& place : {directory.File("missing"), std::string("/proc")}) {
    const MemoryCapacity capacity = FindMemoryCapacity(place, "THE_SETTING");
    EXPECT_EQ(capacity.available_bytes, 0);
    EXPECT_THAT(capacity.limited_by, AllOf(HasSubstr(place), HasSubstr("no file can be made"),
                                           HasSubstr("no such file or directory")));
    EXPECT_THAT(capacity.remedy, HasSubstr("or name another in THE_SETTING"));
    EXPECT_THAT(CheckMemoryCapacity(capacity, 1), StatusIs(absl::StatusCode::kResourceExhausted));
    EXPECT_THAT(FindMemoryCapacity(place).remedy, Not(HasSubstr("or name another")));
  }
}

// Such a file system reports 0 bytes.
TEST(FindMemoryCapacity, IsNotLimitedByAFileSystemWithoutALimit) {
  const bool ran = RunWithSmallFileSystem("0", [](const std::string& directory) {
    const MemoryCapacity capacity = FindMemoryCapacity(directory);
    CHILD_EXPECT(capacity.available_bytes > 0);
    CHILD_EXPECT(capacity.limited_by != directory);
    return 0;
  });
  if (!ran) GTEST_SKIP() << "this user may not mount a file system";
}

TEST(PopulatePages, PopulatesEveryPage) {
  const Index page_bytes = PageBytes(), size_bytes = 64 * page_bytes - 1;
  void* const memory =
      mmap(nullptr, size_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(memory, MAP_FAILED);
  std::byte* const data = static_cast<std::byte*>(memory);
  ASSERT_LT(NumResidentPages(data, size_bytes), 64) << "the pages are already populated";
  MPAIO_EXPECT_OK(PopulatePages(data, 0));
  ASSERT_LT(NumResidentPages(data, size_bytes), 64);
  MPAIO_EXPECT_OK(PopulatePages(data, size_bytes));
  EXPECT_EQ(NumResidentPages(data, size_bytes), 64);
  for (Index at = 0; at < size_bytes; ++at) ASSERT_EQ(data[at], std::byte{0}) << at;
  munmap(memory, size_bytes);
}

// A store to a page after the end of its file is a SIGBUS, like a store to a page that a full file
// system cannot populate.
TEST(PopulatePages, PagesAfterTheEndOfAFileAreAStatus) {
  const Index page_bytes = PageBytes();
  const int file = memfd_create("memory_capacity_test", MFD_CLOEXEC);
  ASSERT_GE(file, 0);
  ASSERT_EQ(ftruncate(file, page_bytes), 0);
  void* const memory = mmap(nullptr, 3 * page_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  ASSERT_NE(memory, MAP_FAILED);
  std::byte* const data = static_cast<std::byte*>(memory);
  MPAIO_EXPECT_OK(PopulatePages(data, page_bytes));
  EXPECT_THAT(PopulatePages(data, 3 * page_bytes), StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_THAT(PopulatePages(data + page_bytes, page_bytes),
              StatusIs(absl::StatusCode::kResourceExhausted));
  munmap(memory, 3 * page_bytes);
  close(file);
}

// A store to such a page would be a SIGBUS.
TEST(PopulatePages, PagesThatCannotBePopulatedAreAStatus) {
  const bool ran = RunWithSmallFileSystem("3m", [](const std::string& directory) {
    constexpr Index kSizeBytes = 16 * kMebi;
    const int file = open((directory + "/a").c_str(), O_RDWR | O_CREAT, 0600);
    CHILD_EXPECT(ftruncate(file, kSizeBytes) == 0);
    void* const memory = mmap(nullptr, kSizeBytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    CHILD_EXPECT(memory != MAP_FAILED);
    const absl::Status status = PopulatePages(static_cast<std::byte*>(memory), kSizeBytes);
    std::fprintf(stderr, "%s\n", status.ToString().c_str());
    CHILD_EXPECT(status.code() == absl::StatusCode::kResourceExhausted);
    return 0;
  });
  if (!ran) GTEST_SKIP() << "this user may not mount a file system";
}

}  // namespace
}  // namespace mpaio
