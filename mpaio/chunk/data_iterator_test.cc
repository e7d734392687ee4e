// SPDX-License-Identifier: Apache-2.0
#include "mpaio/chunk/data_iterator.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <numeric>
#include <ranges>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

namespace mpaio {
namespace {

using Pairs = std::vector<std::pair<Index, Index>>;

NdView Metadata(std::vector<Index> shape, DType dtype = DType::Of<std::int64_t>()) {
  absl::StatusOr<NdView> view = NdView::Create(nullptr, dtype, std::move(shape));
  EXPECT_TRUE(view.ok()) << view.status();
  return view.ok() ? *view : NdView();
}

Pairs Ranges(const DataIterator& iterator) {
  Pairs pairs;
  for (const Chunk& chunk : iterator) {
    EXPECT_EQ(chunk.id, static_cast<ChunkId>(pairs.size()));
    pairs.emplace_back(chunk.rows.begin, chunk.rows.end);
  }
  return pairs;
}

Pairs Divide(std::vector<Index> shape, Partition partition,
             const DataIteratorOptions& options = {}) {
  const absl::StatusOr<DataIterator> iterator =
      DataIterator::Create(Metadata(std::move(shape)), partition, options);
  EXPECT_TRUE(iterator.ok()) << iterator.status();
  return iterator.ok() ? Ranges(*iterator) : Pairs{};
}

DataIterator Make(const NdView& array, Partition partition,
                  const DataIteratorOptions& options = {}) {
  absl::StatusOr<DataIterator> iterator = DataIterator::Create(array, partition, options);
  EXPECT_TRUE(iterator.ok()) << iterator.status();
  return *std::move(iterator);
}

// Expects every row of [start, end) once, in order, in chunks that are not empty.
void ExpectCovers(const DataIterator& iterator, Index start, Index end) {
  Index next = start;
  Index longest = 0;
  for (const Chunk& chunk : iterator) {
    ASSERT_EQ(chunk.rows.begin, next);
    ASSERT_LT(chunk.rows.begin, chunk.rows.end);
    ASSERT_EQ(chunk.rows, iterator.chunk(chunk.id));
    longest = std::max(longest, chunk.rows.size());
    next = chunk.rows.end;
  }
  ASSERT_EQ(next, end);
  ASSERT_EQ(iterator.num_rows(), end - start);
  ASSERT_EQ(iterator.chunk_rows(), longest);
}

TEST(DataIteratorTest, ChunkSizeDividesAsStated) {
  EXPECT_EQ(Divide({10}, Partition::ChunkSize(3)), (Pairs{{0, 3}, {3, 6}, {6, 9}, {9, 10}}));
  EXPECT_EQ(Divide({10}, Partition::ChunkSize(5)), (Pairs{{0, 5}, {5, 10}}));
  EXPECT_EQ(Divide({10}, Partition::ChunkSize(7)), (Pairs{{0, 7}, {7, 10}}));
  EXPECT_EQ(Divide({10}, Partition::ChunkSize(10)), (Pairs{{0, 10}}));
  EXPECT_EQ(Divide({10}, Partition::ChunkSize(11)), (Pairs{{0, 10}}));
}

TEST(DataIteratorTest, StartRowShiftsTheChunks) {
  EXPECT_EQ(Divide({12}, Partition::ChunkSize(4), {.start_row = 2}),
            (Pairs{{2, 6}, {6, 10}, {10, 12}}));
}

TEST(DataIteratorTest, EndRowCutsTheLastChunk) {
  EXPECT_EQ(Divide({12}, Partition::ChunkSize(4), {.start_row = 2, .end_row = 9}),
            (Pairs{{2, 6}, {6, 9}}));
  EXPECT_EQ(Divide({12}, Partition::ChunkSize(4), {.start_row = 5, .end_row = 5}), Pairs{});
}

TEST(DataIteratorTest, RowsMayBeOfAnotherAxis) {
  EXPECT_EQ(Divide({2, 7, 3}, Partition::ChunkSize(3), {.axis = 1}),
            (Pairs{{0, 3}, {3, 6}, {6, 7}}));
  EXPECT_EQ(Divide({2, 7, 3}, Partition::ChunkCount(2), {.axis = -1}), (Pairs{{0, 2}, {2, 3}}));
  EXPECT_EQ(Divide({2, 7, 3}, Partition::ChunkSize(3), {.start_row = 5, .axis = -2}),
            (Pairs{{5, 7}}));
  EXPECT_EQ(Divide({2, 0, 3}, Partition::ChunkSize(3), {.axis = 1}), Pairs{});
  const DataIterator middle = Make(Metadata({2, 7, 3}), Partition::ChunkSize(3), {.axis = -2});
  EXPECT_EQ(middle.axis(), 1);
  EXPECT_EQ(middle.array_rows(), 7);
  EXPECT_EQ(middle.row_elements(), 6);
  EXPECT_EQ(middle.row_bytes(), 48);
  EXPECT_EQ(middle.num_blocks(), 2);
  EXPECT_EQ(middle.block_row_elements(), 3);
  EXPECT_EQ(middle.BlockElement(1, 4), 33);  // The position of element (1, 4, 0).
  const DataIterator first = Make(Metadata({2, 7, 3}), Partition::ChunkSize(1));
  EXPECT_EQ(first.num_blocks(), 1);
  EXPECT_EQ(first.BlockElement(0, 1), 21);
}

// Every element of an array belongs to one chunk, whatever the axis.
TEST(DataIteratorTest, TheBlocksOfAllChunksAreTheArray) {
  for (Index axis = 0; axis < 4; ++axis) {
    const DataIterator data = Make(Metadata({3, 4, 5, 2}), Partition::ChunkSize(2), {.axis = axis});
    std::vector<int> visits(120, 0);
    for (const Chunk& chunk : data) {
      for (Index block = 0; block < data.num_blocks(); ++block) {
        const Index first = data.BlockElement(block, chunk.rows.begin),
                    last = data.BlockElement(block, chunk.rows.end);
        for (Index i = first; i < last; ++i) ++visits[static_cast<std::size_t>(i)];
      }
    }
    EXPECT_EQ(visits, std::vector<int>(120, 1)) << axis;
  }
}

TEST(DataIteratorTest, AnAxisMustExist) {
  for (const Index axis : {3, -4}) {
    const auto iterator =
        DataIterator::Create(Metadata({2, 7, 3}), Partition::Auto(), {.axis = axis});
    EXPECT_EQ(iterator.status(),
              absl::InvalidArgumentError("axis " + std::to_string(axis) +
                                         " is out of range; the array has 3 axes: give one from "
                                         "-3 to 2"));
  }
  EXPECT_EQ(Divide({}, Partition::Auto(), {.axis = -1}), (Pairs{{0, 1}}));
  EXPECT_FALSE(DataIterator::Create(Metadata({}), Partition::Auto(), {.axis = 1}).ok());
}

TEST(DataIteratorTest, NoRowsMeanNoChunks) {
  EXPECT_EQ(Divide({0}, Partition::ChunkSize(4)), Pairs{});
  EXPECT_EQ(Divide({0, 3}, Partition::ChunkCount(4)), Pairs{});
  EXPECT_EQ(Divide({0}, Partition::Auto()), Pairs{});
  EXPECT_EQ(Divide({10}, Partition::ChunkSize(4), {.start_row = 10}), Pairs{});
  const DataIterator none = Make(Metadata({0}), Partition::ChunkSize(4));
  EXPECT_EQ(none.num_chunks(), 0);
  EXPECT_EQ(none.chunk_rows(), 0);
  EXPECT_TRUE(none.begin() == none.end());
}

TEST(DataIteratorTest, RowsAreThoseOfTheFirstAxis) {
  EXPECT_EQ(Divide({1}, Partition::ChunkSize(4)), (Pairs{{0, 1}}));
  EXPECT_EQ(Divide({}, Partition::ChunkSize(4)), (Pairs{{0, 1}}));
  EXPECT_EQ(Divide({}, Partition::Auto()), (Pairs{{0, 1}}));
  EXPECT_EQ(Divide({5, 100, 2}, Partition::ChunkSize(2)), (Pairs{{0, 2}, {2, 4}, {4, 5}}));
  // Rows without elements count as rows.
  EXPECT_EQ(Divide({5, 0}, Partition::ChunkSize(2)), (Pairs{{0, 2}, {2, 4}, {4, 5}}));
  EXPECT_EQ(Divide({5, 0}, Partition::Auto()), (Pairs{{0, 1}, {1, 2}, {2, 3}, {3, 4}, {4, 5}}));
}

TEST(DataIteratorTest, ChunkCountIsAsEvenAsPossible) {
  EXPECT_EQ(Divide({10}, Partition::ChunkCount(4)), (Pairs{{0, 3}, {3, 6}, {6, 8}, {8, 10}}));
  EXPECT_EQ(Divide({10}, Partition::ChunkCount(1)), (Pairs{{0, 10}}));
  EXPECT_EQ(Divide({3}, Partition::ChunkCount(8)), (Pairs{{0, 1}, {1, 2}, {2, 3}}));
  EXPECT_EQ(Divide({12}, Partition::ChunkCount(3), {.start_row = 2}),
            (Pairs{{2, 6}, {6, 9}, {9, 12}}));
}

TEST(DataIteratorTest, RowAlignmentKeepsBoundariesOnMultiples) {
  // 21 rows are 6 units of 4 rows, the last of one row: 2 units for each of 3 chunks, or 2, 2, 1, 1
  // for 4.
  EXPECT_EQ(Divide({21}, Partition::ChunkCount(3), {.row_alignment = 4}),
            (Pairs{{0, 8}, {8, 16}, {16, 21}}));
  EXPECT_EQ(Divide({21}, Partition::ChunkCount(4), {.row_alignment = 4}),
            (Pairs{{0, 8}, {8, 16}, {16, 20}, {20, 21}}));
  // More chunks than units.
  EXPECT_EQ(Divide({10}, Partition::ChunkCount(10), {.row_alignment = 4}),
            (Pairs{{0, 4}, {4, 8}, {8, 10}}));
  EXPECT_EQ(Divide({10}, Partition::ChunkSize(8), {.start_row = 1, .row_alignment = 4}),
            (Pairs{{1, 9}, {9, 10}}));
}

TEST(DataIteratorTest, RefusesInvalidDivisions) {
  const NdView array = Metadata({10});
  const auto code = [&array](Partition partition, const DataIteratorOptions& options = {}) {
    return DataIterator::Create(array, partition, options).status().code();
  };
  EXPECT_EQ(code(Partition::ChunkSize(0)), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code(Partition::ChunkSize(-3)), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code(Partition::ChunkCount(0)), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code(Partition::Auto(), {.start_row = -1}), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code(Partition::Auto(), {.start_row = 11}), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code(Partition::Auto(), {.end_row = 11}), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code(Partition::Auto(), {.start_row = 5, .end_row = 4}),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code(Partition::Auto(), {.parallelism = 0}), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code(Partition::Auto(), {.row_alignment = 0}), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code(Partition::ChunkSize(6), {.row_alignment = 4}),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code(Partition::ChunkSize(8), {.row_alignment = 4}), absl::StatusCode::kOk);
  EXPECT_EQ(code(Partition::Auto(), {.start_row = 10}), absl::StatusCode::kOk);
}

TEST(DataIteratorTest, EveryRowIsInOneChunkInOrder) {
  for (Index rows = 0; rows <= 40; ++rows) {
    const NdView array = Metadata({rows});
    for (Index start = 0; start <= rows; ++start) {
      for (Index size = 1; size <= 45; ++size) {
        SCOPED_TRACE(testing::Message() << rows << " rows from " << start << " by " << size);
        const DataIterator by_size = Make(array, Partition::ChunkSize(size), {.start_row = start});
        ExpectCovers(by_size, start, rows);
        EXPECT_EQ(by_size.num_chunks(), (rows - start + size - 1) / size);
        for (const Chunk& chunk : by_size) {
          if (chunk.id + 1 < by_size.num_chunks()) {
            ASSERT_EQ(chunk.rows.size(), size);
          }
        }

        const DataIterator by_count =
            Make(array, Partition::ChunkCount(size), {.start_row = start});
        ExpectCovers(by_count, start, rows);
        EXPECT_EQ(by_count.num_chunks(), std::min(size, rows - start));
        for (const Chunk& chunk : by_count) ASSERT_GE(chunk.rows.size(), by_count.chunk_rows() - 1);

        const Index alignment = 1 + size % 7;
        const DataIterator aligned = Make(array, Partition::ChunkCount(size),
                                          {.start_row = start, .row_alignment = alignment});
        ExpectCovers(aligned, start, rows);
        for (const Chunk& chunk : aligned) ASSERT_EQ((chunk.rows.begin - start) % alignment, 0);
      }
    }
  }
}

TEST(DataIteratorTest, AutoFollowsItsRule) {
  const auto auto_rows = [](std::vector<Index> shape, int parallelism) {
    return Make(Metadata(std::move(shape)), Partition::Auto(), {.parallelism = parallelism})
        .chunk_rows();
  };
  // The header's example: 9 765 rows, 32 * 256.
  EXPECT_EQ(auto_rows({10'000'000}, 4), 8'192);
  EXPECT_EQ(Make(Metadata({10'000'000}), Partition::Auto(), {.parallelism = 4}).num_chunks(),
            1'221);
  // 390 rows are rounded to one leaf. 3 rows are less than a leaf, so they are not rounded. 100
  // rows are fewer than 1 024 chunks.
  EXPECT_EQ(auto_rows({400'000}, 4), 256);
  EXPECT_EQ(auto_rows({4'000}, 4), 3);
  EXPECT_EQ(auto_rows({100}, 4), 1);
  // At most 4 MiB, of elements of 8 bytes.
  EXPECT_EQ(auto_rows({Index{1} << 40}, 4), 524'288);
  // Rows of 3 elements: 3 255 rows, 12 times 256, so 8 * 256.
  EXPECT_EQ(auto_rows({10'000'000 / 3, 3}, 4), 2'048);
  // Rows of 96 elements: 8 of them are 3 leaves. 87 040 / 1 024 are 85 rows, 10 times 8, so 8 * 8.
  EXPECT_EQ(auto_rows({87'040, 96}, 4), 64);
  // Rows of 101 elements: only a multiple of 256 rows is whole leaves; 81 rows are fewer, so
  // nothing is rounded.
  EXPECT_EQ(auto_rows({83'200, 101}, 4), 81);
  // Rows larger than any chunk.
  EXPECT_EQ(auto_rows({10, 1'000'000}, 4), 1);
}

TEST(DataIteratorTest, AutoSizesStayInBounds) {
  for (Index row_elements : {1, 2, 3, 7, 64, 100, 256, 1000, 5000}) {
    for (Index rows : {1, 10, 1'000, 1'000'000, 123'456'789}) {
      for (int parallelism : {1, 2, 17, 512}) {
        SCOPED_TRACE(testing::Message() << rows << " x " << row_elements << " for " << parallelism);
        const DataIterator iterator =
            Make(Metadata({rows, row_elements}), Partition::Auto(), {.parallelism = parallelism});
        const Index chunk_bytes = iterator.chunk_rows() * row_elements * 8;
        EXPECT_LE(chunk_bytes, 4 << 20);
        // At least 256 chunks for each process if there are as many rows. Rounding at most doubles
        // the number that the limit of 4 MiB gives.
        const Index least = std::min<Index>(rows, 256 * parallelism);
        EXPECT_GE(iterator.num_chunks(), least);
        EXPECT_LE(iterator.num_chunks(),
                  std::max<Index>(4 * least, rows * row_elements * 8 / (2 << 20) + 1) + 1);
        // A chunk that can hold a leaf has its boundaries between leaves.
        const Index aligned_rows = 256 / std::gcd(Index{256}, row_elements);
        if (iterator.num_chunks() > 1 && iterator.chunk_rows() >= aligned_rows) {
          EXPECT_EQ(iterator.chunk(1).begin * row_elements % 256, 0);
        }
      }
    }
  }
}

TEST(DataIteratorTest, AutoHonoursRowAlignment) {
  const auto auto_rows = [](std::vector<Index> shape, Index alignment) {
    return Make(Metadata(std::move(shape)), Partition::Auto(),
                {.parallelism = 4, .row_alignment = alignment})
        .chunk_rows();
  };
  // 9 765 rows fit. lcm(256, 10) is 1 280, of which 7 fit, so a chunk has 4 * 1 280 rows.
  EXPECT_EQ(auto_rows({10'000'000}, 10), 5'120);
  // 2 050 rows fit, but lcm(256, 1 001) does not: the rows are a multiple of 1 001 only.
  EXPECT_EQ(auto_rows({2'100'000}, 1'001), 2'002);
  EXPECT_EQ(auto_rows({100'000}, 10'000), 10'000);
  // An alignment of more rows than there are.
  EXPECT_EQ(auto_rows({100'000}, Index{1} << 62), 100'000);
}

TEST(DataIteratorTest, HugeArraysAreMetadataOnly) {
  const Index rows = Index{1} << 40;
  const DataIterator iterator =
      Make(Metadata({rows}), Partition::ChunkSize(1'000'003), {.start_row = 5});
  EXPECT_EQ(iterator.num_chunks(), 1'099'509);  // ceil((2^40 - 5) / 1 000 003)
  EXPECT_EQ(iterator.chunk(1'000'000), (RowRange{1'000'003'000'005, 1'000'004'000'008}));
  EXPECT_EQ((*(iterator.end() - 1)).rows.end, rows);

  const DataIterator ones = Make(Metadata({rows}), Partition::ChunkCount(rows));
  EXPECT_EQ(ones.num_chunks(), rows);
  EXPECT_EQ(ones.chunk(rows - 1), (RowRange{rows - 1, rows}));

  // The largest arrays that a view can have: id times size must not overflow.
  const Index most = (Index{1} << 62) - 7;
  const NdView bytes = Metadata({most}, DType::Of<std::uint8_t>());
  for (Index size : {most, most - 1, most / 2 + 1, most / 3}) {
    const DataIterator large = Make(bytes, Partition::ChunkSize(size), {.start_row = 3});
    ExpectCovers(large, 3, most);
  }
  ExpectCovers(Make(bytes, Partition::ChunkSize(std::numeric_limits<Index>::max())), 0, most);
  ExpectCovers(Make(bytes, Partition::ChunkCount(7), {.row_alignment = most / 2}), 0, most);
}

TEST(DataIteratorTest, IsARandomAccessRange) {
  const DataIterator iterator = Make(Metadata({10}), Partition::ChunkSize(3));
  const auto begin = iterator.begin();
  const auto end = iterator.end();
  EXPECT_EQ(end - begin, 4);
  EXPECT_EQ(begin[2], (Chunk{2, {6, 9}}));
  EXPECT_EQ(*(end - 1), (Chunk{3, {9, 10}}));
  EXPECT_EQ(*(2 + begin), begin[2]);
  EXPECT_TRUE(begin < end);
  auto it = begin;
  EXPECT_EQ((*it++).id, 0);
  EXPECT_EQ((*++it).id, 2);
  EXPECT_EQ((*it--).id, 2);
  EXPECT_EQ((*--it).id, 0);
  EXPECT_EQ(std::ranges::size(iterator), 4);
  // The chunk of row 7, by bisection.
  const auto found = std::ranges::upper_bound(iterator, Index{7}, {},
                                              [](const Chunk& chunk) { return chunk.rows.begin; });
  EXPECT_EQ((*(found - 1)).id, 2);
  EXPECT_EQ(iterator.chunks(1, 3), (RowRange{3, 10}));
}

TEST(DataIteratorTest, KnowsTheMetadata) {
  const DataIterator iterator = Make(Metadata({12, 5}, DType::Of<double>()),
                                     Partition::ChunkSize(4), {.start_row = 2, .end_row = 11});
  EXPECT_EQ(iterator.start_row(), 2);
  EXPECT_EQ(iterator.end_row(), 11);
  EXPECT_EQ(iterator.num_rows(), 9);
  EXPECT_EQ(iterator.array_rows(), 12);
  EXPECT_EQ(iterator.chunk_rows(), 4);
  EXPECT_EQ(iterator.num_chunks(), 3);
  EXPECT_EQ(iterator.row_bytes(), 40);
  EXPECT_EQ(iterator.dtype(), DType::Of<double>());
  EXPECT_EQ(iterator.shape(), (std::vector<Index>{12, 5}));
  EXPECT_EQ(iterator.partition(), Partition::ChunkSize(4));
}

TEST(DataIteratorTest, CopiesAreIndependent) {
  DataIterator original = Make(Metadata({10}), Partition::ChunkSize(3));
  const DataIterator copy = original;
  original = Make(Metadata({4}), Partition::ChunkSize(1));
  EXPECT_EQ(Ranges(copy), (Pairs{{0, 3}, {3, 6}, {6, 9}, {9, 10}}));
}

}  // namespace
}  // namespace mpaio
