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
#include "mpaio/jobs/registry.h"
#include "mpaio/kernel/radix_sort.h"

namespace mpaio {

// Returns true for the types that have an order: numbers (complex: by real, then by imaginary
// part), bool, times, strings. NaN and NaT come last.
bool HasOrder(const DType& dtype);
AcceptedType AcceptsOrdered();

// Compares elements by a key of 64 bits first; for most types the key alone determines the order.
class ElementOrder {
 public:
  // Orders the elements at `data`, which must outlive this object. Precondition: HasOrder(dtype).
  ElementOrder(const std::byte* data, const DType& dtype);

  // Sets the entries to {key, first}, {key, first + 1}, ... of the elements at these positions.
  void Fill(Index first, std::span<KeyedIndex> entries) const;
  // Sets the key of each entry from its index.
  void FillKeys(std::span<KeyedIndex> entries) const;
  // True if equal keys mean equal elements.
  bool is_exact() const { return compare_ == nullptr; }
  // Returns true if the element is NaN or NaT (or complex with a NaN part). The worker unique
  // treats all of these as one value.
  bool IsNaN(Index index) const;

  // Returns true if element `a` sorts before element `b`. Computes both keys at each call, so use
  // it for few elements.
  bool Less(Index a, Index b) const;
  bool Less(const KeyedIndex& a, const KeyedIndex& b) const {
    return a.key != b.key ? a.key < b.key
                          : compare_ != nullptr && compare_(At(a.index), At(b.index), width_) < 0;
  }

  // Sorts by the elements' order, stably. `buffer` is as long as `entries`.
  void Sort(std::span<KeyedIndex> entries, std::span<KeyedIndex> buffer) const;

 private:
  // Returns a value below 0 if the first sorts before the second, 0 if they are equal, else a value
  // above 0.
  using Compare = int (*)(const std::byte* a, const std::byte* b, Index width);
  const std::byte* At(Index index) const { return data_ + index * itemsize_bytes_; }
  std::uint64_t KeyAt(Index index) const;

  const std::byte* data_;
  DType dtype_;
  Index itemsize_bytes_;
  // Number of characters, for strings.
  Index width_ = 0;
  Compare compare_ = nullptr;
};

}  // namespace mpaio

#endif  // MPAIO_WORKERS_ORDER_ELEMENT_ORDER_H_
