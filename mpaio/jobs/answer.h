// SPDX-License-Identifier: Apache-2.0

// The answer of a job: named values, each an array, a scalar or a text.
#ifndef MPAIO_JOBS_ANSWER_H_
#define MPAIO_JOBS_ANSWER_H_

#include <cstddef>
#include <cstring>
#include <initializer_list>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/string_view.h"
#include "mpaio/array/dtype.h"
#include "mpaio/array/nd_view.h"
#include "mpaio/base/index.h"

namespace mpaio {

// A C-order array in rank 0's own memory. A scalar has shape ().
class AnswerArray {
 public:
  // An empty array of shape (0,).
  AnswerArray() = default;
  // All zeros. Precondition: the shape fits memory (ArraySizeBytes()).
  AnswerArray(DType dtype, std::vector<Index> shape);
  // The elements in C order, as in memory. Precondition: the number of bytes matches type and
  // shape.
  AnswerArray(DType dtype, std::vector<Index> shape, std::vector<std::byte> bytes);

  // An array of shape (values.size(),). The C++ type T must have a DType.
  template <typename T>
  static AnswerArray Of(std::span<const T> values) {
    AnswerArray array(DType::Of<T>(), {static_cast<Index>(values.size())});
    if (!values.empty()) std::memcpy(array.bytes_.data(), values.data(), values.size_bytes());
    return array;
  }
  template <typename T>
  static AnswerArray Scalar(T value) {
    AnswerArray array(DType::Of<T>(), {});
    std::memcpy(array.bytes_.data(), &value, sizeof(value));
    return array;
  }

  const DType& dtype() const { return dtype_; }
  const std::vector<Index>& shape() const { return shape_; }
  std::byte* mutable_data() { return bytes_.data(); }
  template <typename T>
  std::span<T> Elements() {
    return {reinterpret_cast<T*>(bytes_.data()), bytes_.size() / sizeof(T)};
  }
  // Returns the same elements with another shape. Precondition: the number of elements is the same.
  AnswerArray Reshaped(std::vector<Index> shape) &&;

  // Valid until the array is moved or destroyed.
  NdView view() const;

 private:
  DType dtype_;
  std::vector<Index> shape_ = {0};
  std::vector<std::byte> bytes_;
};

// A value of an answer: an array, which is a scalar if its shape is (), or a text of any length.
// Values convert implicitly, so that a worker can write {"min", 3}.
class AnswerValue {
 public:
  template <typename T>
  requires std::is_arithmetic_v<T> AnswerValue(T scalar)  // NOLINT(google-explicit-constructor)
      : value_(AnswerArray::Scalar(scalar)) {}
  AnswerValue(AnswerArray array)  // NOLINT(google-explicit-constructor)
      : value_(std::move(array)) {}
  AnswerValue(const std::vector<Index>& integers)  // NOLINT(google-explicit-constructor)
      : value_(AnswerArray::Of<Index>(integers)) {}
  AnswerValue(std::string text)  // NOLINT(google-explicit-constructor)
      : value_(std::move(text)) {}
  AnswerValue(const char* text)  // NOLINT(google-explicit-constructor)
      : value_(std::string(text)) {}

  // Returns the array, or nullptr if the value is a text.
  const AnswerArray* array() const { return std::get_if<AnswerArray>(&value_); }
  // Returns the text, UTF-8 or arbitrary bytes, or nullptr if the value is an array.
  const std::string* text() const { return std::get_if<std::string>(&value_); }

 private:
  std::variant<AnswerArray, std::string> value_;
};

// The answer of a job: either one value, whose name is empty, or values with different names, in
// the order in which they are shown. Owns its values.
class Answer {
 public:
  struct Named {
    std::string name;
    AnswerValue value;
  };

  // No value.
  Answer() = default;
  // A single value.
  // NOLINTBEGIN(google-explicit-constructor)
  template <typename T>
  requires std::is_convertible_v<T, AnswerValue> Answer(T value)
      : values_{{std::string(), AnswerValue(std::move(value))}} {}
  // NOLINTEND(google-explicit-constructor)
  Answer(std::initializer_list<Named> values) : values_(values) {}

  bool empty() const { return values_.empty(); }
  // True if the answer is one value without a name.
  bool is_single() const { return values_.size() == 1 && values_.front().name.empty(); }
  const std::vector<Named>& values() const { return values_; }
  // Returns the value of that name ("" for a single value), or nullptr.
  const AnswerValue* Find(absl::string_view name) const;
  // Appends the values of `other`. Precondition: all have names, which differ.
  void Append(Answer other);

 private:
  std::vector<Named> values_;
};

// Returns the type ("dtype", a text) and the shape ("shape", integers) of an array, for an answer
// whose array has been written to a file.
Answer DescribeArray(const NdView& array);

}  // namespace mpaio

#endif  // MPAIO_JOBS_ANSWER_H_
