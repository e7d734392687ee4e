// SPDX-License-Identifier: Apache-2.0

// An answer that is an array, and arrays as JSON.
#ifndef MPAIO_WORKER_ANSWER_H_
#define MPAIO_WORKER_ANSWER_H_

#include <cstddef>
#include <cstring>
#include <nlohmann/json.hpp>
#include <span>
#include <utility>
#include <vector>

#include "mpaio/array/dtype.h"
#include "mpaio/array/nd_view.h"
#include "mpaio/base/index.h"

namespace mpaio {

// A C-order array in rank 0's own memory; a scalar is one of shape ().
class AnswerArray {
 public:
  // No rows of no bytes.
  AnswerArray() = default;
  // Zeros. Precondition: the shape fits memory (ArraySizeBytes()).
  AnswerArray(DType dtype, std::vector<Index> shape);
  // The C-order elements as they are in memory. Precondition: as many bytes as the type and shape
  // have.
  AnswerArray(DType dtype, std::vector<Index> shape, std::vector<std::byte> bytes);

  // Of values of the C++ type T, which has a DType: shape (values.size(),).
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
  // The same array with other extents. Precondition: as many elements.
  AnswerArray Reshaped(std::vector<Index> shape) &&;

  // Valid while the array lives, unmoved.
  NdView view() const;

 private:
  DType dtype_;
  std::vector<Index> shape_ = {0};
  std::vector<std::byte> bytes_;
};

// The array as nested lists; of shape (), the element itself. Integers are exact; floating-point
// numbers are doubles, those of float16 and float32 the ones whose shortest text is theirs
// (DoubleOfShortest(), so 0.1 is 0.1, whatever its type); long double: the text of all its digits;
// complex numbers are [real, imaginary]; strings are UTF-8 (code points that are none become
// U+FFFD); datetime64 is ISO 8601 text as numpy prints it, timedelta64 a count of its unit, NaT
// "NaT"; a structured element is an object of its fields; raw bytes are hexadecimal.
nlohmann::ordered_json ToJson(const NdView& array);

}  // namespace mpaio

#endif  // MPAIO_WORKER_ANSWER_H_
