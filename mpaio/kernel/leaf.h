// SPDX-License-Identifier: Apache-2.0

// Loops over a leaf of a reduction, or over any number of elements if the result does not depend on
// their order. A floating-point leaf has the 16 lanes of lanes.h.
#ifndef MPAIO_KERNEL_LEAF_H_
#define MPAIO_KERNEL_LEAF_H_

#include <cstdint>
#include <span>

#include "absl/numeric/int128.h"
#include "mpaio/base/index.h"

namespace mpaio {

// Exact: no array that fits in memory overflows 128 bits.
absl::uint128 SumExactly(std::span<const std::uint64_t> values);

// Plain additions and multiplications, each of which is rounded. sum.h has compensated sums.
double SumLanes(std::span<const double> values);
double SumOfSquares(std::span<const double> values);
// Sums of (value - center) and of its square.
double SumOfDeviations(std::span<const double> values, double center);
double SumOfSquaredDeviations(std::span<const double> values, double center);
double Product(std::span<const double> values);

Index CountNonzero(std::span<const std::int64_t> values);
Index CountNonzero(std::span<const std::uint64_t> values);
Index CountNonzero(std::span<const double> values);

}  // namespace mpaio

#endif  // MPAIO_KERNEL_LEAF_H_
