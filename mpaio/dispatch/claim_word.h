// SPDX-License-Identifier: Apache-2.0

// A range of chunks that ranks of a node may still take, as one word for compare-and-exchange: its
// owner takes chunks at the front, idle ranks cut off the far half. This is work stealing (Blumofe
// and Leiserson, J. ACM 46(5), 1999) from an interval of a loop instead of a queue.
//
// Pure arithmetic; steal_board.h applies it to shared memory. There is no ABA problem, because a
// word is the whole state of a range: if it has the same value when it is exchanged as when it was
// read, the chunks that it names can still be taken, whatever happened in between.
#ifndef MPAIO_DISPATCH_CLAIM_WORD_H_
#define MPAIO_DISPATCH_CLAIM_WORD_H_

#include <algorithm>
#include <cstdint>

#include "mpaio/dispatch/assignment.h"

namespace mpaio {

// [begin, end), 32 bits each; 0 means no chunks.
using ClaimWord = std::uint64_t;

// The largest number of chunks that a word can name.
inline constexpr Index kMostClaimable = 0xffffffff;

constexpr ChunkRange RangeOf(ClaimWord word) {
  return {static_cast<ChunkId>(word >> 32), static_cast<ChunkId>(word & 0xffffffff)};
}

// Precondition: 0 <= begin <= end <= kMostClaimable.
constexpr ClaimWord WordOf(ChunkRange range) {
  if (range.size() == 0) return 0;
  return static_cast<ClaimWord>(range.begin) << 32 | static_cast<ClaimWord>(range.end);
}

// The chunks taken from a word, and the word that remains for others.
struct Cut {
  ChunkRange taken;
  ClaimWord left = 0;
};

// Takes at most `most` chunks from the front.
constexpr Cut TakeFront(ClaimWord word, Index most) {
  const ChunkRange range = RangeOf(word);
  const ChunkId middle = range.begin + std::min(most, range.size());
  return {{range.begin, middle}, WordOf({middle, range.end})};
}

// Takes the far half, rounded up, so that the last chunk can be taken too.
constexpr Cut TakeFarHalf(ClaimWord word) {
  const ChunkRange range = RangeOf(word);
  const ChunkId middle = range.begin + range.size() / 2;
  return {{middle, range.end}, WordOf({range.begin, middle})};
}

}  // namespace mpaio

#endif  // MPAIO_DISPATCH_CLAIM_WORD_H_
