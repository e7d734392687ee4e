// SPDX-License-Identifier: Apache-2.0
#include "mpaio/kernel/leaf.h"

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "mpaio/kernel/lanes.h"
#include "mpaio/kernel/multiversion.h"

namespace mpaio {
namespace {

// Inlined into each multiversioned function, and therefore compiled for each instruction set.
// map(x) transforms x in place and join(x, y) combines y into x, because the ABI of a returned
// vector would depend on the instruction set of the caller.
template <typename Map, typename Join>
__attribute__((always_inline)) inline double Fold(const double* values, std::size_t count,
                                                  double neutral, Map map, Join join) {
  Lanes low = Lanes{} + neutral, high = Lanes{} + neutral;
  std::size_t i = 0;
  for (; i + 2 * kLanes <= count; i += 2 * kLanes) {
    Lanes next_low, next_high;
    std::memcpy(&next_low, values + i, sizeof(Lanes));
    std::memcpy(&next_high, values + i + kLanes, sizeof(Lanes));
    map(next_low);
    map(next_high);
    join(low, next_low);
    join(high, next_high);
  }
  if (i < count) {
    // A short leaf: lanes without a further element keep their value.
    double rest[2 * kLanes] = {}, before[2 * kLanes], after[2 * kLanes];
    std::memcpy(rest, values + i, (count - i) * sizeof(double));
    std::memcpy(before, &low, sizeof(Lanes));
    std::memcpy(before + kLanes, &high, sizeof(Lanes));
    Lanes next_low, next_high;
    std::memcpy(&next_low, rest, sizeof(Lanes));
    std::memcpy(&next_high, rest + kLanes, sizeof(Lanes));
    map(next_low);
    map(next_high);
    join(low, next_low);
    join(high, next_high);
    std::memcpy(after, &low, sizeof(Lanes));
    std::memcpy(after + kLanes, &high, sizeof(Lanes));
    for (std::size_t lane = count - i; lane < 2 * kLanes; ++lane) after[lane] = before[lane];
    std::memcpy(&low, after, sizeof(Lanes));
    std::memcpy(&high, after + kLanes, sizeof(Lanes));
  }
  join(low, high);
  for (std::size_t half = kLanes / 2; half > 0; half /= 2) {
    Lanes upper = low;
    for (std::size_t lane = 0; lane < half; ++lane) upper[lane] = low[lane + half];
    join(low, upper);
  }
  return low[0];
}

struct Keep {
  __attribute__((always_inline)) void operator()(Lanes&) const {}
};
struct Square {
  __attribute__((always_inline)) void operator()(Lanes& x) const { x *= x; }
};
struct Deviation {
  double center;
  __attribute__((always_inline)) void operator()(Lanes& x) const { x -= center; }
};
struct SquaredDeviation {
  double center;
  __attribute__((always_inline)) void operator()(Lanes& x) const {
    x -= center;
    x *= x;
  }
};
struct Add {
  __attribute__((always_inline)) void operator()(Lanes& x, const Lanes& y) const { x += y; }
};
struct Multiply {
  __attribute__((always_inline)) void operator()(Lanes& x, const Lanes& y) const { x *= y; }
};

MPAIO_MULTIVERSION
double FoldPlain(const double* values, std::size_t count) {
  return Fold(values, count, 0.0, Keep(), Add());
}

MPAIO_MULTIVERSION
double FoldSquares(const double* values, std::size_t count) {
  return Fold(values, count, 0.0, Square(), Add());
}

MPAIO_MULTIVERSION
double FoldDeviations(const double* values, std::size_t count, double center) {
  return Fold(values, count, 0.0, Deviation{center}, Add());
}

MPAIO_MULTIVERSION
double FoldSquaredDeviations(const double* values, std::size_t count, double center) {
  return Fold(values, count, 0.0, SquaredDeviation{center}, Add());
}

MPAIO_MULTIVERSION
double FoldProduct(const double* values, std::size_t count) {
  return Fold(values, count, 1.0, Keep(), Multiply());
}

// These loops need no explicit lanes: the compiler vectorises them.
MPAIO_MULTIVERSION
Index CountNonzeroWords(const std::int64_t* values, std::size_t count) {
  Index nonzero = 0;
  for (std::size_t i = 0; i < count; ++i) nonzero += values[i] != 0;
  return nonzero;
}

MPAIO_MULTIVERSION
Index CountNonzeroDoubles(const double* values, std::size_t count) {
  Index nonzero = 0;
  for (std::size_t i = 0; i < count; ++i) nonzero += values[i] != 0.0;
  return nonzero;
}

MPAIO_MULTIVERSION
void SumHalves(const std::uint64_t* values, std::size_t count, std::uint64_t* lower,
               std::uint64_t* upper) {
  std::uint64_t low = 0, high = 0;
  for (std::size_t i = 0; i < count; ++i) {
    low += values[i] & 0xFFFFFFFF;
    high += values[i] >> 32;
  }
  *lower = low;
  *upper = high;
}

}  // namespace

absl::uint128 SumExactly(std::span<const std::uint64_t> values) {
  absl::uint128 total = 0;
  while (!values.empty()) {
    const std::size_t count = std::min(values.size(), kHalvesPerBlock);
    std::uint64_t lower = 0, upper = 0;
    SumHalves(values.data(), count, &lower, &upper);
    total += (absl::uint128(upper) << 32) + lower;
    values = values.subspan(count);
  }
  return total;
}

double SumLanes(std::span<const double> values) { return FoldPlain(values.data(), values.size()); }
double SumOfSquares(std::span<const double> values) {
  return FoldSquares(values.data(), values.size());
}
double SumOfDeviations(std::span<const double> values, double center) {
  return FoldDeviations(values.data(), values.size(), center);
}
double SumOfSquaredDeviations(std::span<const double> values, double center) {
  return FoldSquaredDeviations(values.data(), values.size(), center);
}
double Product(std::span<const double> values) { return FoldProduct(values.data(), values.size()); }

Index CountNonzero(std::span<const std::int64_t> values) {
  return CountNonzeroWords(values.data(), values.size());
}
Index CountNonzero(std::span<const std::uint64_t> values) {
  return CountNonzeroWords(reinterpret_cast<const std::int64_t*>(values.data()), values.size());
}
Index CountNonzero(std::span<const double> values) {
  return CountNonzeroDoubles(values.data(), values.size());
}

}  // namespace mpaio
