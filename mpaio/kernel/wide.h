// SPDX-License-Identifier: Apache-2.0

// Reads elements of any numeric type as the widest type of their kind, so that a kernel written for
// five types covers all of numpy's.
//
//   bool, int8 ... int64, datetime64, timedelta64   std::int64_t
//   uint8 ... uint64                                std::uint64_t
//   float16, float32, float64                       double
//   complex64, complex128                           std::complex<double>
//   longdouble                                      long double
//
// Every conversion is exact.
#ifndef MPAIO_KERNEL_WIDE_H_
#define MPAIO_KERNEL_WIDE_H_

#include <complex>
#include <cstddef>
#include <cstdint>
#include <span>

#include "mpaio/array/dtype.h"
#include "mpaio/base/index.h"

namespace mpaio {

// The wide type of an element type.
enum class WideKind { kNone, kInt, kUint, kFloat, kComplex, kLongDouble };
WideKind WideKindOf(const DType& dtype);

// Converts elements of one type, `stride_bytes` apart, to W.
template <typename W>
using WidenFunction = void (*)(const std::byte* from, Index stride_bytes, Index count, W* to);

// Returns nullptr unless elements of `dtype` are read as W. Precondition: native byte order, which
// is not checked.
template <typename W>
WidenFunction<W> FindWiden(const DType& dtype);

// Reads elements that lie at equal distances in an array. Not thread-safe.
template <typename W>
class WideReader {
 public:
  // The maximum number of elements per Read if they have to be converted.
  static constexpr Index kBlock = 512;

  // Element i is at first + i * stride_bytes. Precondition: FindWiden<W>(dtype) is not null.
  WideReader(const std::byte* first, const DType& dtype, Index stride_bytes)
      : first_(first),
        stride_bytes_(stride_bytes),
        widen_(FindWiden<W>(dtype)),
        is_direct_(stride_bytes == static_cast<Index>(sizeof(W)) &&
                   dtype.itemsize_bytes() == static_cast<Index>(sizeof(W))) {}

  // True if elements are read in place; then Read accepts any count.
  bool is_direct() const { return is_direct_; }

  // Returns the elements [begin, begin + count). count <= kBlock unless is_direct(). Valid until
  // the next call.
  std::span<const W> Read(Index begin, Index count) {
    const std::byte* from = first_ + begin * stride_bytes_;
    if (is_direct_) return {reinterpret_cast<const W*>(from), static_cast<std::size_t>(count)};
    widen_(from, stride_bytes_, count, buffer_);
    return {buffer_, static_cast<std::size_t>(count)};
  }

 private:
  const std::byte* first_;
  Index stride_bytes_;
  WidenFunction<W> widen_;
  bool is_direct_;
  alignas(64) W buffer_[kBlock];
};

}  // namespace mpaio

#endif  // MPAIO_KERNEL_WIDE_H_
