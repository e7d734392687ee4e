// SPDX-License-Identifier: Apache-2.0

// Sums at the speed of memory.
#ifndef MPAIO_KERNEL_SUM_H_
#define MPAIO_KERNEL_SUM_H_

#include <cstdint>
#include <limits>
#include <optional>
#include <span>

#include "absl/numeric/int128.h"
#include "mpaio/result/fixed_tree.h"

namespace mpaio {

// Exact: no array that fits in memory overflows 128 bits.
absl::int128 SumExactly(std::span<const std::int64_t> values);

// Returns `sum` if it fits an int64, else nullopt.
std::optional<std::int64_t> AsInt64(absl::int128 sum);

// A floating-point sum with the rounding error of its additions. The error of an addition is itself
// a floating-point number, which Knuth's TwoSum computes ("The Art of Computer Programming", vol.
// 2, 4.2.2). T may be a vector.
template <typename T>
struct CompensatedSum {
  T sum{};
  T error{};

  [[gnu::always_inline]] void Add(const T& x) {
    const T next = sum + x;
    const T added = next - sum;
    error += (sum - (next - added)) + (x - added);
    sum = next;
  }
  [[gnu::always_inline]] void Join(const CompensatedSum& right) {
    error += right.error;
    Add(right.sum);
  }
  // Rounded once. If the sum is infinite or NaN, the error is meaningless and the sum is the
  // result. All NaNs become one, because which of two NaNs an addition returns depends on which
  // operand the compiler puts first.
  T value() const {
    if (error - error == 0) return sum + error;
    return sum == sum ? sum : std::numeric_limits<T>::quiet_NaN();
  }
};

// The floating-point sum over the fixed tree of fixed_tree.h. A leaf has the 16 lanes of lanes.h.
//
// Accuracy: each element takes part in at most h = 16 + 4 + log2(n / 256) + 2 additions. With u =
// 2^-53 and S the sum of the magnitudes, the additions lose at most h u S together (to first
// order), and summing these losses loses at most 2 h u of that. So the value before the last
// rounding is within d = 2 (h u)^2 S of the exact sum; for any n that fits in memory, d is less
// than 2^-93 S. A plain pairwise sum, as numpy's, may be off by h u S. Because value() is the
// double nearest to that value, no other double is nearer to the exact sum by more than 2 d.
struct SumOps {
  CompensatedSum<double> Leaf(std::span<const double> elements) const;
  CompensatedSum<double> Combine(CompensatedSum<double> left,
                                 const CompensatedSum<double>& right) const {
    left.Join(right);
    return left;
  }
};
using SumPartial = TreePartial<double, CompensatedSum<double>, SumOps>;
using SumReducer = TreeReducer<double, CompensatedSum<double>, SumOps>;

}  // namespace mpaio

#endif  // MPAIO_KERNEL_SUM_H_
