// SPDX-License-Identifier: Apache-2.0
#include "mpaio/host/process_end.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>

#include "gtest/gtest.h"

namespace mpaio {
namespace {

int EndOf(const std::function<void()>& body) {
  const pid_t child = fork();
  if (child == 0) {
    body();
    _exit(99);
  }
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  return status;
}

TEST(DescribeProcessEnd, NamesSignals) {
  EXPECT_EQ(DescribeProcessEnd(EndOf([] { kill(getpid(), SIGKILL); })),
            "was killed by signal 9 (SIGKILL)");
  EXPECT_EQ(DescribeProcessEnd(EndOf([] { kill(getpid(), SIGRTMIN + 3); })),
            "was killed by signal 37");
}

TEST(DescribeProcessEnd, NamesExitStatuses) {
  EXPECT_EQ(DescribeProcessEnd(EndOf([] { _exit(0); })), "ended with exit status 0");
  EXPECT_EQ(DescribeProcessEnd(EndOf([] { _exit(3); })), "ended with exit status 3");
}

}  // namespace
}  // namespace mpaio
