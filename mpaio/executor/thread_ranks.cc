// SPDX-License-Identifier: Apache-2.0
#include "mpaio/executor/thread_ranks.h"

#include <algorithm>
#include <barrier>
#include <cstdlib>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "mpaio/base/status_macros.h"
#include "mpaio/executor/anonymous_memory.h"
#include "mpaio/transport/in_process_transport.h"

namespace mpaio {
namespace {

struct alignas(Executor::kControlBytes) Control {
  std::byte bytes[Executor::kControlBytes] = {};
};

// State shared by the ranks. Between two barriers each field is either written by its owner alone
// or only read; `lost` is protected by `mutex`.
struct Pool {
  explicit Pool(int size, const ThreadRanksOptions& options)
      : size(size),
        num_nodes(std::min(size, options.num_nodes)),
        options(options),
        barrier(size),
        statuses(static_cast<std::size_t>(size)),
        memories(static_cast<std::size_t>(num_nodes)),
        controls(static_cast<std::size_t>(num_nodes)) {
    for (std::vector<Control>& control : controls) control.resize(static_cast<std::size_t>(size));
  }
  const int size;
  const int num_nodes;  // every node has a rank
  const ThreadRanksOptions options;
  std::barrier<> barrier;
  std::vector<absl::Status> statuses;
  std::string broadcast;
  // By node: the allocations, in order.
  std::vector<std::vector<std::unique_ptr<SharedMemory>>> memories;
  std::vector<std::vector<Control>> controls;
  std::mutex mutex;
  std::vector<LostRank> lost;  // not reported yet
};

// The pages belong to the pool; each rank has its own handle, whose Synchronize waits for all ranks
// (more than its node, which is harmless).
class ThreadMemory final : public SharedMemory {
 public:
  ThreadMemory(const SharedMemory& memory, Index size_bytes, Pool* pool)
      : SharedMemory(memory.data(), size_bytes, memory.has_huge_pages()), pool_(pool) {}
  absl::Status Synchronize() override {
    pool_->barrier.arrive_and_wait();
    return absl::OkStatus();
  }

 private:
  Pool* pool_;
};

class ThreadExecutor final : public Executor {
 public:
  ThreadExecutor(Pool* pool, int rank, std::unique_ptr<Transport> transport)
      : pool_(pool), rank_(rank), transport_(std::move(transport)) {}

  int rank() const override { return rank_; }
  int size() const override { return pool_->size; }
  int node() const override { return rank_ % num_nodes(); }
  int num_nodes() const override { return pool_->num_nodes; }
  int node_rank() const override { return rank_ / num_nodes(); }
  int node_size() const override { return (pool_->size - node() + num_nodes() - 1) / num_nodes(); }
  int node_of(int rank) const override { return rank % num_nodes(); }
  std::string host() const override { return HostName(); }
  bool orchestrator_works() const override {
    return pool_->options.orchestrator_works || pool_->size == 1;
  }
  Transport& transport() override { return *transport_; }
  std::byte* control() override {
    return node_size() == 1 ? nullptr
                            : pool_->controls[static_cast<std::size_t>(node())].front().bytes;
  }

  using Executor::Allocate;
  absl::StatusOr<SharedMemory*> Allocate(Index size_bytes, PagePolicy) override {
    absl::Status status;
    std::vector<std::unique_ptr<SharedMemory>>& memories =
        pool_->memories[static_cast<std::size_t>(node())];
    if (node_rank() == 0) {
      absl::StatusOr<std::unique_ptr<SharedMemory>> memory = MapAnonymousMemory(size_bytes);
      status = memory.status();
      memories.push_back(memory.ok() ? *std::move(memory) : nullptr);
    }
    MPAIO_RETURN_IF_ERROR(Agree(status));
    handles_.push_back(std::make_unique<ThreadMemory>(*memories.back(), size_bytes, pool_));
    pool_->barrier.arrive_and_wait();  // must precede a call that grows `memories`
    return handles_.back().get();
  }

  absl::Status Agree(const absl::Status& mine) override {
    pool_->statuses[static_cast<std::size_t>(rank_)] = mine;
    pool_->barrier.arrive_and_wait();
    // Each rank gets a separate copy, as if from a message. Copies of a Status share their
    // contents, and the thread sanitizer does not see the reference counting of an Abseil that is
    // built without it.
    absl::Status first;
    for (const absl::Status& status : pool_->statuses) {
      if (first.ok() && !status.ok()) first = absl::Status(status.code(), status.message());
    }
    pool_->barrier.arrive_and_wait();
    return first;
  }

  absl::Status Broadcast(std::string* bytes) override {
    if (rank_ == 0) pool_->broadcast = *bytes;
    pool_->barrier.arrive_and_wait();
    *bytes = pool_->broadcast;
    pool_->barrier.arrive_and_wait();
    return absl::OkStatus();
  }

  std::vector<LostRank> PollLostRanks() override {
    std::vector<LostRank> lost;
    if (rank_ == 0) {
      const std::lock_guard lock(pool_->mutex);
      lost.swap(pool_->lost);
    }
    for (const LostRank& one : lost) {
      is_lost_.push_back(one.rank);
      transport_->Abandon(one.rank);
    }
    return lost;
  }
  bool is_lost(int rank) const override {
    return std::find(is_lost_.begin(), is_lost_.end(), rank) != is_lost_.end();
  }
  void Die(std::string cause) {
    {
      const std::lock_guard lock(pool_->mutex);
      pool_->lost.push_back({rank_, std::move(cause)});
    }
    pool_->statuses[static_cast<std::size_t>(rank_)] = absl::OkStatus();
    pool_->barrier.arrive_and_drop();
  }

  [[noreturn]] void Abort(int exit_status) override { std::_Exit(exit_status); }
  absl::Status Close() override { return transport_->Close(); }

 private:
  Pool* pool_;
  int rank_;
  std::unique_ptr<Transport> transport_;
  std::vector<std::unique_ptr<SharedMemory>> handles_;
  std::vector<int> is_lost_;  // on rank 0, as reported by PollLostRanks
};

}  // namespace

void Lose(Executor& executor, std::string cause) {
  static_cast<ThreadExecutor&>(executor).Die(std::move(cause));
}

void RunOnThreads(int size, const ThreadRanksOptions& options,
                  const std::function<void(Executor&)>& body) {
  Pool pool(size, options);
  std::vector<std::unique_ptr<Transport>> transports =
      MakeInProcessTransports(size, options.orchestrator_works);
  std::vector<std::thread> threads;
  for (int rank = 0; rank < size; ++rank) {
    std::unique_ptr<Transport> transport = std::move(transports[static_cast<std::size_t>(rank)]);
    if (options.wrap_transport) transport = options.wrap_transport(std::move(transport));
    threads.emplace_back([&pool, &body, rank, transport = std::move(transport)]() mutable {
      ThreadExecutor executor(&pool, rank, std::move(transport));
      body(executor);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace mpaio
