// SPDX-License-Identifier: Apache-2.0
#include "mpaio/chunk/data_iterator.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <functional>
#include <numeric>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "mpaio/base/status_macros.h"

namespace mpaio {
namespace {

constexpr Index kMaxChunkBytes = Index{4} << 20;
constexpr Index kChunksPerProcess = 256;
// The elements of a leaf of a reduction. Only a tuning value: results stay correct if it differs
// from kLeaf of fixed_tree.h.
constexpr Index kLeafElements = 256;

// Returns the axis counted from the first. A 0-d array counts as having axis 0, with one row.
absl::StatusOr<Index> FindAxis(const NdView& array, Index axis) {
  const Index num_axes = std::max(array.num_dimensions(), Index{1});
  if (axis >= -num_axes && axis < num_axes) return axis < 0 ? axis + num_axes : axis;
  return absl::InvalidArgumentError(absl::StrCat("axis ", axis, " is out of range; the array has ",
                                                 array.num_dimensions(), " axes: give one from ",
                                                 -num_axes, " to ", num_axes - 1));
}

absl::Status CheckOptions(Index rows, Partition partition, const DataIteratorOptions& options) {
  if (options.start_row < 0 || options.start_row > rows) {
    return absl::InvalidArgumentError(absl::StrCat(
        "start row ", options.start_row,
        " is outside of the array; give one from 0 to its number of rows (", rows, ")"));
  }
  if (options.end_row.has_value() &&
      (*options.end_row < options.start_row || *options.end_row > rows)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "end row ", *options.end_row, " is out of range; give one from the start row (",
        options.start_row, ") to the number of rows (", rows, ")"));
  }
  if (options.parallelism < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("parallelism is ", options.parallelism, "; give at least 1"));
  }
  if (options.row_alignment < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("row alignment is ", options.row_alignment, "; give at least 1"));
  }
  switch (partition.kind()) {
    case Partition::Kind::kAuto:
      break;
    case Partition::Kind::kChunkSize:
      if (partition.value() < 1) {
        return absl::InvalidArgumentError(
            absl::StrCat("chunk size is ", partition.value(), " rows; give at least 1"));
      }
      if (partition.value() % options.row_alignment != 0) {
        return absl::InvalidArgumentError(absl::StrCat("chunk size is ", partition.value(),
                                                       " rows; give a multiple of ",
                                                       options.row_alignment));
      }
      break;
    case Partition::Kind::kChunkCount:
      if (partition.value() < 1) {
        return absl::InvalidArgumentError(
            absl::StrCat("number of chunks is ", partition.value(), "; give at least 1"));
      }
      break;
  }
  return absl::OkStatus();
}

// Returns `value` rounded down to a multiple of `step`, but at least `step`.
Index RoundDown(Index value, Index step) { return std::max(value / step, Index{1}) * step; }

// The rule is stated at Partition::Auto.
Index AutoChunkRows(const DataIterator& data, const DataIteratorOptions& options) {
  const Index wanted_rows = data.num_rows() / kChunksPerProcess / options.parallelism;
  const Index largest_rows = kMaxChunkBytes / std::max(data.row_bytes(), Index{1});
  const Index fitting_rows = std::max(std::min(wanted_rows, largest_rows), Index{1});
  const Index leaf_rows = kLeafElements / std::gcd(kLeafElements, data.row_elements());
  // `step` is the fewest rows that suit both the leaves and the caller. The check of the alignment
  // keeps a huge one from overflowing std::lcm.
  if (options.row_alignment <= fitting_rows) {
    const Index step = std::lcm(leaf_rows, options.row_alignment);
    if (step <= fitting_rows)
      return step *
             static_cast<Index>(std::bit_floor(static_cast<std::uint64_t>(fitting_rows / step)));
  }
  return RoundDown(fitting_rows, options.row_alignment);
}

}  // namespace

DataIterator::DataIterator(const NdView& array, Partition partition, Index axis)
    : array_(array), partition_(partition), axis_(axis), block_row_elements_(array.row_elements()) {
  if (axis == 0) return;
  const std::vector<Index>& shape = array.shape();
  const auto at = shape.begin() + axis;
  num_blocks_ = std::accumulate(shape.begin(), at, Index{1}, std::multiplies<>());
  block_row_elements_ = std::accumulate(at + 1, shape.end(), Index{1}, std::multiplies<>());
}

absl::StatusOr<DataIterator> DataIterator::Create(const NdView& array, Partition partition,
                                                  const Options& options) {
  MPAIO_ASSIGN_OR_RETURN(const Index axis, FindAxis(array, options.axis));
  DataIterator result(array, partition, axis);
  MPAIO_RETURN_IF_ERROR(CheckOptions(result.array_rows(), partition, options));
  result.rows_ = {options.start_row, options.end_row.value_or(result.array_rows())};
  const Index rows = result.num_rows();
  if (rows == 0) return result;
  if (partition.kind() == Partition::Kind::kChunkCount) {
    // Units of row_alignment rows, the last possibly short, are distributed evenly.
    const Index units = CeilDivide(rows, options.row_alignment);
    result.num_chunks_ = std::min(partition.value(), units);
    result.unit_rows_ = options.row_alignment;
    result.short_units_ = units / result.num_chunks_;
    result.long_chunks_ = units % result.num_chunks_;
  } else {
    result.short_units_ = partition.kind() == Partition::Kind::kAuto
                              ? AutoChunkRows(result, options)
                              : partition.value();
    result.num_chunks_ = CeilDivide(rows, result.short_units_);
  }
  return result;
}

}  // namespace mpaio
