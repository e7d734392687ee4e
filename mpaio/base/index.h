// SPDX-License-Identifier: Apache-2.0

// Integer types for counts and positions, and checked narrowing between them.
#ifndef MPAIO_BASE_INDEX_H_
#define MPAIO_BASE_INDEX_H_

#include <cstdint>
#include <limits>
#include <optional>
#include <type_traits>

namespace mpaio {

// A count of, or a position among, rows, elements or bytes. Signed, so that differences are well
// defined; 64 bits, so that arrays over 2^31 elements need no second code path.
using Index = std::int64_t;

// The position of a chunk in its job: chunk k of a job is the k-th range that its DataIterator
// yields.
using ChunkId = std::int64_t;

// Returns `value` as a `To`, or nullopt if it does not fit.
template <typename To, typename From>
constexpr std::optional<To> CheckedCast(From value) {
  static_assert(std::is_integral_v<To> && std::is_integral_v<From>);
  const To result = static_cast<To>(value);
  if (static_cast<From>(result) != value) return std::nullopt;
  if ((result < To{}) != (value < From{})) return std::nullopt;
  return result;
}

// Returns a * b, or nullopt if the product does not fit. Precondition: a >= 0, b >= 0.
constexpr std::optional<Index> CheckedMultiply(Index a, Index b) {
  if (b != 0 && a > std::numeric_limits<Index>::max() / b) return std::nullopt;
  return a * b;
}

// Returns ceil(a / b), without the overflow of (a + b - 1) / b. Precondition: a >= 0, b > 0.
constexpr Index CeilDivide(Index a, Index b) { return a / b + (a % b != 0 ? 1 : 0); }

}  // namespace mpaio

#endif  // MPAIO_BASE_INDEX_H_
