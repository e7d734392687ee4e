// SPDX-License-Identifier: Apache-2.0
#include "mpaio/format/fortran_order.h"

#include <algorithm>
#include <cstring>

#include "mpaio/base/status_macros.h"

namespace mpaio {
namespace {

// Long enough for a read to cost more than its system call.
constexpr Index kRunBytes = Index{16} << 10;

// Each element has an entry in a table, which is thus at most 4 MiB.
constexpr Index kMaxTileElements = Index{1} << 19;

constexpr Index kCacheLineBytes = 64;

// `from` holds consecutive runs of `length` elements each. Element p of run row[s] goes to
// to[positions[p] + s]. Blocks of a cache line in each direction are transposed one after the
// other, along the rows in memory, so that each row is written from front to end and only few pages
// are written at a time.
template <typename Copy>
void Transpose(const std::byte* from, Index length, const std::vector<Index>& row,
               const std::vector<Index>& positions, Index itemsize_bytes, std::byte* to,
               const Copy& copy) {
  constexpr Index kMaxEdge = 64;
  const Index runs = static_cast<Index>(row.size());
  const Index edge = std::clamp<Index>(kCacheLineBytes / itemsize_bytes, 4, kMaxEdge);
  for (Index p_begin = 0; p_begin < length; p_begin += edge) {
    const Index p_end = std::min(length, p_begin + edge);
    for (Index s_begin = 0; s_begin < runs; s_begin += edge) {
      const Index count = std::min(runs - s_begin, edge);
      const std::byte* starts[kMaxEdge];
      for (Index i = 0; i < count; ++i)
        starts[i] = from + row[static_cast<std::size_t>(s_begin + i)] * length * itemsize_bytes;
      for (Index p = p_begin; p < p_end; ++p) {
        std::byte* const target =
            to + (positions[static_cast<std::size_t>(p)] + s_begin) * itemsize_bytes;
        for (Index i = 0; i < count; ++i)
          copy(target + i * itemsize_bytes, starts[i] + p * itemsize_bytes);
      }
    }
  }
}

// Copies a number of bytes that is known at compile time.
template <std::size_t kBytes>
struct CopyBytes {
  void operator()(std::byte* to, const std::byte* from) const { std::memcpy(to, from, kBytes); }
};

void TransposeAny(const std::byte* from, Index length, const std::vector<Index>& row,
                  const std::vector<Index>& positions, Index itemsize_bytes, std::byte* to) {
  switch (itemsize_bytes) {
    case 1:
      return Transpose(from, length, row, positions, 1, to, CopyBytes<1>());
    case 2:
      return Transpose(from, length, row, positions, 2, to, CopyBytes<2>());
    case 4:
      return Transpose(from, length, row, positions, 4, to, CopyBytes<4>());
    case 8:
      return Transpose(from, length, row, positions, 8, to, CopyBytes<8>());
    case 16:
      return Transpose(from, length, row, positions, 16, to, CopyBytes<16>());
    default:
      return Transpose(from, length, row, positions, itemsize_bytes, to,
                       [size = static_cast<std::size_t>(itemsize_bytes)](
                           std::byte* to, const std::byte* from) { std::memcpy(to, from, size); });
  }
}

// Returns the positions of the elements of a block, the first axis fastest: the sums of index *
// stride over its axes.
std::vector<Index> Positions(std::span<const Index> extents, std::span<const Index> strides) {
  std::vector<Index> positions = {0};
  for (std::size_t axis = 0; axis < extents.size(); ++axis) {
    const std::size_t inner = positions.size();
    positions.reserve(inner * static_cast<std::size_t>(extents[axis]));
    for (Index i = 1; i < extents[axis]; ++i) {
      for (std::size_t j = 0; j < inner; ++j) positions.push_back(positions[j] + i * strides[axis]);
    }
  }
  return positions;
}

}  // namespace

bool OrderIsImmaterial(const std::vector<Index>& shape) {
  const auto extents_over_1 =
      std::count_if(shape.begin(), shape.end(), [](Index extent) { return extent > 1; });
  return extents_over_1 <= 1 || std::find(shape.begin(), shape.end(), 0) != shape.end();
}

FortranTiles::FortranTiles(const std::vector<Index>& shape, Index itemsize_bytes,
                           Index max_tile_bytes, Reading reading)
    : reading_(reading), itemsize_bytes_(itemsize_bytes) {
  for (const Index extent : shape) {
    if (extent > 1) extents_.push_back(extent);
  }
  const std::size_t axes = extents_.size();
  file_strides_.assign(axes, 1);
  memory_strides_.assign(axes, 1);
  for (std::size_t axis = 1; axis < axes; ++axis) {
    file_strides_[axis] = file_strides_[axis - 1] * extents_[axis - 1];
    memory_strides_[axes - 1 - axis] = memory_strides_[axes - axis] * extents_[axes - axis];
  }
  tile_extents_.assign(axes, 1);
  const Index max_elements =
      std::clamp<Index>(max_tile_bytes / itemsize_bytes, 1, kMaxTileElements);
  if (reading == Reading::kAnywhere) {
    ChooseForReadingAnywhere(max_elements);
  } else {
    ChooseForSequentialReading(max_elements);
  }
  for (std::size_t axis = 0; axis < axes; ++axis)
    num_tiles_ *= CeilDivide(extents_[axis], tile_extents_[axis]);
}

// Chooses runs of kRunBytes in the file first, then as many runs as the buffer holds; the rest of
// the buffer makes the runs longer.
void FortranTiles::ChooseForReadingAnywhere(Index max_elements) {
  const std::size_t axes = extents_.size();
  const Index run_elements = std::clamp<Index>(kRunBytes / itemsize_bytes_, 1, max_elements);
  // Extends the tile along `axis` as far as `*elements` stays at most `most`. Returns true if the
  // tile then covers the axis.
  const auto take = [this](std::size_t axis, Index most, Index* elements) {
    tile_extents_[axis] = std::clamp<Index>(most / *elements, 1, extents_[axis]);
    *elements *= tile_extents_[axis];
    return tile_extents_[axis] == extents_[axis];
  };
  Index length = 1;
  do {
    ++inner_end_;
  } while (take(inner_end_ - 1, run_elements, &length) && inner_end_ + 1 < axes &&
           length < run_elements);
  Index runs = 1;
  outer_begin_ = axes;
  do {
    --outer_begin_;
  } while (take(outer_begin_, max_elements / length, &runs) && outer_begin_ > inner_end_);
  length /= tile_extents_[inner_end_ - 1];
  take(inner_end_ - 1, max_elements / runs, &length);
}

void FortranTiles::ChooseForSequentialReading(Index max_elements) {
  const std::size_t axes = extents_.size();
  Index elements = 1;
  std::size_t axis = 0;
  for (; axis < axes; ++axis) {
    tile_extents_[axis] = std::clamp<Index>(max_elements / elements, 1, extents_[axis]);
    elements *= tile_extents_[axis];
    if (tile_extents_[axis] < extents_[axis]) break;
  }
  // Whole hyperplanes are runs of a transposition; smaller tiles are stored element by element.
  inner_end_ = axis + 1 >= axes ? axes - 1 : axis + 1;
  outer_begin_ = axis + 1 >= axes ? axes - 1 : axes;
}

// Positions are those of elements, not of bytes.
struct FortranTiles::Tile {
  std::vector<Index> extents;
  Index file_start = 0, memory_start = 0;  // the positions of the first element
  Index elements = 1;
};

// The runs of all tiles of the same extents.
struct FortranTiles::Runs {
  std::vector<Index> positions;  // in memory, of the elements of a run in the file
  std::vector<Index> offsets;    // in the file, of the runs, in the order of the file
  std::vector<Index> rows;       // the number, in the file, of the first, second, ... run in memory
};

FortranTiles::Tile FortranTiles::TileAt(Index number) const {
  const std::size_t axes = extents_.size();
  Tile tile;
  tile.extents.resize(axes);
  for (std::size_t i = 0; i < axes; ++i) {
    const std::size_t axis = reading_ == Reading::kAnywhere ? axes - 1 - i : i;
    const Index tiles = CeilDivide(extents_[axis], tile_extents_[axis]);
    const Index start = number % tiles * tile_extents_[axis];
    number /= tiles;
    tile.extents[axis] = std::min(tile_extents_[axis], extents_[axis] - start);
    tile.file_start += start * file_strides_[axis];
    tile.memory_start += start * memory_strides_[axis];
    tile.elements *= tile.extents[axis];
  }
  return tile;
}

FortranTiles::Runs FortranTiles::RunsOf(const std::vector<Index>& tile_extents) const {
  const std::span<const Index> inner = std::span(tile_extents).first(inner_end_);
  const std::span<const Index> outer = std::span(tile_extents).subspan(outer_begin_);
  Runs runs;
  runs.positions = Positions(inner, std::span(memory_strides_).first(inner_end_));
  runs.offsets = Positions(outer, std::span(file_strides_).subspan(outer_begin_));
  const std::vector<Index> row_positions =
      Positions(outer, std::span(memory_strides_).subspan(outer_begin_));
  runs.rows.resize(row_positions.size());
  for (std::size_t row = 0; row < row_positions.size(); ++row)
    runs.rows[static_cast<std::size_t>(row_positions[row])] = static_cast<Index>(row);
  return runs;
}

// Reads the runs of the tile that starts at `file_start` into `buffer`. Adjacent runs are read as
// one.
absl::Status FortranTiles::ReadRuns(const Runs& runs, Index file_start, const Read& read,
                                    std::span<std::byte> buffer) const {
  const Index length = static_cast<Index>(runs.positions.size());
  const Index run_bytes = length * itemsize_bytes_;
  const std::size_t num_runs = runs.offsets.size();
  for (std::size_t run = 0; run < num_runs;) {
    std::size_t next = run + 1;
    while (next < num_runs && runs.offsets[next] == runs.offsets[next - 1] + length) ++next;
    const auto begin = run * static_cast<std::size_t>(run_bytes);
    const auto size = (next - run) * static_cast<std::size_t>(run_bytes);
    MPAIO_RETURN_IF_ERROR(
        read((file_start + runs.offsets[run]) * itemsize_bytes_, buffer.subspan(begin, size)));
    run = next;
  }
  return absl::OkStatus();
}

absl::Status FortranTiles::Load(Index begin, Index end, const Read& read,
                                const ByteSwapper& swapper, std::byte* array) const {
  std::vector<std::byte> buffer;
  std::vector<Index> extents_of_runs;
  Runs runs;
  for (Index number = begin; number < end; ++number) {
    const Tile tile = TileAt(number);
    std::byte* const target = array + tile.memory_start * itemsize_bytes_;
    if (tile.elements == 1) {  // possibly larger than any buffer
      const std::span<std::byte> element(target, static_cast<std::size_t>(itemsize_bytes_));
      MPAIO_RETURN_IF_ERROR(read(tile.file_start * itemsize_bytes_, element));
      swapper.Swap(element.data(), itemsize_bytes_);
      continue;
    }
    if (tile.extents != extents_of_runs) {
      runs = RunsOf(tile.extents);
      extents_of_runs = tile.extents;
    }
    const Index tile_bytes = tile.elements * itemsize_bytes_;
    buffer.resize(std::max(buffer.size(), static_cast<std::size_t>(tile_bytes)));
    MPAIO_RETURN_IF_ERROR(ReadRuns(runs, tile.file_start, read, buffer));
    swapper.Swap(buffer.data(), tile_bytes);
    TransposeAny(buffer.data(), static_cast<Index>(runs.positions.size()), runs.rows,
                 runs.positions, itemsize_bytes_, target);
  }
  return absl::OkStatus();
}

}  // namespace mpaio
