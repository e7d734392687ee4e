// SPDX-License-Identifier: Apache-2.0
#include "mpaio/transport/backoff.h"

#include <sched.h>

#include <algorithm>
#include <thread>

namespace mpaio {
namespace {
using std::chrono::microseconds;
using std::chrono::milliseconds;
constexpr microseconds kSpin(2);
constexpr microseconds kYield(50);
constexpr microseconds kShortestSleep(50);
constexpr microseconds kLongestSleep(500);
constexpr milliseconds kLongWait(20);
constexpr milliseconds kLongWaitSleep(1);
}  // namespace

bool Backoff::PauseBriefly() {
  const auto now = std::chrono::steady_clock::now();
  if (!waiting_) {
    waiting_ = true;
    since_ = now;
    sleep_ = kShortestSleep;
  }
  waited_ = now - since_;
  if (waited_ >= kYield) return false;
  if (waited_ >= kSpin) sched_yield();
  return true;
}

void Backoff::Pause(absl::Duration at_most) {
  if (PauseBriefly()) return;
  const std::chrono::nanoseconds sleep =
      waited_ < kLongWait ? sleep_ : std::chrono::nanoseconds(kLongWaitSleep);
  sleep_ = std::min<std::chrono::nanoseconds>(sleep_ * 2, kLongestSleep);
  const std::chrono::nanoseconds bound =
      absl::ToChronoNanoseconds(std::max(at_most, absl::ZeroDuration()));
  std::this_thread::sleep_for(std::min(sleep, bound));
}

}  // namespace mpaio
