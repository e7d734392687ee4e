#include "mpaio/supervision/in_time.h"

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

// Counts in memory that forks share.
class InTimeTest : public testing::Test {
 protected:
  InTimeTest() : begun_(*new (mmap(nullptr, sizeof(std::atomic<int>), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)) std::atomic<int>(0)) {}
  ~InTimeTest() override { munmap(&begun_, sizeof(begun_)); }

  std::atomic<int>& begun_;
};

TEST_F(InTimeTest, WhatEndsIsDoneOnceAndElsewhere) {
  const pid_t self = getpid();
  EXPECT_TRUE(DoInTime([&] { return ++begun_ == 1 && getpid() != self; }, 3, kLong));
  EXPECT_EQ(begun_, 1);
}

TEST_F(InTimeTest, WhatFailsIsDoneAgain) {
  EXPECT_TRUE(DoInTime([&] { return ++begun_ == 3; }, 3, kLong));
  EXPECT_EQ(begun_, 3);
  EXPECT_FALSE(DoInTime([&] { return ++begun_ == 0; }, 2, kLong));
  EXPECT_EQ(begun_, 5);
}

TEST_F(InTimeTest, WhatDiesIsDoneAgain) {
  EXPECT_TRUE(DoInTime([&] { return ++begun_ == 2 || raise(SIGKILL) != 0; }, 3, kLong));
  EXPECT_EQ(begun_, 2);
}

TEST_F(InTimeTest, WhatDoesNotEndIsEndedAndDoneAgain) {
  EXPECT_TRUE(DoInTime(
      [&] {
        if (++begun_ == 1) pause();
        return true;
      },
      2, std::chrono::milliseconds(200)));
  EXPECT_EQ(begun_, 2);
}

TEST_F(InTimeTest, AtLastItIsGivenUp) {
  EXPECT_FALSE(DoInTime(
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
