// SPDX-License-Identifier: Apache-2.0

// Variance and standard deviation. fold.h and reduction_worker.h define the interface of an
// operation.
#ifndef MPAIO_REDUCTION_VARIANCE_H_
#define MPAIO_REDUCTION_VARIANCE_H_

#include <algorithm>
#include <cmath>
#include <complex>
#include <cstddef>
#include <span>
#include <type_traits>

#include "absl/status/status.h"
#include "mpaio/array/dtype.h"
#include "mpaio/base/index.h"
#include "mpaio/kernel/leaf.h"
#include "mpaio/kernel/sum.h"
#include "mpaio/reduction/reduction_worker.h"
#include "mpaio/reduction/stores.h"

namespace mpaio {

// Variance: count, mean and sum of squared deviations of parts are combined as in Chan, Golub and
// LeVeque, "Updating Formulae and a Pairwise Algorithm for Computing Sample Variances" (1979). A
// leaf is computed in two passes, the second of which corrects the first (the same authors,
// "Algorithms for Computing the Sample Variance", 1983). Means are kept in two doubles: if the mean
// is large compared with the deviations, the rounding error of one double would exceed the
// deviations.

struct Moments {
  double count = 0;
  double mean = 0;
  double mean_rest = 0;  // the low-order part of the mean
  double squares = 0;

  static Moments Of(std::span<const double> elements) {
    if (elements.empty()) return {};
    const double count = static_cast<double>(elements.size());
    const double mean = SumLanes(elements) / count;
    const double rest = SumOfDeviations(elements, mean);
    return {count, mean, rest / count,
            std::max(SumOfSquaredDeviations(elements, mean) - rest * rest / count, 0.0)};
  }
  static Moments Join(const Moments& left, const Moments& right) {
    if (left.count == 0) return right;
    if (right.count == 0) return left;
    const double count = left.count + right.count;
    const double delta = (right.mean - left.mean) + (right.mean_rest - left.mean_rest);
    CompensatedSum<double> mean{left.mean, 0};
    mean.Add(left.mean_rest + delta * (right.count / count));
    return {count, mean.sum, mean.error,
            left.squares + right.squares + delta * delta * (left.count * right.count / count)};
  }
};

inline ParameterInfo DdofParameter() {
  return ParameterInfo::Number("ddof", "the divisor is the number of elements minus this", 0);
}

template <bool kIsRoot>
struct VarianceStore {
  explicit VarianceStore(const ReductionInputs& inputs) : ddof(inputs.parameters.Number("ddof")) {}
  // As in numpy, the variance of at most ddof elements is NaN if all deviations are 0, and infinite
  // otherwise.
  absl::Status StoreVariance(double squares, Index length, const DType& dtype,
                             std::byte* to) const {
    const double variance = squares / std::max(static_cast<double>(length) - ddof, 0.0);
    return StoredReal(kIsRoot ? std::sqrt(variance) : variance, dtype, to);
  }
  double ddof;
};

// Integers are read as double, as in numpy.
template <typename Number, bool kIsRoot>
struct VarianceOf : VarianceStore<kIsRoot> {
  static constexpr bool kOrderFree = false;
  using Wide = Number;
  using State = Moments;
  using VarianceStore<kIsRoot>::VarianceStore;
  State Leaf(std::span<const Wide> elements) const {
    if constexpr (std::is_same_v<Wide, double>) {
      return Moments::Of(elements);
    } else {
      alignas(64) double values[kLeaf];
      for (std::size_t i = 0; i < elements.size(); ++i)
        values[i] = static_cast<double>(elements[i]);
      return Moments::Of({values, elements.size()});
    }
  }
  State Combine(const State& left, const State& right) const { return Moments::Join(left, right); }
  absl::Status Store(const State& state, Index length, const DType& dtype, std::byte* to) const {
    return this->StoreVariance(state.squares, length, dtype, to);
  }
};

// The mean of |x - mean|^2: the variance of the real parts plus that of the imaginary parts.
template <bool kIsRoot>
struct VarianceOf<std::complex<double>, kIsRoot> : VarianceStore<kIsRoot> {
  static constexpr bool kOrderFree = false;
  using Wide = std::complex<double>;
  struct State {
    Moments real, imaginary;
  };
  using VarianceStore<kIsRoot>::VarianceStore;
  State Leaf(std::span<const Wide> elements) const {
    const ComplexLeaf leaf(elements);
    return {Moments::Of(leaf.real()), Moments::Of(leaf.imaginary())};
  }
  State Combine(const State& left, const State& right) const {
    return {Moments::Join(left.real, right.real), Moments::Join(left.imaginary, right.imaginary)};
  }
  absl::Status Store(const State& state, Index length, const DType& dtype, std::byte* to) const {
    return this->StoreVariance(state.real.squares + state.imaginary.squares, length, dtype, to);
  }
};

}  // namespace mpaio

#endif  // MPAIO_REDUCTION_VARIANCE_H_
