// SPDX-License-Identifier: Apache-2.0

// An answer that is an array, and the conversion of arrays to JSON.
#ifndef MPAIO_JOBS_ANSWER_H_
#define MPAIO_JOBS_ANSWER_H_

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

// Returns the array as nested lists; an array of shape () is the element itself.
//   integers               exact
//   floating-point         doubles; for float16 and float32 the double with the same shortest text
//                          (DoubleOfShortest()), so 0.1 is 0.1 in every type
//   long double            text with all significant digits
//   complex numbers        [real, imaginary]
//   strings                UTF-8; invalid code points become U+FFFD
//   datetime64             ISO 8601 text as numpy prints it
//   timedelta64            a count of its unit
//   NaT                    "NaT"
//   structured elements    an object with its fields
//   raw bytes              hexadecimal
nlohmann::ordered_json ToJson(const NdView& array);

}  // namespace mpaio

#endif  // MPAIO_JOBS_ANSWER_H_
