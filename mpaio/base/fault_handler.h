// SPDX-License-Identifier: Apache-2.0

// Accesses to memory that fail, and can be resolved: the access is tried again then, and the
// program knows nothing of it.
#ifndef MPAIO_BASE_FAULT_HANDLER_H_
#define MPAIO_BASE_FAULT_HANDLER_H_

#include <cstddef>
#include <memory>

namespace mpaio {

// As long as it lives, accesses to a region of memory that end in a signal are given to a function.
// With the first one for a signal a handler of that signal is installed for the process; what is
// not in any region, or was sent by kill(2), is passed on to the handler that was there before, or
// is what it would have been. A system call that is given such memory does not signal: it returns
// EFAULT. Thread-safe.
class FaultHandler {
 public:
  // Mends what makes the access to `address` fail; returns whether it should be tried again. Called
  // in a signal handler, on the thread that made the access: it may call whatever that thread was
  // not in the middle of. errno is kept.
  using Resolve = bool (*)(void* owner, std::byte* address);

  static constexpr int kMaxRegions = 1024;

  // Whether any memory is watched for SIGSEGV now.
  static bool AreAnyOfSegv();

  // Of [begin, begin + size_bytes); `signal_number` is SIGSEGV or SIGBUS. Null where there are
  // kMaxRegions for that signal already.
  static std::unique_ptr<FaultHandler> Watch(int signal_number, const std::byte* begin,
                                             std::size_t size_bytes, Resolve resolve, void* owner);

  // To be called before the memory is given back: its address may be another's then. Waits for
  // calls of `resolve`.
  ~FaultHandler();
  FaultHandler(const FaultHandler&) = delete;
  FaultHandler& operator=(const FaultHandler&) = delete;

 private:
  struct Region;
  struct Table;
  FaultHandler(Region* region, Table* table) : region_(region), table_(table) {}
  friend void KeepFaultHandlerOnly(int signal_number);

  Region* region_;
  Table* table_;
};

// In a fork that has no use for its parent's handlers: of those of `signal_number` only the one for
// regions is kept, if there is one, and what is in no region ends the process.
void KeepFaultHandlerOnly(int signal_number);

}  // namespace mpaio

#endif  // MPAIO_BASE_FAULT_HANDLER_H_
