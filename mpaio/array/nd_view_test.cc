// SPDX-License-Identifier: Apache-2.0
#include "mpaio/array/nd_view.h"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gtest/gtest.h"
#include "mpaio/array/dtype.h"
#include "mpaio/base/index.h"

namespace mpaio {
namespace {

const DType kInt64 = DType::Of<std::int64_t>();

TEST(NdView, MatrixOfInt64) {
  const std::vector<std::int64_t> numbers(12);
  const absl::StatusOr<NdView> view = NdView::Create(numbers.data(), kInt64, {3, 4});
  ASSERT_TRUE(view.ok()) << view.status();
  EXPECT_EQ(view->num_dimensions(), 2);
  EXPECT_EQ(view->num_rows(), 3);
  EXPECT_EQ(view->row_elements(), 4);
  EXPECT_EQ(view->row_bytes(), 32);
  EXPECT_EQ(view->num_elements(), 12);
  EXPECT_EQ(view->size_bytes(), 96);
  EXPECT_EQ(view->strides_bytes(), (std::vector<Index>{32, 8}));
  EXPECT_EQ(view->RowData(2), reinterpret_cast<const std::byte*>(&numbers[8]));
  EXPECT_EQ(view->ToString(), "int64 (3, 4)");
}

TEST(NdView, ZeroDimensionsAreOneRow) {
  const double number = 1;
  const absl::StatusOr<NdView> view = NdView::Create(&number, DType::Of<double>(), {});
  ASSERT_TRUE(view.ok()) << view.status();
  EXPECT_EQ(view->num_dimensions(), 0);
  EXPECT_EQ(view->num_rows(), 1);
  EXPECT_EQ(view->row_elements(), 1);
  EXPECT_EQ(view->size_bytes(), 8);
  EXPECT_EQ(view->ToString(), "float64 ()");
}

TEST(NdView, RowsOfUnevenStringsNeedNoAlignment) {
  const char chars[] = "xabcdefghijklmno";
  const absl::StatusOr<NdView> view = NdView::Create(chars + 1, DType::Bytes(5), {3});
  ASSERT_TRUE(view.ok()) << view.status();
  EXPECT_EQ(view->row_bytes(), 5);
  EXPECT_EQ(view->RowData(1), reinterpret_cast<const std::byte*>(chars) + 6);
}

TEST(NdView, ThreeDimensionsOfWideStrings) {
  // Rows of 3 * 4 elements of 24 bytes.
  const absl::StatusOr<NdView> view = NdView::Create(nullptr, DType::Unicode(6), {2, 3, 4});
  ASSERT_TRUE(view.ok()) << view.status();
  EXPECT_EQ(view->row_elements(), 12);
  EXPECT_EQ(view->row_bytes(), 288);
  EXPECT_EQ(view->size_bytes(), 576);
  EXPECT_EQ(view->strides_bytes(), (std::vector<Index>{288, 96, 24}));
}

TEST(NdView, WithoutDataDescribesAnArrayOfAnySize) {
  const absl::StatusOr<NdView> view = NdView::Create(nullptr, kInt64, {Index{1} << 59});
  ASSERT_TRUE(view.ok()) << view.status();
  EXPECT_EQ(view->data(), nullptr);
  EXPECT_EQ(view->size_bytes(), kMaxArrayBytes);
  EXPECT_EQ(view->Rows(5, 9).data(), nullptr);
  EXPECT_EQ(view->Rows(5, 9).num_rows(), 4);
}

TEST(NdView, DefaultIsEmpty) {
  const NdView view;
  EXPECT_EQ(view.num_rows(), 0);
  EXPECT_EQ(view.num_elements(), 0);
  EXPECT_EQ(view.size_bytes(), 0);
}

TEST(NdView, EmptyAlongAnyAxis) {
  for (const std::vector<Index>& shape :
       std::vector<std::vector<Index>>{{0}, {0, 4}, {4, 0}, {2, 0, 3}}) {
    const absl::StatusOr<NdView> view = NdView::Create(nullptr, kInt64, shape);
    ASSERT_TRUE(view.ok()) << view.status();
    EXPECT_EQ(view->num_rows(), shape[0]);
    EXPECT_EQ(view->num_elements(), 0);
    EXPECT_EQ(view->size_bytes(), 0);
  }
}

TEST(NdView, RowsIsAViewOfARange) {
  const std::vector<std::int64_t> numbers{0, 1, 2, 3, 4, 5, 6, 7};
  const NdView view = NdView::Create(numbers.data(), kInt64, {4, 2}).value();
  const NdView rows = view.Rows(1, 3);
  EXPECT_EQ(rows.shape(), (std::vector<Index>{2, 2}));
  EXPECT_EQ(rows.strides_bytes(), view.strides_bytes());
  EXPECT_EQ(*reinterpret_cast<const std::int64_t*>(rows.data()), 2);
  EXPECT_EQ(rows.size_bytes(), 32);
  EXPECT_EQ(view.Rows(4, 4).size_bytes(), 0);
}

TEST(NdView, RowsOfZeroDimensions) {
  const std::int64_t number = 7;
  const NdView view = NdView::Create(&number, kInt64, {}).value();
  EXPECT_EQ(view.Rows(0, 1).shape(), (std::vector<Index>{1}));
  EXPECT_EQ(view.Rows(0, 1).size_bytes(), 8);
  EXPECT_EQ(view.Rows(1, 1).size_bytes(), 0);
}

TEST(NdView, ImpossibleArraysAreRefused) {
  const Index huge = std::numeric_limits<Index>::max();
  struct {
    std::vector<Index> shape;
    const char* why;
  } const cases[] = {
      {{-1}, "negative"},
      {{3, -4}, "negative"},
      {{0, -1}, "negative"},
      {{huge}, "larger than"},
      {{(Index{1} << 59) + 1}, "larger than"},
      {{Index{1} << 32, Index{1} << 32}, "larger than"},
      {{0, Index{1} << 32, Index{1} << 32}, "larger than"},  // numpy refuses this one too
      {std::vector<Index>(65, 1), "65 axes"},
  };
  for (const auto& bad : cases) {
    const absl::Status status = NdView::Create(nullptr, kInt64, bad.shape).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << ShapeToString(bad.shape);
    EXPECT_NE(std::string(status.message()).find(bad.why), std::string::npos) << status;
  }
  EXPECT_TRUE(NdView::Create(nullptr, kInt64, std::vector<Index>(64, 1)).ok());
}

TEST(NdView, MisalignedNumbersAreRefused) {
  alignas(8) const std::byte bytes[32] = {};
  EXPECT_EQ(NdView::Create(bytes + 4, kInt64, {2}).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(NdView::Create(bytes + 8, kInt64, {2}).ok());
  EXPECT_EQ(NdView::Create(bytes + 2, DType::Unicode(1), {2}).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(NdView::Create(bytes + 4, DType::Unicode(1), {2}).ok());
  EXPECT_TRUE(NdView::Create(bytes + 3, kInt64, {0}).ok());
}

TEST(MutableNdView, IsWrittenThrough) {
  std::vector<std::int64_t> numbers(6);
  const absl::StatusOr<MutableNdView> output =
      MutableNdView::Create(numbers.data(), kInt64, {3, 2});
  ASSERT_TRUE(output.ok()) << output.status();
  *reinterpret_cast<std::int64_t*>(output->MutableRowData(2)) = 9;
  EXPECT_EQ(numbers[4], 9);
  EXPECT_EQ(output->mutable_data(), output->view().data());
  EXPECT_EQ(output->view().shape(), (std::vector<Index>{3, 2}));
  EXPECT_EQ(MutableNdView::Create(nullptr, kInt64, {-1}).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(MutableNdView().view().num_rows(), 0);
}

TEST(ShapeToString, IsAsPythonWritesIt) {
  EXPECT_EQ(ShapeToString({}), "()");
  EXPECT_EQ(ShapeToString({3}), "(3,)");
  EXPECT_EQ(ShapeToString({3, 4, 0}), "(3, 4, 0)");
}

TEST(NdView, SpanChecksTheType) {
  std::vector<std::int32_t> numbers = {1, 2, 3, 4, 5, 6};
  const MutableNdView array =
      MutableNdView::Create(numbers.data(), DType::Of<std::int32_t>(), {2, 3}).value();
  const absl::StatusOr<std::span<std::int32_t>> to = array.Span<std::int32_t>();
  ASSERT_TRUE(to.ok()) << to.status();
  (*to)[5] = 7;
  const absl::StatusOr<std::span<const std::int32_t>> elements = array.view().Span<std::int32_t>();
  ASSERT_TRUE(elements.ok()) << elements.status();
  EXPECT_EQ(std::vector<std::int32_t>(elements->begin(), elements->end()),
            (std::vector<std::int32_t>{1, 2, 3, 4, 5, 7}));
  EXPECT_EQ(array.view().Span<float>().status(),
            absl::InvalidArgumentError("the array holds int32, not float32: ask for that type"));
  EXPECT_EQ(array.Span<std::uint32_t>().status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace mpaio
