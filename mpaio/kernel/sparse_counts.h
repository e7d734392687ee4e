// SPDX-License-Identifier: Apache-2.0

// How often each of many numbered things was met, as a list of those that were met at all.
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

// By slot; no slot twice, no count 0.
using SparseCounts = std::vector<SlotCount>;

// Counts slots. Memory: as many counters as there are slots where these are not many more than what
// is counted, else a word for each one counted.
class SlotCounter {
 public:
  // Slots are below `num_slots`; about `expected` of them will be counted.
  SlotCounter(std::uint64_t num_slots, Index expected);

  void Add(std::uint64_t slot) {
    if (is_dense_) {
      ++counters_[slot];
    } else {
      slots_.push_back(slot);
      if (slots_.size() == kMaxSlots) Compact();
    }
  }

  // Of all that were added; the counter is empty afterwards.
  SparseCounts Take();

 private:
  static constexpr std::size_t kMaxSlots = std::size_t{1} << 20;
  void Compact();

  bool is_dense_;
  std::vector<Index> counters_;
  std::vector<std::uint64_t> slots_;
  SparseCounts counts_;
};

// Of sorted slots.
SparseCounts CountSorted(std::span<const std::uint64_t> slots);

// The counts of both together.
SparseCounts MergeCounts(const SparseCounts& a, const SparseCounts& b);

}  // namespace mpaio

#endif  // MPAIO_KERNEL_SPARSE_COUNTS_H_
