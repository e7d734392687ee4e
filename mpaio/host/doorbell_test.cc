// SPDX-License-Identifier: Apache-2.0
#include "mpaio/host/doorbell.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <thread>

#include "gtest/gtest.h"

namespace mpaio {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

// Longer than any test takes: a sleep of this length was not ended by a ring.
constexpr seconds kForever(60);

// Zeroed memory that child processes share.
template <typename T>
struct Shared {
  Shared()
      : memory(mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)),
        value(static_cast<T*>(memory)) {}
  ~Shared() { munmap(memory, sizeof(T)); }
  void* memory;
  T* value;
};

TEST(DoorbellTest, ARingBeforeTheSleepEndsIt) {
  Doorbell bell{};
  const auto start = steady_clock::now();
  const std::uint32_t heard = bell.Heard();
  bell.Ring();
  bell.Sleep(heard, kForever);
  EXPECT_NE(bell.Heard(), heard);
  EXPECT_LT(steady_clock::now() - start, kForever);
}

TEST(DoorbellTest, TheSleepIsBounded) {
  Doorbell bell{};
  for (const nanoseconds timeout :
       {nanoseconds(-5), nanoseconds(0), nanoseconds(1), nanoseconds(milliseconds(3)),
        nanoseconds(milliseconds(1001))}) {
    const auto start = steady_clock::now();
    bell.Sleep(bell.Heard(), timeout);
    EXPECT_LT(steady_clock::now() - start, kForever);
  }
}

// Two sides that wait for each other in turns, many times: a lost ring would cost a minute.
struct Table {
  Doorbell bells[2];
  std::atomic<int> turn;
  static constexpr int kTurns = 20'000;

  // Plays every other turn, beginning with `mine`.
  void Play(int mine) {
    for (int next = mine; next < kTurns; next += 2) {
      for (;;) {
        const std::uint32_t heard = bells[mine].Heard();
        if (turn.load(std::memory_order_relaxed) == next) break;
        bells[mine].Sleep(heard, kForever);
      }
      turn.store(next + 1, std::memory_order_relaxed);
      bells[1 - mine].Ring();
    }
  }
};

TEST(DoorbellTest, NoRingIsLostBetweenThreads) {
  const auto table = std::make_unique<Table>();
  const auto start = steady_clock::now();
  std::thread other([&] { table->Play(1); });
  table->Play(0);
  other.join();
  EXPECT_EQ(table->turn, Table::kTurns);
  EXPECT_LT(steady_clock::now() - start, kForever);
}

TEST(DoorbellTest, NoRingIsLostBetweenProcesses) {
  Shared<Table> table;
  const auto start = steady_clock::now();
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    table.value->Play(1);
    _exit(0);
  }
  table.value->Play(0);
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(table.value->turn, Table::kTurns);
  EXPECT_LT(steady_clock::now() - start, kForever);
}

// After a sleeper has died, the bell still works for the others.
TEST(DoorbellTest, ASleeperMayDie) {
  Shared<Table> table;
  Doorbell& bell = table.value->bells[0];
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    table.value->turn.store(1);
    bell.Sleep(bell.Heard(), kForever);
    _exit(0);
  }
  while (table.value->turn.load() == 0) std::this_thread::yield();
  kill(child, SIGKILL);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  const auto start = steady_clock::now();
  for (int k = 0; k < 1000; ++k) {
    const std::uint32_t heard = bell.Heard();
    std::thread ringer([&] { bell.Ring(); });
    while (bell.Heard() == heard) bell.Sleep(heard, kForever);
    ringer.join();
  }
  EXPECT_LT(steady_clock::now() - start, kForever);
}

}  // namespace
}  // namespace mpaio
