// SPDX-License-Identifier: Apache-2.0
#include "workers/order/unique_values.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <span>
#include <utility>

#include "mpaio/kernel/radix_sort.h"
#include "workers/order/element_order.h"
#include "workers/order/key_dispatch.h"
#include "workers/order/lane_sorter.h"

namespace mpaio {
namespace {

// Elements whose keys are computed at once.
constexpr Index kBlock = 1024;

// For elements that are ordered by their bits (Key::Bits) alone; NaNs have one key.
template <typename Key>
UniqueValues OfKeys(const std::byte* elements, std::size_t count, Key key) {
  using Bits = typename Key::Bits;
  const auto values = std::make_unique_for_overwrite<Bits[]>(count);
  const auto buffer = std::make_unique_for_overwrite<Bits[]>(count);
  if (count > 0) std::memcpy(values.get(), elements, count * sizeof(Bits));
  RadixSort(std::span(values.get(), count), std::span(buffer.get(), count), key);
  UniqueValues unique;
  unique.counts.resize(count);
  std::size_t size = 0;
  for (std::size_t i = 0; i < count; ++i) {
    // Keeps the first of equal values. Free of branches on the values, which are unpredictable: a
    // repeated value is overwritten.
    const bool is_first = i == 0 || key(values[i]) != key(values[i - 1]);
    buffer[size] = values[i];
    unique.counts[size] = static_cast<Index>(i);
    size += is_first;
  }
  unique.counts.resize(size);
  for (std::size_t i = 0; i < size; ++i)
    unique.counts[i] =
        (i + 1 < size ? unique.counts[i + 1] : static_cast<Index>(count)) - unique.counts[i];
  unique.values.assign(reinterpret_cast<const char*>(buffer.get()), size * sizeof(Bits));
  return unique;
}

// For other types, whose elements are compared.
UniqueValues OfSorted(const std::byte* elements, Index count, const DType& dtype) {
  UniqueValues unique;
  const auto itemsize = static_cast<std::size_t>(dtype.itemsize_bytes());
  std::vector<std::byte> sorted(static_cast<std::size_t>(count) * itemsize);
  LaneSorter(dtype).SortValues(elements, count, sorted.data());
  const ElementOrder order(sorted.data(), dtype);
  const auto are_nan = [&](const KeyedIndex& a, const KeyedIndex& b) {
    return order.IsNaN(a.index) && order.IsNaN(b.index);
  };
  std::vector<KeyedIndex> block(static_cast<std::size_t>(std::min(count, kBlock)));
  KeyedIndex last = {};
  for (Index begin = 0; begin < count; begin += kBlock) {
    const std::span<KeyedIndex> some =
        std::span(block).first(static_cast<std::size_t>(std::min(kBlock, count - begin)));
    order.Fill(begin, some);
    for (const KeyedIndex& entry : some) {
      // The elements are sorted: one that is not greater than the one before is equal to it.
      if (unique.counts.empty() || (order.Less(last, entry) && !are_nan(last, entry))) {
        unique.values.append(reinterpret_cast<const char*>(sorted.data()) +
                                 static_cast<std::size_t>(entry.index) * itemsize,
                             itemsize);
        unique.counts.push_back(0);
        last = entry;
      }
      ++unique.counts.back();
    }
  }
  return unique;
}

}  // namespace

UniqueValues UniqueValues::Of(const std::byte* elements, Index count, const DType& dtype) {
  std::vector<std::byte> truths;
  if (dtype.kind() == DType::Kind::kBool) {
    // A byte of a bool array need not be 0 or 1.
    truths.resize(static_cast<std::size_t>(count));
    std::transform(elements, elements + count, truths.begin(),
                   [](std::byte element) { return std::byte{element != std::byte{0}}; });
    elements = truths.data();
  }
  if (!HasKey(dtype)) return OfSorted(elements, count, dtype);
  return VisitKey<true>(
      dtype, [&](auto key) { return OfKeys(elements, static_cast<std::size_t>(count), key); });
}

UniqueValues UniqueValues::Merge(const UniqueValues& a, const UniqueValues& b, const DType& dtype) {
  const std::string both = a.values + b.values;
  const ElementOrder order(reinterpret_cast<const std::byte*>(both.data()), dtype);
  const std::size_t a_size = a.counts.size(), size = a_size + b.counts.size();
  std::vector<KeyedIndex> entries(size);
  order.Fill(0, entries);
  const auto itemsize = static_cast<std::size_t>(dtype.itemsize_bytes());
  UniqueValues merged;
  merged.values.resize(both.size());
  merged.counts.resize(size);
  std::size_t num_merged = 0;
  const auto append = [&](std::size_t entry, Index count) {
    if (itemsize > 0)
      std::memcpy(&merged.values[num_merged * itemsize], &both[entry * itemsize], itemsize);
    merged.counts[num_merged++] = count;
  };
  std::size_t i = 0, j = a_size;
  while (i < a_size && j < size) {
    const bool a_is_less = order.Less(entries[i], entries[j]),
               b_is_less = !a_is_less && order.Less(entries[j], entries[i]);
    const Index a_count = a.counts[i], b_count = b.counts[j - a_size];
    // In each of the two, a NaN can only be the last value.
    const bool are_nan = !order.is_exact() && order.IsNaN(static_cast<Index>(i)) &&
                         order.IsNaN(static_cast<Index>(j));
    if (are_nan || (!a_is_less && !b_is_less)) {
      append(b_is_less ? j : i, a_count + b_count);
      ++i;
      ++j;
    } else if (a_is_less) {
      append(i++, a_count);
    } else {
      append(j++, b_count);
    }
  }
  for (; i < a_size; ++i) append(i, a.counts[i]);
  for (; j < size; ++j) append(j, b.counts[j - a_size]);
  merged.values.resize(num_merged * itemsize);
  merged.counts.resize(num_merged);
  return merged;
}

void UniqueMerger::Add(UniqueValues values) {
  pieces_.push_back(std::move(values));
  // Keeps each piece more than twice as long as the next one.
  while (pieces_.size() >= 2 &&
         pieces_[pieces_.size() - 2].counts.size() <= 2 * pieces_.back().counts.size())
    MergeLastTwo();
}

Index UniqueMerger::num_values() const {
  Index count = 0;
  for (const UniqueValues& piece : pieces_) count += static_cast<Index>(piece.counts.size());
  return count;
}

const UniqueValues& UniqueMerger::Total() {
  if (pieces_.empty()) pieces_.emplace_back();
  while (pieces_.size() >= 2) MergeLastTwo();
  return pieces_.front();
}

void UniqueMerger::MergeLastTwo() {
  UniqueValues& last = pieces_[pieces_.size() - 2];
  last = UniqueValues::Merge(last, pieces_.back(), dtype_);
  pieces_.pop_back();
}

}  // namespace mpaio
