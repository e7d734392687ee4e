// SPDX-License-Identifier: Apache-2.0

// Division of an array into chunks.
//
// Terms. A *row* is one index of the array's first axis, with all elements under it: row r of an
// array of shape (n, a, b) has a * b elements. A 0-d array has one row; an array whose first axis
// is 0 has none. A *chunk* is a half-open range [begin, end) of rows, numbered from 0 by its
// ChunkId. The rows iterated over are [start_row, end_row), by default all of them.
//
// If an axis other than the first is chosen, a row is one index of that axis: row r of an array of
// shape (n, a, b) along axis 1 is array[:, r, :]. The elements of a chunk of such rows lie in
// *blocks*, each without gaps: one for each index of the axes before the chosen one (n in the
// example). Along the first axis there is one block.
//
// Guarantees for every partition: each row of [start_row, end_row) is in exactly one chunk, chunks
// are in the order of their rows, and no chunk is empty. So the end of chunk k is the begin of
// chunk k + 1, and no rows means no chunks.
//
// Worked example: 12 rows, start_row 2, Partition::ChunkSize(4):
//
//     rows       0  1 | 2  3  4  5 | 6  7  8  9 | 10 11
//     chunks          |     0      |     1      |   2        [2, 6) [6, 10) [10, 12)
//
// Nothing here reads the array's elements: the metadata is enough, so that the cost is the same for
// 10 rows and for 2^40.
#ifndef MPAIO_CHUNK_DATA_ITERATOR_H_
#define MPAIO_CHUNK_DATA_ITERATOR_H_

#include <compare>
#include <cstddef>
#include <iterator>
#include <optional>
#include <ranges>

#include "absl/status/statusor.h"
#include "mpaio/array/dtype.h"
#include "mpaio/array/nd_view.h"
#include "mpaio/base/index.h"

namespace mpaio {

// The half-open range [begin, end) of rows.
struct RowRange {
  Index begin = 0;
  Index end = 0;

  // The number of rows.
  constexpr Index size() const { return end - begin; }
  constexpr bool empty() const { return begin == end; }
  friend constexpr bool operator==(const RowRange&, const RowRange&) = default;
};

// One chunk: its number, and its rows. Never empty.
struct Chunk {
  ChunkId id = 0;
  RowRange rows;

  friend constexpr bool operator==(const Chunk&, const Chunk&) = default;
};

// The rule by which rows are divided. A value type, to be passed to DataIterator::Create().
class Partition {
 public:
  enum class Kind { kAuto, kChunkSize, kChunkCount };

  // Chunks of a size that follows from the array's size and the number of processes. The rule:
  //
  //   rows per chunk = rows iterated over / (256 * parallelism),
  //
  // but at most as many rows as 4 MiB hold, and at least 1; then rounded down (see below).
  //
  // Why: with about 256 chunks for each process, the end of a run, when some processes are already
  // idle, takes less than 1 % of the time, even if some chunks cost several times as much as
  // others. A small array is divided as finely as a large one, because its rows may be expensive,
  // which is not known here. If they are cheap, all its chunks together cost only some tens of
  // microseconds, because cheap chunks are sent in batches. 4 MiB fit in one core's share of a
  // last-level cache, and larger chunks gain nothing.
  //
  // Rounding: a reduction is defined over leaves of 256 elements (mpaio/result/fixed_tree.h). A
  // chunk whose boundaries lie between leaves returns a few finished nodes instead of loose
  // elements. They do if the rows per chunk are a multiple of A = 256 / gcd(256, elements per row),
  // a power of two. If the size above is at least A rows, it is rounded down to A times a power of
  // two, so that a chunk is also one whole node of the tree (or a few); rounding at most halves the
  // chunk. If the size is below A rows, nothing is rounded: either the loose elements are a small
  // part of a chunk, or the array itself is small.
  //
  // Worked example: float64, shape (10 000 000,), parallelism 4. 10 000 000 rows / 1 024 = 9 765
  // rows (78 KB); A = 256; 9 765 / 256 = 38, rounded to 32: chunks of 8 192 rows (64 KiB), 1 221 of
  // them.
  static constexpr Partition Auto() { return Partition(Kind::kAuto, 0); }

  // Chunks of exactly `rows` rows; the last chunk has the rest, 1 to `rows`.
  static constexpr Partition ChunkSize(Index rows) { return Partition(Kind::kChunkSize, rows); }

  // `count` chunks, as even as possible: sizes differ by one row at most, the longer ones first.
  // With fewer rows than `count` there is one chunk for each row.
  static constexpr Partition ChunkCount(Index count) { return Partition(Kind::kChunkCount, count); }

  constexpr Kind kind() const { return kind_; }
  // The rows of ChunkSize, or the chunks of ChunkCount; 0 for Auto.
  constexpr Index value() const { return value_; }

  friend constexpr bool operator==(const Partition&, const Partition&) = default;

 private:
  constexpr Partition(Kind kind, Index value) : kind_(kind), value_(value) {}

  Kind kind_;
  Index value_;
};

// The rows that a DataIterator iterates over, and the parameters of its partition.
struct DataIteratorOptions {
  // The first row iterated over, in [0, rows of the array].
  Index start_row = 0;

  // One past the last row iterated over, in [start_row, rows of the array]. Default: the rows of
  // the array.
  std::optional<Index> end_row = std::nullopt;

  // The axis whose indices are the rows; a negative axis counts from the last, as in numpy.
  Index axis = 0;

  // The number of processes that share the work. At least 1. Affects the size of chunks under
  // Partition::Auto, and nothing else.
  int parallelism = 1;

  // Every chunk but the last has a multiple of this many rows, so that every chunk begins at
  // start_row plus such a multiple. At least 1. Auto and ChunkCount choose their sizes accordingly
  // (those of ChunkCount then differ by up to row_alignment rows, and there may be fewer chunks
  // than requested); the rows of ChunkSize must already be a multiple.
  Index row_alignment = 1;
};

// The metadata of an array and its division: a random-access range of Chunks. It holds no element
// and owns no memory of the array; copies are independent and cheap. Immutable, so that any number
// of threads may use one.
class DataIterator {
 public:
  using Options = DataIteratorOptions;

  // A C++20 random-access iterator whose elements are made on the fly. It refers to its
  // DataIterator, which must outlive it.
  class const_iterator {
   public:
    using iterator_concept = std::random_access_iterator_tag;
    using iterator_category = std::input_iterator_tag;  // operator* returns a value, so C++17's
                                                        // stronger categories do not apply.
    using value_type = Chunk;
    using difference_type = std::ptrdiff_t;
    using reference = Chunk;
    using pointer = void;

    const_iterator() = default;

    Chunk operator*() const { return {id_, parent_->chunk(id_)}; }
    Chunk operator[](difference_type n) const { return *(*this + n); }

    const_iterator& operator++() { return *this += 1; }
    const_iterator& operator--() { return *this -= 1; }
    const_iterator operator++(int) {
      const_iterator before = *this;
      ++*this;
      return before;
    }
    const_iterator operator--(int) {
      const_iterator before = *this;
      --*this;
      return before;
    }
    const_iterator& operator+=(difference_type n) {
      id_ += n;
      return *this;
    }
    const_iterator& operator-=(difference_type n) {
      id_ -= n;
      return *this;
    }
    friend const_iterator operator+(const_iterator it, difference_type n) { return it += n; }
    friend const_iterator operator+(difference_type n, const_iterator it) { return it += n; }
    friend const_iterator operator-(const_iterator it, difference_type n) { return it -= n; }
    friend difference_type operator-(const const_iterator& a, const const_iterator& b) {
      return a.id_ - b.id_;
    }
    // Only iterators of the same DataIterator may be compared.
    friend bool operator==(const const_iterator& a, const const_iterator& b) {
      return a.id_ == b.id_;
    }
    friend std::strong_ordering operator<=>(const const_iterator& a, const const_iterator& b) {
      return a.id_ <=> b.id_;
    }

   private:
    friend class DataIterator;
    const_iterator(const DataIterator* parent, ChunkId id) : parent_(parent), id_(id) {}

    const DataIterator* parent_ = nullptr;
    ChunkId id_ = 0;
  };
  using iterator = const_iterator;

  // Divides the rows of `array`, whose data is not read and may be null.
  //   InvalidArgument  a chunk size or count below 1; no such axis; start_row or end_row outside of
  //                    the array, or end_row before start_row; parallelism or row_alignment below
  //                    1; a chunk size that is not a multiple of row_alignment.
  static absl::StatusOr<DataIterator> Create(const NdView& array, Partition partition,
                                             const Options& options = {});

  // The array, with its dtype and shape. Its data pointer is the one given to Create().
  const NdView& array() const { return array_; }
  decltype(auto) dtype() const { return array_.dtype(); }
  decltype(auto) shape() const { return array_.shape(); }
  // The axis whose indices are the rows, counted from the first.
  Index axis() const { return axis_; }
  // The rows of the whole array, whether iterated over or not.
  Index array_rows() const {
    return axis_ == 0 ? array_.num_rows() : array_.shape()[static_cast<std::size_t>(axis_)];
  }
  // The elements and bytes of one row, in all its blocks.
  Index row_elements() const { return num_blocks_ * block_row_elements_; }
  Index row_bytes() const { return row_elements() * array_.dtype().itemsize_bytes(); }

  // The number of blocks in which the elements of a chunk lie: 1 along the first axis, else the
  // product of the extents before the axis.
  Index num_blocks() const { return num_blocks_; }
  // The elements of a row in each block.
  Index block_row_elements() const { return block_row_elements_; }
  // The position of the first element of row `row` in block `block`, counted in elements of the
  // array. The elements of the following rows of the same block follow directly. Precondition: 0 <=
  // block < num_blocks(), 0 <= row <= array_rows().
  Index BlockElement(Index block, Index row) const {
    return (block * array_rows() + row) * block_row_elements_;
  }
  Partition partition() const { return partition_; }

  // The rows iterated over: [start_row, end_row).
  Index start_row() const { return rows_.begin; }
  Index end_row() const { return rows_.end; }
  Index num_rows() const { return rows_.size(); }

  // The number of chunks; 0 if and only if there are no rows.
  Index num_chunks() const { return num_chunks_; }

  // The rows of the longest chunk, which is chunk 0; 0 if there are no chunks. Under Auto and
  // ChunkSize all chunks but the last have this many.
  Index chunk_rows() const { return num_chunks_ == 0 ? 0 : chunk(0).size(); }

  // The rows of chunk `id`. O(1). Precondition: 0 <= id < num_chunks().
  RowRange chunk(ChunkId id) const { return {Boundary(id), Boundary(id + 1)}; }

  // The rows of chunks [first, first + count) together. O(1). Precondition: 0 <= first, 1 <= count,
  // first + count <= num_chunks().
  RowRange chunks(ChunkId first, Index count) const {
    return {Boundary(first), Boundary(first + count)};
  }

  const_iterator begin() const { return {this, 0}; }
  const_iterator end() const { return {this, num_chunks_}; }
  Index size() const { return num_chunks_; }

 private:
  DataIterator(const NdView& array, Partition partition, Index axis);

  // Returns the begin of chunk `id`, or the end of the last chunk. One formula for all partitions:
  // a chunk has short_units_ units of unit_rows_ rows, and the first long_chunks_ chunks have one
  // unit more.
  Index Boundary(ChunkId id) const {
    // The last chunk may be short. This also keeps the product below from overflowing.
    if (id == num_chunks_) return rows_.end;
    return rows_.begin + (id * short_units_ + (id < long_chunks_ ? id : long_chunks_)) * unit_rows_;
  }

  NdView array_;
  Partition partition_;
  Index axis_ = 0;
  Index num_blocks_ = 1;
  Index block_row_elements_ = 0;
  RowRange rows_;
  Index num_chunks_ = 0;
  Index unit_rows_ = 1;
  Index short_units_ = 1;
  Index long_chunks_ = 0;
};

static_assert(std::random_access_iterator<DataIterator::const_iterator>);
static_assert(std::ranges::random_access_range<const DataIterator>);
static_assert(std::ranges::sized_range<const DataIterator>);

}  // namespace mpaio

#endif  // MPAIO_CHUNK_DATA_ITERATOR_H_
