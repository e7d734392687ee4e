// SPDX-License-Identifier: Apache-2.0
#include "mpaio/supervision/run_with_timeout.h"

#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <new>

#include "gtest/gtest.h"

namespace mpaio {
namespace {

constexpr std::chrono::milliseconds kLong = std::chrono::minutes(1);

// Counts runs in memory that forks share.
class RunWithTimeoutTest : public testing::Test {
 protected:
  RunWithTimeoutTest()
      : begun_(*new (mmap(nullptr, sizeof(std::atomic<int>), PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANONYMOUS, -1, 0)) std::atomic<int>(0)) {}
  ~RunWithTimeoutTest() override { munmap(&begun_, sizeof(begun_)); }

  std::atomic<int>& begun_;
};

TEST_F(RunWithTimeoutTest, RunsOnceInAFork) {
  const pid_t self = getpid();
  EXPECT_TRUE(RunWithTimeout([&] { return ++begun_ == 1 && getpid() != self; }, 3, kLong));
  EXPECT_EQ(begun_, 1);
}

TEST_F(RunWithTimeoutTest, RetriesAfterFailure) {
  EXPECT_TRUE(RunWithTimeout([&] { return ++begun_ == 3; }, 3, kLong));
  EXPECT_EQ(begun_, 3);
  EXPECT_FALSE(RunWithTimeout([&] { return ++begun_ == 0; }, 2, kLong));
  EXPECT_EQ(begun_, 5);
}

TEST_F(RunWithTimeoutTest, RetriesAfterDeath) {
  EXPECT_TRUE(RunWithTimeout([&] { return ++begun_ == 2 || raise(SIGKILL) != 0; }, 3, kLong));
  EXPECT_EQ(begun_, 2);
}

TEST_F(RunWithTimeoutTest, KillsAndRetriesAfterTheTimeout) {
  EXPECT_TRUE(RunWithTimeout(
      [&] {
        if (++begun_ == 1) pause();
        return true;
      },
      2, std::chrono::milliseconds(200)));
  EXPECT_EQ(begun_, 2);
}

TEST_F(RunWithTimeoutTest, ReturnsFalseAfterTheLastAttempt) {
  EXPECT_FALSE(RunWithTimeout(
      [&] {
        ++begun_;
        pause();
        return true;
      },
      2, std::chrono::milliseconds(50)));
  EXPECT_LE(begun_, 2);
}

}  // namespace
}  // namespace mpaio
