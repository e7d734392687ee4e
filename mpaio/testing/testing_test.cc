// SPDX-License-Identifier: Apache-2.0

// Checks that the helpers of this package tell a failure from a success.
#include <signal.h>
#include <sys/mman.h>

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mpaio/testing/child_process.h"
#include "mpaio/testing/random_bytes.h"
#include "mpaio/testing/resident_pages.h"
#include "mpaio/testing/status_matchers.h"
#include "mpaio/testing/temp_directory.h"

namespace mpaio {
namespace {

using testing::Not;

TEST(StatusMatchers, LookAtCodeAndText) {
  const absl::Status gone = absl::NotFoundError("there is no file a.npy");
  EXPECT_THAT(absl::OkStatus(), IsOk());
  EXPECT_THAT(gone, Not(IsOk()));
  EXPECT_THAT(absl::StatusOr<int>(7), IsOk());
  EXPECT_THAT(absl::StatusOr<int>(gone), Not(IsOk()));
  EXPECT_THAT(gone, StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(gone, Not(StatusIs(absl::StatusCode::kDataLoss)));
  EXPECT_THAT(absl::StatusOr<int>(gone), StatusIs(absl::StatusCode::kNotFound, "a.npy"));
  EXPECT_THAT(gone, Not(StatusIs(absl::StatusCode::kNotFound, "b.npy")));
  EXPECT_THAT(absl::NotFoundError("two\nlines"), Not(StatusIs(absl::StatusCode::kNotFound)));
}

TEST(ChildProcess, TellsHowItEnded) {
  EXPECT_EQ(RunInChild([] { return 0; }), ChildEnd{});
  EXPECT_EQ(RunInChild([] { return 7; }), (ChildEnd{.signal = 0, .exit_status = 7}));
  EXPECT_EQ(RunInChild([] { return raise(SIGKILL); }),
            (ChildEnd{.signal = SIGKILL, .exit_status = 0}));
}

TEST(ChildProcess, StoreInChildDetectsReadOnlyMemory) {
  std::byte own{1};
  EXPECT_EQ(StoreInChild(&own), ChildEnd{});
  void* const constant = mmap(nullptr, 1, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(constant, MAP_FAILED);
  EXPECT_EQ(StoreInChild(static_cast<std::byte*>(constant)),
            (ChildEnd{.signal = SIGSEGV, .exit_status = 0}));
  munmap(constant, 1);
}

TEST(ResidentPages, CountsThoseThatWereTouched) {
  const Index size_bytes = 5 * PageBytes();
  void* const memory =
      mmap(nullptr, size_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(memory, MAP_FAILED);
  std::byte* const data = static_cast<std::byte*>(memory);
  EXPECT_EQ(NumResidentPages(data, size_bytes), 0);
  data[0] = std::byte{1};
  data[3 * PageBytes() + 1] = std::byte{1};
  EXPECT_EQ(NumResidentPages(data, size_bytes), 2);
  munmap(memory, size_bytes);
  EXPECT_EQ(NumResidentPages(data, size_bytes), -1);
}

TEST(TempDirectory, IsEmptyThenGone) {
  std::string path;
  {
    const TempDirectory directory;
    const TempDirectory other;
    path = directory.path();
    EXPECT_NE(path, other.path());
    EXPECT_TRUE(std::filesystem::is_empty(path));
    std::ofstream(directory.File("a")) << "something";
    EXPECT_TRUE(std::filesystem::exists(path + "/a"));
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(RandomBytes, FollowFromTheSeed) {
  EXPECT_EQ(RandomBytes(1, 0), "");
  EXPECT_EQ(RandomBytes(1, 13).size(), 13u);
  EXPECT_EQ(RandomBytes(1, 13), RandomBytes(1, 13));
  EXPECT_NE(RandomBytes(1, 13), RandomBytes(2, 13));
  EXPECT_EQ(RandomBytes(1, 13), RandomBytes(1, 100).substr(0, 13));
}

}  // namespace
}  // namespace mpaio
