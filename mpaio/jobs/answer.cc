// SPDX-License-Identifier: Apache-2.0
#include "mpaio/jobs/answer.h"

#include <algorithm>

namespace mpaio {
namespace {

std::size_t SizeBytes(const DType& dtype, const std::vector<Index>& shape) {
  Index size_bytes = dtype.itemsize_bytes();
  for (const Index extent : shape) size_bytes *= extent;
  return static_cast<std::size_t>(size_bytes);
}

}  // namespace

AnswerArray::AnswerArray(DType dtype, std::vector<Index> shape)
    : dtype_(std::move(dtype)), shape_(std::move(shape)), bytes_(SizeBytes(dtype_, shape_)) {}

AnswerArray::AnswerArray(DType dtype, std::vector<Index> shape, std::vector<std::byte> bytes)
    : dtype_(std::move(dtype)), shape_(std::move(shape)), bytes_(std::move(bytes)) {}

AnswerArray AnswerArray::Reshaped(std::vector<Index> shape) && {
  shape_ = std::move(shape);
  return std::move(*this);
}

// The allocator's alignment is sufficient for every element type.
NdView AnswerArray::view() const { return NdView::Create(bytes_.data(), dtype_, shape_).value(); }

const AnswerValue* Answer::Find(absl::string_view name) const {
  const auto named = std::find_if(values_.begin(), values_.end(),
                                  [name](const Named& value) { return value.name == name; });
  return named == values_.end() ? nullptr : &named->value;
}

void Answer::Append(Answer other) {
  for (Named& named : other.values_) values_.push_back(std::move(named));
}

Answer DescribeArray(const NdView& array) {
  return {{"dtype", array.dtype().ToString()}, {"shape", array.shape()}};
}

}  // namespace mpaio
