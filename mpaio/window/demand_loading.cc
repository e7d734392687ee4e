// SPDX-License-Identifier: Apache-2.0
#include "mpaio/window/demand_loading.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <new>
#include <span>
#include <utility>

#include "absl/strings/str_cat.h"
#include "mpaio/base/status_macros.h"
#include "mpaio/host/memory_capacity.h"

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22  // Linux 5.14; older headers do not have it
#endif

namespace mpaio {
namespace {

// Large enough for the fault to cost little compared with reading the block (some 5 us against
// 100), small enough for the block to be in the cache when it is processed.
constexpr Index kLeastBlockBytes = Index{1} << 20;
// A process may have 65,530 mappings (vm.max_map_count), and each border between readable and
// unreadable memory adds one. The limits are for all arrays of a process together, and for one.
constexpr std::size_t kMostBlocksOfProcess = 32'768;
constexpr Index kMostBlocks = 8192;
constexpr Index kHugePageBytes = Index{2} << 20;
// Bytes read at a time. Small enough for data that was just read, or zeroed, to be in the cache
// when it is copied.
constexpr Index kPieceBytes = Index{128} << 10;
// A rank that waits for a block assumes that its reader is dead or stopped after so long without
// progress.
constexpr std::chrono::milliseconds kTimeout{200};

// States of a block. From kFirstPiece to kLastPiece the block is being read; each piece that has
// been read changes the state, which shows waiting ranks that there is progress.
constexpr unsigned char kUnread = 0, kFirstPiece = 1, kLastPiece = 200, kLoaded = 254,
                        kFailed = 255;

constexpr unsigned char NextPiece(unsigned char piece) {
  return piece < kLastPiece ? static_cast<unsigned char>(piece + 1) : kFirstPiece;
}

std::atomic<std::size_t> blocks_of_process{0};

std::byte* MapAgain(std::byte* pages, Index bytes) {
  // With an old length of 0, mremap creates a second mapping of shared pages, with the protection
  // of the first one; see mremap(2).
  void* const again = mremap(pages, 0, static_cast<std::size_t>(bytes), MREMAP_MAYMOVE);
  if (again == MAP_FAILED) return nullptr;
  if (mprotect(again, static_cast<std::size_t>(bytes), PROT_READ | PROT_WRITE) == 0)
    return static_cast<std::byte*>(again);
  munmap(again, static_cast<std::size_t>(bytes));
  return nullptr;
}

Index PageBytes() { return sysconf(_SC_PAGESIZE); }
Index WholePages(Index bytes) { return CeilDivide(bytes, PageBytes()) * PageBytes(); }
Index BlockBytes(Index array_bytes) {
  const Index least = CeilDivide(array_bytes, kMostBlocks);
  return least <= kLeastBlockBytes ? kLeastBlockBytes
                                   : CeilDivide(least, kHugePageBytes) * kHugePageBytes;
}

// The last fault of this thread, in a block that is readable by now. The array is in it because
// another one may get the same addresses later.
struct LastFault {
  std::uint64_t array = 0;
  std::byte* address = nullptr;
  bool operator==(const LastFault&) const = default;
};
thread_local constinit LastFault last_fault;
std::atomic<std::uint64_t> num_arrays{0};

}  // namespace

// Zero-initialised.
struct DemandLoading::BlockStates {
  std::atomic<int> failure;              // the last failure of ArrayParts::Read
  std::atomic<unsigned char> states[1];  // one for each of num_blocks_
};

Index DemandLoading::SizeBytes(Index array_bytes) {
  static_assert(std::atomic<unsigned char>::is_always_lock_free &&
                sizeof(std::atomic<unsigned char>) == 1);
  return WholePages(array_bytes) + static_cast<Index>(sizeof(BlockStates)) +
         CeilDivide(array_bytes, BlockBytes(array_bytes));
}

DemandLoading::DemandLoading(SharedMemory& memory, std::unique_ptr<ArrayParts> parts)
    : id_(num_arrays.fetch_add(1) + 1),
      data_(memory.data()),
      parts_(std::move(parts)),
      array_bytes_(WholePages(parts_->size_bytes())),
      block_bytes_(BlockBytes(parts_->size_bytes())),
      num_blocks_(static_cast<std::size_t>(CeilDivide(parts_->size_bytes(), block_bytes_))),
      is_readable_(num_blocks_) {}

absl::StatusOr<std::unique_ptr<DemandLoading>> DemandLoading::Create(
    SharedMemory& memory, std::unique_ptr<ArrayParts> parts) {
  std::unique_ptr<DemandLoading> loading(new DemandLoading(memory, std::move(parts)));
  const auto cannot = [](const char* what) {
    return absl::UnimplementedError(absl::StrCat("shared memory cannot be filled on demand (", what,
                                                 "): ", std::strerror(errno)));
  };
  if (blocks_of_process.fetch_add(loading->num_blocks_) + loading->num_blocks_ >
      kMostBlocksOfProcess)
    return cannot("too many blocks");
  loading->block_states_bytes_ = WholePages(memory.size_bytes()) - loading->array_bytes_;
  loading->block_states_ =
      MapAgain(memory.data() + loading->array_bytes_, loading->block_states_bytes_);
  if (loading->block_states_ == nullptr) return cannot("mremap");
  loading->can_populate_in_place_ = CanPopulateInPlace();
  if (loading->can_populate_in_place_)
    MPAIO_RETURN_IF_ERROR(PopulatePages(loading->block_states_, loading->block_states_bytes_));
  // Populating huge pages in place is faster than installing small ones.
  if (loading->can_populate_in_place_ && !memory.has_huge_pages())
    loading->installer_ = PageInstaller::Create(memory.data(), loading->array_bytes_);
  if (loading->installer_ != nullptr) {
    loading->buffer_memory_ = std::make_unique_for_overwrite<std::byte[]>(kPieceBytes);
    loading->buffer_.store(loading->buffer_memory_.get(), std::memory_order_relaxed);
  }
  loading->faults_ =
      FaultHandler::Watch(SIGSEGV, memory.data(), static_cast<std::size_t>(loading->array_bytes_),
                          Resolve, loading.get());
  if (loading->faults_ == nullptr) return cannot("too many arrays");
  if (mprotect(memory.data(), static_cast<std::size_t>(WholePages(memory.size_bytes())),
               PROT_NONE) != 0)
    return cannot("mprotect");
  return loading;
}

DemandLoading::~DemandLoading() {
  faults_.reset();
  blocks_of_process.fetch_sub(num_blocks_);
  if (block_states_ != nullptr)
    munmap(block_states_, static_cast<std::size_t>(block_states_bytes_));
}

DemandLoading::BlockStates& DemandLoading::block_states() const {
  return *std::launder(reinterpret_cast<BlockStates*>(block_states_));
}

std::atomic<unsigned char>& DemandLoading::state(std::size_t block) const {
  return block_states().states[block];
}

bool DemandLoading::Resolve(void* loading, std::byte* address) {
  auto* const self = static_cast<DemandLoading*>(loading);
  return self->EnsureBlock(static_cast<std::size_t>((address - self->data_) / self->block_bytes_),
                           address);
}

bool DemandLoading::EnsureBlock(std::size_t block, std::byte* address) {
  if (is_readable_[block].load(std::memory_order_acquire)) {
    // Either another thread has made the block readable, or this is a store, which is retried once.
    const LastFault fault = {id_, address};
    return std::exchange(last_fault, fault) != fault;
  }
  using Clock = std::chrono::steady_clock;
  bool is_loaded = false;
  unsigned char before = kUnread;
  for (Clock::time_point until;;) {
    unsigned char found = state(block).load(std::memory_order_acquire);
    is_loaded = found == kLoaded;
    if (is_loaded || found == kFailed) break;
    if (found != before) until = Clock::now() + kTimeout;
    before = found;
    // Claims the block if nobody reads it, or if its reader has made no progress for too long. The
    // claim changes the state, so the other waiting ranks restart their timeout.
    if ((found == kUnread || Clock::now() >= until) &&
        state(block).compare_exchange_strong(found, NextPiece(found))) {
      const int failure = ReadBlock(block);
      is_loaded = failure == 0;
      if (!is_loaded) block_states().failure.store(failure, std::memory_order_relaxed);
      state(block).store(is_loaded ? kLoaded : kFailed, std::memory_order_release);
      break;
    }
    constexpr timespec kPause = {0, 20'000};
    nanosleep(&kPause, nullptr);
  }
  std::byte* const begin = data_ + static_cast<Index>(block) * block_bytes_;
  const auto bytes = static_cast<std::size_t>(
      std::min(block_bytes_, array_bytes_ - static_cast<Index>(block) * block_bytes_));
  if (is_loaded) {
    if (mprotect(begin, bytes, PROT_READ) != 0) return false;
    // Maps all pages at once, because each would be a fault of its own. Kernels that do not support
    // this fail, without harm.
    madvise(begin, bytes, MADV_POPULATE_READ);
  } else if (mmap(begin, bytes, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
             MAP_FAILED) {
    // The zeros of a failed block are private pages, because the window may have no memory left.
    // Without even these the access cannot be allowed.
    return false;
  }
  last_fault = {id_, address};
  is_readable_[block].store(true, std::memory_order_release);
  return true;
}

Index DemandLoading::EndOf(std::size_t block) const {
  return std::min((static_cast<Index>(block) + 1) * block_bytes_, parts_->size_bytes());
}

int DemandLoading::ReadBlock(std::size_t block) {
  const Index begin = static_cast<Index>(block) * block_bytes_, end = EndOf(block);
  std::byte* const buffer =
      installer_ == nullptr ? nullptr : buffer_.exchange(nullptr, std::memory_order_acquire);
  // Used for pages that cannot be installed, and unmapped afterwards, so that no stray store can
  // overwrite the array.
  std::byte* writable = nullptr;
  int failure = 0;
  for (Index at = begin; at < end && failure == 0; at += kPieceBytes) {
    const Index piece_bytes = std::min(kPieceBytes, end - at), page_bytes = WholePages(piece_bytes);
    if (buffer != nullptr) {
      failure = parts_->Read(at, {buffer, static_cast<std::size_t>(piece_bytes)});
      if (failure != 0) break;
      std::memset(buffer + piece_bytes, 0, static_cast<std::size_t>(page_bytes - piece_bytes));
    }
    if (buffer == nullptr || !installer_->Install(data_ + at, buffer, page_bytes)) {
      if (writable == nullptr) writable = MapAgain(data_ + begin, WholePages(end - begin));
      if (writable == nullptr) {
        failure = ENOMEM;
        break;
      }
      std::byte* const to = writable + (at - begin);
      if (can_populate_in_place_) failure = PopulatePagesInPlace(to, page_bytes);
      if (failure != 0) break;
      if (buffer != nullptr) {
        std::memcpy(to, buffer, static_cast<std::size_t>(piece_bytes));
      } else {
        failure = parts_->Read(at, {to, static_cast<std::size_t>(piece_bytes)});
      }
    }
    // Shows waiting ranks that there is progress, unless another rank has completed the block
    // meanwhile.
    unsigned char piece = state(block).load(std::memory_order_relaxed);
    if (piece < kLoaded)
      state(block).compare_exchange_strong(piece, NextPiece(piece), std::memory_order_relaxed);
  }
  if (writable != nullptr) munmap(writable, static_cast<std::size_t>(WholePages(end - begin)));
  if (buffer != nullptr) buffer_.store(buffer, std::memory_order_release);
  return failure;
}

absl::Status DemandLoading::ReadFailure() const {
  const int failure = block_states().failure.load(std::memory_order_relaxed);
  return failure == 0 ? absl::OkStatus() : parts_->StatusOf(failure);
}

bool DemandLoading::HasChanged() const {
  return block_states().failure.load(std::memory_order_relaxed) == ArrayParts::kTruncated ||
         !parts_->CheckUnchanged().ok();
}

absl::Status DemandLoading::CheckUnchanged() const {
  MPAIO_RETURN_IF_ERROR(parts_->CheckUnchanged());
  return ReadFailure();
}

}  // namespace mpaio
