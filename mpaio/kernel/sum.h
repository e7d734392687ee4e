// Sums at the speed of memory.
#ifndef MPAIO_KERNEL_SUM_H_
#define MPAIO_KERNEL_SUM_H_

#include <cstdint>
#include <optional>
#include <span>

#include "absl/numeric/int128.h"
#include "mpaio/result/fixed_tree.h"

namespace mpaio {

// The exact sum: no array that fits in memory overflows 128 bits.
absl::int128 SumExactly(std::span<const std::int64_t> values);

// `sum` where it fits an int64.
std::optional<std::int64_t> AsInt64(absl::int128 sum);

// The floating-point sum over the fixed tree of fixed_tree.h. A leaf is 16 lanes: lane j adds up, in order, the leaf's elements j, j + 16, j + 32,
// ...; then the lanes are added as (l, l + 8), (l, l + 4), (l, l + 2), (l, l + 1). So an element takes part in at most 16 + 4 + log2(n / 256)
// additions, about what numpy's pairwise summation has.
struct SumOps {
  double Leaf(std::span<const double> elements) const;
  double Combine(double left, double right) const { return left + right; }
};
using SumPartial = TreePartial<double, double, SumOps>;
using SumReducer = TreeReducer<double, double, SumOps>;

}  // namespace mpaio

#endif  // MPAIO_KERNEL_SUM_H_
