// SPDX-License-Identifier: Apache-2.0

// Norms of a vector. fold.h and reduction_worker.h define the interface of an operation.
#ifndef MPAIO_REDUCTION_NORMS_H_
#define MPAIO_REDUCTION_NORMS_H_

#include <cmath>
#include <complex>
#include <cstddef>
#include <span>
#include <string>
#include <type_traits>

#include "absl/status/status.h"
#include "mpaio/array/dtype.h"
#include "mpaio/base/index.h"
#include "mpaio/kernel/leaf.h"
#include "mpaio/kernel/min_max.h"
#include "mpaio/reduction/reduction_worker.h"
#include "mpaio/reduction/stores.h"

namespace mpaio {

// Norms of a vector, as numpy.linalg.norm: ord 2 is the root of the sum of squares, 1 the sum of
// magnitudes, inf and -inf the largest and the smallest magnitude, 0 the number of nonzero
// elements. Integers are read as double, and complex numbers by their magnitude.
enum class NormOrder { kTwo, kOne, kInfinity, kMinusInfinity, kZero };

template <typename Number>
struct NormOf {
  static constexpr bool kOrderFree = false;
  using Wide = Number;
  struct State {
    double value = 0;
    bool has_elements = false;
  };
  explicit NormOf(const ReductionInputs& inputs) {
    const std::string& ord = inputs.parameters.Text("ord");
    order = ord == "2"      ? NormOrder::kTwo
            : ord == "1"    ? NormOrder::kOne
            : ord == "inf"  ? NormOrder::kInfinity
            : ord == "-inf" ? NormOrder::kMinusInfinity
                            : NormOrder::kZero;
  }

  State Leaf(std::span<const Wide> elements) const {
    if (elements.empty()) return {};
    alignas(64) double values[kLeaf];
    double squares = 0;
    if constexpr (std::is_same_v<Wide, std::complex<double>>) {
      if (order == NormOrder::kTwo) {
        const ComplexLeaf leaf(elements);
        squares = SumOfSquares(leaf.real()) + SumOfSquares(leaf.imaginary());
      }
    }
    for (std::size_t i = 0; i < elements.size(); ++i) {
      if constexpr (std::is_same_v<Wide, std::complex<double>>) {
        values[i] = std::abs(elements[i]);
      } else {
        values[i] = std::abs(static_cast<double>(elements[i]));
      }
    }
    const std::span<const double> magnitudes(values, elements.size());
    switch (order) {
      case NormOrder::kTwo:
        return {std::is_same_v<Wide, std::complex<double>> ? squares : SumOfSquares(magnitudes),
                true};
      case NormOrder::kOne:
        return {SumLanes(magnitudes), true};
      case NormOrder::kInfinity:
        return {FindMinMax(magnitudes).max, true};
      case NormOrder::kMinusInfinity:
        return {FindMinMax(magnitudes).min, true};
      case NormOrder::kZero:
        return {static_cast<double>(CountNonzero(magnitudes)), true};
    }
    return {};
  }
  State Combine(const State& left, const State& right) const {
    if (!left.has_elements) return right;
    if (!right.has_elements) return left;
    if (order != NormOrder::kInfinity && order != NormOrder::kMinusInfinity)
      return {left.value + right.value, true};
    MinMax<double> extremes{left.value, left.value};
    extremes.Merge({right.value, right.value});
    return {order == NormOrder::kInfinity ? extremes.max : extremes.min, true};
  }
  absl::Status Store(const State& state, Index, const DType& dtype, std::byte* to) const {
    return StoredReal(order == NormOrder::kTwo ? std::sqrt(state.value) : state.value, dtype, to);
  }

  NormOrder order = NormOrder::kTwo;
};

}  // namespace mpaio

#endif  // MPAIO_REDUCTION_NORMS_H_
