// SPDX-License-Identifier: Apache-2.0

// Chooses how many items to process between two readings of the clock, because a reading costs as
// much as a small chunk.
#ifndef MPAIO_ORCHESTRATION_BATCH_SIZER_H_
#define MPAIO_ORCHESTRATION_BATCH_SIZER_H_

#include <algorithm>
#include <chrono>

#include "mpaio/base/index.h"

namespace mpaio {

// Aims at a reading of the clock about every `aim`, after at most `most` items. A batch is at most
// twice as large as the previous one, because the next items may take much longer.
class BatchSizer {
 public:
  static constexpr std::chrono::nanoseconds kAim{2000};
  static constexpr Index kMost = 64;

  explicit BatchSizer(std::chrono::nanoseconds aim = kAim, Index most = kMost)
      : aim_(aim), most_(most) {}

  // Returns how many items to process before the next reading. At least 1.
  Index next() const { return next_; }

  // Records that `count` items took `duration`.
  void Record(Index count, std::chrono::nanoseconds duration) {
    const Index wanted =
        duration.count() <= 0 ? most_ : count * aim_.count() / static_cast<Index>(duration.count());
    next_ = std::clamp(wanted, Index{1}, std::min(2 * next_, most_));
  }

 private:
  std::chrono::nanoseconds aim_;
  Index most_;
  Index next_ = 1;
};

}  // namespace mpaio

#endif  // MPAIO_ORCHESTRATION_BATCH_SIZER_H_
