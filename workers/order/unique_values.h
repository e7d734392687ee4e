// SPDX-License-Identifier: Apache-2.0

// The different values among elements, sorted, with how often each is there.
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
  // The bytes of the values, one behind the other.
  std::string values;
  // Of each value.
  std::vector<Index> counts;

  // Of `count` elements. Precondition: HasOrder(dtype).
  static UniqueValues Of(const std::byte* elements, Index count, const DType& dtype);
  // Of the elements of both; those of `a` come before those of `b`.
  static UniqueValues Merge(const UniqueValues& a, const UniqueValues& b, const DType& dtype);
};

// Brings together the values of many pieces, in their order: each value is merged a number of times
// that grows with the logarithm of the pieces.
class UniqueMerger {
 public:
  explicit UniqueMerger(DType dtype) : dtype_(std::move(dtype)) {}

  void Add(UniqueValues values);
  // How many values there may be: those that are in several pieces still count for each.
  Index num_values() const;
  // Of all that were added.
  const UniqueValues& Total();

 private:
  void MergeLastTwo();

  DType dtype_;
  std::vector<UniqueValues> pieces_;
};

}  // namespace mpaio

#endif  // MPAIO_WORKERS_ORDER_UNIQUE_VALUES_H_
