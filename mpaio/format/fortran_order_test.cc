// SPDX-License-Identifier: Apache-2.0
#include "mpaio/format/fortran_order.h"

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mpaio/array/byte_order.h"
#include "mpaio/array/dtype.h"
#include "mpaio/base/index.h"
#include "mpaio/testing/random_bytes.h"
#include "mpaio/testing/status_matchers.h"

namespace mpaio {
namespace {

using Reading = FortranTiles::Reading;

Index Product(const std::vector<Index>& shape) {
  Index product = 1;
  for (const Index extent : shape) product *= extent;
  return product;
}

// Returns the array in C order, converted element by element as the orders are defined.
std::string InCOrder(const std::string& file, const std::vector<Index>& shape, Index itemsize) {
  std::string array(file.size(), '\0');
  std::vector<Index> index(shape.size(), 0);
  for (Index c = 0; c < Product(shape); ++c) {
    Index f = 0;
    for (std::size_t axis = shape.size(); axis-- > 0;) f = f * shape[axis] + index[axis];
    std::copy_n(file.begin() + f * itemsize, itemsize, array.begin() + c * itemsize);
    for (std::size_t axis = shape.size(); axis-- > 0;) {
      if (++index[axis] < shape[axis]) break;
      index[axis] = 0;
    }
  }
  return array;
}

struct Reads {
  Index count = 0, total_bytes = 0, longest_bytes = 0, next_offset = 0;
  bool in_order = true;
};

FortranTiles::Read ReadFrom(const std::string& file, Reads* reads) {
  return [&file, reads](Index offset, std::span<std::byte> to) -> absl::Status {
    const Index size = static_cast<Index>(to.size());
    if (offset < 0 || offset + size > static_cast<Index>(file.size()))
      return absl::InternalError("out of the file");
    std::copy_n(reinterpret_cast<const std::byte*>(file.data()) + offset, size, to.begin());
    ++reads->count;
    reads->total_bytes += size;
    reads->longest_bytes = std::max(reads->longest_bytes, size);
    reads->in_order = reads->in_order && offset == reads->next_offset;
    reads->next_offset = offset + size;
    return absl::OkStatus();
  };
}

// Expects that every byte of the file is read once, and stored at its place, whatever the size of
// tiles.
void ExpectTransposed(const std::vector<Index>& shape, Index itemsize, Index tile_bytes,
                      Reading reading) {
  SCOPED_TRACE(absl::StrCat(testing::PrintToString(shape), " of ", itemsize, " bytes in tiles of ",
                            tile_bytes));
  const Index size_bytes = Product(shape) * itemsize;
  const std::string file = RandomBytes(11, size_bytes);
  const FortranTiles tiles(shape, itemsize, tile_bytes, reading);
  std::string array(file.size(), 'x');
  Reads reads;
  std::byte* const to = reinterpret_cast<std::byte*>(array.data());
  // Sequential tiles are loaded in order, others in another order.
  const Index middle = reading == Reading::kSequential ? 0 : tiles.num_tiles() / 2;
  MPAIO_ASSERT_OK(tiles.Load(middle, tiles.num_tiles(), ReadFrom(file, &reads), ByteSwapper(), to));
  MPAIO_ASSERT_OK(tiles.Load(0, middle, ReadFrom(file, &reads), ByteSwapper(), to));
  EXPECT_TRUE(array == InCOrder(file, shape, itemsize));
  EXPECT_EQ(reads.total_bytes, size_bytes);
  EXPECT_LE(reads.longest_bytes, std::max(tile_bytes, itemsize));
  if (reading == Reading::kSequential) {
    EXPECT_TRUE(reads.in_order);
  }
}

TEST(FortranTiles, OfAllShapesAndSizes) {
  for (const Reading reading : {Reading::kAnywhere, Reading::kSequential}) {
    for (const std::vector<Index>& shape :
         std::vector<std::vector<Index>>{{2, 2},
                                         {3, 4},
                                         {1, 3, 1, 4, 1},
                                         {7, 5, 3},
                                         {2, 97, 3},
                                         {2, 3, 5, 7},
                                         {64, 64},
                                         {1000, 2},
                                         {2, 1000},
                                         {13, 17, 19},
                                         {2, 2, 2, 2, 2, 2, 2, 2}}) {
      for (const Index itemsize : {1, 2, 3, 4, 8, 16, 37}) {
        for (const Index tile_bytes : {1, 8, 100, 1000, 40000, 1 << 22})
          ExpectTransposed(shape, itemsize, tile_bytes, reading);
      }
    }
  }
}

TEST(FortranTiles, LargerThanATile) {
  for (const Reading reading : {Reading::kAnywhere, Reading::kSequential}) {
    ExpectTransposed({1013, 1009}, 8, 1 << 20, reading);
    ExpectTransposed({2, 200003, 3}, 4, 1 << 18, reading);
    ExpectTransposed({3, 5}, 100000, 1 << 16, reading);
  }
}

// 8 MB in at most 1200 reads, whatever the extents.
TEST(FortranTiles, ReadsAreLong) {
  for (const std::vector<Index>& shape : std::vector<std::vector<Index>>{{1000, 1000},
                                                                         {100000, 10},
                                                                         {10, 100000},
                                                                         {2, 500000},
                                                                         {500000, 2},
                                                                         {100, 100, 100},
                                                                         {2, 250000, 2}}) {
    SCOPED_TRACE(testing::PrintToString(shape));
    const std::string file = RandomBytes(11, 8000000);
    std::string array(file.size(), 'x');
    const FortranTiles tiles(shape, 8, 1 << 22, Reading::kAnywhere);
    Reads reads;
    MPAIO_ASSERT_OK(tiles.Load(0, tiles.num_tiles(), ReadFrom(file, &reads), ByteSwapper(),
                               reinterpret_cast<std::byte*>(array.data())));
    EXPECT_LE(reads.count, 1200);
  }
}

TEST(FortranTiles, BytesAreSwappedOnTheWay) {
  const DType dtype = DType::Parse(">i2").value();
  const FortranTiles tiles({2, 2}, 2, 1000, Reading::kAnywhere);
  const std::string file = "abcdefgh";
  std::string array(8, 'x');
  Reads reads;
  MPAIO_ASSERT_OK(tiles.Load(0, tiles.num_tiles(), ReadFrom(file, &reads), ByteSwapper(dtype),
                             reinterpret_cast<std::byte*>(array.data())));
  EXPECT_EQ(array, "bafedchg");
}

TEST(FortranTiles, AFailureEndsIt) {
  const FortranTiles tiles({100, 100}, 8, 1000, Reading::kAnywhere);
  std::string array(80000, 'x');
  Index calls = 0;
  const absl::Status status = tiles.Load(
      0, tiles.num_tiles(),
      [&calls](Index, std::span<std::byte>) {
        return ++calls < 3 ? absl::OkStatus() : absl::DataLossError("cut");
      },
      ByteSwapper(), reinterpret_cast<std::byte*>(array.data()));
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kDataLoss, "cut"));
  EXPECT_EQ(calls, 3);
}

TEST(OrderIsImmaterial, WhereOneAxisIsLong) {
  for (const std::vector<Index>& shape :
       std::vector<std::vector<Index>>{{}, {5}, {1, 5}, {5, 1}, {1, 5, 1}, {0, 5, 3}, {5, 0}})
    EXPECT_TRUE(OrderIsImmaterial(shape)) << testing::PrintToString(shape);
  for (const std::vector<Index>& shape : std::vector<std::vector<Index>>{{2, 2}, {3, 4}, {2, 1, 3}})
    EXPECT_FALSE(OrderIsImmaterial(shape)) << testing::PrintToString(shape);
}

}  // namespace
}  // namespace mpaio
