// SPDX-License-Identifier: Apache-2.0
#include "mpaio/host/file_descriptor.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <type_traits>
#include <utility>

#include "gtest/gtest.h"

namespace mpaio {
namespace {

static_assert(!std::is_copy_constructible_v<FileDescriptor>);
static_assert(!std::is_copy_assignable_v<FileDescriptor>);

FileDescriptor OpenNull() { return FileDescriptor(::open("/dev/null", O_RDONLY | O_CLOEXEC)); }

bool IsOpen(int fd) { return ::fcntl(fd, F_GETFD) >= 0; }

TEST(FileDescriptor, TheDefaultHoldsNone) {
  FileDescriptor fd;
  EXPECT_FALSE(fd.is_open());
  EXPECT_LT(fd.get(), 0);
  fd.Close();
  EXPECT_FALSE(FileDescriptor(-1).is_open());
}

TEST(FileDescriptor, IsClosedByTheDestructor) {
  int number = -1;
  {
    const FileDescriptor fd = OpenNull();
    ASSERT_TRUE(fd.is_open());
    number = fd.get();
    EXPECT_TRUE(IsOpen(number));
  }
  EXPECT_FALSE(IsOpen(number));
}

TEST(FileDescriptor, CloseIsIdempotent) {
  FileDescriptor fd = OpenNull();
  const int number = fd.get();
  fd.Close();
  EXPECT_FALSE(fd.is_open());
  // Another file may get the number; a second Close must not close that.
  const int other = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  ASSERT_EQ(other, number);
  fd.Close();
  EXPECT_TRUE(IsOpen(other));
  ::close(other);
}

TEST(FileDescriptor, MovesLeaveOneOwner) {
  FileDescriptor first = OpenNull();
  const int number = first.get();
  FileDescriptor second = std::move(first);
  EXPECT_EQ(second.get(), number);
  FileDescriptor third = OpenNull();
  const int replaced = third.get();
  third = std::move(second);
  EXPECT_EQ(third.get(), number);
  EXPECT_FALSE(IsOpen(replaced));
  FileDescriptor& same = third;
  third = std::move(same);
  EXPECT_TRUE(IsOpen(number));
}

TEST(FileDescriptor, ReleaseGivesItAway) {
  int number = -1;
  {
    FileDescriptor fd = OpenNull();
    number = fd.Release();
    EXPECT_FALSE(fd.is_open());
  }
  EXPECT_TRUE(IsOpen(number));
  ::close(number);
}

TEST(FileDescriptor, CloseKeepsErrno) {
  FileDescriptor bad(1 << 30);
  errno = ENOENT;
  bad.Close();
  EXPECT_EQ(errno, ENOENT);
}

}  // namespace
}  // namespace mpaio
