// SPDX-License-Identifier: Apache-2.0

// Converts times from one unit to another.
#ifndef WORKERS_ASTYPE_TIME_CAST_H_
#define WORKERS_ASTYPE_TIME_CAST_H_

#include <cstdint>
#include <optional>

#include "mpaio/array/dtype.h"

namespace mpaio {

// Converts ticks of one datetime64 or timedelta64 type to those of another. As in numpy, a time
// between two ticks of the new type becomes the earlier one; NaT stays NaT.
class TimeCast {
 public:
  // Returns nothing if the two ticks have no fixed ratio (one type counts years or months, the
  // other weeks or a shorter unit), or if `from` has a unit and `to` has none. Precondition: both
  // are times.
  static std::optional<TimeCast> Create(const DType& from, const DType& to);

  // Returns nothing if the result does not fit.
  std::optional<std::int64_t> operator()(std::int64_t ticks) const;

 private:
  TimeCast(__int128 numerator, __int128 denominator)
      : numerator_(numerator), denominator_(denominator) {}

  __int128 numerator_;
  __int128 denominator_;
};

}  // namespace mpaio

#endif  // WORKERS_ASTYPE_TIME_CAST_H_
