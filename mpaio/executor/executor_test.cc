// SPDX-License-Identifier: Apache-2.0

// The executors that need no MPI: one process alone, and a pool of threads.
#include "mpaio/executor/executor.h"

#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <cstddef>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mpaio/executor/anonymous_memory.h"
#include "mpaio/executor/executor_conformance.h"
#include "mpaio/executor/inline_executor.h"
#include "mpaio/executor/thread_ranks.h"
#include "mpaio/testing/child_process.h"
#include "mpaio/testing/resident_pages.h"
#include "mpaio/testing/status_matchers.h"

namespace mpaio {
namespace {

const bool kRegistered = [] {
  RegisterExecutorConformance("InlineExecutor", [](const std::function<void(Executor&)>& body) {
    body(*MakeInlineExecutor());
  });
  for (int num_nodes = 1; num_nodes <= 2; ++num_nodes) {
    for (int size = num_nodes; size <= 4; ++size) {
      RegisterExecutorConformance(absl::StrCat("ThreadPool", size, "Nodes", num_nodes),
                                  [=](const std::function<void(Executor&)>& body) {
                                    ThreadRanksOptions options;
                                    options.num_nodes = num_nodes;
                                    RunOnThreads(size, options, body);
                                  });
    }
  }
  return true;
}();

TEST(InlineExecutorTest, IsAPoolOfOneThatWorks) {
  const std::unique_ptr<Executor> executor = MakeInlineExecutor();
  EXPECT_EQ(executor->rank(), 0);
  EXPECT_EQ(executor->size(), 1);
  EXPECT_EQ(executor->num_nodes(), 1);
  EXPECT_EQ(executor->node_size(), 1);
  EXPECT_TRUE(executor->orchestrator_works());
}

TEST(InlineExecutorTest, CloseFreesWhatWasAllocated) {
  constexpr Index kSizeBytes = 16 << 20;
  const std::unique_ptr<Executor> executor = MakeInlineExecutor();
  const absl::StatusOr<SharedMemory*> memory = executor->Allocate(kSizeBytes);
  MPAIO_ASSERT_OK(memory);
  const std::byte* const middle = (*memory)->data() + kSizeBytes / 2;
  EXPECT_EQ(NumResidentPages(middle, 1), 1);
  MPAIO_EXPECT_OK(executor->Close());
  EXPECT_EQ(NumResidentPages(middle, 1), -1) << "still mapped";
}

TEST(InlineExecutorTest, AbortEndsTheProcess) {
  EXPECT_EQ(RunInChild([] {
              const std::unique_ptr<Executor> executor = MakeInlineExecutor();
              if (executor != nullptr) executor->Abort(9);
              return 1;
            }),
            (ChildEnd{.signal = 0, .exit_status = 9}));
}

TEST(MapAnonymousMemory, IsFreedWithTheObject) {
  constexpr Index kSizeBytes = 16 << 20;
  absl::StatusOr<std::unique_ptr<SharedMemory>> memory = MapAnonymousMemory(kSizeBytes);
  MPAIO_ASSERT_OK(memory);
  std::byte* const data = (*memory)->data();
  EXPECT_EQ(NumResidentPages(data, kSizeBytes), kSizeBytes / PageBytes());
  memory->reset();
  EXPECT_EQ(NumResidentPages(data + kSizeBytes / 2, 1), -1) << "still mapped";
}

// FindMemoryCapacity does not consider RLIMIT_AS.
TEST(MapAnonymousMemory, LimitOfTheProcessIsAStatusThatNamesIt) {
  EXPECT_EQ(RunInChild([] {
              rlim_t pages = 0;
              std::ifstream("/proc/self/statm") >> pages;
              const rlim_t limit = pages * static_cast<rlim_t>(PageBytes()) + (64 << 20);
              const rlimit limits = {limit, limit};
              if (pages == 0 || setrlimit(RLIMIT_AS, &limits) != 0) return 1;
              const absl::Status status = MapAnonymousMemory(256 << 20).status();
              if (status.code() != absl::StatusCode::kResourceExhausted) return 2;
              return std::string(status.message()).find("ulimit -v") == std::string::npos ? 3 : 0;
            }),
            ChildEnd{});
}

// Rank r is on node r % num_nodes.
TEST(RunOnThreads, DividesTheRanksAmongTheNodes) {
  ThreadRanksOptions options;
  options.num_nodes = 2;
  std::vector<int> nodes(5, -1), node_ranks(5, -1), node_sizes(5, -1);
  RunOnThreads(5, options, [&](Executor& executor) {
    nodes[executor.rank()] = executor.node();
    node_ranks[executor.rank()] = executor.node_rank();
    node_sizes[executor.rank()] = executor.node_size();
  });
  EXPECT_EQ(nodes, (std::vector<int>{0, 1, 0, 1, 0}));
  EXPECT_EQ(node_ranks, (std::vector<int>{0, 0, 1, 1, 2}));
  EXPECT_EQ(node_sizes, (std::vector<int>{3, 2, 3, 2, 3}));
}

TEST(RunOnThreads, ReturnsWhenAllHaveEnded) {
  std::atomic<int> ended = 0;
  RunOnThreads(4, {}, [&](Executor& executor) {
    MPAIO_EXPECT_OK(executor.Agree(absl::OkStatus()));
    ++ended;
  });
  EXPECT_EQ(ended, 4);
}

TEST(RunOnThreads, OrchestratorWorksWhereItIsToldToOrIsAlone) {
  for (const bool works : {false, true}) {
    ThreadRanksOptions options;
    options.orchestrator_works = works;
    RunOnThreads(2, options,
                 [&](Executor& executor) { EXPECT_EQ(executor.orchestrator_works(), works); });
    RunOnThreads(1, options,
                 [&](Executor& executor) { EXPECT_TRUE(executor.orchestrator_works()); });
  }
}

TEST(RunOnThreads, WrapsEachTransport) {
  // Counts the messages sent.
  class Counting final : public Transport {
   public:
    Counting(std::unique_ptr<Transport> inner, std::atomic<int>& sends)
        : inner_(std::move(inner)), sends_(sends) {}
    int rank() const override { return inner_->rank(); }
    int size() const override { return inner_->size(); }
    absl::Status Send(int to, std::string message) override {
      ++sends_;
      return inner_->Send(to, std::move(message));
    }
    absl::StatusOr<std::optional<Message>> Receive() override { return inner_->Receive(); }
    Index unsent_bytes() const override { return inner_->unsent_bytes(); }
    void WaitForMessage(absl::Duration at_most) override { inner_->WaitForMessage(at_most); }
    void Abandon(int rank) override { inner_->Abandon(rank); }
    absl::Status Close() override { return inner_->Close(); }

   private:
    std::unique_ptr<Transport> inner_;
    std::atomic<int>& sends_;
  };

  std::vector<std::atomic<int>> sends(3);
  ThreadRanksOptions options;
  options.wrap_transport = [&](std::unique_ptr<Transport> inner) {
    std::atomic<int>& count = sends[inner->rank()];
    return std::make_unique<Counting>(std::move(inner), count);
  };
  RunOnThreads(3, options, [](Executor& executor) {
    for (int k = 0; executor.rank() != 0 && k < 10 * executor.rank(); ++k)
      MPAIO_EXPECT_OK(executor.transport().Send(0, "x"));
  });
  EXPECT_EQ(sends[0], 0);
  EXPECT_EQ(sends[1], 10);
  EXPECT_EQ(sends[2], 20);
}

}  // namespace
}  // namespace mpaio
