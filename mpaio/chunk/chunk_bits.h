// SPDX-License-Identifier: Apache-2.0

// A set of chunks with one bit per chunk, for sets whose bound is known: see ChunkSet.
#ifndef MPAIO_CHUNK_CHUNK_BITS_H_
#define MPAIO_CHUNK_CHUNK_BITS_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "mpaio/base/index.h"
#include "mpaio/chunk/chunk_range.h"

namespace mpaio {

// A set of chunks in [0, bound). Operations on ranges cost one step for 64 chunks.
class ChunkBits {
 public:
  explicit ChunkBits(Index bound)
      : bound_(bound), bits_(static_cast<std::size_t>(CeilDivide(bound, 64))) {}

  bool contains(ChunkId chunk) const {
    return (bits_[static_cast<std::size_t>(chunk / 64)] >> (chunk % 64) & 1) != 0;
  }
  Index bound() const { return bound_; }

  // Returns the parts of `chunks` that are not in the set, in order. Precondition: within [0,
  // bound).
  std::vector<ChunkRange> Missing(ChunkRange chunks) const;
  // Precondition: within [0, bound), and none of the chunks is in the set.
  void Add(ChunkRange chunks);

 private:
  // Returns the first chunk in [begin, end) that is (or, with `is_in` false, is not) in the set;
  // `end` if there is none.
  ChunkId Find(ChunkId begin, ChunkId end, bool is_in) const;

  Index bound_;
  std::vector<std::uint64_t> bits_;
};

}  // namespace mpaio

#endif  // MPAIO_CHUNK_CHUNK_BITS_H_
