// SPDX-License-Identifier: Apache-2.0

// Pools without MPI for the tests of this package: the inline executor, and thread pools of 1 to 5
// ranks on 1 or 2 nodes.
#ifndef MPAIO_ORCHESTRATION_TEST_POOLS_H_
#define MPAIO_ORCHESTRATION_TEST_POOLS_H_

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <mutex>
#include <ostream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "mpaio/executor/inline_executor.h"
#include "mpaio/executor/thread_ranks.h"

namespace mpaio {

// Aborts the program if a test hangs, so that the log names the test: nothing else can end ranks
// that wait for each other.
class Watchdog {
 public:
  explicit Watchdog(std::chrono::seconds timeout = std::chrono::seconds(100))
      : thread_([this, timeout] { Watch(timeout); }) {}
  ~Watchdog() {
    {
      const std::lock_guard lock(mutex_);
      is_over_ = true;
    }
    over_.notify_one();
    thread_.join();
  }

 private:
  void Watch(std::chrono::seconds timeout) {
    std::unique_lock lock(mutex_);
    if (over_.wait_for(lock, timeout, [this] { return is_over_; })) return;
    const testing::TestInfo* const test = testing::UnitTest::GetInstance()->current_test_info();
    std::fprintf(stderr, "%s.%s hangs\n", test->test_suite_name(), test->name());
    std::abort();
  }

  std::mutex mutex_;
  std::condition_variable over_;
  bool is_over_ = false;
  std::thread thread_;
};

// ranks == 0 means the inline executor.
struct Pool {
  int ranks = 0;
  bool orchestrator_works = true;
  int nodes = 1;

  friend std::ostream& operator<<(std::ostream& out, const Pool& pool) {
    if (pool.ranks == 0) return out << "Inline";
    return out << pool.ranks << "Ranks" << pool.nodes << "Nodes"
               << (pool.orchestrator_works ? "AllWork" : "Rank0Directs");
  }
};

// For INSTANTIATE_TEST_SUITE_P.
inline std::string PoolName(const testing::TestParamInfo<Pool>& info) {
  return testing::PrintToString(info.param);
}

inline std::vector<Pool> AllPools() {
  std::vector<Pool> pools = {Pool{}};
  for (int ranks = 1; ranks <= 5; ++ranks) {
    for (int nodes = 1; nodes <= std::min(ranks, 2); ++nodes) {
      for (const bool works : {false, true}) pools.push_back({ranks, works, nodes});
    }
  }
  return pools;
}

using WrapTransport = std::function<std::unique_ptr<Transport>(std::unique_ptr<Transport>)>;

// Calls `body` on all ranks of the pool at the same time. Returns when all calls have returned.
inline void RunInPool(const Pool& pool, const std::function<void(Executor&)>& body,
                      WrapTransport wrap = nullptr) {
  const Watchdog watchdog;
  if (pool.ranks == 0) {
    const std::unique_ptr<Executor> executor = MakeInlineExecutor();
    return body(*executor);
  }
  ThreadRanksOptions options;
  options.orchestrator_works = pool.orchestrator_works;
  options.num_nodes = pool.nodes;
  options.wrap_transport = std::move(wrap);
  RunOnThreads(pool.ranks, options, body);
}

// Values reported by the ranks, gathered from their threads.
template <typename T>
class ByRank {
 public:
  void Set(const Executor& executor, T value) {
    const std::lock_guard lock(mutex_);
    values_.resize(std::max(values_.size(), static_cast<std::size_t>(executor.size())));
    values_[static_cast<std::size_t>(executor.rank())] = std::move(value);
  }
  const std::vector<T>& values() const { return values_; }

 private:
  std::mutex mutex_;
  std::vector<T> values_;
};

}  // namespace mpaio

#endif  // MPAIO_ORCHESTRATION_TEST_POOLS_H_
