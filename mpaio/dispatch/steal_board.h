// SPDX-License-Identifier: Apache-2.0

// What the ranks of a node have taken on and not yet begun, in memory that they share: so that an
// idle one takes from a busy one without a message.
//
// Each rank has a few slots, of which it alone fills the empty ones (Post), and from which it takes
// chunks at the front (Claim). Any rank cuts the far half of any other's (Steal), and posts that as
// its own. Chunks are numbered through all jobs of a run: job 0's first.
//
// What each rank holds, so that its death loses nothing: what is in its slots, and one range that
// it has claimed, with results that have not left it yet (Hold). Every chunk that a rank has posted
// or begun and whose result is not under way is in one of these, or is just being moved by a rank
// that is between two instructions; what was sent to a rank and has not been received is not. A
// living rank is never shown to hold a chunk that it does not hold: so when ranks have died, the
// chunks that are neither committed nor held by the living (HeldBy) are to be processed again; a
// few of them may be, needlessly, which changes nothing.
//
// Memory ordering: taking chunks is acquire and release, so what was stored before Post() is seen
// by who takes them.
#ifndef MPAIO_DISPATCH_STEAL_BOARD_H_
#define MPAIO_DISPATCH_STEAL_BOARD_H_

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "mpaio/dispatch/assignment.h"
#include "mpaio/dispatch/claim_word.h"

namespace mpaio {

class StealBoard {
 public:
  static constexpr int kSlots = 7;
  // A rank's words, in a cache line of their own (and the one that processors fetch with it).
  struct alignas(128) Row {
    std::array<std::atomic<ClaimWord>, kSlots> slots;
    std::atomic<ClaimWord> held;
    // Of the jobs that the chunks' numbers are about.
    std::atomic<std::uint64_t> fingerprint;
  };
  static_assert(sizeof(Row) == 128 && std::atomic<ClaimWord>::is_always_lock_free);
  static constexpr std::size_t kBytesPerRank = sizeof(Row);

  // A board that cannot be used: nothing can be posted on it, and nothing stolen.
  StealBoard() = default;
  // `memory`: kBytesPerRank for each of `ranks` ranks, zeroed before the first board over it,
  // aligned as a Row; it must outlive this. One that cannot be used, where it is null or there are
  // more chunks than a word can name. What was posted on a board before, over the same memory, must
  // have been released on every rank before any makes this one. Ranks whose boards are of other
  // numbers of chunks take nothing from each other.
  StealBoard(std::byte* memory, int rank, int ranks, const std::vector<Index>& chunks_per_job);

  bool is_usable() const { return rows_ != nullptr; }

  bool has_free_slot() const {
    return is_usable() && std::find(is_used_.begin(), is_used_.end(), false) != is_used_.end();
  }
  // Offers the chunks to all, this rank included; the slot they are in until Release, or nothing if
  // there is none free. Precondition: not empty; they are chunks that there are.
  std::optional<int> Post(const Assignment& assignment);
  // Up to `most` chunks of one's own slot, at the front; fewer or none where others have taken
  // them. `job` is that of the slot.
  ChunkRange Claim(int slot, std::int32_t job, Index most);
  // Whether the slot is empty.
  bool IsEmpty(int slot) const {
    return Mine().slots[static_cast<std::size_t>(slot)].load(std::memory_order_relaxed) == 0;
  }
  // Takes back what is left in a slot, which is free again.
  void Release(int slot);
  // That this rank has these chunks and sends their results, in the slot of what it held before,
  // whose results have been sent or are about to be.
  void Hold(std::int32_t job, ChunkRange chunks);

  // Half of what another rank offers, whichever is worth most; nothing if none has worth above 0.
  // They are not yet posted.
  std::optional<Assignment> Steal(const std::function<double(const Assignment&)>& worth);

  // `rank` is dead: what it offers is nobody's. Any rank may say so, at any time after its lost.
  void MarkDead(int rank);

  // The chunks that are shown to be held by `rank`, which may be another; each range within a job.
  // Not at one instant: see above.
  std::vector<Assignment> HeldBy(int rank) const;

 private:
  Row& Mine() const { return rows_[rank_]; }
  Assignment AssignmentOf(ChunkRange numbers) const;
  ChunkRange NumbersOf(std::int32_t job, ChunkRange chunks) const;

  Row* rows_ = nullptr;
  int rank_ = 0;
  int ranks_ = 0;
  std::uint64_t fingerprint_ = 0;
  // The own slots that have been posted in and not released: others may have emptied them, but they
  // are not free.
  std::array<bool, kSlots> is_used_ = {};
  // By job, the number of its first chunk; and that of all chunks.
  std::vector<Index> first_;
};

}  // namespace mpaio

#endif  // MPAIO_DISPATCH_STEAL_BOARD_H_
