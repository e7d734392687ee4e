// SPDX-License-Identifier: Apache-2.0
#include "mpaio/dispatch/schedule.h"

#include <algorithm>
#include <cmath>
#include <string>

namespace mpaio {

const std::vector<std::string>& ScheduleNames() {
  static const std::vector<std::string> names = {"auto",      "static",    "dynamic", "guided",
                                                 "factoring", "trapezoid", "adaptive"};
  return names;
}

ScheduleRule::ScheduleRule(ScheduleKind kind, Index num_chunks, int processors)
    : kind_(kind), num_chunks_(num_chunks), processors_(processors) {
  if (kind != ScheduleKind::kTrapezoid) return;
  const Index first = std::max<Index>(1, CeilDivide(num_chunks, 2 * processors_));
  // The number of ranges, falling linearly from `first` to 1, that hold all chunks.
  const Index ranges = CeilDivide(2 * num_chunks, first + 1);
  length_ = first;
  decrement_ = ranges > 1 ? (first - 1) / (ranges - 1) : 0;
}

Index ScheduleRule::Next(Index remaining, double weight) {
  Index length = 1;
  switch (kind_) {
    case ScheduleKind::kAuto:
    case ScheduleKind::kDynamic:
      break;
    case ScheduleKind::kStatic:
      length = CeilDivide(num_chunks_, processors_);
      break;
    case ScheduleKind::kGuided:
      length = CeilDivide(remaining, processors_);
      break;
    case ScheduleKind::kFactoring:
      if (batch_ranges_ == 0) {
        batch_ranges_ = processors_;
        batch_length_ = CeilDivide(remaining, 2 * processors_);
      }
      --batch_ranges_;
      length = batch_length_;
      break;
    case ScheduleKind::kTrapezoid:
      length = length_;
      length_ = std::max<Index>(1, length_ - decrement_);
      break;
    case ScheduleKind::kAdaptive:
      length = static_cast<Index>(std::min(static_cast<double>(remaining),
                                           std::ceil(weight * static_cast<double>(remaining) /
                                                     static_cast<double>(2 * processors_))));
      break;
  }
  return std::clamp<Index>(length, 1, remaining);
}

}  // namespace mpaio
