// SPDX-License-Identifier: Apache-2.0

// A range of chunks that ranks of a node may still take, as one word that they compare and
// exchange: its owner takes chunks at the front, idle ranks cut the far half. Work stealing
// (Blumofe and Leiserson, J. ACM 46(5), 1999) where what is stolen from is an interval of a loop
// and not a queue.
//
// Pure arithmetic; steal_board.h does it on shared memory. A word says all there is to know of a
// range: so, whatever happened between reading it and exchanging it, where it is still the same the
// chunks it names can still be taken (there is no ABA problem).
#ifndef MPAIO_DISPATCH_CLAIM_WORD_H_
#define MPAIO_DISPATCH_CLAIM_WORD_H_

#include <algorithm>
#include <cstdint>

#include "mpaio/dispatch/assignment.h"

namespace mpaio {

// [begin, end), each of 32 bits; no chunks: 0.
using ClaimWord = std::uint64_t;

// Chunks that a word can name.
inline constexpr Index kMostClaimable = 0xffffffff;

constexpr ChunkRange RangeOf(ClaimWord word) {
  return {static_cast<ChunkId>(word >> 32), static_cast<ChunkId>(word & 0xffffffff)};
}

// Precondition: 0 <= begin <= end <= kMostClaimable.
constexpr ClaimWord WordOf(ChunkRange range) {
  if (range.size() == 0) return 0;
  return static_cast<ClaimWord>(range.begin) << 32 | static_cast<ClaimWord>(range.end);
}

// What is taken, and what is left for others.
struct Cut {
  ChunkRange taken;
  ClaimWord left = 0;
};

// At most so many chunks from the front.
constexpr Cut TakeFront(ClaimWord word, Index most) {
  const ChunkRange range = RangeOf(word);
  const ChunkId middle = range.begin + std::min(most, range.size());
  return {{range.begin, middle}, WordOf({middle, range.end})};
}

// The far half, rounded up: the last chunk can be taken, too.
constexpr Cut TakeFarHalf(ClaimWord word) {
  const ChunkRange range = RangeOf(word);
  const ChunkId middle = range.begin + range.size() / 2;
  return {{middle, range.end}, WordOf({range.begin, middle})};
}

}  // namespace mpaio

#endif  // MPAIO_DISPATCH_CLAIM_WORD_H_
