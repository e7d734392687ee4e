#include "mpaio/ledger/ledger.h"

#include <algorithm>
#include <bit>

namespace mpaio {

Ledger::Ledger(Index num_chunks) : num_chunks_(num_chunks), bits_(static_cast<std::size_t>(CeilDivide(num_chunks, 64))) {}

ChunkId Ledger::Find(ChunkId begin, ChunkId end, bool committed) const {
  while (begin < end) {
    std::uint64_t word = bits_[static_cast<std::size_t>(begin / 64)];
    if (!committed) word = ~word;
    word >>= begin % 64;
    if (word != 0) return std::min(end, begin + std::countr_zero(word));
    begin += 64 - begin % 64;
  }
  return end;
}

void Ledger::SetCommitted(ChunkRange chunks) {
  num_committed_ += chunks.size();
  while (chunks.begin < chunks.end) {
    const Index offset = chunks.begin % 64;
    const Index count = std::min(64 - offset, chunks.size());
    const std::uint64_t ones = count == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << count) - 1;
    bits_[static_cast<std::size_t>(chunks.begin / 64)] |= ones << offset;
    chunks.begin += count;
  }
}

void Ledger::Assign(int rank, const Assignment& assignment) { in_flight_[rank].push_back(assignment); }

std::vector<ChunkRange> Ledger::Commit(int rank, ChunkRange chunks) {
  std::vector<ChunkRange> fresh;
  for (ChunkId at = Find(chunks.begin, chunks.end, false); at < chunks.end;) {
    const ChunkId end = Find(at, chunks.end, true);
    fresh.push_back({at, end});
    at = Find(end, chunks.end, false);
  }
  for (const ChunkRange& range : fresh) SetCommitted(range);
  // An assignment leaves the books when its last chunk has come.
  std::vector<Assignment>& mine = in_flight_[rank];
  mine.erase(std::remove_if(mine.begin(), mine.end(),
                            [&](const Assignment& a) {
                              return a.chunks.begin < chunks.end && chunks.begin < a.chunks.end &&
                                     Find(a.chunks.begin, a.chunks.end, false) == a.chunks.end;
                            }),
             mine.end());
  return fresh;
}

std::vector<Assignment> Ledger::Withdraw(int rank) {
  std::vector<Assignment> open;
  const auto entry = in_flight_.find(rank);
  if (entry == in_flight_.end()) return open;
  for (const Assignment& assignment : entry->second) {
    const ChunkRange& chunks = assignment.chunks;
    for (ChunkId at = Find(chunks.begin, chunks.end, false); at < chunks.end;) {
      const ChunkId end = Find(at, chunks.end, true);
      open.push_back({assignment.job, assignment.attempt, {at, end}});
      at = Find(end, chunks.end, false);
    }
  }
  in_flight_.erase(entry);
  return open;
}

}  // namespace mpaio
