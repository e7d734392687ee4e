// SPDX-License-Identifier: Apache-2.0

// The layout of an array in its source: element type, byte order, C or Fortran order; and its
// conversion to the loaded array, which is in C order and in this machine's byte order.
#ifndef MPAIO_FORMAT_ARRAY_LAYOUT_H_
#define MPAIO_FORMAT_ARRAY_LAYOUT_H_

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "mpaio/array/byte_order.h"
#include "mpaio/array/dtype.h"
#include "mpaio/base/index.h"
#include "mpaio/format/read_some.h"

namespace mpaio {

// Called with each piece of the loaded array just before it is written; an error ends the loading.
// May be null.
using BeforeWriting = std::function<absl::Status(std::span<std::byte> piece)>;

// Immutable: threads may share one.
class ArrayLayout {
 public:
  // Fills `to` from the data, `offset_bytes` after the first element. Thread-safe.
  using ReadSlice = std::function<absl::Status(Index offset_bytes, std::span<std::byte> to)>;

  // An array of `stored_dtype`, possibly in the other byte order. InvalidArgument if no array can
  // have this shape.
  static absl::StatusOr<ArrayLayout> Create(const DType& stored_dtype, std::vector<Index> shape,
                                            bool is_fortran_order = false);

  const DType& stored_dtype() const { return stored_dtype_; }
  // The array as it is loaded.
  const DType& dtype() const { return dtype_; }
  const std::vector<Index>& shape() const { return shape_; }
  Index size_bytes() const { return size_bytes_; }
  const ByteSwapper& swapper() const { return swapper_; }
  // False also if the elements have the same order in both: then the array counts as in C order.
  bool is_fortran_order() const { return is_fortran_order_; }

  // For messages: "<i8 (1000,), 8000 bytes", with the type as stored.
  std::string Describe() const;

  // Loads share number `share` of `num_shares` into `array`, from a source of which any part can
  // be read; see ArrayFile::LoadShare, which also says when `before_writing` is called. Errors:
  // those of `read` and `before_writing`.
  absl::Status LoadShare(const ReadSlice& read, int share, int num_shares,
                         std::span<std::byte> array, const BeforeWriting& before_writing) const;

  // Loads the whole array from `read`, which starts at the first element and is called `name` in
  // messages. DataLoss if the source ends too soon, or continues after the array; errors of `read`
  // and `before_writing`.
  absl::Status LoadSequentially(const ReadSome& read, absl::string_view name,
                                std::span<std::byte> array,
                                const BeforeWriting& before_writing) const;

 private:
  ArrayLayout() = default;
  // Loads the bytes [begin, end) of an array in C order.
  absl::Status LoadBlocks(const ReadSlice& read, Index begin, Index end, Index block_bytes,
                          std::span<std::byte> array, const BeforeWriting& before_writing) const;
  // The size of a block that is swapped, or prepared and then written, while it is in the cache.
  Index BlockBytes() const;

  DType stored_dtype_, dtype_;
  std::vector<Index> shape_;
  Index size_bytes_ = 0;
  bool is_fortran_order_ = false;
  ByteSwapper swapper_;
};

}  // namespace mpaio

#endif  // MPAIO_FORMAT_ARRAY_LAYOUT_H_
