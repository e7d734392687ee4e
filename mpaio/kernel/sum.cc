// SPDX-License-Identifier: Apache-2.0
#include "mpaio/kernel/sum.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <limits>

#include "mpaio/kernel/lanes.h"
#include "mpaio/kernel/multiversion.h"

namespace mpaio {
namespace {

constexpr std::uint64_t kSignBit = std::uint64_t{1} << 63;

// Sums of at most kHalvesPerBlock values: `wrapped` is the sum of the words modulo 2^64, `upper`
// the exact sum of the upper halves of value + 2^63.
struct BlockSums {
  std::uint64_t wrapped;
  std::uint64_t upper;
};

MPAIO_MULTIVERSION
BlockSums SumBlock(const std::int64_t* values, std::size_t count) {
  BlockSums sums{0, 0};
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t word = static_cast<std::uint64_t>(values[i]);
    sums.wrapped += word;
    sums.upper += (word ^ kSignBit) >> 32;
  }
  return sums;
}

// The prefetch distance. The arithmetic per cache line takes so long that the processor does not
// begin to load the next lines in time by itself.
constexpr std::uintptr_t kAheadBytes = 2048;

template <typename Vector>
using VectorSum = CompensatedSum<Vector>;
using HalfLanes = double __attribute__((vector_size(32)));
using QuarterLanes = double __attribute__((vector_size(16)));

// Combines lanes l and l + half of `sums`, for all l below half.
template <typename Half, typename Whole>
[[gnu::always_inline]] inline void JoinHalves(const VectorSum<Whole>& sums,
                                              VectorSum<Half>* joined) {
  static_assert(2 * sizeof(Half) == sizeof(Whole));
  Whole sum = sums.sum, error = sums.error;
  VectorSum<Half> upper;
  std::memcpy(&joined->sum, &sum, sizeof(Half));
  std::memcpy(&joined->error, &error, sizeof(Half));
  std::memcpy(&upper.sum, reinterpret_cast<const char*>(&sum) + sizeof(Half), sizeof(Half));
  std::memcpy(&upper.error, reinterpret_cast<const char*>(&error) + sizeof(Half), sizeof(Half));
  joined->Join(upper);
}

MPAIO_MULTIVERSION
void SumLeaf(const double* elements, std::size_t count, CompensatedSum<double>* leaf) {
  // Named variables instead of arrays, because GCC keeps arrays in memory.
  VectorSum<Lanes> low, high;
  Lanes next_low, next_high;
  std::size_t i = 0;
  for (; i + 2 * kLanes <= count; i += 2 * kLanes) {
    std::memcpy(&next_low, elements + i, sizeof(Lanes));
    std::memcpy(&next_high, elements + i + kLanes, sizeof(Lanes));
    // The address may be past the end of the array, which is harmless for a prefetch.
    const std::uintptr_t ahead = reinterpret_cast<std::uintptr_t>(elements + i) + kAheadBytes;
    __builtin_prefetch(reinterpret_cast<const void*>(ahead));
    __builtin_prefetch(reinterpret_cast<const void*>(ahead + sizeof(Lanes)));
    low.Add(next_low);
    high.Add(next_high);
  }
  if (i < count) {
    // A short leaf: zeros do not change the lanes that have no further element.
    double rest[2 * kLanes] = {};
    std::memcpy(rest, elements + i, (count - i) * sizeof(double));
    std::memcpy(&next_low, rest, sizeof(Lanes));
    std::memcpy(&next_high, rest + kLanes, sizeof(Lanes));
    low.Add(next_low);
    high.Add(next_high);
  }
  low.Join(high);
  VectorSum<HalfLanes> halves;
  VectorSum<QuarterLanes> quarters;
  JoinHalves(low, &halves);
  JoinHalves(halves, &quarters);
  *leaf = {quarters.sum[0], quarters.error[0]};
  leaf->Join({quarters.sum[1], quarters.error[1]});
}

}  // namespace

absl::int128 SumExactly(std::span<const std::int64_t> values) {
  absl::int128 total = 0;
  while (!values.empty()) {
    const std::size_t count = std::min(values.size(), kHalvesPerBlock);
    const BlockSums sums = SumBlock(values.data(), count);
    // The sum of value + 2^63 is upper * 2^32 + lower. The sum of the lower halves is below 2^64,
    // so the wrapped sum determines it: the wrapped sum lacks 2^63 per value, and an even number of
    // these is 0 modulo 2^64.
    const std::uint64_t offsets = count % 2 == 0 ? 0 : kSignBit;
    const std::uint64_t lower = sums.wrapped + offsets - (sums.upper << 32);
    total += absl::int128(absl::uint128(sums.upper) << 32) + absl::int128(lower) -
             absl::int128(absl::uint128(count) << 63);
    values = values.subspan(count);
  }
  return total;
}

std::optional<std::int64_t> AsInt64(absl::int128 sum) {
  if (sum < std::numeric_limits<std::int64_t>::min() ||
      sum > std::numeric_limits<std::int64_t>::max())
    return std::nullopt;
  return static_cast<std::int64_t>(sum);
}

CompensatedSum<double> SumOps::Leaf(std::span<const double> elements) const {
  CompensatedSum<double> leaf;
  SumLeaf(elements.data(), elements.size(), &leaf);
  return leaf;
}

}  // namespace mpaio
