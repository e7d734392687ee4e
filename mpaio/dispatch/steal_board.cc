// SPDX-License-Identifier: Apache-2.0
#include "mpaio/dispatch/steal_board.h"

#include <algorithm>

namespace mpaio {

StealBoard::StealBoard(std::byte* memory, int rank, int ranks,
                       const std::vector<Index>& chunks_per_job)
    : rank_(rank), ranks_(ranks) {
  first_.push_back(0);
  for (const Index chunks : chunks_per_job)
    first_.push_back(first_.back() + std::min(chunks, kMostClaimable));
  // With one rank there is no one to steal from.
  if (ranks == 1 || memory == nullptr || first_.back() > kMostClaimable) return;
  rows_ = reinterpret_cast<Row*>(memory);
  // FNV-1a (Fowler, Noll and Vo), one number at a time instead of one byte.
  fingerprint_ = 14695981039346656037u;
  for (const Index first : first_)
    fingerprint_ = (fingerprint_ ^ static_cast<std::uint64_t>(first)) * 1099511628211u;
  Mine().fingerprint.store(fingerprint_, std::memory_order_release);
}

ChunkRange StealBoard::NumbersOf(std::int32_t job, ChunkRange chunks) const {
  const Index first = first_[static_cast<std::size_t>(job)];
  return {first + chunks.begin, first + chunks.end};
}

Assignment StealBoard::AssignmentOf(ChunkRange numbers) const {
  const auto job =
      std::upper_bound(first_.begin(), first_.end(), numbers.begin) - first_.begin() - 1;
  const Index first = first_[static_cast<std::size_t>(job)];
  return {static_cast<std::int32_t>(job), 0, {numbers.begin - first, numbers.end - first}};
}

std::optional<int> StealBoard::Post(const Assignment& assignment) {
  if (!is_usable()) return std::nullopt;
  const auto free = std::find(is_used_.begin(), is_used_.end(), false);
  if (free == is_used_.end()) return std::nullopt;
  *free = true;
  const auto slot = free - is_used_.begin();
  Mine().slots[static_cast<std::size_t>(slot)].store(
      WordOf(NumbersOf(assignment.job, assignment.chunks)), std::memory_order_release);
  return static_cast<int>(slot);
}

void StealBoard::Release(int slot) {
  Mine().slots[static_cast<std::size_t>(slot)].store(0, std::memory_order_release);
  is_used_[static_cast<std::size_t>(slot)] = false;
}

ChunkRange StealBoard::Claim(int slot, std::int32_t job, Index most) {
  std::atomic<ClaimWord>& word = Mine().slots[static_cast<std::size_t>(slot)];
  ClaimWord seen = word.load(std::memory_order_relaxed);
  Cut cut;
  do {
    if (seen == 0) return {};
    cut = TakeFront(seen, most);
  } while (!word.compare_exchange_weak(seen, cut.left, std::memory_order_acq_rel,
                                       std::memory_order_relaxed));
  const Index first = first_[static_cast<std::size_t>(job)];
  return {cut.taken.begin - first, cut.taken.end - first};
}

void StealBoard::Hold(std::int32_t job, ChunkRange chunks) {
  Mine().held.store(chunks.size() == 0 ? 0 : WordOf(NumbersOf(job, chunks)),
                    std::memory_order_release);
}

std::optional<Assignment> StealBoard::Steal(const std::function<double(const Assignment&)>& worth) {
  if (!is_usable()) return std::nullopt;
  for (;;) {
    std::atomic<ClaimWord>* best = nullptr;
    ClaimWord best_word = 0;
    double best_worth = 0;
    for (int k = 1; k < ranks_; ++k) {
      // Each rank begins with its neighbour, so that they do not all steal from the same one.
      Row& row = rows_[(rank_ + k) % ranks_];
      if (row.fingerprint.load(std::memory_order_acquire) != fingerprint_) continue;
      for (std::atomic<ClaimWord>& slot : row.slots) {
        const ClaimWord word = slot.load(std::memory_order_relaxed);
        if (word == 0) continue;
        const double value = worth(AssignmentOf(RangeOf(word)));
        if (value <= best_worth) continue;
        best = &slot;
        best_word = word;
        best_worth = value;
      }
    }
    if (best == nullptr) return std::nullopt;
    const Cut cut = TakeFarHalf(best_word);
    // If the exchange fails, another rank has taken chunks and fewer are left, so the loop ends.
    if (best->compare_exchange_strong(best_word, cut.left, std::memory_order_acq_rel,
                                      std::memory_order_relaxed))
      return AssignmentOf(cut.taken);
  }
}

void StealBoard::MarkDead(int rank) {
  if (!is_usable()) return;
  Row& row = rows_[rank];
  row.fingerprint.store(0, std::memory_order_release);
  for (std::atomic<ClaimWord>& slot : row.slots) slot.store(0, std::memory_order_release);
  row.held.store(0, std::memory_order_release);
}

std::vector<Assignment> StealBoard::HeldBy(int rank) const {
  std::vector<Assignment> held;
  if (!is_usable()) return held;
  const auto add = [&](const std::atomic<ClaimWord>& word) {
    const ChunkRange numbers = RangeOf(word.load(std::memory_order_acquire));
    if (numbers.size() > 0) held.push_back(AssignmentOf(numbers));
  };
  for (const std::atomic<ClaimWord>& slot : rows_[rank].slots) add(slot);
  add(rows_[rank].held);
  return held;
}

}  // namespace mpaio
