// SPDX-License-Identifier: Apache-2.0
#include "mpaio/format/array_parts.h"

#include <errno.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "mpaio/base/status_macros.h"

namespace mpaio {
namespace {

// The size of a block that is swapped while it is still in the cache.
constexpr Index kBlockBytes = Index{256} << 10;

// malloc may not be called in a signal handler; this system call may.
std::byte* MapBuffer(Index bytes) {
  void* const pages = mmap(nullptr, static_cast<std::size_t>(bytes), PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return pages == MAP_FAILED ? nullptr : static_cast<std::byte*>(pages);
}

}  // namespace

// The cached buffer of the array if it is free, otherwise another one.
class ArrayParts::Buffer {
 public:
  explicit Buffer(const ArrayParts& parts)
      : parts_(parts), data_(parts.buffer_.exchange(nullptr, std::memory_order_acquire)) {
    if (data_ == nullptr) data_ = MapBuffer(parts.buffer_bytes_);
  }
  ~Buffer() {
    // Keep the buffer if none is cached.
    std::byte* none = nullptr;
    if (data_ == nullptr ||
        parts_.buffer_.compare_exchange_strong(none, data_, std::memory_order_release))
      return;
    munmap(data_, static_cast<std::size_t>(parts_.buffer_bytes_));
  }
  std::byte* data() const { return data_; }

 private:
  const ArrayParts& parts_;
  std::byte* data_;
};

absl::StatusOr<std::unique_ptr<ArrayParts>> ArrayParts::Create(int fd, const std::string& name,
                                                               Index data_offset, Index size_bytes,
                                                               ByteSwapper swapper) {
  std::unique_ptr<ArrayParts> parts(new ArrayParts);
  parts->name_ = name;
  parts->share_ = OpenFileShare::Take();
  if (!parts->share_.is_taken())
    return absl::UnimplementedError(
        absl::StrCat(name, " cannot be kept open: too many files are open already"));
  MPAIO_ASSIGN_OR_RETURN(parts->fd_, Duplicate(fd, name));
  MPAIO_ASSIGN_OR_RETURN(parts->first_stamp_, FileStamp::Of(fd, name));
  parts->data_offset_ = data_offset;
  parts->size_bytes_ = size_bytes;
  parts->swapper_ = std::move(swapper);
  const Index unit = parts->swapper_.unit_bytes();
  parts->buffer_bytes_ = std::max(kBlockBytes / unit, Index{1}) * unit;
  return parts;
}

ArrayParts::~ArrayParts() {
  if (std::byte* const buffer = buffer_.load())
    munmap(buffer, static_cast<std::size_t>(buffer_bytes_));
}

int ArrayParts::ReadFile(Index begin, std::span<std::byte> to) const {
  const Index got_bytes = ReadAt(fd_.get(), to, data_offset_ + begin);
  if (got_bytes < 0) return static_cast<int>(-got_bytes);
  return got_bytes == static_cast<Index>(to.size()) ? 0 : kTruncated;
}

int ArrayParts::Read(Index begin, std::span<std::byte> to) const {
  if (swapper_.swaps_nothing()) return ReadFile(begin, to);
  // Swap in a buffer: bytes in the file's order must never be visible in `to`, which other threads
  // and processes may be reading.
  const Buffer buffer(*this);
  if (buffer.data() == nullptr) return ENOMEM;
  const Index unit = swapper_.unit_bytes(), end = begin + static_cast<Index>(to.size());
  for (Index at = begin - begin % unit; at < end; at += buffer_bytes_) {
    const Index bytes = std::min(buffer_bytes_, CeilDivide(end - at, unit) * unit);
    if (const int failure = ReadFile(at, {buffer.data(), static_cast<std::size_t>(bytes)});
        failure != 0)
      return failure;
    swapper_.Swap(buffer.data(), bytes);
    const Index first = std::max(at, begin), last = std::min(at + bytes, end);
    std::memcpy(to.data() + (first - begin), buffer.data() + (first - at),
                static_cast<std::size_t>(last - first));
  }
  return 0;
}

absl::Status ArrayParts::StatusOf(int failure) const {
  if (failure == 0) return absl::OkStatus();
  if (failure == kTruncated)
    return absl::DataLossError(
        absl::StrCat(name_,
                     " shrank while it was read; make sure that no program writes it, and start "
                     "again"));
  if (failure != EFAULT && failure != ENOMEM)
    return ErrnoStatus(failure, absl::StrCat("cannot read ", name_));
  return absl::ResourceExhaustedError(
      absl::StrCat("shared memory ran out while ", name_,
                   " was read: another program took the memory; free some, and start again"));
}

}  // namespace mpaio
