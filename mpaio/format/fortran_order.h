// SPDX-License-Identifier: Apache-2.0

// Conversion of arrays from Fortran order (the first axis varies fastest) to C order, piece by
// piece.
//
// Symbols: an array has shape (d0, ..., dk). Element (i0, ..., ik) has position i0 + d0 * (i1 + d1
// * (...)) in the file and ik + dk * (...) in memory. A tile is a block of the array. In the file,
// and in memory, it consists of runs of consecutive elements; both kinds of runs are chosen long
// enough to read whole pages and to write whole cache lines.
#ifndef MPAIO_FORMAT_FORTRAN_ORDER_H_
#define MPAIO_FORMAT_FORTRAN_ORDER_H_

#include <cstddef>
#include <functional>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "mpaio/array/byte_order.h"
#include "mpaio/base/index.h"

namespace mpaio {

// Returns true if the elements have the same order in C and in Fortran order: if at most one extent
// is over 1, or if one is 0.
bool OrderIsImmaterial(const std::vector<Index>& shape);

// Immutable: threads may share one.
class FortranTiles {
 public:
  // The order in which tiles are numbered, and the purpose of their shape.
  enum class Reading {
    kAnywhere,    // for fast reads at any place of the file; numbered in the order of memory
    kSequential,  // each tile is consecutive in the file; numbered in the order of the file
  };

  // Fills `to` from the file, `offset_bytes` after the first element. Under kSequential each call
  // continues where the last one ended.
  using Read = std::function<absl::Status(Index offset_bytes, std::span<std::byte> to)>;

  // A tile has at most `max_tile_bytes`, or is one element. Precondition: itemsize_bytes > 0 and
  // !OrderIsImmaterial(shape).
  FortranTiles(const std::vector<Index>& shape, Index itemsize_bytes, Index max_tile_bytes,
               Reading reading);

  Index num_tiles() const { return num_tiles_; }

  // Reads the tiles [begin, end), swaps their bytes and stores them in the C-order array that
  // starts at `array`. Allocates a buffer of max_tile_bytes. Errors: those of `read`.
  absl::Status Load(Index begin, Index end, const Read& read, const ByteSwapper& swapper,
                    std::byte* array) const;

 private:
  struct Tile;
  struct Runs;

  Tile TileAt(Index number) const;
  Runs RunsOf(const std::vector<Index>& tile_extents) const;
  absl::Status ReadRuns(const Runs& runs, Index file_start, const Read& read,
                        std::span<std::byte> buffer) const;
  void ChooseForReadingAnywhere(Index max_elements);
  void ChooseForSequentialReading(Index max_elements);

  Reading reading_;
  Index itemsize_bytes_;
  // Axes of extent 1 are omitted.
  std::vector<Index> extents_;
  std::vector<Index> file_strides_, memory_strides_;  // in elements
  // The extents of a tile; smaller at the array's ends. The axes before inner_end_ make up a run in
  // the file, those from outer_begin_ on a run in memory. A tile has extent 1 along each axis
  // between them.
  std::vector<Index> tile_extents_;
  std::size_t inner_end_ = 0, outer_begin_ = 0;
  Index num_tiles_ = 1;
};

}  // namespace mpaio

#endif  // MPAIO_FORMAT_FORTRAN_ORDER_H_
