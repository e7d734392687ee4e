// SPDX-License-Identifier: Apache-2.0

// Handles accesses to memory that is not accessible yet: a function makes it accessible, and the
// access is retried, invisibly to the program.
#ifndef MPAIO_HOST_FAULT_HANDLER_H_
#define MPAIO_HOST_FAULT_HANDLER_H_

#include <cstddef>
#include <memory>

namespace mpaio {

// While a FaultHandler lives, a function handles the accesses to a region of memory that raise a
// signal. The first FaultHandler for a signal installs a handler of that signal for the process.
// Faults outside of all regions, and signals sent by kill(2), are passed on to the previous
// handler, or have the effect that they would have without this one. A system call that accesses
// the region raises no signal: it fails with EFAULT. Thread-safe.
class FaultHandler {
 public:
  // Resolves the failed access to `address`. Returns true if the access should be retried. Called
  // in a signal handler, on the thread that made the access: it may call any function that the
  // thread was not executing at that time. errno is preserved.
  using Resolve = bool (*)(void* owner, std::byte* address);

  static constexpr int kMaxRegions = 1024;

  // True if any memory is watched for SIGSEGV now.
  static bool AreAnyOfSegv();

  // Watches [begin, begin + size_bytes); `signal_number` is SIGSEGV or SIGBUS. `owner` is passed to
  // `resolve`. Returns null if kMaxRegions are watched for that signal already.
  static std::unique_ptr<FaultHandler> Watch(int signal_number, const std::byte* begin,
                                             std::size_t size_bytes, Resolve resolve, void* owner);

  // Must run before the memory is released, since its address may be reused then. Waits until all
  // running calls of `resolve` have returned.
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

// For a forked child that must not run its parent's handlers of `signal_number`: keeps only the
// handler for regions, if it is installed, so that a fault outside of all regions ends the process.
void KeepFaultHandlerOnly(int signal_number);

}  // namespace mpaio

#endif  // MPAIO_HOST_FAULT_HANDLER_H_
