// SPDX-License-Identifier: Apache-2.0

// How a rank that sleeps is woken by another of its node: a futex in memory that they share.
#ifndef MPAIO_BASE_DOORBELL_H_
#define MPAIO_BASE_DOORBELL_H_

#include <atomic>
#include <chrono>
#include <cstdint>

namespace mpaio {

// Lies in memory that all who use it share, processes or threads. Zeroed memory is a bell that
// nobody has rung.
//
// The sleeper: heard = Heard(); looks whether there is something to do; if not, Sleep(heard, ...).
// Whoever gives it something to do: first does so, then rings. Then the sleeper either has found
// it, or wakes: a ring after Heard() ends the sleep, also one before it began.
//
// Memory ordering: what was stored before Ring() is seen after the Heard() that counts it. Ringing
// where nobody sleeps is two atomic operations, no call of the kernel. If a sleeper dies in its
// sleep, ringing costs that call from then on, and nothing else.
class Doorbell {
 public:
  void Ring();

  // Whether somebody sleeps, or did so when it died.
  bool HasSleeper() const { return sleepers_.load(std::memory_order_seq_cst) != 0; }

  std::uint32_t Heard() const { return rings_.load(std::memory_order_acquire); }

  // Until the bell rings, or has rung since Heard() gave `heard`, or `at_most` has passed; at times
  // without a reason.
  void Sleep(std::uint32_t heard, std::chrono::nanoseconds at_most);

 private:
  std::atomic<std::uint32_t> rings_;
  std::atomic<std::uint32_t> sleepers_;
};
static_assert(std::atomic<std::uint32_t>::is_always_lock_free, "a futex is a plain 32-bit word");

// What each is given of shared memory, so that two do not share a cache line (or the pair of them
// that processors fetch).
inline constexpr int kDoorbellStrideBytes = 128;

}  // namespace mpaio

#endif  // MPAIO_BASE_DOORBELL_H_
