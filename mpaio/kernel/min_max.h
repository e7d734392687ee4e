// SPDX-License-Identifier: Apache-2.0

// Smallest and largest value at the speed of memory.
#ifndef MPAIO_KERNEL_MIN_MAX_H_
#define MPAIO_KERNEL_MIN_MAX_H_

#include <cstdint>
#include <limits>
#include <span>

namespace mpaio {

// The initial values, for no elements, are neutral under Merge: the largest and the smallest number
// of the type.
template <typename T>
struct MinMax {
  T min = std::numeric_limits<T>::has_infinity ? std::numeric_limits<T>::infinity()
                                               : std::numeric_limits<T>::max();
  T max = std::numeric_limits<T>::has_infinity ? -std::numeric_limits<T>::infinity()
                                               : std::numeric_limits<T>::lowest();

  // As in numpy, a NaN anywhere makes both NaN. -0.0 becomes 0.0, because which of two equal zeros
  // comes first depends on how the array was divided.
  void Merge(const MinMax& other);
};

// Return the initial values if there are no elements. NaNs and zeros are treated as in Merge.
MinMax<std::int64_t> FindMinMax(std::span<const std::int64_t> values);
MinMax<double> FindMinMax(std::span<const double> values);

}  // namespace mpaio

#endif  // MPAIO_KERNEL_MIN_MAX_H_
