// SPDX-License-Identifier: Apache-2.0
#include "mpaio/chunk/chunk_bits.h"

#include <algorithm>
#include <bit>

namespace mpaio {

ChunkId ChunkBits::Find(ChunkId begin, ChunkId end, bool is_in) const {
  while (begin < end) {
    std::uint64_t word = bits_[static_cast<std::size_t>(begin / 64)];
    if (!is_in) word = ~word;
    word >>= begin % 64;
    if (word != 0) return std::min(end, begin + std::countr_zero(word));
    begin += 64 - begin % 64;
  }
  return end;
}

std::vector<ChunkRange> ChunkBits::Missing(ChunkRange chunks) const {
  std::vector<ChunkRange> missing;
  for (ChunkId at = Find(chunks.begin, chunks.end, false); at < chunks.end;) {
    const ChunkId end = Find(at, chunks.end, true);
    missing.push_back({at, end});
    at = Find(end, chunks.end, false);
  }
  return missing;
}

void ChunkBits::Add(ChunkRange chunks) {
  while (chunks.begin < chunks.end) {
    const Index offset = chunks.begin % 64;
    const Index count = std::min(64 - offset, chunks.size());
    const std::uint64_t ones = count == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << count) - 1;
    bits_[static_cast<std::size_t>(chunks.begin / 64)] |= ones << offset;
    chunks.begin += count;
  }
}

}  // namespace mpaio
