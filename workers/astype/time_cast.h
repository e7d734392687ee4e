// SPDX-License-Identifier: Apache-2.0

// Times of one unit as times of another.
#ifndef WORKERS_ASTYPE_TIME_CAST_H_
#define WORKERS_ASTYPE_TIME_CAST_H_

#include <cstdint>
#include <optional>

#include "mpaio/array/dtype.h"

namespace mpaio {

// How ticks of one datetime64 or timedelta64 become those of another. As in numpy, a tick that is
// not a whole number of the new ones becomes the one before; NaT stays.
class TimeCast {
 public:
  // Nothing where there is no fixed number of ticks of the one in those of the other: between years
  // and months on one side, weeks and shorter ones on the other. Preconditions: both are times.
  static std::optional<TimeCast> Create(const DType& from, const DType& to);

  // Nothing where it does not fit.
  std::optional<std::int64_t> operator()(std::int64_t ticks) const;

 private:
  TimeCast(__int128 numerator, __int128 denominator)
      : numerator_(numerator), denominator_(denominator) {}

  __int128 numerator_;
  __int128 denominator_;
};

}  // namespace mpaio

#endif  // WORKERS_ASTYPE_TIME_CAST_H_
