// SPDX-License-Identifier: Apache-2.0

// numpy's order of elements of any sortable type, by their positions in an array.
#ifndef MPAIO_WORKERS_ORDER_ELEMENT_ORDER_H_
#define MPAIO_WORKERS_ORDER_ELEMENT_ORDER_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "mpaio/array/dtype.h"
#include "mpaio/base/index.h"
#include "mpaio/kernel/radix_sort.h"
#include "mpaio/worker/registry.h"

namespace mpaio {

// The types that have an order: numbers (complex: by real, then by imaginary part), bool, times,
// strings. NaN and NaT come last.
bool HasOrder(const DType& dtype);
AcceptedType AcceptsOrdered();

// Compares by a key of 64 bits first, which for most types says all.
class ElementOrder {
 public:
  // Of the elements from `data` on, which must outlive it. Precondition: HasOrder(dtype).
  ElementOrder(const std::byte* data, const DType& dtype);

  // {key, first}, {key, first + 1}, ... of the elements at these positions.
  void Fill(Index first, std::span<KeyedIndex> entries) const;
  // The key of each entry's index.
  void FillKeys(std::span<KeyedIndex> entries) const;
  // Whether equal keys are equal elements.
  bool is_exact() const { return compare_ == nullptr; }
  // Whether the element is NaN or NaT; these are equal to each other where a set of values is
  // wanted, complex ones too.
  bool IsNaN(Index index) const;

  // Whether an element is in front of another. Reads keys anew: for few elements.
  bool Less(Index a, Index b) const;
  bool Less(const KeyedIndex& a, const KeyedIndex& b) const {
    return a.key != b.key ? a.key < b.key
                          : compare_ != nullptr && compare_(At(a.index), At(b.index), width_) < 0;
  }

  // Sorts by the elements' order; equal ones stay in their order. `buffer` is as long.
  void Sort(std::span<KeyedIndex> entries, std::span<KeyedIndex> buffer) const;

 private:
  // -1, 0, 1 as the first is in front of, equal to or behind the second.
  using Compare = int (*)(const std::byte* a, const std::byte* b, Index width);
  const std::byte* At(Index index) const { return data_ + index * itemsize_bytes_; }
  std::uint64_t KeyAt(Index index) const;

  const std::byte* data_;
  DType dtype_;
  Index itemsize_bytes_;
  // Of strings: characters; of others unused.
  Index width_ = 0;
  Compare compare_ = nullptr;
};

}  // namespace mpaio

#endif  // MPAIO_WORKERS_ORDER_ELEMENT_ORDER_H_
