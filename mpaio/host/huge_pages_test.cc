// SPDX-License-Identifier: Apache-2.0
#include "mpaio/host/huge_pages.h"

#include <sys/mman.h>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mpaio/testing/status_matchers.h"

namespace mpaio {
namespace {

using testing::HasSubstr;

// In the kernel's format.
constexpr char kMounts[] =
    "21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
    "25 21 0:22 / /dev/shm rw,nosuid shared:4 - tmpfs tmpfs rw,size=24684084k\n"
    "26 25 0:23 / /dev/shm/large rw - tmpfs tmpfs rw,huge=advise,size=1g\n"
    "27 21 0:24 / /mnt/all rw shared:7 master:1 - tmpfs huge=never rw,size=1g,huge=always\n"
    "28 21 0:25 / /mnt/twice rw - tmpfs tmpfs rw,huge=always\n"
    "29 21 0:26 / /mnt/twice rw - tmpfs tmpfs rw\n"
    "not a mount\n";

TEST(HugePagesTest, OptionOfTheFileSystemThatADirectoryLiesIn) {
  EXPECT_EQ(HugeOptionOf(kMounts, "/dev/shm"), "never");
  EXPECT_EQ(HugeOptionOf(kMounts, "/dev/shm/large"), "advise");
  EXPECT_EQ(HugeOptionOf(kMounts, "/dev/shm/large/a/b"), "advise");
  EXPECT_EQ(HugeOptionOf(kMounts, "/dev/shm/largest"), "never");
  EXPECT_EQ(HugeOptionOf(kMounts, "/mnt/all"), "always");
  EXPECT_EQ(HugeOptionOf(kMounts, "/mnt/twice"), "never") << "the last mount hides the first one";
  EXPECT_EQ(HugeOptionOf(kMounts, "/home"), "never");
  EXPECT_EQ(HugeOptionOf("", "/dev/shm"), "never");
}

// Support depends on the system; but a refusal says how to enable huge pages.
TEST(HugePagesTest, ARefusalHasARemedy) {
  for (const char* directory : {"", "/dev/shm", "/proc"}) {
    const absl::Status status = CheckHugePages(directory);
    if (status.ok()) continue;
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_THAT(status.message(), HasSubstr("as root, or give --huge_pages=auto"));
  }
  EXPECT_FALSE(CheckHugePages("/proc").ok());
}

// Any alignment is allowed, and the advice may be refused.
TEST(HugePagesTest, AdviceChangesOnlyPages) {
  constexpr Index kBytes = Index{8} << 20;
  void* const memory =
      mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(memory, MAP_FAILED);
  auto* const data = static_cast<std::byte*>(memory);
  for (const HugePages wish : {HugePages::kAuto, HugePages::kNever, HugePages::kAlways}) {
    EXPECT_EQ(AdviseHugePages(data, kBytes, wish, ""),
              wish != HugePages::kNever && CheckHugePages("").ok());
    AdviseHugePages(data + 5, kBytes - 9, wish, "");
    EXPECT_FALSE(AdviseHugePages(data + 1, 10, wish, ""));
    EXPECT_FALSE(AdviseHugePages(data, 0, wish, ""));
    data[0] = data[kBytes - 1] = std::byte{7};
    EXPECT_EQ(data[kBytes / 2], std::byte{0});
  }
  munmap(memory, kBytes);
}

}  // namespace
}  // namespace mpaio
