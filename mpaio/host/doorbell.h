// SPDX-License-Identifier: Apache-2.0

// Wakes a sleeping rank of the same node: a futex in shared memory.
#ifndef MPAIO_HOST_DOORBELL_H_
#define MPAIO_HOST_DOORBELL_H_

#include <atomic>
#include <chrono>
#include <cstdint>

namespace mpaio {

// Lies in memory that all its users share, processes or threads. Zeroed memory is a bell that has
// not been rung.
//
// The sleeper calls heard = Heard(), checks for work, and if there is none calls Sleep(heard, ...).
// The other side first provides the work, then calls Ring(). So the sleeper either finds the work
// or is woken: a ring after Heard() ends the sleep, even a ring before the sleep began.
//
// Memory ordering: stores before Ring() are visible after the Heard() that counts the ring. Without
// a sleeper, Ring() is two atomic operations and no system call. If a sleeper dies in its sleep,
// the only effect is that every later ring makes the system call.
class Doorbell {
 public:
  void Ring();

  // True if there is a sleeper, or if one died in its sleep.
  bool HasSleeper() const { return sleepers_.load(std::memory_order_seq_cst) != 0; }

  // The number of rings so far, modulo 2^32, for Sleep().
  std::uint32_t Heard() const { return rings_.load(std::memory_order_acquire); }

  // Sleeps until the bell rings or `timeout` has passed; returns at once if the bell has rung since
  // Heard() returned `heard`. May also return too early, without a ring.
  void Sleep(std::uint32_t heard, std::chrono::nanoseconds timeout);

 private:
  std::atomic<std::uint32_t> rings_;
  std::atomic<std::uint32_t> sleepers_;
};
static_assert(std::atomic<std::uint32_t>::is_always_lock_free, "a futex is a plain 32-bit word");

// The distance between doorbells in shared memory, so that two do not share a cache line (or the
// pair of lines that processors fetch).
inline constexpr int kDoorbellStrideBytes = 128;

}  // namespace mpaio

#endif  // MPAIO_HOST_DOORBELL_H_
