// SPDX-License-Identifier: Apache-2.0
#include "mpaio/result/reorder_buffer.h"

#include <iterator>
#include <limits>

#include "absl/strings/str_cat.h"

namespace mpaio {

absl::Status ChunkSet::Add(ChunkId first, Index count) {
  if (first < 0 || count < 1 || count > std::numeric_limits<ChunkId>::max() - first) {
    return absl::InvalidArgumentError(absl::StrCat("a batch of ", count, " chunks from chunk ",
                                                   first,
                                                   " on; give at least one chunk, from 0 on"));
  }
  ChunkId begin = first;
  ChunkId end = first + count;
  auto after = ranges_.upper_bound(first);
  auto before = after == ranges_.begin() ? ranges_.end() : std::prev(after);
  const bool meets_before = before != ranges_.end() && before->second > first;
  if (meets_before || (after != ranges_.end() && after->first < end)) {
    return absl::AlreadyExistsError(
        absl::StrCat("chunk ", meets_before ? first : after->first, " of the batch [", first, ", ",
                     end, ") has been received already; give each chunk once"));
  }
  if (after != ranges_.end() && after->first == end) {
    end = after->second;
    ranges_.erase(after);
  }
  if (before != ranges_.end() && before->second == begin) {
    before->second = end;
  } else {
    ranges_.emplace(begin, end);
  }
  return absl::OkStatus();
}

ChunkId ChunkSet::FirstAbsent() const {
  const auto first = ranges_.begin();
  return first != ranges_.end() && first->first == 0 ? first->second : 0;
}

}  // namespace mpaio
