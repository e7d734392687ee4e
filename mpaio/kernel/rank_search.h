// SPDX-License-Identifier: Apache-2.0

// Selects the elements of given ranks without sorting: counts keys in a few passes, in bounded
// memory.
//
// The rank of a key is its position in the sorted order of all keys, from 0. Each pass considers
// the keys that share a prefix with one of the wanted keys, and counts them by their next bits.
// When few candidates are left, a last pass collects them.
//
// Worked example, 8-bit keys, 4 bits per pass: find the key of rank 3 among 0x12 0x15 0x31 0x38
// 0x39 0x77. The first pass counts 2 keys with the prefix 1, 3 keys with 3 and 1 key with 7: the
// wanted key begins with 3, and has rank 1 among those. The next pass collects 0x31 0x38 0x39: the
// key is 0x38.
#ifndef MPAIO_KERNEL_RANK_SEARCH_H_
#define MPAIO_KERNEL_RANK_SEARCH_H_

#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "mpaio/base/index.h"
#include "mpaio/kernel/sparse_counts.h"

namespace mpaio {

// The task of a pass, as it is sent to all MPI ranks.
struct RankPass {
  // The bits of a key, the number of leading bits of the wanted keys that are known, and the number
  // of the next bits by which this pass counts. If step_bits is 0, the pass collects keys.
  int key_bits = 64;
  int prefix_bits = 0;
  int step_bits = 0;
  // The first prefix_bits bits of the wanted keys, ascending and distinct. If prefix_bits is 0, the
  // only prefix is 0.
  std::vector<std::uint64_t> prefixes = {0};

  bool collects() const { return step_bits == 0; }
};

// The findings of a pass about some of the keys.
struct RankFindings {
  // The extremes of all these keys. They keep their initial values if there are no keys, and in
  // every pass but the first (prefix_bits == 0).
  std::uint64_t min_key = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t max_key = 0;
  // Slot p << step_bits | s counts keys with prefixes[p] followed by the bits s.
  SparseCounts counts;
  // The collected keys, in no particular order.
  std::vector<std::uint64_t> keys;
};

// Accumulates the findings of a pass over blocks of keys.
class RankScan {
 public:
  // `pass` must outlive this object. `expected`: approximate number of keys.
  RankScan(const RankPass& pass, Index expected);
  void Add(std::span<const std::uint64_t> keys);
  // Returns the findings about the keys added; the scan is empty afterwards.
  RankFindings Take();

 private:
  const RankPass& pass_;
  SlotCounter counter_;
  RankFindings findings_;
};

class RankSearch {
 public:
  // `ranks` is not empty and increasing, each in [0, number of keys). At most `max_collected` keys
  // are collected.
  RankSearch(int key_bits, std::vector<Index> ranks, Index max_collected);

  const RankPass& pass() const { return pass_; }
  // Adds findings of the current pass. The findings of a pass may be added in any order, and
  // together cover each key exactly once.
  void Add(const RankFindings& findings);
  // Called after a pass over all keys. Returns true if another pass() is needed.
  bool Advance();
  // The keys of the ranks, in the order of the ranks. Valid after Advance() has returned false.
  const std::vector<std::uint64_t>& keys() const { return keys_; }
  // The largest of all keys. Valid after the first pass.
  std::uint64_t max_key() const { return max_key_; }

 private:
  void Narrow();
  void SkipCommonBits();
  void Plan();
  void PickFromCollected();

  // A wanted key: the index of its prefix, and its rank among the keys with that prefix.
  struct Wanted {
    std::size_t prefix = 0;
    Index rank = 0;
  };

  RankPass pass_;
  Index max_collected_;
  std::vector<Wanted> wanted_;
  // The number of keys that have one of the prefixes.
  Index num_candidates_ = 0;
  std::uint64_t min_key_ = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t max_key_ = 0;
  std::vector<Index> counts_;
  std::vector<std::uint64_t> collected_;
  std::vector<std::uint64_t> keys_;
};

}  // namespace mpaio

#endif  // MPAIO_KERNEL_RANK_SEARCH_H_
