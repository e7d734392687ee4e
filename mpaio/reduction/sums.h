// SPDX-License-Identifier: Apache-2.0

// Sums and means. fold.h and reduction_worker.h define the interface of an operation.
//
// The results are numpy's, with two exceptions. Integer sums and products are exact, and a result
// that does not fit 64 bits is an error unless overflow=wrap requests numpy's behaviour.
// Floating-point sums are computed in double over a fixed tree. The rounding errors of the
// additions are summed too, and the total is rounded once, so that it is more accurate than
// numpy's.
#ifndef MPAIO_REDUCTION_SUMS_H_
#define MPAIO_REDUCTION_SUMS_H_

#include <algorithm>
#include <complex>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

#include "absl/numeric/int128.h"
#include "absl/status/status.h"
#include "mpaio/array/dtype.h"
#include "mpaio/base/index.h"
#include "mpaio/kernel/leaf.h"
#include "mpaio/kernel/min_max.h"
#include "mpaio/kernel/sum.h"
#include "mpaio/reduction/reduction_worker.h"
#include "mpaio/reduction/stores.h"

namespace mpaio {

// Means are sums divided by the number of elements; the mean of no elements is NaN, as in numpy.

// Sum of integers in 128 bits, which no array that fits in memory can overflow.
template <typename Integer, typename Sum>
struct FoldExactSum {
  static constexpr bool kOrderFree = true;
  using Wide = Integer;
  using State = Sum;
  State Fold(std::span<const Wide> elements, Index) const { return SumExactly(elements); }
  State Combine(State left, State right) const { return left + right; }
};
using FoldIntSum = FoldExactSum<std::int64_t, absl::int128>;
using FoldUintSum = FoldExactSum<std::uint64_t, absl::uint128>;

struct FoldFloatSum {
  static constexpr bool kOrderFree = false;
  using Wide = double;
  using State = CompensatedSum<double>;
  State Leaf(std::span<const Wide> elements) const { return SumOps().Leaf(elements); }
  State Combine(const State& left, const State& right) const {
    return SumOps().Combine(left, right);
  }
};

struct FoldComplexSum {
  static constexpr bool kOrderFree = false;
  using Wide = std::complex<double>;
  struct State {
    CompensatedSum<double> real, imaginary;
    std::complex<double> value() const { return {real.value(), imaginary.value()}; }
  };
  State Leaf(std::span<const Wide> elements) const {
    const ComplexLeaf leaf(elements);
    return {SumOps().Leaf(leaf.real()), SumOps().Leaf(leaf.imaginary())};
  }
  State Combine(State left, const State& right) const {
    left.real.Join(right.real);
    left.imaginary.Join(right.imaginary);
    return left;
  }
};

struct FoldLongDoubleSum {
  static constexpr bool kOrderFree = false;
  using Wide = long double;
  using State = CompensatedSum<long double>;
  State Leaf(std::span<const Wide> elements) const {
    State sum;
    for (const Wide x : elements) sum.Add(x);
    return sum;
  }
  State Combine(State left, const State& right) const {
    left.Join(right);
    return left;
  }
};

struct SumOfInts : FoldIntSum {
  explicit SumOfInts(const ReductionInputs& inputs) : wraps(WrapsOnOverflow(inputs.parameters)) {}
  absl::Status Store(State sum, Index, const DType&, std::byte* to) const {
    if (!wraps && !AsInt64(sum))
      return absl::OutOfRangeError(
          "the sum does not fit in an int64; sum the array as float64, or give overflow=wrap");
    StoreBits(absl::Int128Low64(sum), to);
    return absl::OkStatus();
  }
  bool wraps;
};

// Sum of timedeltas: NaT if any element is NaT.
struct FoldTimedeltaSum {
  static constexpr bool kOrderFree = true;
  using Wide = std::int64_t;
  struct State {
    absl::int128 sum = 0;
    // NaT is the smallest 64-bit integer.
    std::int64_t least = std::numeric_limits<std::int64_t>::max();
    bool is_nat() const { return least == kNotATime; }
  };
  State Fold(std::span<const Wide> elements, Index) const {
    return {SumExactly(elements), FindMinMax(elements).min};
  }
  State Combine(const State& left, const State& right) const {
    return {left.sum + right.sum, std::min(left.least, right.least)};
  }
};

struct SumOfTimedeltas : FoldTimedeltaSum {
  explicit SumOfTimedeltas(const ReductionInputs& inputs)
      : wraps(WrapsOnOverflow(inputs.parameters)) {}
  absl::Status Store(const State& state, Index, const DType&, std::byte* to) const {
    if (state.is_nat()) return StoredBits(kNotATime, to);
    // A sum equal to the integer that represents NaT does not fit either.
    if (!wraps && (!AsInt64(state.sum) || state.sum == kNotATime))
      return absl::OutOfRangeError(
          "the sum does not fit in a timedelta64; convert the array to a longer unit with astype");
    StoreBits(absl::Int128Low64(state.sum), to);
    return absl::OkStatus();
  }
  bool wraps;
};

// Rounded towards 0, as in numpy; NaT for no elements.
struct MeanOfTimedeltas : FoldTimedeltaSum {
  explicit MeanOfTimedeltas(const ReductionInputs&) {}
  absl::Status Store(const State& state, Index length, const DType&, std::byte* to) const {
    if (state.is_nat() || length == 0) return StoredBits(kNotATime, to);
    return StoredBits(static_cast<std::int64_t>(state.sum / length), to);
  }
};

struct SumOfUints : FoldUintSum {
  explicit SumOfUints(const ReductionInputs& inputs) : wraps(WrapsOnOverflow(inputs.parameters)) {}
  absl::Status Store(State sum, Index, const DType&, std::byte* to) const {
    if (!wraps && absl::Uint128High64(sum) != 0) {
      return absl::OutOfRangeError(
          "the sum does not fit in a uint64; sum the array as float64, or give overflow=wrap");
    }
    StoreBits(absl::Uint128Low64(sum), to);
    return absl::OkStatus();
  }
  bool wraps;
};

struct SumOfFloats : FoldFloatSum {
  explicit SumOfFloats(const ReductionInputs&) {}
  absl::Status Store(const State& sum, Index, const DType& dtype, std::byte* to) const {
    return StoredReal(sum.value(), dtype, to);
  }
};

struct SumOfComplex : FoldComplexSum {
  explicit SumOfComplex(const ReductionInputs&) {}
  absl::Status Store(const State& sum, Index, const DType& dtype, std::byte* to) const {
    return StoredComplex(sum.value(), dtype, to);
  }
};

struct SumOfLongDoubles : FoldLongDoubleSum {
  explicit SumOfLongDoubles(const ReductionInputs&) {}
  absl::Status Store(const State& sum, Index, const DType&, std::byte* to) const {
    return StoredBits(sum.value(), to);
  }
};

struct MeanOfInts : FoldIntSum {
  explicit MeanOfInts(const ReductionInputs&) {}
  absl::Status Store(State sum, Index length, const DType& dtype, std::byte* to) const {
    return StoredReal(static_cast<double>(sum) / static_cast<double>(length), dtype, to);
  }
};

struct MeanOfUints : FoldUintSum {
  explicit MeanOfUints(const ReductionInputs&) {}
  absl::Status Store(State sum, Index length, const DType& dtype, std::byte* to) const {
    return StoredReal(static_cast<double>(sum) / static_cast<double>(length), dtype, to);
  }
};

struct MeanOfFloats : FoldFloatSum {
  explicit MeanOfFloats(const ReductionInputs&) {}
  absl::Status Store(const State& sum, Index length, const DType& dtype, std::byte* to) const {
    return StoredReal(sum.value() / static_cast<double>(length), dtype, to);
  }
};

struct MeanOfComplex : FoldComplexSum {
  explicit MeanOfComplex(const ReductionInputs&) {}
  absl::Status Store(const State& sum, Index length, const DType& dtype, std::byte* to) const {
    const double count = static_cast<double>(length);
    return StoredComplex({sum.real.value() / count, sum.imaginary.value() / count}, dtype, to);
  }
};

struct MeanOfLongDoubles : FoldLongDoubleSum {
  explicit MeanOfLongDoubles(const ReductionInputs&) {}
  absl::Status Store(const State& sum, Index length, const DType&, std::byte* to) const {
    return StoredBits(sum.value() / static_cast<long double>(length), to);
  }
};

// Operations that ignore NaNs.

struct NansumOfFloats : SumOfFloats {
  using SumOfFloats::SumOfFloats;
  State Leaf(std::span<const Wide> elements) const {
    return SumOps().Leaf(LeafOfNumbers(elements).numbers());
  }
};

struct NanmeanOfFloats {
  static constexpr bool kOrderFree = false;
  using Wide = double;
  struct State {
    CompensatedSum<double> sum;
    Index count = 0;
  };
  explicit NanmeanOfFloats(const ReductionInputs&) {}
  State Leaf(std::span<const Wide> elements) const {
    const LeafOfNumbers leaf(elements);
    return {SumOps().Leaf(leaf.numbers()), static_cast<Index>(leaf.count)};
  }
  State Combine(const State& left, const State& right) const {
    return {SumOps().Combine(left.sum, right.sum), left.count + right.count};
  }
  absl::Status Store(const State& state, Index, const DType& dtype, std::byte* to) const {
    return StoredReal(state.sum.value() / static_cast<double>(state.count), dtype, to);
  }
};

}  // namespace mpaio

#endif  // MPAIO_REDUCTION_SUMS_H_
