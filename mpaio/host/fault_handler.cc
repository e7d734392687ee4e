// SPDX-License-Identifier: Apache-2.0
#include "mpaio/host/fault_handler.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>

namespace mpaio {

struct FaultHandler::Region {
  std::atomic<std::uintptr_t> begin{0};
  std::atomic<std::uintptr_t> end{0};  // 0: free
  std::atomic<Resolve> resolve{nullptr};
  std::atomic<void*> owner{nullptr};
  std::atomic<int> callers{0};
};

// The regions of one signal. The signal handler reads them without a lock and without allocation.
struct FaultHandler::Table {
  static Table& Of(int signal_number) {
    static Table of_segv, of_bus;
    return signal_number == SIGSEGV ? of_segv : of_bus;
  }

  // Precondition: `mutex` is held.
  void Install(int signal_number) {
    struct sigaction action = {};
    action.sa_sigaction = OnSignal;
    action.sa_flags = SA_SIGINFO;
    sigemptyset(&action.sa_mask);
    sigaction(signal_number, &action, &previous);
    is_installed = true;
  }

  static void OnSignal(int signal_number, siginfo_t* info, void* context) {
    Table& table = Of(signal_number);
    // A signal that was sent has no address, and no access to retry.
    const bool is_sent = info->si_code <= 0;
    if (!is_sent && table.TryResolve(static_cast<std::byte*>(info->si_addr))) return;
    const struct sigaction before = table.previous;
    if ((before.sa_flags & static_cast<int>(SA_RESETHAND)) != 0) table.previous = {};
    if ((before.sa_flags & SA_SIGINFO) != 0) {
      before.sa_sigaction(signal_number, info, context);
    } else if (before.sa_handler == SIG_IGN && is_sent) {
      return;
    } else if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN) {
      before.sa_handler(signal_number);
    } else {
      // On return the access fails again, and ends the process.
      signal(signal_number, SIG_DFL);
      if (is_sent) raise(signal_number);
    }
  }

  bool TryResolve(std::byte* accessed) {
    const auto address = reinterpret_cast<std::uintptr_t>(accessed);
    const int error = errno;
    bool is_resolved = false;
    for (Region& region : regions) {
      if (address < region.begin.load(std::memory_order_relaxed) ||
          address >= region.end.load(std::memory_order_relaxed))
        continue;
      // Count this call first, then check the region again: ~FaultHandler has either removed the
      // region, or waits for this call (Dekker's pattern).
      region.callers.fetch_add(1, std::memory_order_seq_cst);
      const bool is_here = address < region.end.load(std::memory_order_seq_cst) &&
                           address >= region.begin.load(std::memory_order_relaxed);
      if (is_here)
        is_resolved = region.resolve.load(std::memory_order_relaxed)(
            region.owner.load(std::memory_order_relaxed), accessed);
      region.callers.fetch_sub(1, std::memory_order_release);
      if (is_here) break;
    }
    errno = error;
    return is_resolved;
  }

  std::array<Region, kMaxRegions> regions;
  std::atomic<int> num_regions{0};
  std::mutex mutex;
  bool is_installed = false;
  struct sigaction previous = {};
};

std::unique_ptr<FaultHandler> FaultHandler::Watch(int signal_number, const std::byte* begin,
                                                  std::size_t size_bytes, Resolve resolve,
                                                  void* owner) {
  Table& table = Table::Of(signal_number);
  const std::lock_guard<std::mutex> lock(table.mutex);
  for (Region& region : table.regions) {
    if (region.end.load(std::memory_order_relaxed) != 0) continue;
    const auto first = reinterpret_cast<std::uintptr_t>(begin);
    region.resolve.store(resolve, std::memory_order_relaxed);
    region.owner.store(owner, std::memory_order_relaxed);
    region.begin.store(first, std::memory_order_relaxed);
    region.end.store(first + size_bytes, std::memory_order_seq_cst);
    table.num_regions.fetch_add(1, std::memory_order_relaxed);
    if (!table.is_installed) table.Install(signal_number);
    return std::unique_ptr<FaultHandler>(new FaultHandler(&region, &table));
  }
  return nullptr;
}

FaultHandler::~FaultHandler() {
  // The lock keeps the region from being reused before the last caller has left.
  const std::lock_guard<std::mutex> lock(table_->mutex);
  region_->end.store(0, std::memory_order_seq_cst);
  while (region_->callers.load(std::memory_order_seq_cst) != 0) sched_yield();
  table_->num_regions.fetch_sub(1, std::memory_order_relaxed);
}

bool FaultHandler::AreAnyOfSegv() {
  return Table::Of(SIGSEGV).num_regions.load(std::memory_order_relaxed) > 0;
}

void KeepFaultHandlerOnly(int signal_number) {
  // Without the lock: the mutex may be held by a thread that does not exist in a forked child.
  FaultHandler::Table& table = FaultHandler::Table::Of(signal_number);
  if (table.is_installed) table.Install(signal_number);
  table.previous = {};
  table.previous.sa_handler = SIG_DFL;
}

}  // namespace mpaio
