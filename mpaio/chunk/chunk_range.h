// SPDX-License-Identifier: Apache-2.0
#ifndef MPAIO_CHUNK_CHUNK_RANGE_H_
#define MPAIO_CHUNK_CHUNK_RANGE_H_

#include <algorithm>

#include "mpaio/base/index.h"

namespace mpaio {

// The half-open range [begin, end) of a job's chunks.
struct ChunkRange {
  ChunkId begin = 0;
  ChunkId end = 0;

  constexpr Index size() const { return end - begin; }
  friend constexpr bool operator==(const ChunkRange&, const ChunkRange&) = default;
};

// Returns the chunks that both ranges have; an empty range if there are none.
constexpr ChunkRange Common(ChunkRange a, ChunkRange b) {
  const ChunkRange common{std::max(a.begin, b.begin), std::min(a.end, b.end)};
  return common.size() > 0 ? common : ChunkRange{};
}

}  // namespace mpaio

#endif  // MPAIO_CHUNK_CHUNK_RANGE_H_
