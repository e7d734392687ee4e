// SPDX-License-Identifier: Apache-2.0
#include "mpaio/kernel/sparse_counts.h"

#include <algorithm>
#include <utility>

#include "mpaio/kernel/radix_sort.h"

namespace mpaio {
namespace {

// A counter costs zeroing and one visit in Take; a listed slot costs sorting.
constexpr std::uint64_t kCountersForEach = 8;
constexpr std::uint64_t kFewSlots = 4096;

}  // namespace

SlotCounter::SlotCounter(std::uint64_t num_slots, Index expected)
    : is_dense_(num_slots <= kFewSlots ||
                num_slots / kCountersForEach <= static_cast<std::uint64_t>(expected)) {
  if (is_dense_) counters_.resize(num_slots);
}

SparseCounts SlotCounter::Take() {
  if (is_dense_) {
    for (std::size_t slot = 0; slot < counters_.size(); ++slot) {
      if (const Index count = std::exchange(counters_[slot], 0); count != 0)
        counts_.push_back({slot, count});
    }
  } else {
    Compact();
  }
  return std::exchange(counts_, {});
}

void SlotCounter::Compact() {
  std::vector<std::uint64_t> buffer(slots_.size());
  RadixSort(std::span(slots_), std::span(buffer), [](std::uint64_t slot) { return slot; });
  counts_ = MergeCounts(counts_, CountSorted(slots_));
  slots_.clear();
}

SparseCounts CountSorted(std::span<const std::uint64_t> slots) {
  SparseCounts counts;
  for (const std::uint64_t slot : slots) {
    if (counts.empty() || counts.back().slot != slot) counts.push_back({slot, 0});
    ++counts.back().count;
  }
  return counts;
}

SparseCounts MergeCounts(const SparseCounts& a, const SparseCounts& b) {
  if (a.empty()) return b;
  SparseCounts merged;
  merged.reserve(a.size() + b.size());
  auto i = a.begin();
  auto j = b.begin();
  while (i != a.end() || j != b.end()) {
    if (j == b.end() || (i != a.end() && i->slot < j->slot)) {
      merged.push_back(*i++);
    } else if (i == a.end() || j->slot < i->slot) {
      merged.push_back(*j++);
    } else {
      merged.push_back({i->slot, i->count + j->count});
      ++i;
      ++j;
    }
  }
  return merged;
}

}  // namespace mpaio
