// SPDX-License-Identifier: Apache-2.0

// The memory through which a Sandbox and its child talk: a command, the child's progress, and the
// results.
#ifndef MPAIO_WORKER_SANDBOX_CHANNEL_H_
#define MPAIO_WORKER_SANDBOX_CHANNEL_H_

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "mpaio/base/index.h"
#include "mpaio/host/doorbell.h"

namespace mpaio {

// A command is posted by incrementing `commands`, and is
// answered when `answers` has the same value.
//
// Memory ordering: `commands` and `answers` are stored with release and loaded with acquire, or
// stronger: a process that sees the count also sees the command, or the answer and all results.
// When waitpid reports the child's end, all of its stores are visible. Only the records are read
// while they are written, to check the deadline; the chunk to blame is chosen after the child has
// ended, when they no longer change.
struct SandboxBoard {
  // The child's progress: `done` chunks have results, `bytes` in total, and `batch` more have been
  // in progress since `begun_ns` (steady_clock). The child writes the record that is not current,
  // then makes it current, so a child that is killed at any point leaves a complete record.
  struct Record {
    void Set(Index done_now, std::size_t bytes_now, Index batch_now, std::int64_t now_ns) {
      done.store(done_now, std::memory_order_relaxed);
      bytes.store(bytes_now, std::memory_order_relaxed);
      batch.store(batch_now, std::memory_order_relaxed);
      begun_ns.store(now_ns, std::memory_order_relaxed);
    }
    std::atomic<Index> done;
    std::atomic<std::size_t> bytes;
    std::atomic<Index> batch;
    std::atomic<std::int64_t> begun_ns;
  };

  void Publish(Index done, std::size_t bytes, Index batch, std::int64_t now_ns) {
    const std::uint64_t next = current.load(std::memory_order_relaxed) + 1;
    records[next % 2].Set(done, bytes, batch, now_ns);
    current.store(next, std::memory_order_release);
  }

  // Written by the parent. While no command is in progress, the parent also writes the current
  // record.
  alignas(kDoorbellStrideBytes) Doorbell to_child;
  std::atomic<std::uint32_t> commands;
  int job;
  ChunkId first;
  Index count;
  // Set while the parent sleeps. It sleeps on a file (the channel's bell), not a futex, so that the
  // child's end can wake it too.
  std::atomic<bool> parent_sleeps;
  // Written by the child.
  alignas(kDoorbellStrideBytes) std::atomic<std::uint32_t> answers;
  // The status text follows the results.
  int status_code;
  std::size_t text_bytes;
  alignas(kDoorbellStrideBytes) std::atomic<std::uint64_t> current;
  Record records[2];
};

// Made by the parent before it forks; the child inherits it. Position 0 is the first byte of the
// results; the text of an error follows the last result.
class SandboxChannel {
 public:
  // The first kAreaBytes of the results are in shared memory, the rest in an anonymous file. A file
  // with more than kKeptFileBytes should be emptied after the command, to free its memory.
  static constexpr std::size_t kAreaBytes = std::size_t{1} << 20;
  static constexpr std::size_t kKeptFileBytes = std::size_t{16} << 20;

  SandboxChannel() = default;
  ~SandboxChannel();
  SandboxChannel(const SandboxChannel&) = delete;
  SandboxChannel& operator=(const SandboxChannel&) = delete;

  // Clears the board for a new child; the first call makes the channel. Errors: ResourceExhausted:
  // the system refused memory or a file descriptor; may then be called again.
  absl::Status Reset();

  // Precondition: Reset() was successful.
  SandboxBoard& board() { return *board_; }
  const SandboxBoard& board() const { return *board_; }

  // --- For the child ---

  // Errors: ResourceExhausted.
  absl::Status Write(std::size_t position, const std::string& bytes);
  // Wakes the parent if it sleeps. To be called after `answers` was stored, sequentially
  // consistent.
  void WakeParent();

  // --- For the parent ---

  // True if there is space for `size_bytes` bytes at `position`.
  bool Contains(std::size_t position, std::size_t size_bytes) const;
  // Appends the bytes at `position`. Errors: Internal.
  absl::Status Read(std::size_t position, std::size_t size_bytes, std::string* out) const;
  // Returns when `command` is answered, `pidfd` is readable (unless negative), or `at_most` has
  // passed; wakes up spuriously at times.
  void SleepUntilAnswered(std::uint32_t command, int pidfd, std::chrono::nanoseconds at_most);
  // Errors: ResourceExhausted.
  absl::Status EmptyFile();

 private:
  absl::Status Map();

  SandboxBoard* board_ = nullptr;
  // Follows the board in memory.
  char* results_ = nullptr;
  int file_ = -1;
  // An eventfd through which the child wakes the parent.
  int bell_ = -1;
};

// Returns ResourceExhausted for a system call that has just failed (errno).
absl::Status SandboxSystemError(absl::string_view call);

// The time of steady_clock, which both processes share.
inline std::int64_t SandboxNowNs() {
  return std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// Spins for a few microseconds until `condition` is true. Spinning saves waking up, which is most
// of the few microseconds that a reply from another core takes.
template <typename F>
void SpinFor(const F& condition) {
  constexpr std::chrono::nanoseconds kSpin = std::chrono::microseconds(2);
  const std::int64_t until = SandboxNowNs() + kSpin.count();
  while (!condition() && SandboxNowNs() < until) {
  }
}

}  // namespace mpaio

#endif  // MPAIO_WORKER_SANDBOX_CHANNEL_H_
