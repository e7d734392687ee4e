// SPDX-License-Identifier: Apache-2.0

// From the other byte order to this machine's.
#ifndef MPAIO_ARRAY_BYTE_ORDER_H_
#define MPAIO_ARRAY_BYTE_ORDER_H_

#include <cstddef>
#include <vector>

#include "mpaio/array/dtype.h"
#include "mpaio/base/index.h"

namespace mpaio {

// Swaps the bytes of elements of one type; what there is to swap in an element is worked out once.
// Constant, so that threads may share it.
class ByteSwapper {
 public:
  // Swaps nothing.
  ByteSwapper() = default;
  explicit ByteSwapper(const DType& dtype);

  bool swaps_nothing() const { return runs_.empty(); }

  // Elements are swapped each by itself if it is at least this many bytes long: any part of an
  // array that is a multiple of it may be given to SwapUnits(). 1 if nothing is swapped; for a
  // simple type the width of the numbers (4 for 'U', half of a complex number), so usually less
  // than an element; else the element.
  Index unit_bytes() const { return unit_bytes_; }

  // Swaps, in place, what there is to swap in the `size_bytes` bytes from `units` on, a multiple of
  // unit_bytes(). Any address will do.
  void Swap(std::byte* units, Index size_bytes) const;

 private:
  // One of the loops, outside of a run, over the elements of the sub-arrays that it is in.
  struct Loop {
    Index count, stride_bytes;
  };
  // `count` numbers of `width_bytes`, one behind the other, `offset_bytes` from the start of the
  // unit.
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
