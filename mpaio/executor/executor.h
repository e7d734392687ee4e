// SPDX-License-Identifier: Apache-2.0

// What runs chunks: a pool of ranks, their messages and their shared memory. Made by the user, and
// injected.
//
// Terms: rank 0 is the orchestrator, the other ranks are worker ranks; a node is the ranks that
// share memory. Every rank of a pool has an Executor of its own, and the calls marked collective
// are made by all of them in the same order.
#ifndef MPAIO_EXECUTOR_EXECUTOR_H_
#define MPAIO_EXECUTOR_EXECUTOR_H_

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "mpaio/base/index.h"
#include "mpaio/supervision/lost_rank.h"
#include "mpaio/transport/transport.h"

namespace mpaio {

// When the system puts memory behind the pages of what is allocated.
enum class PagePolicy {
  // At once, the node's ranks in parallel: touching it cannot fail later.
  kNow,
  // Piece by piece, by SharedMemory::Populate, or by system calls that write to it and say if there
  // is none (read() gives EFAULT). A plain store to a page for which there is no memory left is
  // fatal (SIGBUS). For what is written once from front to end: a page that was just zeroed is
  // still in the cache when it is written to.
  kWhenWritten,
  // The same, at any time later: as long as there is none behind it, room is kept for it when more
  // is allocated.
  kOnDemand,
};

// Memory that the ranks of one node share; each node has its own. Owned by the executor that
// allocated it: valid until that is closed.
class SharedMemory {
 public:
  virtual ~SharedMemory() = default;

  // Aligned to a page (so to 64 bytes too). The same bytes have different addresses in different
  // ranks.
  std::byte* data() const { return data_; }
  Index size_bytes() const { return size_bytes_; }
  // Whether it gets huge pages, if there are any left.
  bool has_huge_pages() const { return has_huge_pages_; }

  // Collective over the node. Memory ordering: what any rank of the node stored before its call is
  // seen by every rank after its call. An error is this rank's alone: the others do not wait for it
  // here, but have to be told (Executor::Agree).
  virtual absl::Status Synchronize() = 0;

  // Memory behind the pages that [begin, end) lies in, now. Not collective. Errors:
  // ResourceExhausted where there is none left. Precondition: 0 <= begin <= end <= size_bytes().
  absl::Status Populate(Index begin, Index end);

  // This rank may read and store again, whatever was done to its mapping.
  absl::Status AllowStores();

  // From here on a store to this memory by this rank is a fault (SIGSEGV). Not collective: each
  // rank protects its own mapping.
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

// How much of these has no memory behind it yet.
Index UnpopulatedBytes(const std::vector<const SharedMemory*>& memories);

class Executor {
 public:
  virtual ~Executor() = default;

  virtual int rank() const = 0;
  virtual int size() const = 0;
  // The node this rank is on, from 0 in the order of the nodes' lowest ranks; rank 0 is on node 0.
  virtual int node() const = 0;
  virtual int num_nodes() const = 0;
  // This rank among those of its node.
  virtual int node_rank() const = 0;
  virtual int node_size() const = 0;
  // The node that another rank is on.
  virtual int node_of(int rank) const = 0;
  // The host's name, for messages and reports.
  virtual std::string host() const = 0;

  // Whether rank 0 processes chunks too when it has nothing to dispatch or collect.
  virtual bool orchestrator_works() const = 0;

  // Whether a chunk may be processed in a fork of this process: not where ranks are threads.
  virtual bool can_isolate() const { return false; }

  // This rank's end of the pool's messages. One run at a time uses it.
  virtual Transport& transport() = 0;

  // kControlBytes for each rank of the node, in the order of their node_rank, shared by them,
  // zeroed when the pool was made and aligned to so many bytes: what a run's ranks say to each
  // other without messages. Null where a node has one rank, or had no room for it.
  static constexpr Index kControlBytes = 128;
  virtual std::byte* control() = 0;

  // Collective over the pool: `size_bytes` of memory on each node, zero-filled. `page_policy` is a
  // wish: memory may also be backed before it is written. Errors, the same on every rank:
  // InvalidArgument where `size_bytes` is negative; ResourceExhausted where a node has not the
  // room; the message says what is wanted, what is there and how to get more; Aborted where a rank
  // has been lost.
  virtual absl::StatusOr<SharedMemory*> Allocate(Index size_bytes, PagePolicy page_policy) = 0;
  absl::StatusOr<SharedMemory*> Allocate(Index size_bytes) {
    return Allocate(size_bytes, PagePolicy::kNow);
  }

  // Collective over the pool's living: OK if every rank says OK; else the status of the lowest rank
  // that does not, on every rank. No rank returns before all have called.
  virtual absl::Status Agree(const absl::Status& mine) = 0;

  // Collective over the pool's living: rank 0's bytes on every rank.
  virtual absl::Status Broadcast(std::string* bytes) = 0;

  // A pool may outlive its ranks, all but rank 0: where it can, a rank that dies after it has
  // called EnableFaultTolerance no longer ends the job. It then takes part in nothing: Agree and
  // Broadcast go on without it, nothing is sent to it, and memory can no longer be allocated. Not
  // collective.
  virtual void EnableFaultTolerance() {}
  // On rank 0: those that have been lost since the last call. Cheap enough to be called every
  // millisecond; not in every loop.
  virtual std::vector<LostRank> PollLostRanks() { return {}; }
  // On rank 0: whether it has been lost, as far as PollLostRanks has told.
  virtual bool is_lost(int) const { return false; }
  // On rank 0: whether its process has been stopped and does nothing, as far as is known since the
  // last PollLostRanks.
  virtual bool is_stopped(int) const { return false; }
  // On rank 0: ends a rank that does not answer. PollLostRanks tells when it is gone. False where
  // the pool cannot.
  virtual bool TerminateRank(int) { return false; }

  // Whether a collective call has failed on this rank in a way that the others do not know of: they
  // may wait for it for ever, and all further collective calls fail here. Abort is what is left. Of
  // a run's messages Run::is_broken tells.
  virtual bool is_broken() const { return false; }

  // Ends every rank's process at once, for when the pool's messages are broken and nothing orderly
  // can be done. Not collective.
  [[noreturn]] virtual void Abort(int exit_status) = 0;

  // Collective over the pool: frees what was allocated and ends the transport; where the pool is
  // broken, on this rank alone. Idempotent; called by the destructor of those that need it, which
  // cannot tell whether it is_broken() now.
  virtual absl::Status Close() = 0;
};

// The name of this host.
std::string HostName();

}  // namespace mpaio

#endif  // MPAIO_EXECUTOR_EXECUTOR_H_
