// SPDX-License-Identifier: Apache-2.0

// The pool that processes chunks: its ranks, their messages and their shared memory. The user
// creates it and passes it to the orchestrator.
//
// Terms: rank 0 is the orchestrator, the other ranks are worker ranks; a node is the set of ranks
// that share memory. Every rank of a pool has an Executor of its own. All ranks make the calls
// marked collective, in the same order.
#ifndef MPAIO_EXECUTOR_EXECUTOR_H_
#define MPAIO_EXECUTOR_EXECUTOR_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "mpaio/base/index.h"
#include "mpaio/executor/input_guard.h"
#include "mpaio/supervision/lost_rank.h"
#include "mpaio/transport/transport.h"

namespace mpaio {

// When the system populates (puts memory behind) the pages of an allocation.
enum class PagePolicy {
  // At once, by the node's ranks in parallel: touching the memory cannot fail later.
  kNow,
  // Piece by piece, by SharedMemory::Populate, or by system calls that write to the memory and
  // report a lack of memory (read() gives EFAULT). A plain store to a page for which no memory is
  // left is fatal (SIGBUS). Meant for memory that is written once from front to end: a page that
  // was just zeroed is still in the cache when it is written.
  kWhenWritten,
  // As kWhenWritten, at any later time: further allocations leave enough memory for the pages that
  // are not populated yet.
  kOnDemand,
};

// Memory that the ranks of one node share; each node has its own. Owned by the executor that
// allocated it: valid until the executor is closed.
class SharedMemory {
 public:
  virtual ~SharedMemory() = default;

  // Aligned to a page (hence also to 64 bytes). The same bytes have different addresses in
  // different ranks, except in a pool of threads (thread_pool.h), whose ranks share one mapping.
  std::byte* data() const { return data_; }
  Index size_bytes() const { return size_bytes_; }
  // True if it gets huge pages as long as any are left.
  bool has_huge_pages() const { return has_huge_pages_; }

  // Collective over the node. Memory ordering: stores by any rank of the node before its call are
  // visible to every rank after its call. An error is local to this rank: the other ranks do not
  // learn of it here, so the caller must inform them (Executor::Agree).
  virtual absl::Status Synchronize() = 0;

  // Populates the pages of [begin, end). Not collective. Errors: ResourceExhausted where no memory
  // is left. Precondition: 0 <= begin <= end <= size_bytes().
  absl::Status Populate(Index begin, Index end);

  // Lets this rank read and store again, however its mapping was protected. Not collective. Errors:
  // Internal (mprotect).
  absl::Status AllowStores();

  // Makes every later store by this rank to this memory a fault (SIGSEGV). Not collective: each
  // rank protects its own mapping. Errors: Internal (mprotect).
  absl::Status ProtectReadOnly();

 protected:
  SharedMemory(std::byte* data, Index size_bytes, bool has_huge_pages)
      : data_(data), size_bytes_(size_bytes), has_huge_pages_(has_huge_pages) {}
  void Detach() {
    data_ = nullptr;
    size_bytes_ = 0;
  }

 private:
  absl::Status Protect(int how);

  std::byte* data_;
  Index size_bytes_;
  bool has_huge_pages_;
};

// Returns how many bytes of `memories` are not populated yet.
Index UnpopulatedBytes(const std::vector<const SharedMemory*>& memories);

class Executor {
 public:
  virtual ~Executor() = default;

  virtual int rank() const = 0;
  virtual int size() const = 0;
  // This rank's node. Nodes are numbered from 0 in the order of their lowest ranks; rank 0 is on
  // node 0.
  virtual int node() const = 0;
  virtual int num_nodes() const = 0;
  // This rank's number among the ranks of its node.
  virtual int node_rank() const = 0;
  virtual int node_size() const = 0;
  // The node of another rank.
  virtual int node_of(int rank) const = 0;
  // The host's name, for messages and reports.
  virtual std::string host() const = 0;

  // True if rank 0 also processes chunks when it has nothing to dispatch or collect.
  virtual bool orchestrator_works() const = 0;

  // True if a chunk may be processed in a fork of this process. False where ranks are threads.
  virtual bool can_isolate() const { return false; }

  // True if the other ranks are threads that use rank 0's worker objects (thread_pool.h).
  virtual bool shares_workers() const { return false; }

  // This rank's end of the pool's messages. One run at a time uses it.
  virtual Transport& transport() = 0;

  // Memory through which a run's ranks communicate without messages: kControlBytes for each rank of
  // the node, in the order of their node_rank, shared by the node, zeroed when the pool is made,
  // and aligned to kControlBytes. Null where a node has one rank, or had no memory left for it.
  static constexpr Index kControlBytes = 128;
  virtual std::byte* control() = 0;

  // Collective over the pool. Allocates `size_bytes` of memory on each node, zero-filled.
  // `page_policy` is a hint: pages may also be populated earlier. Errors, the same on every rank:
  // InvalidArgument where `size_bytes` is negative; ResourceExhausted where a node lacks the memory
  // (the message has the size wanted, the size available and how to get more); Aborted where a rank
  // has been lost.
  virtual absl::StatusOr<SharedMemory*> Allocate(Index size_bytes, PagePolicy page_policy) = 0;
  absl::StatusOr<SharedMemory*> Allocate(Index size_bytes) {
    return Allocate(size_bytes, PagePolicy::kNow);
  }

  // Makes every later run on this executor ask the guard, as long as the guard exists. The ranks of
  // a thread pool ask the guards of rank 0. Not collective. Thread-safe.
  void AddInputGuard(std::weak_ptr<const InputGuard> guard) {
    input_guards_->Add(std::move(guard));
  }
  InputGuardList input_guards() const { return input_guards_->List(); }

  // Collective over the pool's living ranks. Returns OK if every rank passes OK; else, on every
  // rank, the status of the lowest rank that does not. No rank returns before all have called.
  virtual absl::Status Agree(const absl::Status& mine) = 0;

  // Collective over the pool's living ranks. Copies rank 0's bytes to every rank. An error means
  // that this rank's messages failed; see is_broken().
  virtual absl::Status Broadcast(std::string* bytes) = 0;

  // On rank 0, not collective. For pools whose other ranks run no program of their own
  // (thread_pool.h): calls `serve` on each other living rank, with the executor of that rank, and
  // returns at once. Does nothing in other pools, where each rank's program takes part in a run
  // itself. `serve` must not throw; an error that it returns means that the rank no longer
  // communicates: PollLostRanks reports it. Memory ordering: what precedes the call is visible to
  // `serve`. Errors: FailedPrecondition where JoinOtherRanks has not been called since the former
  // call, or the pool is closed; then nothing is called.
  virtual absl::Status ServeOnOtherRanks(std::function<absl::Status(Executor&)>) {
    return absl::OkStatus();
  }
  // Returns the error that ServeOnOtherRanks would return now.
  virtual absl::Status CheckCanServe() { return absl::OkStatus(); }
  // On rank 0: returns when no `serve` is running any more. Called when the messages of the ranks
  // have been received. Memory ordering: what `serve` did is visible after the call.
  virtual void JoinOtherRanks() {}

  // Where the pool supports it, the death of a rank other than 0 that has called
  // EnableFaultTolerance no longer ends the job. The dead rank then takes part in nothing: Agree
  // and Broadcast continue without it, nothing is sent to it, and memory can no longer be
  // allocated. Not collective.
  virtual void EnableFaultTolerance() {}
  // On rank 0: returns the ranks lost since the last call. Each call costs a system call, so call
  // it at most every millisecond.
  virtual std::vector<LostRank> PollLostRanks() { return {}; }
  // On rank 0: true if PollLostRanks has reported the rank lost.
  virtual bool is_lost(int) const { return false; }
  // On rank 0: true if the rank's process is stopped (SIGSTOP), as of the last PollLostRanks.
  virtual bool is_stopped(int) const { return false; }
  // On rank 0: ends a rank that does not answer. PollLostRanks reports when it is gone. Returns
  // false where the pool does not support this.
  virtual bool TerminateRank(int) { return false; }

  // True if a collective call has failed on this rank without the other ranks knowing: they may
  // wait for this rank forever, and all further collective calls fail here. Only Abort is left.
  // Run::is_broken is the same for a run's messages.
  virtual bool is_broken() const { return false; }

  // Ends every rank's process at once. Meant for a pool whose messages are broken, where no orderly
  // end is possible. Not collective.
  [[noreturn]] virtual void Abort(int exit_status) = 0;

  // Collective over the pool; not collective where the pool is broken. Frees the allocated memory
  // (a thread pool with an active run: when the run has ended) and ends the transport. Idempotent.
  // Implementations that need Close call it in their destructor, which cannot report errors or
  // is_broken().
  virtual absl::Status Close() = 0;

 protected:
  // Uses the guards of `other` from now on.
  void ShareInputGuards(const Executor& other) { input_guards_ = other.input_guards_; }

 private:
  std::shared_ptr<InputGuards> input_guards_ = std::make_shared<InputGuards>();
};

// Returns the name of this host.
std::string HostName();

}  // namespace mpaio

#endif  // MPAIO_EXECUTOR_EXECUTOR_H_
