// SPDX-License-Identifier: Apache-2.0

// How much to do between two looks at the clock: a look costs as much as a small chunk.
#ifndef MPAIO_ORCHESTRATION_BATCH_SIZER_H_
#define MPAIO_ORCHESTRATION_BATCH_SIZER_H_

#include <algorithm>
#include <chrono>

#include "mpaio/base/index.h"

namespace mpaio {

// A look about every `aim`, after `most` things at the latest: what comes next may take longer by
// any factor.
class BatchSizer {
 public:
  static constexpr std::chrono::nanoseconds kAim{2000};
  static constexpr Index kMost = 64;

  explicit BatchSizer(std::chrono::nanoseconds aim = kAim, Index most = kMost)
      : aim_(aim), most_(most) {}

  // How many things to do now. At least 1.
  Index next() const { return next_; }

  // That so many took so long.
  void Took(Index count, std::chrono::nanoseconds duration) {
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
