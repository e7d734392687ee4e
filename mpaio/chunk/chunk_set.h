// SPDX-License-Identifier: Apache-2.0

// A set of chunks as disjoint ranges: its size depends on the number of gaps, not of chunks, and
// any chunk may be added. Where the number of chunks is known and every message needs the set, as
// in the ledger, ChunkBits is faster: it allocates nothing and does not depend on the gaps, of
// which a run with stealing has many.
#ifndef MPAIO_CHUNK_CHUNK_SET_H_
#define MPAIO_CHUNK_CHUNK_SET_H_

#include <map>
#include <optional>

#include "mpaio/base/index.h"
#include "mpaio/chunk/chunk_range.h"

namespace mpaio {

class ChunkSet {
 public:
  // Adds the chunks and returns nothing; or, if some of them are in the set, returns one of these
  // and changes nothing. Precondition: 0 <= begin < end.
  std::optional<ChunkId> Add(ChunkRange chunks);

  // Returns the first chunk from 0 on that is not in the set.
  ChunkId FirstAbsent() const;

 private:
  std::map<ChunkId, ChunkId> ranges_;  // from begin to end; no two touch
};

}  // namespace mpaio

#endif  // MPAIO_CHUNK_CHUNK_SET_H_
