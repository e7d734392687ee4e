// SPDX-License-Identifier: Apache-2.0

// Helpers for operations: storing values and preparing leaves. fold.h and reduction_worker.h define
// the interface of an operation.
#ifndef MPAIO_REDUCTION_STORES_H_
#define MPAIO_REDUCTION_STORES_H_

#include <bit>
#include <complex>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <type_traits>

#include "absl/status/status.h"
#include "mpaio/array/dtype.h"
#include "mpaio/base/index.h"
#include "mpaio/reduction/reduction_worker.h"

namespace mpaio {

inline constexpr std::int64_t kNotATime = std::numeric_limits<std::int64_t>::min();

// Copies the bytes of `value` to `to`, without the padding of a long double, which is not
// initialized. The bytes at `to` must be zero before.
template <typename T>
void StoreBits(const T& value, std::byte* to) {
  constexpr bool kIsExtended =
      std::is_same_v<T, long double> && std::numeric_limits<long double>::digits == 64;
  std::memcpy(to, &value, kIsExtended ? 10 : sizeof(value));
}

// Stores the low bytes of `value`. Precondition: the value fits the integer type `dtype`.
inline void StoreInteger(std::uint64_t value, const DType& dtype, std::byte* to) {
  static_assert(std::endian::native == std::endian::little);
  std::memcpy(to, &value, static_cast<std::size_t>(dtype.itemsize_bytes()));
}

inline void StoreComplex(std::complex<double> value, const DType& dtype, std::byte* to) {
  const DType half = dtype.itemsize_bytes() == 8 ? DType::Of<float>() : DType::Of<double>();
  StoreReal(value.real(), half, to);
  StoreReal(value.imag(), half, to + half.itemsize_bytes());
}

// The same functions with the result OK, for the last line of an operation's Store().
template <typename T>
absl::Status StoredBits(const T& value, std::byte* to) {
  StoreBits(value, to);
  return absl::OkStatus();
}
inline absl::Status StoredReal(double value, const DType& dtype, std::byte* to) {
  StoreReal(value, dtype, to);
  return absl::OkStatus();
}
inline absl::Status StoredComplex(std::complex<double> value, const DType& dtype, std::byte* to) {
  StoreComplex(value, dtype, to);
  return absl::OkStatus();
}

// The parameter of reductions whose integer result may be too large.
inline ParameterInfo OverflowParameter() {
  return ParameterInfo::Choice(
      "overflow", "if an integer result is too large: an error, or modulo 2^64 as in numpy",
      {"error", "wrap"});
}
inline bool WrapsOnOverflow(const Parameters& parameters) {
  return parameters.Text("overflow") == "wrap";
}

// The real and imaginary parts of a leaf in separate arrays, for kernels that take doubles.
struct ComplexLeaf {
  explicit ComplexLeaf(std::span<const std::complex<double>> elements) : count(elements.size()) {
    for (std::size_t i = 0; i < count; ++i) {
      real_parts[i] = elements[i].real();
      imaginary_parts[i] = elements[i].imag();
    }
  }
  std::span<const double> real() const { return {real_parts, count}; }
  std::span<const double> imaginary() const { return {imaginary_parts, count}; }

  std::size_t count;
  alignas(64) double real_parts[kLeaf];
  alignas(64) double imaginary_parts[kLeaf];
};

// A leaf without its NaNs.
struct LeafOfNumbers {
  LeafOfNumbers(std::span<const double> elements) {
    for (const double x : elements) {
      values[count] = x;
      count += x == x;
    }
  }
  std::span<const double> numbers() const { return {values, count}; }

  std::size_t count = 0;
  alignas(64) double values[kLeaf + 1];
};

}  // namespace mpaio

#endif  // MPAIO_REDUCTION_STORES_H_
