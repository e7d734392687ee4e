// SPDX-License-Identifier: Apache-2.0
#include "mpaio/kernel/wide.h"

#include <cstring>
#include <type_traits>

#include "mpaio/array/float16.h"

namespace mpaio {
namespace {

using Kind = DType::Kind;

template <typename T, typename W>
W Convert(T value) {
  if constexpr (std::is_same_v<T, Float16>) {
    return static_cast<W>(static_cast<float>(value));
  } else {
    return static_cast<W>(value);
  }
}

// A byte of a bool array may have values other than 0 and 1.
struct BoolByte {
  std::uint8_t byte;
  explicit operator std::int64_t() const { return byte != 0 ? 1 : 0; }
};

template <typename T, typename W>
void Widen(const std::byte* from, Index stride_bytes, Index count, W* to) {
  if (stride_bytes == static_cast<Index>(sizeof(T))) {
    // A constant stride lets the compiler vectorise the loop.
    for (Index i = 0; i < count; ++i) {
      T value;
      std::memcpy(&value, from + i * static_cast<Index>(sizeof(T)), sizeof(T));
      to[i] = Convert<T, W>(value);
    }
    return;
  }
  for (Index i = 0; i < count; ++i) {
    T value;
    std::memcpy(&value, from + i * stride_bytes, sizeof(T));
    to[i] = Convert<T, W>(value);
  }
}

}  // namespace

WideKind WideKindOf(const DType& dtype) {
  switch (dtype.kind()) {
    case Kind::kBool:
    case Kind::kInt:
    case Kind::kDatetime:
    case Kind::kTimedelta:
      return WideKind::kInt;
    case Kind::kUint:
      return WideKind::kUint;
    case Kind::kFloat:
      return dtype.itemsize_bytes() <= 8 ? WideKind::kFloat : WideKind::kLongDouble;
    case Kind::kComplex:
      return dtype.itemsize_bytes() <= 16 ? WideKind::kComplex : WideKind::kNone;
    default:
      return WideKind::kNone;
  }
}

template <>
WidenFunction<std::int64_t> FindWiden(const DType& dtype) {
  if (WideKindOf(dtype) != WideKind::kInt) return nullptr;
  if (dtype.kind() == Kind::kBool) return &Widen<BoolByte, std::int64_t>;
  switch (dtype.itemsize_bytes()) {
    case 1:
      return &Widen<std::int8_t, std::int64_t>;
    case 2:
      return &Widen<std::int16_t, std::int64_t>;
    case 4:
      return &Widen<std::int32_t, std::int64_t>;
    default:
      return &Widen<std::int64_t, std::int64_t>;
  }
}

template <>
WidenFunction<std::uint64_t> FindWiden(const DType& dtype) {
  if (WideKindOf(dtype) != WideKind::kUint) return nullptr;
  switch (dtype.itemsize_bytes()) {
    case 1:
      return &Widen<std::uint8_t, std::uint64_t>;
    case 2:
      return &Widen<std::uint16_t, std::uint64_t>;
    case 4:
      return &Widen<std::uint32_t, std::uint64_t>;
    default:
      return &Widen<std::uint64_t, std::uint64_t>;
  }
}

template <>
WidenFunction<double> FindWiden(const DType& dtype) {
  if (WideKindOf(dtype) != WideKind::kFloat) return nullptr;
  switch (dtype.itemsize_bytes()) {
    case 2:
      return &Widen<Float16, double>;
    case 4:
      return &Widen<float, double>;
    default:
      return &Widen<double, double>;
  }
}

template <>
WidenFunction<std::complex<double>> FindWiden(const DType& dtype) {
  if (WideKindOf(dtype) != WideKind::kComplex) return nullptr;
  return dtype.itemsize_bytes() == 8 ? &Widen<std::complex<float>, std::complex<double>>
                                     : &Widen<std::complex<double>, std::complex<double>>;
}

template <>
WidenFunction<long double> FindWiden(const DType& dtype) {
  return WideKindOf(dtype) == WideKind::kLongDouble ? &Widen<long double, long double> : nullptr;
}

}  // namespace mpaio
