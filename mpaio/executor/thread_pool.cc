// SPDX-License-Identifier: Apache-2.0
#include "mpaio/executor/thread_pool.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <mutex>
#include <new>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "mpaio/base/status_macros.h"
#include "mpaio/executor/anonymous_memory.h"
#include "mpaio/transport/in_process_transport.h"

namespace mpaio {
namespace {

using ServeFunction = std::function<absl::Status(Executor&)>;

int CpusOfThisThread() {
  // The kernel refuses a set that is smaller than its own.
  for (int cpus = 1024; cpus <= 1 << 20; cpus *= 2) {
    const std::unique_ptr<cpu_set_t, void (*)(cpu_set_t*)> set(
        CPU_ALLOC(static_cast<std::size_t>(cpus)), [](cpu_set_t* freed) { CPU_FREE(freed); });
    const std::size_t size_bytes = CPU_ALLOC_SIZE(static_cast<std::size_t>(cpus));
    if (set != nullptr && sched_getaffinity(0, size_bytes, set.get()) == 0)
      return std::max(1, CPU_COUNT_S(size_bytes, set.get()));
    if (errno != EINVAL) break;
  }
  return static_cast<int>(std::max(1L, sysconf(_SC_NPROCESSORS_ONLN)));
}

struct alignas(Executor::kControlBytes) Control {
  std::byte bytes[Executor::kControlBytes] = {};
};

// As long as it exists, this thread, and threads that it starts, block the signals that are sent to
// the process. Faults cannot be blocked, and profilers sample every thread.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t blocked;
    sigfillset(&blocked);
    for (const int number : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT, SIGPROF})
      sigdelset(&blocked, number);
    pthread_sigmask(SIG_SETMASK, &blocked, &before_);
  }
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t before_;
};

// The part that all ranks have in common.
class ThreadRank : public Executor {
 public:
  ThreadRank(int rank, int size, bool orchestrator_works, std::unique_ptr<Transport> transport,
             std::byte* control)
      : rank_(rank),
        size_(size),
        orchestrator_works_(orchestrator_works),
        transport_(std::move(transport)),
        control_(control) {}

  int rank() const final { return rank_; }
  int size() const final { return size_; }
  int node() const final { return 0; }
  int num_nodes() const final { return 1; }
  int node_rank() const final { return rank_; }
  int node_size() const final { return size_; }
  int node_of(int) const final { return 0; }
  std::string host() const final { return HostName(); }
  bool orchestrator_works() const final { return orchestrator_works_; }
  bool shares_workers() const final { return true; }
  Transport& transport() final { return *transport_; }
  std::byte* control() final { return size_ == 1 ? nullptr : control_; }
  [[noreturn]] void Abort(int exit_status) final { std::_Exit(exit_status); }

 private:
  const int rank_;
  const int size_;
  const bool orchestrator_works_;
  const std::unique_ptr<Transport> transport_;
  std::byte* const control_;
};

// A rank that only serves runs.
class ServingRank final : public ThreadRank {
 public:
  using Executor::Allocate;
  using Executor::ShareInputGuards;
  using ThreadRank::ThreadRank;
  absl::StatusOr<SharedMemory*> Allocate(Index, PagePolicy) override { return NotHere(); }
  absl::Status Agree(const absl::Status&) override { return NotHere(); }
  absl::Status Broadcast(std::string*) override { return NotHere(); }
  absl::Status Close() override { return absl::OkStatus(); }

 private:
  absl::Status NotHere() const {
    return absl::FailedPreconditionError(absl::StrCat(
        "rank ", rank(), " of a thread pool makes no collective calls: rank 0 makes them"));
  }
};

// Rank 0.
class ThreadPool final : public ThreadRank {
 public:
  // `transports` and `controls`: of all ranks.
  ThreadPool(std::vector<std::unique_ptr<Transport>> transports, std::vector<Control> controls,
             bool orchestrator_works, HugePages huge_pages)
      : ThreadRank(0, static_cast<int>(transports.size()), orchestrator_works,
                   std::move(transports.front()), controls.front().bytes),
        controls_(std::move(controls)),
        memories_(huge_pages),
        is_lost_(transports.size(), false) {
    for (int rank = 1; rank < size(); ++rank) {
      ranks_.push_back(std::make_unique<ServingRank>(
          rank, size(), orchestrator_works, std::move(transports[static_cast<std::size_t>(rank)]),
          controls_.front().bytes));
      ranks_.back()->ShareInputGuards(*this);
    }
  }
  ~ThreadPool() override { Close().IgnoreError(); }

  // Called once. Errors: ResourceExhausted where the system refuses a thread.
  absl::Status StartThreads();

  using Executor::Allocate;
  absl::StatusOr<SharedMemory*> Allocate(Index size_bytes, PagePolicy page_policy) override {
    return memories_.Allocate(size_bytes, page_policy);
  }
  absl::Status Agree(const absl::Status& mine) override { return mine; }
  absl::Status Broadcast(std::string*) override { return absl::OkStatus(); }
  absl::Status CheckCanServe() override;
  absl::Status ServeOnOtherRanks(ServeFunction serve) override;
  void JoinOtherRanks() override;
  std::vector<LostRank> PollLostRanks() override;
  bool is_lost(int rank) const override { return is_lost_[static_cast<std::size_t>(rank)]; }
  absl::Status Close() override;

 private:
  // The body of a thread.
  void Run(ServingRank& rank);
  // Precondition: mutex_ is held.
  absl::Status CheckCanServeLocked() const;

  std::vector<Control> controls_;
  AnonymousMemories memories_;
  std::vector<std::unique_ptr<ServingRank>> ranks_;  // from 1 on
  std::vector<std::thread> threads_;
  std::vector<bool> is_lost_;  // by rank; as PollLostRanks reported
  std::mutex mutex_;
  std::condition_variable begun_;
  std::condition_variable joined_;
  // Protected by mutex_; serve_ is constant while any thread is serving.
  ServeFunction serve_;
  std::uint64_t round_ = 0;  // the number of calls to ServeOnOtherRanks
  int num_threads_ = 0;      // of living ranks
  int num_serving_ = 0;
  // True from ServeOnOtherRanks to JoinOtherRanks: the ranks may have left, but rank 0 may not have
  // read their last messages yet.
  bool is_in_use_ = false;
  std::vector<LostRank> lost_;  // not reported yet
  bool is_closed_ = false;
};

absl::Status ThreadPool::StartThreads() {
  const SignalsBlocked inherited;
  const auto cannot = [this](const char* why) {
    return absl::ResourceExhaustedError(
        absl::StrCat("thread ", threads_.size() + 1, " of a pool of ", size(),
                     " cannot be started: ", why, "; use fewer, or raise ulimit -u"));
  };
  try {
    for (const std::unique_ptr<ServingRank>& rank : ranks_) {
      threads_.emplace_back([this, &rank = *rank] { Run(rank); });
      ++num_threads_;
    }
  } catch (const std::system_error& error) {
    return cannot(error.what());
  } catch (const std::bad_alloc&) {
    return cannot("no memory is left");
  }
  return absl::OkStatus();
}

void ThreadPool::Run(ServingRank& rank) {
  pthread_setname_np(pthread_self(), absl::StrCat("mpaio rank ", rank.rank()).c_str());
  std::unique_lock lock(mutex_);
  for (std::uint64_t served = 0;; ++served) {
    begun_.wait(lock, [&] { return round_ > served || is_closed_; });
    if (round_ == served) return;
    lock.unlock();
    const absl::Status status = serve_(rank);
    lock.lock();
    if (!status.ok()) {
      lost_.push_back({rank.rank(), std::string(status.message())});
      --num_threads_;
    }
    if (--num_serving_ == 0) joined_.notify_all();
    if (!status.ok()) return;
  }
}

absl::Status ThreadPool::CheckCanServeLocked() const {
  if (is_closed_) return absl::FailedPreconditionError("the thread pool is closed");
  if (!is_in_use_) return absl::OkStatus();
  return absl::FailedPreconditionError(
      "the pool's former run has not ended: wait for it before the next one is started");
}

absl::Status ThreadPool::CheckCanServe() {
  const std::lock_guard lock(mutex_);
  return CheckCanServeLocked();
}

absl::Status ThreadPool::ServeOnOtherRanks(ServeFunction serve) {
  {
    const std::lock_guard lock(mutex_);
    MPAIO_RETURN_IF_ERROR(CheckCanServeLocked());
    serve_ = std::move(serve);
    is_in_use_ = true;
    num_serving_ = num_threads_;
    ++round_;
  }
  begun_.notify_all();
  return absl::OkStatus();
}

void ThreadPool::JoinOtherRanks() {
  std::unique_lock lock(mutex_);
  joined_.wait(lock, [&] { return num_serving_ == 0; });
  serve_ = nullptr;
  is_in_use_ = false;
  if (is_closed_) memories_.Clear();
}

std::vector<LostRank> ThreadPool::PollLostRanks() {
  std::vector<LostRank> lost;
  {
    const std::lock_guard lock(mutex_);
    lost.swap(lost_);
  }
  for (const LostRank& one : lost) {
    is_lost_[static_cast<std::size_t>(one.rank)] = true;
    transport().Abandon(one.rank);
  }
  return lost;
}

absl::Status ThreadPool::Close() {
  {
    const std::lock_guard lock(mutex_);
    if (is_closed_) return absl::OkStatus();
    is_closed_ = true;
  }
  // Ranks that serve a run leave it, because they cannot receive from rank 0 any more.
  const absl::Status closed = transport().Close();
  begun_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  // Rank 0 may still use the memory until it has noticed that its run has ended.
  const std::lock_guard lock(mutex_);
  if (!is_in_use_) memories_.Clear();
  return closed;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Executor>> MakeThreadPool(const ThreadPoolOptions& options) {
  if (options.threads < 0 || options.threads > ThreadPoolOptions::kMostThreads) {
    return absl::InvalidArgumentError(
        absl::StrCat("a pool of ", options.threads, " threads: give 1 to ",
                     ThreadPoolOptions::kMostThreads, ", or 0 for all CPUs"));
  }
  if (options.huge_pages == HugePages::kAlways) MPAIO_RETURN_IF_ERROR(CheckHugePages(""));
  const int cpus = CpusOfThisThread();
  const int size =
      options.threads == 0 ? std::min(cpus, ThreadPoolOptions::kMostThreads) : options.threads;
  const bool orchestrator_works = size == 1 || options.orchestrator_works.value_or(size <= cpus);
  auto pool = std::make_unique<ThreadPool>(MakeInProcessTransports(size, orchestrator_works),
                                           std::vector<Control>(static_cast<std::size_t>(size)),
                                           orchestrator_works, options.huge_pages);
  MPAIO_RETURN_IF_ERROR(pool->StartThreads());
  return std::unique_ptr<Executor>(std::move(pool));
}

}  // namespace mpaio
