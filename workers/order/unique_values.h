// SPDX-License-Identifier: Apache-2.0

// The distinct values among elements, sorted, with their counts.
#ifndef MPAIO_WORKERS_ORDER_UNIQUE_VALUES_H_
#define MPAIO_WORKERS_ORDER_UNIQUE_VALUES_H_

#include <cstddef>
#include <string>
#include <vector>

#include "mpaio/array/dtype.h"
#include "mpaio/base/index.h"

namespace mpaio {

// As numpy.unique: NaNs are one value (complex numbers with a NaN in them too), NaTs are one. Of
// equal values that differ in their bits, 0.0 and -0.0, the first is kept.
struct UniqueValues {
  // The bytes of the values, one after the other.
  std::string values;
  // The count of each value.
  std::vector<Index> counts;

  // Returns the values of `count` elements. Precondition: HasOrder(dtype).
  static UniqueValues Of(const std::byte* elements, Index count, const DType& dtype);
  // Returns the values of the elements of both; those of `a` come before those of `b`.
  static UniqueValues Merge(const UniqueValues& a, const UniqueValues& b, const DType& dtype);
};

// Merges the values of many pieces, in the order in which they are added. The number of times that
// a value is merged grows with the logarithm of the number of pieces.
class UniqueMerger {
 public:
  explicit UniqueMerger(DType dtype) : dtype_(std::move(dtype)) {}

  void Add(UniqueValues values);
  // Returns an upper bound on the number of values: a value counts once for each piece that has it.
  Index num_values() const;
  // Returns the values of everything that was added.
  const UniqueValues& Total();

 private:
  void MergeLastTwo();

  DType dtype_;
  std::vector<UniqueValues> pieces_;
};

}  // namespace mpaio

#endif  // MPAIO_WORKERS_ORDER_UNIQUE_VALUES_H_
