// SPDX-License-Identifier: Apache-2.0
#include "mpaio/worker/forked_child.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <functional>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mpaio/testing/status_matchers.h"

namespace mpaio {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

[[noreturn]] void SleepForever(pid_t) {
  for (;;) pause();
}

// Returns how a child that calls `run` has ended.
std::string CauseAfter(const std::function<void(pid_t)>& run) {
  ForkedChild child;
  MPAIO_EXPECT_OK(child.Fork(run));
  std::string cause;
  while (!child.Reap(&cause)) {
    pollfd file = {child.pidfd(), POLLIN, 0};
    poll(&file, 1, child.pidfd() >= 0 ? -1 : 1);
  }
  EXPECT_FALSE(child.exists());
  return cause;
}

TEST(ForkedChildTest, ReportsHowTheChildEnded) {
  EXPECT_EQ(CauseAfter([](pid_t) { _exit(3); }), "ended with exit status 3");
  EXPECT_EQ(CauseAfter([](pid_t) { exit(4); }), "ended with exit status 4");
  EXPECT_EQ(CauseAfter([](pid_t) { abort(); }), "was killed by signal 6 (SIGABRT: aborted)");
  EXPECT_THAT(CauseAfter([](pid_t) { kill(getpid(), SIGKILL); }), HasSubstr("memory runs out"));
}

TEST(ForkedChildTest, TheChildKnowsItsParent) {
  const pid_t parent = getpid();
  EXPECT_EQ(CauseAfter([parent](pid_t given) { _exit(given == parent && getppid() == given); }),
            "ended with exit status 1");
}

TEST(ForkedChildTest, TheChildIgnoresWhatIsMeantForTheRank) {
  EXPECT_EQ(CauseAfter([](pid_t) {
              for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2}) raise(number);
              _exit(5);
            }),
            "ended with exit status 5");
}

TEST(ForkedChildTest, EndKillsTheChild) {
  ForkedChild child;
  std::string cause;
  child.End(&cause);
  EXPECT_EQ(cause, "");
  MPAIO_ASSERT_OK(child.Fork(SleepForever));
  EXPECT_TRUE(child.exists());
  EXPECT_FALSE(child.Reap(&cause));
  child.End(&cause);
  EXPECT_FALSE(child.exists());
  EXPECT_THAT(cause, StartsWith("was killed by signal 9"));
  // It can be replaced.
  MPAIO_ASSERT_OK(child.Fork(SleepForever));
  EXPECT_TRUE(child.exists());
}

}  // namespace
}  // namespace mpaio
