// SPDX-License-Identifier: Apache-2.0

// The layout of loops that accumulate: lanes in vector registers, and words in halves.
//
// A floating-point leaf has 16 lanes, two Lanes: lane j accumulates, in order, the elements j, j +
// 16, j + 32, ...; then the lanes are combined as (l, l + 8), (l, l + 4), (l, l + 2), (l, l + 1).
// The result has the same bits for every register width.
#ifndef MPAIO_KERNEL_LANES_H_
#define MPAIO_KERNEL_LANES_H_

#include <cstddef>

namespace mpaio {

// Eight lanes, in as many registers as the processor needs for them.
using Lanes = double __attribute__((vector_size(64)));
inline constexpr std::size_t kLanes = 8;

// The sum of this many words below 2^32 fits 64 bits. Exact sums of 64-bit words add the halves of
// up to this many words separately.
inline constexpr std::size_t kHalvesPerBlock = std::size_t{1} << 31;

}  // namespace mpaio

#endif  // MPAIO_KERNEL_LANES_H_
