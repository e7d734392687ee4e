// SPDX-License-Identifier: Apache-2.0
#include "mpaio/chunk/chunk_set.h"

#include <iterator>

namespace mpaio {

std::optional<ChunkId> ChunkSet::Add(ChunkRange chunks) {
  auto after = ranges_.upper_bound(chunks.begin);
  const auto before = after == ranges_.begin() ? ranges_.end() : std::prev(after);
  if (before != ranges_.end() && before->second > chunks.begin) return chunks.begin;
  if (after != ranges_.end() && after->first < chunks.end) return after->first;
  if (after != ranges_.end() && after->first == chunks.end) {
    chunks.end = after->second;
    after = ranges_.erase(after);
  }
  if (before != ranges_.end() && before->second == chunks.begin) {
    before->second = chunks.end;
  } else {
    ranges_.emplace_hint(after, chunks.begin, chunks.end);
  }
  return std::nullopt;
}

ChunkId ChunkSet::FirstAbsent() const {
  const auto first = ranges_.begin();
  return first != ranges_.end() && first->first == 0 ? first->second : 0;
}

}  // namespace mpaio
