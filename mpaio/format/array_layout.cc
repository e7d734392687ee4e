// SPDX-License-Identifier: Apache-2.0
#include "mpaio/format/array_layout.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "mpaio/array/nd_view.h"
#include "mpaio/array/shape.h"
#include "mpaio/base/status_macros.h"
#include "mpaio/format/fortran_order.h"

namespace mpaio {
namespace {

constexpr Index kBlockBytes = Index{256} << 10;
// Bounds on the size of a single read in Fortran order, of files and of streams.
constexpr Index kMaxTileBytes = Index{4} << 20;
constexpr Index kMinTileBytes = Index{64} << 10;

}  // namespace

absl::StatusOr<ArrayLayout> ArrayLayout::Create(const DType& stored_dtype, std::vector<Index> shape,
                                                bool is_fortran_order) {
  ArrayLayout layout;
  MPAIO_ASSIGN_OR_RETURN(layout.size_bytes_, ArraySizeBytes(stored_dtype, shape));
  layout.stored_dtype_ = stored_dtype;
  layout.dtype_ = stored_dtype.Native();
  layout.shape_ = std::move(shape);
  layout.swapper_ = ByteSwapper(stored_dtype);
  layout.is_fortran_order_ =
      is_fortran_order && layout.size_bytes_ > 0 && !OrderIsImmaterial(layout.shape_);
  return layout;
}

std::string ArrayLayout::Describe() const {
  return absl::StrCat(
      stored_dtype_.is_structured() ? stored_dtype_.name() : stored_dtype_.ToString(), " ",
      ShapeToString(shape_), ", ", size_bytes_, " bytes");
}

Index ArrayLayout::BlockBytes() const {
  const Index unit_bytes = swapper_.unit_bytes();
  return CeilDivide(kBlockBytes, unit_bytes) * unit_bytes;
}

absl::Status ArrayLayout::LoadBlocks(const ReadSlice& read, Index begin, Index end,
                                     Index block_bytes, std::span<std::byte> array,
                                     const BeforeWriting& before_writing) const {
  for (Index at = begin; at < end; at += block_bytes) {
    const std::span<std::byte> block = array.subspan(
        static_cast<std::size_t>(at), static_cast<std::size_t>(std::min(block_bytes, end - at)));
    if (before_writing) MPAIO_RETURN_IF_ERROR(before_writing(block));
    MPAIO_RETURN_IF_ERROR(read(at, block));
    swapper_.Swap(block.data(), static_cast<Index>(block.size()));
  }
  return absl::OkStatus();
}

absl::Status ArrayLayout::LoadShare(const ReadSlice& read, int share, int num_shares,
                                    std::span<std::byte> array,
                                    const BeforeWriting& before_writing) const {
  if (is_fortran_order_) {
    const Index tile_bytes =
        std::clamp(size_bytes_ / (Index{4} * num_shares), kMinTileBytes, kMaxTileBytes);
    const FortranTiles tiles(shape_, dtype_.itemsize_bytes(), tile_bytes,
                             FortranTiles::Reading::kAnywhere);
    return tiles.Load(tiles.num_tiles() * share / num_shares,
                      tiles.num_tiles() * (share + 1) / num_shares, read, swapper_, array.data());
  }
  // Shares are whole pages, so that no two ranks touch the same page, and never cut a unit that
  // must be swapped as a whole.
  const Index page_bytes = ::sysconf(_SC_PAGESIZE);
  const Index pages = CeilDivide(size_bytes_, page_bytes);
  const auto bound = [&](int shares) {
    const Index bytes = std::min(size_bytes_, pages * shares / num_shares * page_bytes);
    return bytes - bytes % swapper_.unit_bytes();
  };
  const Index begin = bound(share), end = bound(share + 1);
  const Index block_bytes =
      swapper_.swaps_nothing() && !before_writing ? end - begin : BlockBytes();
  return LoadBlocks(read, begin, end, block_bytes, array, before_writing);
}

absl::Status ArrayLayout::LoadSequentially(const ReadSome& read, absl::string_view name,
                                           std::span<std::byte> array,
                                           const BeforeWriting& before_writing) const {
  Index done_bytes = 0;
  const ReadSlice read_next = [&](Index, std::span<std::byte> to) -> absl::Status {
    MPAIO_ASSIGN_OR_RETURN(const Index got_bytes, read(to));
    done_bytes += got_bytes;
    return got_bytes == static_cast<Index>(to.size())
               ? absl::OkStatus()
               : TruncatedData(name, size_bytes_, done_bytes);
  };
  if (is_fortran_order_) {
    const FortranTiles tiles(shape_, dtype_.itemsize_bytes(), kMaxTileBytes,
                             FortranTiles::Reading::kSequential);
    MPAIO_RETURN_IF_ERROR(tiles.Load(0, tiles.num_tiles(), read_next, swapper_, array.data()));
  } else {
    MPAIO_RETURN_IF_ERROR(
        LoadBlocks(read_next, 0, size_bytes_, BlockBytes(), array, before_writing));
  }
  std::byte more[1];
  MPAIO_ASSIGN_OR_RETURN(const Index more_bytes, read(more));
  return more_bytes == 0 ? absl::OkStatus() : TrailingData(name, "at least 1");
}

}  // namespace mpaio
