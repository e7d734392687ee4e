// SPDX-License-Identifier: Apache-2.0
#include "mpaio/kernel/min_max.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <type_traits>

#include "mpaio/kernel/multiversion.h"

namespace mpaio {
namespace {

constexpr std::size_t kLanes = 8;
using IntLanes = std::int64_t __attribute__((vector_size(64)));
using DoubleLanes = double __attribute__((vector_size(64)));

// Inlined into each multiversioned function, and therefore compiled for each instruction set. The
// lanes are explicit, because the compiler may not reorder floating-point comparisons, and does not
// see that it may reorder the integer ones. Comparisons with NaN are false, so NaNs are skipped and
// detected separately.
template <typename T, typename Lanes>
__attribute__((always_inline)) inline MinMax<T> FindIn(const T* values, std::size_t count) {
  MinMax<T> result;
  Lanes smallest = Lanes{} + result.min, largest = Lanes{} + result.max;
  IntLanes nans = {};
  std::size_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    Lanes next;
    std::memcpy(&next, values + i, sizeof(next));
    smallest = next < smallest ? next : smallest;
    largest = next > largest ? next : largest;
    if constexpr (std::is_floating_point_v<T>) nans |= next != next;
  }
  bool any_nan = false;
  const auto take = [&result](T min, T max) {
    result.min = min < result.min ? min : result.min;
    result.max = max > result.max ? max : result.max;
  };
  for (std::size_t lane = 0; lane < kLanes; ++lane) {
    take(smallest[lane], largest[lane]);
    any_nan |= nans[lane] != 0;
  }
  for (; i < count; ++i) {
    take(values[i], values[i]);
    any_nan |= values[i] != values[i];
  }
  if (any_nan) result.min = result.max = std::numeric_limits<T>::quiet_NaN();
  return result;
}

MPAIO_MULTIVERSION
MinMax<std::int64_t> FindInInts(const std::int64_t* values, std::size_t count) {
  return FindIn<std::int64_t, IntLanes>(values, count);
}

MPAIO_MULTIVERSION
MinMax<double> FindInDoubles(const double* values, std::size_t count) {
  return FindIn<double, DoubleLanes>(values, count);
}

}  // namespace

template <>
void MinMax<std::int64_t>::Merge(const MinMax& other) {
  min = std::min(min, other.min);
  max = std::max(max, other.max);
}

template <>
void MinMax<double>::Merge(const MinMax& other) {
  if (std::isnan(min) || std::isnan(other.min)) {
    min = max = std::numeric_limits<double>::quiet_NaN();
    return;
  }
  // Adding 0.0 removes the sign of a zero.
  min = std::min(min, other.min) + 0.0;
  max = std::max(max, other.max) + 0.0;
}

MinMax<std::int64_t> FindMinMax(std::span<const std::int64_t> values) {
  return FindInInts(values.data(), values.size());
}

MinMax<double> FindMinMax(std::span<const double> values) {
  MinMax<double> result = FindInDoubles(values.data(), values.size());
  result.min += 0.0;
  result.max += 0.0;
  return result;
}

}  // namespace mpaio
