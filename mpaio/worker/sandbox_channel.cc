// SPDX-License-Identifier: Apache-2.0
#include "mpaio/worker/sandbox_channel.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <new>

#include "absl/strings/str_cat.h"
#include "mpaio/base/status_macros.h"

namespace mpaio {
namespace {

constexpr std::size_t kBoardBytes = 4096;
static_assert(sizeof(SandboxBoard) <= kBoardBytes);

}  // namespace

absl::Status SandboxSystemError(absl::string_view call) {
  return absl::ResourceExhaustedError(
      absl::StrCat("cannot isolate Process: ", call, ": ", strerror(errno)));
}

SandboxChannel::~SandboxChannel() {
  if (board_ != nullptr) munmap(board_, kBoardBytes + kAreaBytes);
  for (const int file : {file_, bell_}) {
    if (file >= 0) close(file);
  }
}

absl::Status SandboxChannel::Map() {
  if (file_ < 0) file_ = memfd_create("mpaio-results", MFD_CLOEXEC);
  if (file_ < 0) return SandboxSystemError("memfd_create");
  if (bell_ < 0) bell_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (bell_ < 0) return SandboxSystemError("eventfd");
  void* const memory = mmap(nullptr, kBoardBytes + kAreaBytes, PROT_READ | PROT_WRITE,
                            MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return SandboxSystemError("mmap");
  board_ = static_cast<SandboxBoard*>(memory);
  results_ = static_cast<char*>(memory) + kBoardBytes;
  return absl::OkStatus();
}

absl::Status SandboxChannel::Reset() {
  if (board_ == nullptr) MPAIO_RETURN_IF_ERROR(Map());
  new (board_) SandboxBoard();
  return absl::OkStatus();
}

absl::Status SandboxChannel::Write(std::size_t position, const std::string& bytes) {
  std::size_t written = 0;
  if (position < kAreaBytes) {
    written = std::min(bytes.size(), kAreaBytes - position);
    std::memcpy(results_ + position, bytes.data(), written);
  }
  while (written < bytes.size()) {
    const ssize_t more = pwrite(file_, bytes.data() + written, bytes.size() - written,
                                static_cast<off_t>(position + written - kAreaBytes));
    if (more < 0 && errno == EINTR) continue;
    if (more <= 0) {
      return absl::ResourceExhaustedError(absl::StrCat("cannot store a result of ", bytes.size(),
                                                       " bytes: ", strerror(errno),
                                                       "; use smaller chunks"));
    }
    written += static_cast<std::size_t>(more);
  }
  return absl::OkStatus();
}

void SandboxChannel::WakeParent() {
  if (!board_->parent_sleeps.load(std::memory_order_seq_cst)) return;
  const std::uint64_t ring = 1;
  [[maybe_unused]] const ssize_t rung = write(bell_, &ring, sizeof(ring));
}

bool SandboxChannel::Contains(std::size_t position, std::size_t size_bytes) const {
  if (position <= kAreaBytes && size_bytes <= kAreaBytes - position) return true;
  struct stat file = {};
  if (fstat(file_, &file) != 0) return false;
  const std::size_t capacity = kAreaBytes + static_cast<std::size_t>(file.st_size);
  return position <= capacity && size_bytes <= capacity - position;
}

absl::Status SandboxChannel::Read(std::size_t position, std::size_t size_bytes,
                                  std::string* out) const {
  if (position < kAreaBytes) {
    const std::size_t in_area = std::min(size_bytes, kAreaBytes - position);
    if (size_bytes > in_area) out->reserve(out->size() + size_bytes);
    out->append(results_ + position, in_area);
    position += in_area;
    size_bytes -= in_area;
  }
  if (size_bytes == 0) return absl::OkStatus();
  const std::size_t before = out->size();
  out->resize(before + size_bytes);
  for (std::size_t done = 0; done < size_bytes;) {
    const ssize_t got = pread(file_, out->data() + before + done, size_bytes - done,
                              static_cast<off_t>(position - kAreaBytes + done));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0)
      return absl::InternalError(absl::StrCat("cannot read a result from memory: ",
                                              got < 0 ? strerror(errno) : "it ends too early"));
    done += static_cast<std::size_t>(got);
  }
  return absl::OkStatus();
}

void SandboxChannel::SleepUntilAnswered(std::uint32_t command, int pidfd,
                                        std::chrono::nanoseconds at_most) {
  // Sequentially consistent on both sides: either the child sees that the parent sleeps, or the
  // parent sees the child's answer (Dekker's pattern).
  board_->parent_sleeps.store(true, std::memory_order_seq_cst);
  if (board_->answers.load(std::memory_order_seq_cst) != command) {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(at_most);
    const timespec bound{static_cast<time_t>(seconds.count()),
                         static_cast<long>((at_most - seconds).count())};
    // poll ignores negative file descriptors.
    pollfd files[] = {{bell_, POLLIN, 0}, {pidfd, POLLIN, 0}};
    std::uint64_t rings = 0;
    if (ppoll(files, 2, &bound, nullptr) > 0 && files[0].revents != 0) {
      [[maybe_unused]] const ssize_t size = read(bell_, &rings, sizeof(rings));
    }
  }
  board_->parent_sleeps.store(false, std::memory_order_relaxed);
}

absl::Status SandboxChannel::EmptyFile() {
  return ftruncate(file_, 0) == 0 ? absl::OkStatus() : SandboxSystemError("ftruncate");
}

}  // namespace mpaio
