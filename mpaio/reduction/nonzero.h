// SPDX-License-Identifier: Apache-2.0

// Counts and tests of nonzero elements. fold.h and reduction_worker.h define the interface of an
// operation.
#ifndef MPAIO_REDUCTION_NONZERO_H_
#define MPAIO_REDUCTION_NONZERO_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

#include "absl/status/status.h"
#include "mpaio/array/dtype.h"
#include "mpaio/base/index.h"
#include "mpaio/kernel/leaf.h"
#include "mpaio/reduction/reduction_worker.h"
#include "mpaio/reduction/stores.h"

namespace mpaio {

// Operations on nonzero elements. NaN and NaT count as nonzero.

template <typename Number>
struct FoldNonzero {
  static constexpr bool kOrderFree = true;
  using Wide = Number;
  using State = Index;
  State Fold(std::span<const Wide> elements, Index) const {
    if constexpr (std::is_same_v<Wide, std::int64_t> || std::is_same_v<Wide, std::uint64_t> ||
                  std::is_same_v<Wide, double>) {
      return CountNonzero(elements);
    } else {
      return std::count_if(elements.begin(), elements.end(),
                           [](const Wide& x) { return x != Wide(0); });
    }
  }
  State Combine(State left, State right) const { return left + right; }
};

template <typename Number>
struct CountNonzeroOf : FoldNonzero<Number> {
  explicit CountNonzeroOf(const ReductionInputs&) {}
  absl::Status Store(Index count, Index, const DType&, std::byte* to) const {
    return StoredBits(count, to);
  }
};

template <typename Number>
struct AnyOf : FoldNonzero<Number> {
  explicit AnyOf(const ReductionInputs&) {}
  absl::Status Store(Index count, Index, const DType&, std::byte* to) const {
    return StoredBits(std::uint8_t{count > 0}, to);
  }
};

template <typename Number>
struct AllOf : FoldNonzero<Number> {
  explicit AllOf(const ReductionInputs&) {}
  absl::Status Store(Index count, Index length, const DType&, std::byte* to) const {
    return StoredBits(std::uint8_t{count == length}, to);
  }
};

}  // namespace mpaio

#endif  // MPAIO_REDUCTION_NONZERO_H_
