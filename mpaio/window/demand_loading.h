// SPDX-License-Identifier: Apache-2.0

// Shared memory that is filled while it is worked on: each block is read from its file by the first
// rank that touches it.
#ifndef MPAIO_WINDOW_DEMAND_LOADING_H_
#define MPAIO_WINDOW_DEMAND_LOADING_H_

#include <atomic>
#include <cstddef>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "mpaio/array/array_parts.h"
#include "mpaio/base/fault_handler.h"
#include "mpaio/base/index.h"
#include "mpaio/executor/executor.h"
#include "mpaio/window/page_installer.h"

namespace mpaio {

// The memory cannot be accessed at first. An access to a block that this process has not had yet is
// a fault; the handler makes it readable, and reads it in before, unless another rank of the node
// has: what each has read is noted in the memory itself, behind the array. So no rank waits for
// what it does not need, the reader of a block is the one who has it in the cache, and a rank that
// dies leaves blocks that others read in again.
//
// What is read twice is the same twice as long as the file is; a rank that finds another at the
// same block waits for it, as long as that makes progress. To the end a store to the memory is what
// it is in a sealed array: a fault that ends the process. Pages are made with what they hold
// (PageInstaller); where that cannot be, or where huge pages are to be had, a block is mapped once
// more, to be written, while it is being read. A system call that is given memory which was not
// read yet fails with EFAULT.
//
// Memory ordering: who reads a block sees all of what was stored to it by whoever read it in. Safe
// from several threads.
class DemandLoading {
 public:
  // An array of so many bytes takes so many of shared memory.
  static Index SizeBytes(Index array_bytes);

  // By every rank of the node, of the same memory and file, before any of them reads what it is
  // for; they have to agree that all have made it. `memory`: SizeBytes() of zeros, which must
  // outlive this. Errors: Unimplemented where the system cannot do it, or too much is loaded so by
  // this process already; then SharedMemory::AllowStores makes of the memory what it was.
  // ResourceExhausted where there is no memory for the notes.
  static absl::StatusOr<std::unique_ptr<DemandLoading>> Create(SharedMemory& memory,
                                                               std::unique_ptr<ArrayParts> parts);
  ~DemandLoading();

  // Why a block that any rank of the node has touched could not be read; it is zeros then. OK if
  // none was. Not collective, and cheap: to be asked before anything that follows from what was
  // read leaves the rank. Errors: those of ArrayParts::StatusOf.
  absl::Status ReadFailure() const;

  // Whether the file is not what it was, or was not for a while.
  bool HasChanged() const;

  // After the array was read, on each rank: why what was read may not be what the file held at
  // first; OK if it is. Errors: those of ArrayParts::CheckUnchanged and ReadFailure.
  absl::Status CheckUnchanged() const;

 private:
  // Of all ranks of the node, behind the array.
  struct BlockStates;
  explicit DemandLoading(SharedMemory& memory, std::unique_ptr<ArrayParts> parts);
  static bool Resolve(void* loading, std::byte* address);
  bool EnsureBlock(std::size_t block, std::byte* address);
  // 0, or what ArrayParts::Read says.
  int ReadBlock(std::size_t block);
  BlockStates& block_states() const;
  Index EndOf(std::size_t block) const;
  std::atomic<unsigned char>& state(std::size_t block) const;

  std::byte* data_;  // what users see
  std::unique_ptr<ArrayParts> parts_;
  Index array_bytes_;  // whole pages
  Index block_bytes_;
  std::size_t num_blocks_;
  bool can_populate_in_place_ = false;
  std::unique_ptr<PageInstaller> installer_;    // null where there is none
  std::unique_ptr<std::byte[]> buffer_memory_;  // what pages are made of
  std::atomic<std::byte*> buffer_{
      nullptr};  // null while a thread has it, and for ever in a fork that was made meanwhile
  std::byte* block_states_ = nullptr;  // what is behind the array, mapped once more
  Index block_states_bytes_ = 0;
  std::vector<std::atomic<bool>> is_readable_;  // in this process, by block
  std::unique_ptr<FaultHandler> faults_;
};

}  // namespace mpaio

#endif  // MPAIO_WINDOW_DEMAND_LOADING_H_
