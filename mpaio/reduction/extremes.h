// SPDX-License-Identifier: Apache-2.0

// The smallest and the largest element, and their positions. fold.h and reduction_worker.h define
// the interface of an operation.
#ifndef MPAIO_REDUCTION_EXTREMES_H_
#define MPAIO_REDUCTION_EXTREMES_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <type_traits>

#include "absl/status/status.h"
#include "mpaio/array/dtype.h"
#include "mpaio/base/index.h"
#include "mpaio/kernel/min_max.h"
#include "mpaio/reduction/reduction_worker.h"
#include "mpaio/reduction/stores.h"

namespace mpaio {

// Extremes. As in numpy, the result is NaN or NaT if any element is; with kSkipsNans, only if there
// are no other elements.

template <bool kIsMax>
struct ExtremeOfInts {
  static constexpr bool kOrderFree = true;
  using Wide = std::int64_t;
  using State = MinMax<std::int64_t>;
  explicit ExtremeOfInts(const ReductionInputs& inputs) : is_time(IsTime(inputs.dtype)) {}
  State Fold(std::span<const Wide> elements, Index) const { return FindMinMax(elements); }
  State Combine(State left, const State& right) const {
    left.Merge(right);
    return left;
  }
  absl::Status Store(const State& state, Index, const DType& dtype, std::byte* to) const {
    // NaT is the smallest 64-bit integer, so state.min finds it for both minima and maxima.
    const std::int64_t extreme =
        kIsMax && !(is_time && state.min == kNotATime) ? state.max : state.min;
    StoreInteger(static_cast<std::uint64_t>(extreme), dtype, to);
    return absl::OkStatus();
  }
  bool is_time;
};

// Extremes of times, ignoring NaTs.
template <bool kIsMax>
struct NanExtremeOfTimes {
  static constexpr bool kOrderFree = true;
  using Wide = std::int64_t;
  struct State {
    // NaT until a time has been found.
    std::int64_t extreme = kNotATime;
  };
  explicit NanExtremeOfTimes(const ReductionInputs&) {}
  State Fold(std::span<const Wide> elements, Index) const {
    State state;
    for (const Wide x : elements) state = Combine(state, {x});
    return state;
  }
  State Combine(State left, State right) const {
    if (left.extreme == kNotATime) return right;
    if (right.extreme == kNotATime) return left;
    return {kIsMax ? std::max(left.extreme, right.extreme) : std::min(left.extreme, right.extreme)};
  }
  absl::Status Store(const State& state, Index, const DType& dtype, std::byte* to) const {
    StoreInteger(static_cast<std::uint64_t>(state.extreme), dtype, to);
    return absl::OkStatus();
  }
};

template <bool kIsMax>
struct ExtremeOfUints {
  static constexpr bool kOrderFree = true;
  using Wide = std::uint64_t;
  struct State {
    std::uint64_t extreme = kIsMax ? 0 : std::numeric_limits<std::uint64_t>::max();
  };
  explicit ExtremeOfUints(const ReductionInputs&) {}
  State Fold(std::span<const Wide> elements, Index) const {
    State state;
    for (const Wide x : elements) state = Combine(state, {x});
    return state;
  }
  State Combine(State left, State right) const {
    return {kIsMax ? std::max(left.extreme, right.extreme) : std::min(left.extreme, right.extreme)};
  }
  absl::Status Store(const State& state, Index, const DType& dtype, std::byte* to) const {
    StoreInteger(state.extreme, dtype, to);
    return absl::OkStatus();
  }
};

template <bool kIsMax>
struct ExtremeOfFloats {
  static constexpr bool kOrderFree = true;
  using Wide = double;
  using State = MinMax<double>;
  explicit ExtremeOfFloats(const ReductionInputs&) {}
  State Fold(std::span<const Wide> elements, Index) const { return FindMinMax(elements); }
  State Combine(State left, const State& right) const {
    left.Merge(right);
    return left;
  }
  absl::Status Store(const State& state, Index, const DType& dtype, std::byte* to) const {
    return StoredReal(kIsMax ? state.max : state.min, dtype, to);
  }
};

template <typename Number, bool kIsMax, bool kSkipsNans>
struct ExtremeOf {
  static constexpr bool kOrderFree = true;
  using Wide = Number;
  struct State {
    Number extreme =
        kIsMax ? -std::numeric_limits<Number>::infinity() : std::numeric_limits<Number>::infinity();
    bool has_number = false;
    bool has_nan = false;
  };
  explicit ExtremeOf(const ReductionInputs&) {}
  State Fold(std::span<const Wide> elements, Index) const {
    State state;
    for (const Wide x : elements) {
      if (x != x) {
        state.has_nan = true;
      } else {
        // Adding 0 turns -0.0 into 0.0: the two are equal, and otherwise the division of the array
        // into chunks would decide which of them is the result.
        state.extreme =
            (kIsMax ? std::max(state.extreme, x) : std::min(state.extreme, x)) + Number(0);
        state.has_number = true;
      }
    }
    return state;
  }
  State Combine(State left, const State& right) const {
    left.extreme =
        kIsMax ? std::max(left.extreme, right.extreme) : std::min(left.extreme, right.extreme);
    left.has_number |= right.has_number;
    left.has_nan |= right.has_nan;
    return left;
  }
  absl::Status Store(const State& state, Index, const DType& dtype, std::byte* to) const {
    const bool is_nan = kSkipsNans ? !state.has_number : state.has_nan;
    const Number extreme = is_nan ? std::numeric_limits<Number>::quiet_NaN() : state.extreme;
    if constexpr (std::is_same_v<Number, long double>) return StoredBits(extreme, to);
    return StoredReal(static_cast<double>(extreme), dtype, to);
  }
};

// The index of the first extreme, or of the first NaN or NaT if there is one.
template <typename Number, bool kIsMax>
struct ArgExtremeOf {
  static constexpr bool kOrderFree = true;
  using Wide = Number;
  struct State {
    Number extreme = 0;
    Index position = -1;  // none yet
  };
  explicit ArgExtremeOf(const ReductionInputs& inputs) : is_time(IsTime(inputs.dtype)) {}

  State Fold(std::span<const Wide> elements, Index first) const {
    State state;
    if (elements.empty()) return state;
    std::size_t best = 0;
    if constexpr (std::is_same_v<Wide, double> || std::is_same_v<Wide, std::int64_t>) {
      // FindMinMax() is as fast as memory, so search a block for the position only if its extreme
      // is a new one.
      constexpr std::size_t kBlock = 4096;
      for (std::size_t begin = 0; begin < elements.size(); begin += kBlock) {
        const auto block = elements.subspan(begin, std::min(kBlock, elements.size() - begin));
        const MinMax<Wide> extremes = FindMinMax(block);
        const Wide extreme = kIsMax ? extremes.max : extremes.min;
        const bool has_nan = IsNan(extreme) || (is_time && IsNan(extremes.min));
        if (state.position >= 0 && !has_nan && !Beats(extreme, state.extreme)) continue;
        best = 0;
        while (has_nan ? !IsNan(block[best]) : block[best] != extreme) ++best;
        state = {block[best], first + static_cast<Index>(begin + best)};
        if (has_nan) return state;
      }
      return state;
    } else {
      for (std::size_t i = 0; i < elements.size() && !IsNan(elements[best]); ++i) {
        if (IsNan(elements[i]) || Beats(elements[i], elements[best])) best = i;
      }
      return {elements[best], first + static_cast<Index>(best)};
    }
  }
  // Precondition: `left` precedes `right`.
  State Combine(const State& left, const State& right) const {
    if (left.position < 0) return right;
    if (right.position < 0 || IsNan(left.extreme)) return left;
    return IsNan(right.extreme) || Beats(right.extreme, left.extreme) ? right : left;
  }
  absl::Status Store(const State& state, Index, const DType&, std::byte* to) const {
    return StoredBits(state.position, to);
  }

 private:
  bool IsNan(Wide x) const {
    if constexpr (std::is_same_v<Wide, std::int64_t>) return is_time && x == kNotATime;
    return x != x;
  }
  static bool Beats(Wide x, Wide y) { return kIsMax ? x > y : x < y; }

  bool is_time;
};

}  // namespace mpaio

#endif  // MPAIO_REDUCTION_EXTREMES_H_
