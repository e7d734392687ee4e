// SPDX-License-Identifier: Apache-2.0
#include "mpaio/array/nd_view.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "mpaio/base/status_macros.h"

namespace mpaio {

absl::StatusOr<Index> ArraySizeBytes(const DType& dtype, const std::vector<Index>& shape) {
  if (static_cast<Index>(shape.size()) > kMaxDimensions) {
    return absl::InvalidArgumentError(absl::StrCat("an array of ", shape.size(), " axes: at most ",
                                                   kMaxDimensions, " are allowed"));
  }
  // Extents of 0 count as 1, here and in the strides of an empty array, so that no product of
  // extents overflows.
  Index size_bytes = std::max<Index>(dtype.itemsize_bytes(), 1);
  bool is_empty = dtype.itemsize_bytes() == 0;
  for (const Index extent : shape) {
    if (extent < 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("shape ", ShapeToString(shape), " has a negative extent"));
    }
    is_empty = is_empty || extent == 0;
    const std::optional<Index> product = CheckedMultiply(size_bytes, std::max<Index>(extent, 1));
    if (!product.has_value() || *product > kMaxArrayBytes) {
      return absl::InvalidArgumentError(absl::StrCat("an array of shape ", ShapeToString(shape),
                                                     " and type ", dtype.name(),
                                                     " is larger than 2^62 bytes"));
    }
    size_bytes = *product;
  }
  return is_empty ? 0 : size_bytes;
}

NdView::NdView() : shape_{0}, strides_bytes_{0} {}

absl::StatusOr<NdView> NdView::Create(const void* data, DType dtype, std::vector<Index> shape) {
  MPAIO_ASSIGN_OR_RETURN(const Index size_bytes, ArraySizeBytes(dtype, shape));
  if (size_bytes > 0 && reinterpret_cast<std::uintptr_t>(data) %
                                static_cast<std::uintptr_t>(dtype.alignment_bytes()) !=
                            0) {
    return absl::InvalidArgumentError(
        absl::StrCat("an array of ", dtype.name(),
                     " must start at an address that is a multiple of ", dtype.alignment_bytes()));
  }
  NdView view;
  view.data_ = static_cast<const std::byte*>(data);
  view.dtype_ = std::move(dtype);
  view.strides_bytes_.resize(shape.size());
  Index stride_bytes = view.dtype_.itemsize_bytes();
  for (std::size_t axis = shape.size(); axis-- > 0;) {
    view.strides_bytes_[axis] = stride_bytes;
    stride_bytes *= std::max<Index>(shape[axis], 1);
  }
  view.num_rows_ = shape.empty() ? 1 : shape[0];
  view.row_elements_ = 1;
  for (std::size_t axis = 1; axis < shape.size(); ++axis) view.row_elements_ *= shape[axis];
  view.shape_ = std::move(shape);
  return view;
}

NdView NdView::Rows(Index begin, Index end) const {
  NdView rows = *this;
  if (data_ != nullptr) rows.data_ = RowData(begin);
  if (shape_.empty()) {
    rows.shape_ = {0};
    rows.strides_bytes_ = {row_bytes()};
  }
  rows.shape_[0] = end - begin;
  rows.num_rows_ = end - begin;
  return rows;
}

absl::Status NdView::CheckElementType(const DType& type) const {
  if (type == dtype_) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("the array holds ", dtype_.name(), ", not ",
                                                 type.name(), ": ask for that type"));
}

std::string NdView::ToString() const {
  return absl::StrCat(dtype_.name(), " ", ShapeToString(shape_));
}

absl::StatusOr<MutableNdView> MutableNdView::Create(void* data, DType dtype,
                                                    std::vector<Index> shape) {
  MutableNdView result;
  MPAIO_ASSIGN_OR_RETURN(result.view_, NdView::Create(data, dtype, std::move(shape)));
  result.data_ = static_cast<std::byte*>(data);
  return result;
}

}  // namespace mpaio
