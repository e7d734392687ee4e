// SPDX-License-Identifier: Apache-2.0
#include "workers/order/lane_sorter.h"

#include <cstring>
#include <span>

#include "workers/order/element_order.h"
#include "workers/order/key_dispatch.h"

namespace mpaio {

void LaneSorter::SortValues(const std::byte* from, Index count, std::byte* to) {
  const auto size = static_cast<std::size_t>(count);
  const auto itemsize = static_cast<std::size_t>(dtype_.itemsize_bytes());
  if (size == 0 || itemsize == 0) return;
  if (HasKey(dtype_)) {
    // The lane is not sorted in place in `to`, which other ranks may share: a rank that repeats the
    // lane, or is killed in the middle of it, must not disorder the result that is already there
    // (OutputArray::Rows).
    values_.resize(size * itemsize);
    std::memcpy(values_.data(), from, size * itemsize);
    buffer_.resize(size * itemsize);
    VisitKey<true>(dtype_, [&](auto key) {
      using Bits = typename decltype(key)::Bits;
      RadixSort(std::span(reinterpret_cast<Bits*>(values_.data()), size),
                std::span(reinterpret_cast<Bits*>(buffer_.data()), size), key);
    });
    std::memcpy(to, values_.data(), size * itemsize);
    return;
  }
  SortEntries(from, count);
  for (std::size_t i = 0; i < size; ++i)
    std::memcpy(to + i * itemsize, from + static_cast<std::size_t>(entries_[i].index) * itemsize,
                itemsize);
}

void LaneSorter::SortIndices(const std::byte* from, Index count, Index first, Index* to) {
  SortEntries(from, count);
  for (Index i = 0; i < count; ++i) to[i] = first + entries_[static_cast<std::size_t>(i)].index;
}

void LaneSorter::SortEntries(const std::byte* from, Index count) {
  const ElementOrder order(from, dtype_);
  entries_.resize(static_cast<std::size_t>(count));
  entries_buffer_.resize(static_cast<std::size_t>(count));
  order.Fill(0, entries_);
  order.Sort(entries_, entries_buffer_);
}

}  // namespace mpaio
