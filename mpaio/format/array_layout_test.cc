// SPDX-License-Identifier: Apache-2.0
#include "mpaio/format/array_layout.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <random>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mpaio/array/dtype.h"
#include "mpaio/base/index.h"
#include "mpaio/testing/random_bytes.h"
#include "mpaio/testing/status_matchers.h"

namespace mpaio {
namespace {

using enum absl::StatusCode;

std::span<std::byte> Bytes(std::string& text) { return std::as_writable_bytes(std::span(text)); }

// A source of which any part can be read.
ArrayLayout::ReadSlice Slices(const std::string& stored) {
  return [&stored](Index offset_bytes, std::span<std::byte> to) {
    std::memcpy(to.data(), stored.data() + offset_bytes, to.size());
    return absl::OkStatus();
  };
}

// A source that is read from front to end.
class Sequence {
 public:
  explicit Sequence(std::string bytes) : bytes_(std::move(bytes)) {}
  ReadSome read() {
    return [this](std::span<std::byte> to) -> absl::StatusOr<Index> {
      const std::size_t count = std::min(to.size(), bytes_.size() - position_);
      std::memcpy(to.data(), bytes_.data() + position_, count);
      position_ += count;
      return static_cast<Index>(count);
    };
  }

 private:
  std::string bytes_;
  std::size_t position_ = 0;
};

// Loads `stored` in `num_shares`, the last share first.
std::string LoadShares(const ArrayLayout& layout, const std::string& stored, int num_shares,
                       const BeforeWriting& before_writing = nullptr) {
  std::string array(stored.size(), '?');
  for (int share = num_shares; share-- > 0;) {
    MPAIO_EXPECT_OK(
        layout.LoadShare(Slices(stored), share, num_shares, Bytes(array), before_writing));
  }
  return array;
}

// Returns the array in C order and native byte order, element by element as the orders are defined.
std::string Converted(const std::string& stored, const DType& dtype,
                      const std::vector<Index>& shape, bool is_fortran_order) {
  const Index itemsize = dtype.itemsize_bytes();
  const Index count = static_cast<Index>(stored.size()) / itemsize;
  std::string array(stored.size(), '\0');
  std::vector<Index> index(shape.size(), 0);
  for (Index c = 0; c < count; ++c) {
    Index at = c;
    if (is_fortran_order) {
      at = 0;
      for (std::size_t axis = shape.size(); axis-- > 0;) at = at * shape[axis] + index[axis];
    }
    std::copy_n(stored.begin() + at * itemsize, itemsize, array.begin() + c * itemsize);
    for (std::size_t axis = shape.size(); axis-- > 0;) {
      if (++index[axis] < shape[axis]) break;
      index[axis] = 0;
    }
  }
  dtype.SwapBytes(reinterpret_cast<std::byte*>(array.data()), count);
  return array;
}

TEST(ArrayLayout, DescribesTheStoredAndTheLoadedArray) {
  const absl::StatusOr<ArrayLayout> layout =
      ArrayLayout::Create(DType::Parse(">i4").value(), {2, 3}, /*is_fortran_order=*/true);
  MPAIO_ASSERT_OK(layout);
  EXPECT_EQ(layout->stored_dtype(), DType::Parse(">i4").value());
  EXPECT_EQ(layout->dtype(), DType::Of<std::int32_t>());
  EXPECT_EQ(layout->shape(), (std::vector<Index>{2, 3}));
  EXPECT_EQ(layout->size_bytes(), 24);
  EXPECT_TRUE(layout->is_fortran_order());
  EXPECT_EQ(layout->Describe(), ">i4 (2, 3), 24 bytes");
  for (const std::vector<Index>& shape :
       std::vector<std::vector<Index>>{{}, {7}, {1, 7}, {7, 1}, {0, 7}})
    EXPECT_FALSE(ArrayLayout::Create(layout->dtype(), shape, true)->is_fortran_order());
  EXPECT_THAT(ArrayLayout::Create(layout->dtype(), {Index{1} << 62}), StatusIs(kInvalidArgument));
}

TEST(ArrayLayout, AnyLayoutIsConverted) {
  std::mt19937_64 random(15);
  for (int trial = 0; trial < 60; ++trial) {
    const char* const descrs[] = {"|u1", "<i2",  ">i2",
                                  ">f8", ">c16", "[('a', '>i4'), ('b', '|S3')]"};
    const DType dtype = DType::Parse(descrs[random() % std::size(descrs)]).value();
    std::vector<Index> shape(1 + random() % 3);
    Index count = 1;
    for (Index& extent : shape) {
      extent = static_cast<Index>(1 + random() % 60);
      count *= extent;
    }
    const bool is_fortran_order = random() % 2 == 0;
    SCOPED_TRACE(absl::StrCat("trial ", trial, ": ", dtype.ToString(), " of ", count,
                              is_fortran_order ? " in Fortran order" : " in C order"));
    const std::string stored =
        RandomBytes(static_cast<std::uint64_t>(trial), count * dtype.itemsize_bytes());
    const absl::StatusOr<ArrayLayout> layout = ArrayLayout::Create(dtype, shape, is_fortran_order);
    MPAIO_ASSERT_OK(layout);
    const std::string expected = Converted(stored, dtype, shape, is_fortran_order);
    EXPECT_TRUE(LoadShares(*layout, stored, 1 + static_cast<int>(random() % 7)) == expected);
    std::string array(stored.size(), '?');
    MPAIO_EXPECT_OK(layout->LoadSequentially(Sequence(stored).read(), "x", Bytes(array), nullptr));
    EXPECT_TRUE(array == expected);
  }
}

// 1 MiB and 3 bytes: several blocks, and a last page of 3 bytes.
TEST(ArrayLayout, BytesAreAnnouncedBeforeTheyAreWritten) {
  const std::string stored = RandomBytes(1, (Index{1} << 20) + 3);
  const ArrayLayout layout =
      ArrayLayout::Create(DType::Of<std::uint8_t>(), {static_cast<Index>(stored.size())}).value();
  Index announced_bytes = 0, most_bytes = 0;
  const auto announce = [&](std::span<std::byte> piece) {
    for (const std::byte byte : piece) EXPECT_EQ(byte, std::byte{'?'});
    announced_bytes += static_cast<Index>(piece.size());
    most_bytes = std::max(most_bytes, static_cast<Index>(piece.size()));
    return absl::OkStatus();
  };
  EXPECT_TRUE(LoadShares(layout, stored, 3, announce) == stored);
  EXPECT_EQ(announced_bytes, layout.size_bytes());
  EXPECT_LE(most_bytes, 256 << 10);
  announced_bytes = 0;
  std::string array(stored.size(), '?');
  MPAIO_EXPECT_OK(layout.LoadSequentially(Sequence(stored).read(), "x", Bytes(array), announce));
  EXPECT_EQ(announced_bytes, layout.size_bytes());
}

TEST(ArrayLayout, SequencesOfAnotherLength) {
  for (const bool is_fortran_order : {false, true}) {
    const ArrayLayout layout =
        ArrayLayout::Create(DType::Of<std::uint8_t>(), {2, 3}, is_fortran_order).value();
    std::string array(6, '?');
    EXPECT_THAT(layout.LoadSequentially(Sequence("01234").read(), "x", Bytes(array), nullptr),
                StatusIs(kDataLoss,
                         "x is truncated: its header promises 6 bytes of data, the file "
                         "holds 5"));
    EXPECT_THAT(layout.LoadSequentially(Sequence("0123456").read(), "x", Bytes(array), nullptr),
                StatusIs(kDataLoss, "x holds at least 1 bytes more than its header promises"));
  }
}

TEST(ArrayLayout, ErrorsEndTheLoading) {
  const ArrayLayout layout = ArrayLayout::Create(DType::Of<std::uint8_t>(), {6}).value();
  std::string array(6, '?');
  const auto refuse = [](std::span<std::byte>) { return absl::ResourceExhaustedError("no more"); };
  const std::string stored = "012345";
  EXPECT_THAT(layout.LoadShare(Slices(stored), 0, 1, Bytes(array), refuse),
              StatusIs(kResourceExhausted, "no more"));
  const auto fail = [](std::span<std::byte>) -> absl::StatusOr<Index> {
    return absl::DataLossError("the disk failed");
  };
  EXPECT_THAT(layout.LoadSequentially(fail, "x", Bytes(array), nullptr),
              StatusIs(kDataLoss, "the disk failed"));
  EXPECT_EQ(array, "??????");
}

}  // namespace
}  // namespace mpaio
