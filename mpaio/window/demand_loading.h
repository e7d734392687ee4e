// SPDX-License-Identifier: Apache-2.0

// Shared memory that is filled while it is processed: the first rank that touches a block reads it
// from the file.
#ifndef MPAIO_WINDOW_DEMAND_LOADING_H_
#define MPAIO_WINDOW_DEMAND_LOADING_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "mpaio/base/index.h"
#include "mpaio/executor/executor.h"
#include "mpaio/format/array_parts.h"
#include "mpaio/host/fault_handler.h"
#include "mpaio/host/page_installer.h"

namespace mpaio {

// The memory cannot be accessed at first. The first access of this process to a block is a fault,
// whose handler reads the block from the file, unless another rank of the node has read it, and
// makes it readable. The state of each block is kept in the shared memory itself, after the array.
// So no rank waits for blocks that it does not need, the rank that reads a block has it in its
// cache, and the blocks of a rank that dies are read again by others.
//
// A rank that finds another one reading the same block waits as long as that one makes progress,
// and then reads the block itself: reading it twice stores the same bytes twice, as long as the
// file is unchanged. As in a sealed array, a store to the memory is always a fault that ends the
// process. Pages are installed together with their contents (PageInstaller); where that is not
// possible, or where huge pages are available, a block has a second, writable mapping while it is
// being read. A system call on memory that has not been read yet fails with EFAULT.
//
// Memory ordering: an access to a block sees all stores of the rank that filled it. Safe from
// several threads.
class DemandLoading {
 public:
  // Returns the bytes of shared memory that an array of `array_bytes` needs.
  static Index SizeBytes(Index array_bytes);

  // Called by every rank of the node, with the same memory and file, before any of them reads the
  // array; the ranks must then agree that all calls have succeeded. `memory` is SizeBytes() of
  // zeros, and must outlive this object. Errors: ResourceExhausted where there is no memory for the
  // block states; Unimplemented where the system does not support loading on demand, or this
  // process has too many such blocks or arrays already. After an error SharedMemory::AllowStores
  // makes the memory ordinary again.
  static absl::StatusOr<std::unique_ptr<DemandLoading>> Create(SharedMemory& memory,
                                                               std::unique_ptr<ArrayParts> parts);
  ~DemandLoading();

  // Returns why a block that some rank of the node has touched could not be read; its elements are
  // zeros then. OK if there is none. Not collective, and cheap: to be called before any result that
  // depends on the array leaves the rank. Errors: those of ArrayParts::StatusOf.
  absl::Status ReadFailure() const;

  // True if the file has changed since Create, or a block was cut off when it was read.
  bool HasChanged() const;

  // Called on each rank after the array was read. Returns OK if every element is what the file held
  // at first. Not collective. Errors: those of ArrayParts::CheckUnchanged and ReadFailure.
  absl::Status CheckUnchanged() const;

 private:
  // Shared by all ranks of the node, stored after the array.
  struct BlockStates;
  explicit DemandLoading(SharedMemory& memory, std::unique_ptr<ArrayParts> parts);
  // The fault handler. Returns false if the access at `address` cannot be allowed.
  static bool Resolve(void* loading, std::byte* address);
  bool EnsureBlock(std::size_t block, std::byte* address);
  // Returns 0, or the failure of ArrayParts::Read.
  int ReadBlock(std::size_t block);
  BlockStates& block_states() const;
  Index EndOf(std::size_t block) const;
  std::atomic<unsigned char>& state(std::size_t block) const;

  const std::uint64_t id_;  // unique in this process
  std::byte* data_;         // the mapping that users access
  std::unique_ptr<ArrayParts> parts_;
  Index array_bytes_;  // rounded up to whole pages
  Index block_bytes_;
  std::size_t num_blocks_;
  bool can_populate_in_place_ = false;
  std::unique_ptr<PageInstaller> installer_;    // null where it is not supported
  std::unique_ptr<std::byte[]> buffer_memory_;  // holds the contents of pages to be installed
  // Null while a thread uses it, and forever in a fork that was made during that time.
  std::atomic<std::byte*> buffer_{nullptr};
  std::byte* block_states_ = nullptr;  // a second mapping of the memory after the array
  Index block_states_bytes_ = 0;
  std::vector<std::atomic<bool>> is_readable_;  // in this process, by block
  std::unique_ptr<FaultHandler> faults_;
};

}  // namespace mpaio

#endif  // MPAIO_WINDOW_DEMAND_LOADING_H_
