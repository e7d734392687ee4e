// SPDX-License-Identifier: Apache-2.0
#include "mpaio/host/doorbell.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <limits>

namespace mpaio {
namespace {

// Not FUTEX_PRIVATE_FLAG: the word is shared by processes.
long Futex(std::atomic<std::uint32_t>* word, int operation, std::uint32_t value,
           const timespec* timeout) {
  return syscall(SYS_futex, reinterpret_cast<std::uint32_t*>(word), operation, value, timeout,
                 nullptr, 0);
}

}  // namespace

// Sequentially consistent on both sides: either the ringer sees the sleeper, or the sleeper sees
// the ring (Dekker's pattern).
void Doorbell::Ring() {
  rings_.fetch_add(1, std::memory_order_seq_cst);
  if (sleepers_.load(std::memory_order_seq_cst) != 0)
    Futex(&rings_, FUTEX_WAKE, std::numeric_limits<std::int32_t>::max(), nullptr);
}

void Doorbell::Sleep(std::uint32_t heard, std::chrono::nanoseconds timeout) {
  if (timeout.count() <= 0) return;
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(timeout);
  const timespec bound{static_cast<time_t>(seconds.count()),
                       static_cast<long>((timeout - seconds).count())};
  sleepers_.fetch_add(1, std::memory_order_seq_cst);
  // The kernel checks again that the word is still `heard`.
  if (rings_.load(std::memory_order_seq_cst) == heard) Futex(&rings_, FUTEX_WAIT, heard, &bound);
  sleepers_.fetch_sub(1, std::memory_order_seq_cst);
}

}  // namespace mpaio
