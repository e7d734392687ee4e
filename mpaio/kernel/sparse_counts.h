// SPDX-License-Identifier: Apache-2.0

// Counts per slot, stored sparsely: only slots with a nonzero count are kept.
#ifndef MPAIO_KERNEL_SPARSE_COUNTS_H_
#define MPAIO_KERNEL_SPARSE_COUNTS_H_

#include <cstdint>
#include <span>
#include <vector>

#include "mpaio/base/index.h"

namespace mpaio {

struct SlotCount {
  std::uint64_t slot;
  Index count;
  friend bool operator==(const SlotCount&, const SlotCount&) = default;
};

// Sorted by slot, each slot at most once, no count 0.
using SparseCounts = std::vector<SlotCount>;

// Counts slots. Memory: one counter per slot if there are not many more slots than expected values,
// else one word for each of up to 2^20 values, and a SlotCount for each slot counted so far.
class SlotCounter {
 public:
  // Slots are below `num_slots`; about `expected` values will be counted.
  SlotCounter(std::uint64_t num_slots, Index expected);

  void Add(std::uint64_t slot) {
    if (is_dense_) {
      ++counters_[slot];
    } else {
      slots_.push_back(slot);
      if (slots_.size() == kMaxSlots) Compact();
    }
  }

  // Returns the counts of all slots added; this object is empty afterwards.
  SparseCounts Take();

 private:
  static constexpr std::size_t kMaxSlots = std::size_t{1} << 20;
  void Compact();

  bool is_dense_;
  std::vector<Index> counters_;
  std::vector<std::uint64_t> slots_;
  SparseCounts counts_;
};

// Returns the counts of sorted slots.
SparseCounts CountSorted(std::span<const std::uint64_t> slots);

// Returns the sum of both counts of each slot.
SparseCounts MergeCounts(const SparseCounts& a, const SparseCounts& b);

}  // namespace mpaio

#endif  // MPAIO_KERNEL_SPARSE_COUNTS_H_
