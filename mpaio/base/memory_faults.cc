#include "mpaio/base/memory_faults.h"

#include <errno.h>
#include <signal.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>

namespace mpaio {

struct MemoryFaults::Region {
  std::atomic<std::uintptr_t> begin{0};
  std::atomic<std::uintptr_t> end{0};  // 0: free
  std::atomic<Mend> mend{nullptr};
  std::atomic<void*> owner{nullptr};
};

// What the handler of a signal looks at: no locks, no allocation.
struct MemoryFaults::Table {
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
    const Table& table = Of(signal_number);
    const auto address = reinterpret_cast<std::uintptr_t>(info->si_addr);
    for (const Region& region : table.regions) {
      const std::uintptr_t end = region.end.load(std::memory_order_acquire);
      if (address < region.begin.load(std::memory_order_relaxed) || address >= end) continue;
      const int error = errno;
      const bool is_mended = region.mend.load(std::memory_order_relaxed)(region.owner.load(std::memory_order_relaxed), static_cast<std::byte*>(info->si_addr));
      errno = error;
      if (is_mended) return;
      break;
    }
    // Somebody else's. Where nobody asked for it, returning makes the access fail again, and end the process.
    if ((table.previous.sa_flags & SA_SIGINFO) != 0) {
      table.previous.sa_sigaction(signal_number, info, context);
    } else if (table.previous.sa_handler != SIG_DFL && table.previous.sa_handler != SIG_IGN) {
      table.previous.sa_handler(signal_number);
    } else {
      signal(signal_number, SIG_DFL);
    }
  }

  std::array<Region, kMaxRegions> regions;
  std::mutex mutex;
  bool is_installed = false;
  struct sigaction previous = {};
};

std::unique_ptr<MemoryFaults> MemoryFaults::Watch(int signal_number, const std::byte* begin, std::size_t size_bytes, Mend mend, void* owner) {
  Table& table = Table::Of(signal_number);
  const std::lock_guard<std::mutex> lock(table.mutex);
  for (Region& region : table.regions) {
    if (region.end.load(std::memory_order_relaxed) != 0) continue;
    const auto first = reinterpret_cast<std::uintptr_t>(begin);
    region.mend.store(mend, std::memory_order_relaxed);
    region.owner.store(owner, std::memory_order_relaxed);
    region.begin.store(first, std::memory_order_relaxed);
    region.end.store(first + size_bytes, std::memory_order_release);
    if (!table.is_installed) table.Install(signal_number);
    return std::unique_ptr<MemoryFaults>(new MemoryFaults(&region));
  }
  return nullptr;
}

MemoryFaults::~MemoryFaults() { region_->end.store(0, std::memory_order_release); }

void KeepMemoryFaultsOnly(int signal_number) {
  // The mutex may be held by a thread that a fork does not have.
  MemoryFaults::Table& table = MemoryFaults::Table::Of(signal_number);
  if (table.is_installed) table.Install(signal_number);
  table.previous = {};
  table.previous.sa_handler = SIG_DFL;
}

}  // namespace mpaio
