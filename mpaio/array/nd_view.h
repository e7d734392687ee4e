// SPDX-License-Identifier: Apache-2.0

// A view of an n-dimensional array that it does not own: the address of the bytes, and their type
// and shape.
//
// Symbols: an array of shape (s0, s1, ..., sk) has s0 *rows*, each of s1 * ... * sk elements. An
// array of shape () is one row of one element. Example: shape (3, 4) of "<i8" has 3 rows of 4
// elements, 32 bytes each; 12 elements, 96 bytes; strides (32, 8).
//
// Views are in C order (the last axis varies fastest, without gaps). Code that walks several axes
// uses strides_bytes(), so that it need not change when views of other layouts are added.
#ifndef MPAIO_ARRAY_ND_VIEW_H_
#define MPAIO_ARRAY_ND_VIEW_H_

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "mpaio/array/dtype.h"
#include "mpaio/array/shape.h"
#include "mpaio/base/index.h"
#include "mpaio/base/status_macros.h"

namespace mpaio {

// Returns the size of a C-order array of `shape` and `dtype`.
//   InvalidArgument  more than kMaxDimensions axes, a negative extent, or more than kMaxArrayBytes.
//                    As in numpy, extents of 0 do not make the product of the others fit.
absl::StatusOr<Index> ArraySizeBytes(const DType& dtype, const std::vector<Index>& shape);

// A read-only view. It does not own the bytes: they must outlive it. data() may be null, whatever
// the shape: the view then describes an array whose bytes are not in this process.
class NdView {
 public:
  // An empty view: shape (0,), type "|V0".
  NdView();

  // Returns a view of the C-order array that starts at `data`, which may be null.
  //   InvalidArgument  as ArraySizeBytes(), or `data` is not aligned to dtype.alignment_bytes().
  static absl::StatusOr<NdView> Create(const void* data, DType dtype, std::vector<Index> shape);

  const std::byte* data() const { return data_; }
  const DType& dtype() const { return dtype_; }
  const std::vector<Index>& shape() const { return shape_; }
  // The distance in bytes between neighbours along each axis.
  const std::vector<Index>& strides_bytes() const { return strides_bytes_; }
  Index num_dimensions() const { return static_cast<Index>(shape_.size()); }

  // The extent of the first axis; 1 for shape ().
  Index num_rows() const { return num_rows_; }
  // Elements and bytes of one row, even if there are no rows.
  Index row_elements() const { return row_elements_; }
  Index row_bytes() const { return row_elements_ * dtype_.itemsize_bytes(); }
  // Elements and bytes of all rows.
  Index num_elements() const { return num_rows_ * row_elements_; }
  Index size_bytes() const { return num_rows_ * row_bytes(); }

  // The start of row `row`. Precondition: 0 <= row <= num_rows(), data() is not null.
  const std::byte* RowData(Index row) const { return data_ + row * row_bytes(); }

  // Returns the view of rows [begin, end): shape (end - begin, s1, ..., sk); for a 0-d array,
  // (end - begin,). Precondition: 0 <= begin <= end <= num_rows().
  NdView Rows(Index begin, Index end) const;

  // Returns all elements, in C order. Errors: InvalidArgument if T is not the C++ type of dtype().
  // Precondition: data() is not null, unless there are no elements.
  template <typename T>
  absl::StatusOr<std::span<const T>> Span() const {
    MPAIO_RETURN_IF_ERROR(CheckElementType(DType::Of<T>()));
    return std::span<const T>(reinterpret_cast<const T*>(data_),
                              static_cast<std::size_t>(num_elements()));
  }

  // "int64 (3, 4)".
  std::string ToString() const;

 private:
  friend class MutableNdView;
  absl::Status CheckElementType(const DType& type) const;

  const std::byte* data_ = nullptr;
  DType dtype_;
  std::vector<Index> shape_;
  std::vector<Index> strides_bytes_;
  Index num_rows_ = 0;
  Index row_elements_ = 1;
};

// A writable view, such as an output array. As with a pointer, const does not reach the bytes: a
// const MutableNdView still gives writable bytes.
class MutableNdView {
 public:
  MutableNdView() = default;

  // As NdView::Create().
  static absl::StatusOr<MutableNdView> Create(void* data, DType dtype, std::vector<Index> shape);

  std::byte* mutable_data() const { return data_; }
  // The start of row `row`. Precondition: 0 <= row <= num_rows(), mutable_data() is not null.
  std::byte* MutableRowData(Index row) const { return data_ + row * view_.row_bytes(); }
  // As NdView::Span().
  template <typename T>
  absl::StatusOr<std::span<T>> Span() const {
    MPAIO_RETURN_IF_ERROR(view_.CheckElementType(DType::Of<T>()));
    return std::span<T>(reinterpret_cast<T*>(data_),
                        static_cast<std::size_t>(view_.num_elements()));
  }
  // The same array, read-only.
  const NdView& view() const { return view_; }

 private:
  std::byte* data_ = nullptr;
  NdView view_;
};

}  // namespace mpaio

#endif  // MPAIO_ARRAY_ND_VIEW_H_
