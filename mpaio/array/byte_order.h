// SPDX-License-Identifier: Apache-2.0

// Conversion from the other byte order to this machine's.
#ifndef MPAIO_ARRAY_BYTE_ORDER_H_
#define MPAIO_ARRAY_BYTE_ORDER_H_

#include <cstddef>
#include <vector>

#include "mpaio/array/dtype.h"
#include "mpaio/base/index.h"

namespace mpaio {

// Swaps the bytes of elements of one type. The places to swap in an element are computed once.
// Immutable, so threads may share one.
class ByteSwapper {
 public:
  // Swaps nothing.
  ByteSwapper() = default;
  explicit ByteSwapper(const DType& dtype);

  bool swaps_nothing() const { return runs_.empty(); }

  // The smallest number of bytes that can be swapped independently: any part of an array that
  // begins and ends at a multiple of it may be passed to Swap(). 1 if nothing is swapped. For a
  // simple type it is the width of its numbers (4 for 'U', half of a complex number), which may be
  // less than an element; for a structured type it is the whole element.
  Index unit_bytes() const { return unit_bytes_; }

  // Swaps in place the `size_bytes` bytes from `units` on, a multiple of unit_bytes(). `units`
  // needs no alignment.
  void Swap(std::byte* units, Index size_bytes) const;

 private:
  // A loop over the elements of a sub-array that contains a run.
  struct Loop {
    Index count, stride_bytes;
  };
  // `count` consecutive numbers of `width_bytes`, `offset_bytes` after the start of the unit,
  // repeated by `loops`, the outermost first.
  struct Run {
    Index offset_bytes;
    Index width_bytes;
    Index count;
    std::vector<Loop> loops;
  };

  void Append(const DType& dtype, Index offset_bytes, Index count, std::vector<Loop>& loops);
  static void SwapRun(const Run& run, std::size_t loop, std::byte* at);

  Index unit_bytes_ = 1;
  std::vector<Run> runs_;
};

}  // namespace mpaio

#endif  // MPAIO_ARRAY_BYTE_ORDER_H_
