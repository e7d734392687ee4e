// SPDX-License-Identifier: Apache-2.0
#include "mpaio/ledger/ledger.h"

#include <algorithm>

namespace mpaio {
namespace {

// Returns the parts of `from` that are not in `held`.
std::vector<Assignment> Without(const std::vector<Assignment>& from,
                                const std::vector<Ledger::Held>& held) {
  std::vector<Assignment> left = from;
  for (const Ledger::Held& one : held) {
    std::vector<Assignment> next;
    for (const Assignment& part : left) {
      const ChunkRange common =
          part.job == one.chunks.job ? Common(part.chunks, one.chunks.chunks) : ChunkRange{};
      if (common.size() == 0) {
        next.push_back(part);
        continue;
      }
      if (part.chunks.begin < common.begin)
        next.push_back({part.job, part.attempt, {part.chunks.begin, common.begin}});
      if (common.end < part.chunks.end)
        next.push_back({part.job, part.attempt, {common.end, part.chunks.end}});
    }
    left = std::move(next);
  }
  return left;
}

}  // namespace

Ledger::Ledger(const std::vector<Index>& chunks_per_job, int ranks)
    : in_flight_(static_cast<std::size_t>(ranks)) {
  for (const Index chunks : chunks_per_job) closed_.emplace_back(chunks);
}

void Ledger::Assign(int rank, const Assignment& assignment,
                    std::chrono::steady_clock::time_point now) {
  Index missing = 0;
  for (const ChunkRange& part :
       closed_[static_cast<std::size_t>(assignment.job)].Missing(assignment.chunks))
    missing += part.size();
  if (missing > 0)
    in_flight_[static_cast<std::size_t>(rank)].push_back({assignment, missing, now, false});
}

std::vector<ChunkRange> Ledger::Commit(int job, ChunkRange chunks) {
  ChunkBits& closed = closed_[static_cast<std::size_t>(job)];
  const std::vector<ChunkRange> fresh = closed.Missing(chunks);
  for (const ChunkRange& part : fresh) {
    closed.Add(part);
    Settle(job, part);
  }
  return fresh;
}

void Ledger::Settle(int job, ChunkRange part) {
  // Searches all ranks, because another rank may have stolen the chunk, and because a chunk may be
  // assigned to several ranks.
  for (std::deque<InFlight>& of_rank : in_flight_) {
    for (auto at = of_rank.begin(); at != of_rank.end();) {
      if (at->assignment.job == job) at->missing -= Common(at->assignment.chunks, part).size();
      at = at->missing == 0 ? of_rank.erase(at) : at + 1;
    }
  }
}

std::vector<Assignment> Ledger::Copy(int rank) {
  for (InFlight& one : in_flight_[static_cast<std::size_t>(rank)]) {
    if (one.has_copy) continue;
    one.has_copy = true;
    std::vector<Assignment> parts;
    const Assignment& given = one.assignment;
    for (const ChunkRange& part :
         closed_[static_cast<std::size_t>(given.job)].Missing(given.chunks))
      parts.push_back({given.job, given.attempt, part});
    return parts;
  }
  return {};
}

int Ledger::Fail(int job, ChunkId chunk) {
  if (closed_[static_cast<std::size_t>(job)].contains(chunk)) return 0;
  Revoke(job, chunk);
  return ++failures_[{job, chunk}];
}

void Ledger::Quarantine(int job, ChunkId chunk) {
  if (closed_[static_cast<std::size_t>(job)].contains(chunk)) return;
  Revoke(job, chunk);
  closed_[static_cast<std::size_t>(job)].Add({chunk, chunk + 1});
  quarantined_.insert({job, chunk});
}

void Ledger::Revoke(int job, ChunkId chunk) {
  // An entry has one range and counts the missing chunks in it, so it is split at `chunk`.
  for (std::deque<InFlight>& of_rank : in_flight_) {
    std::deque<InFlight> left;
    for (const InFlight& one : of_rank) {
      const Assignment& whole = one.assignment;
      if (whole.job != job || chunk < whole.chunks.begin || chunk >= whole.chunks.end) {
        left.push_back(one);
        continue;
      }
      for (const ChunkRange part :
           {ChunkRange{whole.chunks.begin, chunk}, ChunkRange{chunk + 1, whole.chunks.end}}) {
        Index missing = 0;
        for (const ChunkRange& open : closed_[static_cast<std::size_t>(job)].Missing(part))
          missing += open.size();
        if (missing > 0)
          left.push_back({{whole.job, whole.attempt, part}, missing, one.since, one.has_copy});
      }
    }
    of_rank = std::move(left);
  }
}

std::vector<Assignment> Ledger::Withdraw(const std::vector<int>& ranks,
                                         const std::vector<Held>& held) {
  std::vector<Assignment> open;
  for (const int rank : ranks) {
    for (const InFlight& one : in_flight_[static_cast<std::size_t>(rank)]) {
      const Assignment& given = one.assignment;
      for (const ChunkRange& part :
           closed_[static_cast<std::size_t>(given.job)].Missing(given.chunks)) {
        open.push_back({given.job, given.attempt, part});
      }
    }
    in_flight_[static_cast<std::size_t>(rank)].clear();
  }
  for (const Held& one : held) Assign(one.rank, one.chunks);
  return Without(open, held);
}

}  // namespace mpaio
