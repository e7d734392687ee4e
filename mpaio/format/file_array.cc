// SPDX-License-Identifier: Apache-2.0
#include "mpaio/format/file_array.h"

#include <utility>

namespace mpaio {
namespace {

// The alignment of the data in numpy's files, which is also guaranteed for arrays in memory.
constexpr Index kArrayAlignmentBytes = 64;

}  // namespace

FileArray::FileArray(std::string name, InputFile file, Index data_offset, ArrayLayout layout,
                     absl::string_view first_bytes)
    : ArraySource(std::move(name), file.path(), std::move(layout), first_bytes),
      file_(std::move(file)),
      data_offset_(data_offset) {}

absl::Status FileArray::LoadShare(int share, int num_shares, std::span<std::byte> array,
                                  const BeforeWriting& before_writing) const {
  return layout().LoadShare(
      [this](Index offset_bytes, std::span<std::byte> to) {
        return file_.ReadSlice(name(), data_offset_ + offset_bytes, to);
      },
      share, num_shares, array, before_writing);
}

absl::StatusOr<std::unique_ptr<FileMapping>> FileArray::Map(bool takes_lease) const {
  if (layout().size_bytes() == 0) return CannotBeMapped("it has no elements");
  if (layout().is_fortran_order()) return CannotBeMapped("it is in Fortran order");
  if (!layout().swapper().swaps_nothing())
    return CannotBeMapped("its elements are in another machine's byte order");
  if (data_offset_ % kArrayAlignmentBytes != 0)
    return CannotBeMapped("its elements are not aligned");
  return FileMapping::Create(file_.fd(), name(), data_offset_, layout().size_bytes(), takes_lease);
}

absl::StatusOr<std::unique_ptr<ArrayParts>> FileArray::Parts() const {
  if (layout().is_fortran_order()) return ArraySource::Parts();
  return ArrayParts::Create(file_.fd(), name(), data_offset_, layout().size_bytes(),
                            layout().swapper());
}

}  // namespace mpaio
