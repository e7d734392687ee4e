// SPDX-License-Identifier: Apache-2.0
#include "mpaio/transport/backoff.h"

#include <sys/prctl.h>
#include <time.h>

#include <algorithm>
#include <chrono>

#include "absl/time/time.h"
#include "gtest/gtest.h"

namespace mpaio {
namespace {

using std::chrono::duration_cast;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

// A busy machine only makes a pause longer, so upper bounds are on the shortest of several.
constexpr int kAttempts = 20;

class BackoffTest : public testing::Test {
 protected:
  // As in mpaio::Environment: otherwise the kernel adds 50 µs to each sleep.
  void SetUp() override { prctl(PR_SET_TIMERSLACK, 1); }

  static nanoseconds TimeOfPause(Backoff& backoff, absl::Duration at_most) {
    const auto start = steady_clock::now();
    backoff.Pause(at_most);
    return steady_clock::now() - start;
  }

  // Pauses until the wait has lasted `time`.
  static void WaitFor(Backoff& backoff, nanoseconds time) {
    const auto end = steady_clock::now() + time;
    while (steady_clock::now() < end) backoff.Pause(absl::InfiniteDuration());
  }
};

TEST_F(BackoffTest, FirstPauseAfterResetReturnsAtOnce) {
  Backoff backoff;
  nanoseconds shortest = seconds(1);
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    WaitFor(backoff, milliseconds(2));
    backoff.Reset();
    shortest = std::min(shortest, TimeOfPause(backoff, absl::InfiniteDuration()));
  }
  // Without Reset it would sleep for 500 µs.
  EXPECT_LT(shortest, microseconds(40));
}

TEST_F(BackoffTest, SleepsDoubleUpTo500Microseconds) {
  // After 50 µs a wait consists of sleeps of 50, 100, 200, 400, 500, 500 µs, ... until it has
  // lasted 20 ms.
  nanoseconds longest{0};
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    Backoff backoff;
    const auto start = steady_clock::now();
    int sleeps = 0;
    while (steady_clock::now() - start < milliseconds(15)) {
      if (steady_clock::now() - start > microseconds(60)) ++sleeps;
      longest = std::max(longest, TimeOfPause(backoff, absl::InfiniteDuration()));
    }
    // 4 sleeps are shorter than 500 µs, and 15 ms hold 30 of 500 µs. If all took 50 µs, there would
    // be 300.
    EXPECT_LE(sleeps, 40);
  }
  EXPECT_GE(longest, microseconds(500));
}

TEST_F(BackoffTest, SleepsAMillisecondOnceTheWaitIsLong) {
  Backoff backoff;
  WaitFor(backoff, milliseconds(21));
  nanoseconds shortest = seconds(1);
  for (int attempt = 0; attempt < kAttempts; ++attempt)
    shortest = std::min(shortest, TimeOfPause(backoff, absl::InfiniteDuration()));
  EXPECT_GE(shortest, milliseconds(1));
  EXPECT_LT(shortest, milliseconds(5)) << "overslept by much more than 1 ms";
}

TEST_F(BackoffTest, NeverPausesLongerThanAsked) {
  Backoff backoff;
  WaitFor(backoff, milliseconds(21));
  for (const absl::Duration at_most : {-absl::InfiniteDuration(), absl::Seconds(-1),
                                       absl::ZeroDuration(), absl::Microseconds(20)}) {
    nanoseconds shortest = seconds(1);
    for (int attempt = 0; attempt < kAttempts; ++attempt)
      shortest = std::min(shortest, TimeOfPause(backoff, at_most));
    EXPECT_LT(shortest, microseconds(500)) << "at most " << at_most;
  }
}

// A wait that ends after `t` sleeps until about 2 t at most.
TEST_F(BackoffTest, OversleepsAtMostAboutAsLongAsItHasWaited) {
  for (const microseconds wait :
       {microseconds(100), microseconds(300), microseconds(1000), microseconds(5000)}) {
    nanoseconds shortest = seconds(1);
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
      Backoff backoff;
      const auto start = steady_clock::now();
      while (steady_clock::now() - start < wait) backoff.Pause(absl::InfiniteDuration());
      shortest = std::min<nanoseconds>(shortest, steady_clock::now() - start - wait);
    }
    EXPECT_LT(shortest, std::min<nanoseconds>(wait + microseconds(100), milliseconds(1)))
        << "waited " << wait.count() << " us";
  }
}

TEST_F(BackoffTest, ALongWaitCostsLittle) {
  Backoff backoff;
  WaitFor(backoff, milliseconds(21));
  const auto cpu = [] {
    timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return seconds(time.tv_sec) + nanoseconds(time.tv_nsec);
  };
  const auto start = steady_clock::now();
  const nanoseconds cpu_before = cpu();
  WaitFor(backoff, milliseconds(300));
  const double share = static_cast<double>((cpu() - cpu_before).count()) /
                       static_cast<double>(nanoseconds(steady_clock::now() - start).count());
  // About 0.7 % on an idle machine; a wait that spins or yields uses all the CPU time it can get.
  EXPECT_LT(share, 0.05);
}

}  // namespace
}  // namespace mpaio
