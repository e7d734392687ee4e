// SPDX-License-Identifier: Apache-2.0

// Stable least-significant-digit radix sort by unsigned keys.
#ifndef MPAIO_KERNEL_RADIX_SORT_H_
#define MPAIO_KERNEL_RADIX_SORT_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "mpaio/base/index.h"

namespace mpaio {

// A position in an array, with the key of its element.
struct KeyedIndex {
  std::uint64_t key;
  Index index;
};

// The key of a KeyedIndex.
struct KeyOfIndex {
  using Bits = std::uint64_t;
  std::uint64_t operator()(const KeyedIndex& entry) const { return entry.key; }
};

// Sorts `values` by key(value), an unsigned integer; equal keys keep their order. `buffer` has the
// same length and does not overlap `values`; its contents are undefined after the call. Time: at
// most one pass per byte of the key, and one to count.
template <typename T, typename Key>
void RadixSort(std::span<T> values, std::span<T> buffer, Key key) {
  using Bits = std::invoke_result_t<Key, const T&>;
  constexpr std::size_t kFew = 32;
  constexpr int kDigits = sizeof(Bits);
  const std::size_t size = values.size();
  if (size <= kFew) {
    for (std::size_t i = 1; i < size; ++i) {
      const T value = values[i];
      const Bits value_key = key(value);
      std::size_t j = i;
      for (; j > 0 && key(values[j - 1]) > value_key; --j) values[j] = values[j - 1];
      values[j] = value;
    }
    return;
  }
  // Histograms of all digits, in one pass over the keys.
  std::vector<std::array<std::size_t, 256>> counts(kDigits);
  bool is_sorted = true;
  Bits before = 0;
  for (const T& value : values) {
    const Bits bits = key(value);
    is_sorted &= before <= bits;
    before = bits;
    for (int d = 0; d < kDigits; ++d) ++counts[d][(bits >> (8 * d)) & 0xFF];
  }
  if (is_sorted) return;
  T* from = values.data();
  T* to = buffer.data();
  const Bits first = key(values[0]);
  for (int d = 0; d < kDigits; ++d) {
    std::array<std::size_t, 256>& positions = counts[d];
    // Skip a digit that is the same in all keys.
    if (positions[(first >> (8 * d)) & 0xFF] == size) continue;
    std::size_t position = 0;
    for (std::size_t& count : positions) position += std::exchange(count, position);
    for (std::size_t i = 0; i < size; ++i)
      to[positions[(key(from[i]) >> (8 * d)) & 0xFF]++] = from[i];
    std::swap(from, to);
  }
  if (from != values.data()) std::copy(from, from + size, values.data());
}

}  // namespace mpaio

#endif  // MPAIO_KERNEL_RADIX_SORT_H_
