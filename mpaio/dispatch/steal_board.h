// SPDX-License-Identifier: Apache-2.0

// The chunks that the ranks of a node have accepted and not yet begun, in memory that they share,
// so that an idle rank takes chunks from a busy one without a message.
//
// Each rank has a few slots. It alone fills them (Post), and it takes chunks from them at the front
// (Claim). Any other rank cuts off the far half of a slot (Steal) and posts it as its own. Chunks
// are numbered through all jobs of a run, job 0's first.
//
// The board also shows what each rank holds, so that no chunk is lost when it dies: the chunks in
// its slots, and one claimed range whose results the rank has not sent yet (Hold). Every chunk that
// a rank has posted or begun, and whose result has not been sent, is in one of these, or is being
// moved by a rank that is between two instructions. Chunks that were sent to a rank and not yet
// received are not on the board. The board never shows that a living rank holds a chunk that it
// does not hold. So when ranks have died, the chunks that are neither committed nor held by a
// living rank (HeldBy) must be processed again; a few of them needlessly, which changes no result.
//
// Memory ordering: taking chunks is acquire and release, so the rank that takes them sees
// everything stored before Post().
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

// One rank's access to the board of its node. Used by one thread.
class StealBoard {
 public:
  static constexpr int kSlots = 7;
  // A rank's words. No other data is in their cache line, nor in the adjacent one, which processors
  // prefetch with it.
  struct alignas(128) Row {
    std::array<std::atomic<ClaimWord>, kSlots> slots;
    std::atomic<ClaimWord> held;
    // Hash of the numbers of chunks of the jobs; the slots are comparable only if it is equal.
    std::atomic<std::uint64_t> fingerprint;
  };
  static_assert(sizeof(Row) == 128 && std::atomic<ClaimWord>::is_always_lock_free);
  static constexpr std::size_t kBytesPerRank = sizeof(Row);

  // Constructs an unusable board: nothing can be posted or stolen.
  StealBoard() = default;
  // `rank` counts within the node, here and below. `memory` has kBytesPerRank for each of `ranks`
  // ranks, was zeroed before the first board over it, is aligned as a Row, and must outlive this
  // board. The board is unusable if `memory` is null, there is only one rank, or there are more
  // chunks than a word can name. Precondition: everything posted on an earlier board over the same
  // memory has been released on every rank before any rank constructs this one. Ranks whose boards
  // have other numbers of chunks take nothing from each other.
  StealBoard(std::byte* memory, int rank, int ranks, const std::vector<Index>& chunks_per_job);

  bool is_usable() const { return rows_ != nullptr; }

  bool has_free_slot() const {
    return is_usable() && std::find(is_used_.begin(), is_used_.end(), false) != is_used_.end();
  }
  // Offers the chunks to all ranks, this one included. Returns their slot, which is in use until
  // Release, or nothing if no slot is free. Precondition: the range is not empty, and the chunks
  // exist.
  std::optional<int> Post(const Assignment& assignment);
  // Takes up to `most` chunks from the front of an own slot; fewer or none if other ranks have
  // taken them. `job` is the job of the slot.
  ChunkRange Claim(int slot, std::int32_t job, Index most);
  // Returns true if no chunks are left in the slot.
  bool IsEmpty(int slot) const {
    return Mine().slots[static_cast<std::size_t>(slot)].load(std::memory_order_relaxed) == 0;
  }
  // Withdraws the chunks left in a slot and frees it.
  void Release(int slot);
  // Shows that this rank has these chunks and will send their results. Replaces the range that it
  // held before, whose results have been sent or are about to be.
  void Hold(std::int32_t job, ChunkRange chunks);

  // Takes the far half of the slot of another rank for which `worth` is greatest. The caller must
  // post or hold it. Returns nothing if no slot is worth more than 0.
  std::optional<Assignment> Steal(const std::function<double(const Assignment&)>& worth);

  // Clears everything that `rank`, which is dead, offers and holds. Any rank may call this, at any
  // time after the death.
  void MarkDead(int rank);

  // Returns the chunks that `rank`, this one or another, is shown to hold; each range lies within a
  // job. Not an atomic snapshot: see above.
  std::vector<Assignment> HeldBy(int rank) const;

 private:
  Row& Mine() const { return rows_[rank_]; }
  Assignment AssignmentOf(ChunkRange numbers) const;
  ChunkRange NumbersOf(std::int32_t job, ChunkRange chunks) const;

  Row* rows_ = nullptr;
  int rank_ = 0;
  int ranks_ = 0;
  std::uint64_t fingerprint_ = 0;
  // This rank's slots that are posted and not released. Other ranks may have emptied them, but they
  // are not free.
  std::array<bool, kSlots> is_used_ = {};
  // For each job the number of its first chunk, then the number of all chunks.
  std::vector<Index> first_;
};

}  // namespace mpaio

#endif  // MPAIO_DISPATCH_STEAL_BOARD_H_
