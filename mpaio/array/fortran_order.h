// SPDX-License-Identifier: Apache-2.0

// Turning arrays in Fortran order (the first axis varies fastest) to C order, piece by piece.
//
// Symbols: an array of shape (d0, ..., dk). In the file, element (i0, ..., ik) is behind i0 + d0 *
// (i1 + d1 * (...)) others; in memory, behind ik + dk * (...). A tile is a block of the array: in
// the file, and in memory, it is a number of runs of consecutive elements, and both are made long
// enough for whole pages to be read and whole cache lines to be written.
#ifndef MPAIO_ARRAY_FORTRAN_ORDER_H_
#define MPAIO_ARRAY_FORTRAN_ORDER_H_

#include <cstddef>
#include <functional>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "mpaio/array/byte_order.h"
#include "mpaio/base/index.h"

namespace mpaio {

// Whether the elements are in the same order in C and in Fortran order: where at most one extent is
// over 1, or one is 0.
bool OrderIsImmaterial(const std::vector<Index>& shape);

// Constant: threads may share it.
class FortranTiles {
 public:
  // The order in which tiles are numbered, and what they are made to be.
  enum class Reading {
    kAnywhere,    // tiles for fast reading at any place of the file; numbered as they are in memory
    kSequential,  // each tile is consecutive in the file, and they are numbered as there
  };

  // Fills `to` from the file, `offset_bytes` from the first element on. Under kSequential each call
  // is for what follows on the last one.
  using Read = std::function<absl::Status(Index offset_bytes, std::span<std::byte> to)>;

  // Of an array that has elements, of itemsize_bytes > 0, whose order matters. A tile has at most
  // `max_tile_bytes`, or is one element.
  FortranTiles(const std::vector<Index>& shape, Index itemsize_bytes, Index max_tile_bytes,
               Reading reading);

  Index num_tiles() const { return num_tiles_; }

  // Reads the tiles [begin, end), swaps their bytes and puts them in place in the C-order array
  // that starts at `array`. Takes a buffer of max_tile_bytes. Errors: those of `read`.
  absl::Status Load(Index begin, Index end, const Read& read, const ByteSwapper& swapper,
                    std::byte* array) const;

 private:
  void ChooseForReadingAnywhere(Index max_elements);
  void ChooseForSequentialReading(Index max_elements);

  Reading reading_;
  Index itemsize_bytes_;
  // Axes of extent 1 are left out.
  std::vector<Index> extents_;
  std::vector<Index> file_strides_, memory_strides_;  // in elements
  // What a tile is along each axis; less at the array's ends. The axes below inner_end_ make up a
  // run in the file, those from outer_begin_ on one in memory; of those between a tile has one
  // index each.
  std::vector<Index> tile_extents_;
  std::size_t inner_end_ = 0, outer_begin_ = 0;
  Index num_tiles_ = 1;
};

}  // namespace mpaio

#endif  // MPAIO_ARRAY_FORTRAN_ORDER_H_
