// SPDX-License-Identifier: Apache-2.0

// Finds the elements of given ranks without sorting: by counting, in a few passes over all keys, in
// bounded memory.
//
// The rank of a key is its position in the sorted order of all keys, from 0. Each pass counts keys
// by their next bits, among those that begin as one of the wanted keys does; when few keys are left
// that may be wanted, a last pass collects them.
//
// Worked example, 8-bit keys that are narrowed by 4 bits at a time: of the keys 0x12 0x15 0x31 0x38
// 0x39 0x77, the one of rank 3 is sought. The first pass counts 2 keys with the prefix 1, 3 with 3
// and 1 with 7: the key begins with 3, and has rank 1 among those. The next pass collects 0x31 0x38
// 0x39: it is 0x38.
#ifndef MPAIO_KERNEL_RANK_SEARCH_H_
#define MPAIO_KERNEL_RANK_SEARCH_H_

#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "mpaio/base/index.h"
#include "mpaio/kernel/sparse_counts.h"

namespace mpaio {

// What a pass is to find out: it travels to all ranks.
struct RankPass {
  // How many bits a key has, how many of its first are known, and how many more are counted by; 0
  // of these: keys are collected.
  int key_bits = 64;
  int prefix_bits = 0;
  int step_bits = 0;
  // The first prefix_bits of the wanted keys, in order, no two the same. For prefix_bits == 0, one
  // 0.
  std::vector<std::uint64_t> prefixes = {0};

  bool collects() const { return step_bits == 0; }
};

// What a pass finds out about some of the keys.
struct RankFindings {
  // Of all these keys. Of none: as initialised.
  std::uint64_t min_key = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t max_key = 0;
  // Slot p << step_bits | s: keys with prefix p that go on with the bits s.
  SparseCounts counts;
  // In no particular order.
  std::vector<std::uint64_t> keys;
};

// Adds up what a pass is to find out, for blocks of keys.
class RankScan {
 public:
  // `pass` must outlive it. `expected`: about how many keys there will be.
  RankScan(const RankPass& pass, Index expected);
  void Add(std::span<const std::uint64_t> keys);
  RankFindings Take();

 private:
  const RankPass& pass_;
  SlotCounter counter_;
  RankFindings findings_;
};

class RankSearch {
 public:
  // `ranks`: at least one; increasing, each in [0, number of keys). At most `max_collected` keys
  // are collected.
  RankSearch(int key_bits, std::vector<Index> ranks, Index max_collected);

  const RankPass& pass() const { return pass_; }
  // What the pass found out about some keys; in any order, all keys once.
  void Add(const RankFindings& findings);
  // After a pass over all keys: whether the search goes on, with another pass().
  bool Advance();
  // When it does not: the keys of the ranks, in their order.
  const std::vector<std::uint64_t>& keys() const { return keys_; }
  // Of all keys, after the first pass.
  std::uint64_t max_key() const { return max_key_; }

 private:
  void Narrow();
  void SkipCommonBits();
  void Plan();
  void PickFromCollected();

  // A wanted key: which of the prefixes it has, and its rank among the keys that have it.
  struct Wanted {
    std::size_t prefix = 0;
    Index rank = 0;
  };

  RankPass pass_;
  Index max_collected_;
  std::vector<Wanted> wanted_;
  // How many keys have one of the prefixes.
  Index num_candidates_ = 0;
  std::uint64_t min_key_ = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t max_key_ = 0;
  std::vector<Index> counts_;
  std::vector<std::uint64_t> collected_;
  std::vector<std::uint64_t> keys_;
};

}  // namespace mpaio

#endif  // MPAIO_KERNEL_RANK_SEARCH_H_
