// SPDX-License-Identifier: Apache-2.0

// Products. fold.h and reduction_worker.h define the interface of an operation.
#ifndef MPAIO_REDUCTION_PRODUCTS_H_
#define MPAIO_REDUCTION_PRODUCTS_H_

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <type_traits>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "mpaio/array/dtype.h"
#include "mpaio/base/index.h"
#include "mpaio/kernel/leaf.h"
#include "mpaio/reduction/reduction_worker.h"
#include "mpaio/reduction/stores.h"

namespace mpaio {

// The product of integers is 0 if one of them is 0; otherwise no factor decreases its magnitude.
// Therefore the order of the factors does not matter for whether the product fits in 64 bits.
struct IntegerProduct {
  std::uint64_t wrapped = 1;
  std::uint64_t magnitude = 1;  // of the elements that are not 0
  bool is_negative = false;
  bool overflows = false;
  bool has_zero = false;

  void Multiply(std::uint64_t bits, std::uint64_t element_magnitude, bool element_is_negative) {
    wrapped *= bits;
    if (element_magnitude == 0) {
      has_zero = true;
      return;
    }
    overflows |= __builtin_mul_overflow(magnitude, element_magnitude, &magnitude);
    is_negative ^= element_is_negative;
  }
  friend IntegerProduct operator*(IntegerProduct left, const IntegerProduct& right) {
    left.wrapped *= right.wrapped;
    left.overflows |= right.overflows;
    left.overflows |= __builtin_mul_overflow(left.magnitude, right.magnitude, &left.magnitude);
    left.is_negative ^= right.is_negative;
    left.has_zero |= right.has_zero;
    return left;
  }
};

template <typename Integer>
struct ProductOfIntegers {
  static constexpr bool kOrderFree = true;
  using Wide = Integer;
  using State = IntegerProduct;
  explicit ProductOfIntegers(const ReductionInputs& inputs)
      : wraps(WrapsOnOverflow(inputs.parameters)) {}
  State Fold(std::span<const Wide> elements, Index) const {
    State product;
    for (const Wide x : elements) {
      const std::uint64_t bits = static_cast<std::uint64_t>(x);
      product.Multiply(bits, x < 0 ? -bits : bits, x < 0);
    }
    return product;
  }
  State Combine(State left, State right) const { return left * right; }
  absl::Status Store(const State& product, Index, const DType&, std::byte* to) const {
    // The largest magnitude that fits the result type with this sign.
    const std::uint64_t largest = std::is_unsigned_v<Wide>
                                      ? std::numeric_limits<std::uint64_t>::max()
                                  : product.is_negative ? std::uint64_t{1} << 63
                                                        : (std::uint64_t{1} << 63) - 1;
    const bool fits = product.has_zero || (!product.overflows && product.magnitude <= largest);
    if (!wraps && !fits) {
      return absl::OutOfRangeError(absl::StrCat(
          "the product does not fit in a", std::is_unsigned_v<Wide> ? " uint64" : "n int64",
          "; multiply the array as float64, or give overflow=wrap"));
    }
    return StoredBits(product.wrapped, to);
  }
  bool wraps;
};

struct ProductOfFloats {
  static constexpr bool kOrderFree = false;
  using Wide = double;
  struct State {
    double product = 1;
  };
  explicit ProductOfFloats(const ReductionInputs&) {}
  State Leaf(std::span<const Wide> elements) const { return {Product(elements)}; }
  State Combine(State left, State right) const { return {left.product * right.product}; }
  absl::Status Store(const State& state, Index, const DType& dtype, std::byte* to) const {
    return StoredReal(state.product, dtype, to);
  }
};

// complex<double> or long double.
template <typename Number>
struct ProductOf {
  static constexpr bool kOrderFree = false;
  using Wide = Number;
  struct State {
    Number product = Number(1);
  };
  explicit ProductOf(const ReductionInputs&) {}
  State Leaf(std::span<const Wide> elements) const {
    State state;
    for (const Wide& x : elements) state.product = Times(state.product, x);
    return state;
  }
  State Combine(State left, State right) const { return {Times(left.product, right.product)}; }
  absl::Status Store(const State& state, Index, const DType& dtype, std::byte* to) const {
    if constexpr (std::is_same_v<Number, long double>) {
      return StoredBits(state.product, to);
    } else {
      return StoredComplex(state.product, dtype, to);
    }
  }

 private:
  // As numpy multiplies complex numbers; C++'s operator turns some NaNs into infinities (C's annex
  // G).
  static Number Times(const Number& a, const Number& b) {
    if constexpr (std::is_same_v<Number, long double>) {
      return a * b;
    } else {
      return {a.real() * b.real() - a.imag() * b.imag(), a.real() * b.imag() + a.imag() * b.real()};
    }
  }
};

}  // namespace mpaio

#endif  // MPAIO_REDUCTION_PRODUCTS_H_
