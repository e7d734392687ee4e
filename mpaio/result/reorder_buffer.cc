// SPDX-License-Identifier: Apache-2.0
#include "mpaio/result/reorder_buffer.h"

#include <limits>

#include "absl/strings/str_cat.h"

namespace mpaio {

absl::Status AddBatch(ChunkId first, Index count, ChunkSet* set) {
  if (first < 0 || count < 1 || count > std::numeric_limits<ChunkId>::max() - first) {
    return absl::InvalidArgumentError(absl::StrCat("a batch of ", count, " chunks from chunk ",
                                                   first,
                                                   " on; give at least one chunk, from 0 on"));
  }
  const std::optional<ChunkId> present = set->Add({first, first + count});
  if (!present) return absl::OkStatus();
  return absl::AlreadyExistsError(
      absl::StrCat("chunk ", *present, " of the batch [", first, ", ", first + count,
                   ") has been received already; give each chunk once"));
}

}  // namespace mpaio
