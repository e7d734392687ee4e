// SPDX-License-Identifier: Apache-2.0
#include "mpaio/executor/thread_pool.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mpaio/executor/executor_conformance.h"
#include "mpaio/testing/status_matchers.h"

namespace mpaio {
namespace {

std::unique_ptr<Executor> Pool(int threads, std::optional<bool> orchestrator_works = std::nullopt) {
  ThreadPoolOptions options;
  options.threads = threads;
  options.orchestrator_works = orchestrator_works;
  return *MakeThreadPool(options);
}

const bool kRegistered = [] {
  RegisterExecutorConformance("ThreadPool1",
                              [](const std::function<void(Executor&)>& body) { body(*Pool(1)); });
  for (const int size : {2, 5}) {
    RegisterExecutorConformanceOfRank0(
        absl::StrCat("ThreadPool", size),
        [=](const std::function<void(Executor&)>& body) { body(*Pool(size)); });
  }
  return true;
}();

int Cpus() {
  cpu_set_t set;
  return sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : -1;
}

TEST(ThreadPoolTest, HasOneNodeWithAllRanks) {
  const std::unique_ptr<Executor> pool = Pool(3);
  EXPECT_EQ(pool->rank(), 0);
  EXPECT_EQ(pool->size(), 3);
  EXPECT_EQ(pool->num_nodes(), 1);
  EXPECT_EQ(pool->node_size(), 3);
  EXPECT_EQ(pool->node_of(2), 0);
  EXPECT_FALSE(pool->can_isolate());
  EXPECT_NE(pool->control(), nullptr);
}

TEST(ThreadPoolTest, HasARankForEachCpuUnlessToldOtherwise) {
  EXPECT_EQ(Pool(0)->size(), Cpus());
  EXPECT_EQ((*MakeThreadPool())->size(), Cpus());
}

TEST(ThreadPoolTest, CountsTheCpusOfTheCallersAffinity) {
  cpu_set_t all, one;
  ASSERT_EQ(sched_getaffinity(0, sizeof(all), &all), 0);
  CPU_ZERO(&one);
  int cpu = 0;
  while (!CPU_ISSET(cpu, &all)) ++cpu;
  CPU_SET(cpu, &one);
  ASSERT_EQ(sched_setaffinity(0, sizeof(one), &one), 0);
  EXPECT_EQ(Pool(0)->size(), 1);
  ASSERT_EQ(sched_setaffinity(0, sizeof(all), &all), 0);
}

TEST(ThreadPoolTest, Rank0WorksWhereThereIsACpuForItOrWhereItIsToldTo) {
  EXPECT_TRUE(Pool(Cpus())->orchestrator_works());
  EXPECT_FALSE(Pool(Cpus() + 1)->orchestrator_works());
  EXPECT_TRUE(Pool(Cpus() + 1, true)->orchestrator_works());
  EXPECT_FALSE(Pool(2, false)->orchestrator_works());
  EXPECT_TRUE(Pool(1, false)->orchestrator_works());
}

TEST(ThreadPoolTest, ANegativeNumberOfThreadsIsRefused) {
  ThreadPoolOptions options;
  options.threads = -1;
  EXPECT_THAT(MakeThreadPool(options), StatusIs(absl::StatusCode::kInvalidArgument, "-1 threads"));
}

TEST(ThreadPoolTest, TooManyThreadsAreRefused) {
  ThreadPoolOptions options;
  for (const int threads : {ThreadPoolOptions::kMostThreads + 1, std::numeric_limits<int>::max()}) {
    options.threads = threads;
    EXPECT_THAT(MakeThreadPool(options),
                StatusIs(absl::StatusCode::kInvalidArgument, "give 1 to 4096"));
  }
}

TEST(ThreadPoolTest, ServesOnEachOtherRankOnceInAThreadOfItsOwn) {
  const std::unique_ptr<Executor> pool = Pool(4);
  std::vector<std::thread::id> threads(4);
  for (int round = 0; round < 3; ++round) {
    std::vector<std::atomic<int>> calls(4);
    MPAIO_ASSERT_OK(pool->ServeOnOtherRanks([&](Executor& rank) {
      ++calls[rank.rank()];
      threads[rank.rank()] = std::this_thread::get_id();
      EXPECT_EQ(rank.size(), 4);
      EXPECT_EQ(rank.node_rank(), rank.rank());
      EXPECT_EQ(rank.control(), pool->control());
      EXPECT_EQ(rank.transport().rank(), rank.rank());
      return absl::OkStatus();
    }));
    pool->JoinOtherRanks();
    EXPECT_EQ(calls[0], 0);
    for (int rank = 1; rank < 4; ++rank) EXPECT_EQ(calls[rank], 1) << "of rank " << rank;
    threads[0] = std::this_thread::get_id();
    EXPECT_EQ(std::set(threads.begin(), threads.end()).size(), 4u);
  }
}

TEST(ThreadPoolTest, JoinWaitsForNothingWhereNothingIsServed) {
  Pool(3)->JoinOtherRanks();
  const std::unique_ptr<Executor> alone = Pool(1);
  MPAIO_EXPECT_OK(alone->ServeOnOtherRanks([](Executor&) -> absl::Status { std::abort(); }));
  alone->JoinOtherRanks();
}

TEST(ThreadPoolTest, ManyRoundsInARow) {
  const std::unique_ptr<Executor> pool = Pool(3);
  std::atomic<int> calls = 0;
  for (int round = 1; round <= 5000; ++round) {
    MPAIO_ASSERT_OK(pool->ServeOnOtherRanks([&](Executor&) {
      ++calls;
      return absl::OkStatus();
    }));
    pool->JoinOtherRanks();
    ASSERT_EQ(calls, 2 * round);
  }
}

TEST(ThreadPoolTest, MessagesTravelBothWays) {
  const std::unique_ptr<Executor> pool = Pool(3);
  MPAIO_ASSERT_OK(pool->ServeOnOtherRanks([](Executor& rank) -> absl::Status {
    for (;;) {
      absl::StatusOr<std::optional<Message>> message = rank.transport().Receive();
      if (!message.ok()) return message.status();
      if (message->has_value())
        return rank.transport().Send(0, absl::StrCat((*message)->bytes, " ", rank.rank()));
      rank.transport().WaitForMessage(absl::InfiniteDuration());
    }
  }));
  MPAIO_EXPECT_OK(pool->transport().Send(1, "hello"));
  MPAIO_EXPECT_OK(pool->transport().Send(2, "hello"));
  std::set<std::string> answers;
  while (answers.size() < 2) {
    absl::StatusOr<std::optional<Message>> message = pool->transport().Receive();
    MPAIO_ASSERT_OK(message);
    if (message->has_value()) {
      answers.insert((*message)->bytes);
    } else {
      pool->transport().WaitForMessage(absl::InfiniteDuration());
    }
  }
  EXPECT_THAT(answers, testing::ElementsAre("hello 1", "hello 2"));
  pool->JoinOtherRanks();
}

// The other ranks have left, but rank 0 may not have received their last messages.
TEST(ThreadPoolTest, AServiceLastsUntilItIsJoined) {
  for (const int size : {1, 3}) {
    const std::unique_ptr<Executor> pool = Pool(size);
    std::atomic<int> served = 0;
    const auto serve = [&](Executor&) {
      ++served;
      return absl::OkStatus();
    };
    MPAIO_EXPECT_OK(pool->CheckCanServe());
    MPAIO_ASSERT_OK(pool->ServeOnOtherRanks(serve));
    while (served < size - 1) std::this_thread::yield();
    EXPECT_THAT(pool->CheckCanServe(),
                StatusIs(absl::StatusCode::kFailedPrecondition, "has not ended"));
    EXPECT_THAT(pool->ServeOnOtherRanks(serve),
                StatusIs(absl::StatusCode::kFailedPrecondition, "has not ended"));
    pool->JoinOtherRanks();
    MPAIO_EXPECT_OK(pool->CheckCanServe());
    MPAIO_ASSERT_OK(pool->ServeOnOtherRanks(serve));
    pool->JoinOtherRanks();
    EXPECT_EQ(served, 2 * (size - 1));
  }
}

TEST(ThreadPoolTest, MemoryStaysUntilTheActiveServiceIsJoined) {
  const std::unique_ptr<Executor> pool = Pool(2);
  const absl::StatusOr<SharedMemory*> memory = pool->Allocate(4096);
  MPAIO_ASSERT_OK(memory);
  std::byte* const bytes = (*memory)->data();
  MPAIO_ASSERT_OK(pool->ServeOnOtherRanks([](Executor&) { return absl::OkStatus(); }));
  MPAIO_EXPECT_OK(pool->Close());
  bytes[100] = std::byte{5};
  EXPECT_EQ(bytes[100], std::byte{5});
  pool->JoinOtherRanks();
  unsigned char is_resident = 0;
  EXPECT_EQ(mincore(bytes, 4096, &is_resident), -1) << "the memory is still mapped";
}

TEST(ThreadPoolTest, OneServiceAtATime) {
  const std::unique_ptr<Executor> pool = Pool(2);
  std::atomic<bool> may_end = false;
  MPAIO_ASSERT_OK(pool->ServeOnOtherRanks([&](Executor&) {
    while (!may_end) std::this_thread::yield();
    return absl::OkStatus();
  }));
  EXPECT_THAT(pool->ServeOnOtherRanks([](Executor&) -> absl::Status { std::abort(); }),
              StatusIs(absl::StatusCode::kFailedPrecondition, "has not ended"));
  may_end = true;
  pool->JoinOtherRanks();
}

// Returns when rank 0 closes the pool.
absl::Status ServeUntilClosed(Executor& rank) {
  for (;;) {
    const absl::StatusOr<std::optional<Message>> message = rank.transport().Receive();
    if (!message.ok()) return message.status();
    rank.transport().WaitForMessage(absl::InfiniteDuration());
  }
}

TEST(ThreadPoolTest, CloseEndsRanksThatServe) {
  for (int round = 0; round < 200; ++round) {
    const std::unique_ptr<Executor> pool = Pool(4);
    MPAIO_ASSERT_OK(pool->ServeOnOtherRanks(ServeUntilClosed));
    if (round % 2 == 0) {
      MPAIO_EXPECT_OK(pool->Close());
      pool->JoinOtherRanks();
      EXPECT_THAT(pool->ServeOnOtherRanks([](Executor&) -> absl::Status { std::abort(); }),
                  StatusIs(absl::StatusCode::kFailedPrecondition, "closed"));
    }
  }
}

TEST(ThreadPoolTest, ARankWhoseServiceFailsIsLost) {
  const std::unique_ptr<Executor> pool = Pool(4);
  const auto serve = [&](int* calls) {
    std::atomic<int> count = 0;
    MPAIO_EXPECT_OK(pool->ServeOnOtherRanks([&](Executor& rank) {
      ++count;
      return rank.rank() == 2 ? absl::InternalError("cut off") : absl::OkStatus();
    }));
    pool->JoinOtherRanks();
    *calls = count;
  };
  int calls = 0;
  serve(&calls);
  EXPECT_EQ(calls, 3);
  EXPECT_FALSE(pool->is_lost(2));
  const std::vector<LostRank> lost = pool->PollLostRanks();
  ASSERT_EQ(lost.size(), 1u);
  EXPECT_EQ(lost[0].rank, 2);
  EXPECT_EQ(lost[0].cause, "cut off");
  EXPECT_TRUE(pool->is_lost(2));
  EXPECT_FALSE(pool->is_lost(1));
  EXPECT_THAT(pool->PollLostRanks(), testing::IsEmpty());
  serve(&calls);
  EXPECT_EQ(calls, 2);
}

TEST(ThreadPoolTest, OtherRanksMakeNoCollectiveCalls) {
  const std::unique_ptr<Executor> pool = Pool(2);
  MPAIO_ASSERT_OK(pool->ServeOnOtherRanks([](Executor& rank) {
    constexpr auto kRefused = absl::StatusCode::kFailedPrecondition;
    EXPECT_THAT(rank.Allocate(5), StatusIs(kRefused, "rank 1"));
    EXPECT_THAT(rank.Agree(absl::OkStatus()), StatusIs(kRefused, "rank 1"));
    std::string bytes;
    EXPECT_THAT(rank.Broadcast(&bytes), StatusIs(kRefused, "rank 1"));
    return absl::OkStatus();
  }));
  pool->JoinOtherRanks();
}

// Signals sent to the process are for the user's threads.
TEST(ThreadPoolTest, OtherRanksBlockSignalsButNotFaults) {
  sigset_t before, after;
  pthread_sigmask(SIG_SETMASK, nullptr, &before);
  const std::unique_ptr<Executor> pool = Pool(2);
  pthread_sigmask(SIG_SETMASK, nullptr, &after);
  EXPECT_EQ(sigismember(&before, SIGINT), sigismember(&after, SIGINT));
  MPAIO_ASSERT_OK(pool->ServeOnOtherRanks([](Executor&) {
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, nullptr, &mask);
    for (const int number : {SIGINT, SIGTERM, SIGCHLD, SIGUSR1, SIGALRM})
      EXPECT_EQ(sigismember(&mask, number), 1) << number;
    for (const int number : {SIGSEGV, SIGBUS, SIGFPE, SIGABRT, SIGPROF})
      EXPECT_EQ(sigismember(&mask, number), 0) << number;
    return absl::OkStatus();
  }));
  pool->JoinOtherRanks();
}

// CPU time of the whole process is what sleeping threads do not use.
TEST(ThreadPoolTest, IdleRanksSleep) {
  const std::unique_ptr<Executor> pool = Pool(4);
  MPAIO_ASSERT_OK(pool->ServeOnOtherRanks(ServeUntilClosed));
  const std::clock_t begin = std::clock();
  pool->transport().WaitForMessage(absl::Milliseconds(300));
  EXPECT_LT(std::clock() - begin, CLOCKS_PER_SEC / 10);
}

}  // namespace
}  // namespace mpaio
