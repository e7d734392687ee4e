// SPDX-License-Identifier: Apache-2.0
#include "mpaio/worker/sandbox.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <numeric>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mpaio/testing/child_process.h"
#include "mpaio/testing/status_matchers.h"
#include "mpaio/worker/worker.h"

namespace mpaio {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using testing::HasSubstr;

constexpr Index kChunks = 300;

// Zeroed memory shared with child processes.
template <typename T>
class Shared {
 public:
  Shared()
      : memory_(
            mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)) {}
  ~Shared() { munmap(memory_, sizeof(T)); }
  T* operator->() const { return static_cast<T*>(memory_); }
  T& operator*() const { return *static_cast<T*>(memory_); }

 private:
  void* memory_;
};

// Processes a chunk with the given function.
template <typename Result>
class FunctionWorker : public Worker<std::int64_t, Result> {
 public:
  using View = ChunkView<std::int64_t>;
  explicit FunctionWorker(DataIterator data,
                          std::function<absl::StatusOr<Result>(const View&)> process)
      : Worker<std::int64_t, Result>(std::move(data)), process_(std::move(process)) {}

  absl::StatusOr<Result> Process(const View& chunk) const override { return process_(chunk); }
  absl::Status ProcessCallback(const Chunk&, Result) override { return absl::OkStatus(); }

 private:
  std::function<absl::StatusOr<Result>(const View&)> process_;
};

// Elements 0, 1, 2, ... in kChunks chunks of 4.
class SandboxTest : public testing::Test {
 protected:
  using View = ChunkView<std::int64_t>;
  SandboxTest() : data_(4 * kChunks) { std::iota(data_.begin(), data_.end(), 0); }

  DataIterator Data() const {
    return DataIterator::Create(
               NdView::Create(data_.data(), DType::Of<std::int64_t>(), {4 * kChunks}).value(),
               Partition::ChunkSize(4), {})
        .value();
  }
  static std::int64_t Sum(const View& chunk) {
    const auto elements = chunk.elements();
    return std::accumulate(elements.begin(), elements.end(), std::int64_t{0});
  }
  template <typename Result = std::int64_t>
  FunctionWorker<Result> WorkerOf(
      std::type_identity_t<std::function<absl::StatusOr<Result>(const View&)>> process) const {
    return FunctionWorker<Result>(Data(), std::move(process));
  }
  // Sums chunks, but runs `effect` first in one chunk.
  FunctionWorker<std::int64_t> SumsExcept(ChunkId id, std::function<void()> effect) const {
    return WorkerOf<>([id, effect](const View& chunk) -> absl::StatusOr<std::int64_t> {
      if (chunk.id() == id) effect();
      return Sum(chunk);
    });
  }
  // The expected results of chunks [first, first + count).
  std::string Sums(ChunkId first, Index count) const {
    std::string encoded;
    EXPECT_EQ(WorkerOf<>(Sum).ProcessChunks(first, count, &encoded).done, count);
    return encoded;
  }
  // Returns the value of the first chunk's result, which is the child's process id for
  // ReturnsItsProcess.
  static pid_t ChildOf(Sandbox& sandbox, int job) {
    std::string encoded;
    EXPECT_EQ(sandbox.ProcessChunks(job, 0, 1, &encoded)->done, 1);
    WireReader reader(encoded);
    absl::string_view result;
    std::int64_t child = 0;
    EXPECT_TRUE(reader.ReadBytes(&result));
    EXPECT_TRUE(DecodeResult<std::int64_t>(result).ok());
    child = DecodeResult<std::int64_t>(result).value();
    return static_cast<pid_t>(child);
  }
  FunctionWorker<std::int64_t> ReturnsItsProcess() const {
    return WorkerOf<>([](const View&) -> absl::StatusOr<std::int64_t> { return getpid(); });
  }
  static bool IsGone(pid_t child) {
    int status = 0;
    return waitpid(child, &status, WNOHANG) < 0 && errno == ECHILD && kill(child, 0) < 0 &&
           errno == ESRCH;
  }

  std::vector<std::int64_t> data_;
};

// Ways for a process to end, and their expected description.
struct ProcessDeath {
  std::string name;
  std::function<void()> effect;
  std::string cause;
};

// Recurses without end; the volatile pointer keeps the compiler from seeing it.
int Recurse(volatile const char* above);
int (*volatile recurse)(volatile const char*) = Recurse;
int Recurse(volatile const char* above) {
  volatile char here[4096];
  here[0] = above[0];
  here[4095] = 1;
  return recurse(here) + here[4095];
}

void Throw() { throw std::runtime_error("out of noexcept"); }

void StoreNowhere() {
  void* const nowhere = mmap(nullptr, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  *static_cast<volatile char*>(nowhere) = 1;
}

std::vector<ProcessDeath> Deaths() {
  return {
      {"StrayStore", StoreNowhere, "was killed by signal 11 (SIGSEGV: segmentation fault)"},
      {"Abort", [] { abort(); }, "was killed by signal 6 (SIGABRT: aborted)"},
      {"Exit3", [] { exit(3); }, "ended with exit status 3"},
      {"Exit0", [] { exit(0); }, "ended with exit status 0"},
      {"QuickExit4", [] { quick_exit(4); }, "ended with exit status 4"},
      {"AtOnce5", [] { _exit(5); }, "ended with exit status 5"},
      {"Killed", [] { raise(SIGKILL); },
       "was killed by signal 9 (SIGKILL), as the system does when memory runs out"},
      {"RealTime", [] { raise(SIGRTMAX); }, absl::StrCat("was killed by signal ", SIGRTMAX)},
      {"StackOverflow",
       [] {
         const char top = 0;
         Recurse(&top);
       },
       "was killed by signal 11 (SIGSEGV: segmentation fault)"},
      {"Terminate", []() noexcept { Throw(); }, "was killed by signal 6 (SIGABRT: aborted)"},
  };
}

TEST_F(SandboxTest, ResultsEqualTheWorkers) {
  auto sums = WorkerOf<>(Sum);
  auto words = WorkerOf<std::string>([](const View& chunk) -> absl::StatusOr<std::string> {
    return std::string(static_cast<std::size_t>(Sum(chunk) % 97),
                       static_cast<char>('a' + chunk.id() % 26));
  });
  Sandbox sandbox({&sums, &words}, {});
  const std::vector<WorkerBase*> workers = {&sums, &words};
  for (const int job : {0, 1, 0}) {
    for (const auto& [first, count] : std::vector<std::pair<ChunkId, Index>>{
             {0, kChunks}, {7, 1}, {299, 1}, {100, 150}, {5, 0}}) {
      std::string direct = "kept", encoded = "kept";
      ASSERT_EQ(workers[static_cast<std::size_t>(job)]->ProcessChunks(first, count, &direct).done,
                count);
      const absl::StatusOr<SandboxDone> done = sandbox.ProcessChunks(job, first, count, &encoded);
      MPAIO_ASSERT_OK(done);
      EXPECT_EQ(done->done, count);
      MPAIO_EXPECT_OK(done->status);
      EXPECT_FALSE(done->crash.has_value());
      EXPECT_EQ(encoded, direct);
    }
  }
}

TEST_F(SandboxTest, RefusesAMissingJob) {
  auto sums = WorkerOf<>(Sum);
  Sandbox sandbox({&sums}, {});
  std::string encoded = "kept";
  EXPECT_THAT(sandbox.ProcessChunks(1, 0, 1, &encoded),
              StatusIs(absl::StatusCode::kInvalidArgument, "no job with index 1: there are 1"));
  EXPECT_THAT(sandbox.ProcessChunks(-1, 0, 1, &encoded),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_EQ(encoded, "kept");
}

// The lengths are around the 1 MiB that is kept in memory, and far beyond. All are read twice,
// because the file is truncated in between.
TEST_F(SandboxTest, ResultsMayBeOfAnyLength) {
  const std::vector<std::size_t> lengths = {1,       (1 << 20) - 17, (1 << 20) - 8, 1 << 20, 0,
                                            5 << 20, 23 << 20,       100,           3};
  auto texts = WorkerOf<std::string>([&](const View& chunk) -> absl::StatusOr<std::string> {
    const auto id = static_cast<std::size_t>(chunk.id());
    std::string text(lengths[id], static_cast<char>('a' + id));
    for (std::size_t k = 0; k < text.size(); k += 1000) text[k] = static_cast<char>(k / 1000 % 251);
    return text;
  });
  Sandbox sandbox({&texts}, {});
  const Index count = static_cast<Index>(lengths.size());
  std::string direct;
  ASSERT_EQ(texts.ProcessChunks(0, count, &direct).done, count);
  for (int time = 0; time < 2; ++time) {
    std::string together, one_by_one;
    EXPECT_EQ(sandbox.ProcessChunks(0, 0, count, &together)->done, count);
    EXPECT_TRUE(together == direct);
    for (ChunkId id = 0; id < count; ++id)
      EXPECT_EQ(sandbox.ProcessChunks(0, id, 1, &one_by_one)->done, 1);
    EXPECT_TRUE(one_by_one == direct);
  }
}

TEST_F(SandboxTest, ErrorsAndExceptionsAreStatuses) {
  const std::string long_text(3 << 20, 'x');
  auto sums = WorkerOf<>([&](const View& chunk) -> absl::StatusOr<std::int64_t> {
    if (chunk.id() == 40) return absl::OutOfRangeError("too large");
    if (chunk.id() == 80) throw std::runtime_error("no luck");
    if (chunk.id() == 120) throw 5;
    if (chunk.id() == 160) return absl::DataLossError(long_text);
    if (chunk.id() == 200) return absl::CancelledError("");
    return Sum(chunk);
  });
  for (const nanoseconds batch_time : {nanoseconds(0), nanoseconds(hours(1))}) {
    Sandbox sandbox({&sums}, {.chunk_deadline = std::nullopt, .batch_time = batch_time});
    for (ChunkId first = 0; first < 240; first += 40) {
      std::string direct = "kept", encoded = "kept";
      const ChunksDone expected = sums.ProcessChunks(first + 1, 50, &direct);
      const absl::StatusOr<SandboxDone> done = sandbox.ProcessChunks(0, first + 1, 50, &encoded);
      MPAIO_ASSERT_OK(done);
      EXPECT_EQ(done->done, expected.done);
      EXPECT_EQ(done->done, first < 200 ? 39 : 50);
      EXPECT_EQ(done->status, expected.status);
      EXPECT_FALSE(done->crash.has_value());
      EXPECT_EQ(encoded, direct);
    }
  }
}

TEST_F(SandboxTest, EveryCrashEndsTheChildOnly) {
  for (const ProcessDeath& death : Deaths()) {
    SCOPED_TRACE(death.name);
    auto sums = SumsExcept(70, death.effect);
    for (const nanoseconds batch_time :
         {nanoseconds(0), SandboxOptions().batch_time, nanoseconds(hours(1))}) {
      Sandbox sandbox({&sums}, {.chunk_deadline = std::nullopt, .batch_time = batch_time});
      // The crashing chunk is the first of the call, then one in the middle, then the last.
      for (const ChunkId first : {70, 30, 5}) {
        const Index count = first == 5 ? 66 : 100;
        std::string encoded = "kept";
        const absl::StatusOr<SandboxDone> done = sandbox.ProcessChunks(0, first, count, &encoded);
        MPAIO_ASSERT_OK(done);
        EXPECT_EQ(done->done, 70 - first);
        MPAIO_EXPECT_OK(done->status);
        ASSERT_TRUE(done->crash.has_value());
        EXPECT_EQ(done->crash->chunk, 70);
        EXPECT_EQ(done->crash->cause, death.cause);
        EXPECT_FALSE(done->crash->overran);
        EXPECT_EQ(encoded, "kept" + Sums(first, 70 - first));
      }
      // The next call continues with a new child.
      std::string encoded;
      EXPECT_EQ(sandbox.ProcessChunks(0, 71, kChunks - 71, &encoded)->done, kChunks - 71);
      EXPECT_EQ(encoded, Sums(71, kChunks - 71));
    }
  }
}

// Every third chunk crashes: one child per crash.
TEST_F(SandboxTest, ManyCrashesInARow) {
  auto sums = WorkerOf<>([](const View& chunk) -> absl::StatusOr<std::int64_t> {
    if (chunk.id() % 3 == 1) abort();
    return Sum(chunk);
  });
  Sandbox sandbox({&sums}, {.chunk_deadline = std::nullopt, .batch_time = hours(1)});
  std::string encoded, expected;
  std::vector<ChunkId> crashed, expected_crashed;
  for (ChunkId id = 0; id < 60; ++id) {
    if (id % 3 == 1) {
      expected_crashed.push_back(id);
    } else {
      expected += Sums(id, 1);
    }
  }
  for (ChunkId next = 0; next < 60;) {
    const absl::StatusOr<SandboxDone> done = sandbox.ProcessChunks(0, next, 60 - next, &encoded);
    MPAIO_ASSERT_OK(done);
    next += done->done;
    if (!done->crash.has_value()) break;
    EXPECT_EQ(done->crash->chunk, next);
    crashed.push_back(next++);
  }
  EXPECT_EQ(crashed, expected_crashed);
  EXPECT_EQ(encoded, expected);
}

// A chunk is reported only if a child ended while it processed that chunk alone. With an unlimited
// batch_time the batches are 0, 1-4, 5-20, 21-84 and so on.
TEST_F(SandboxTest, AOneTimeCrashIsReportedOnlyIfTheChunkWasAlone) {
  Shared<std::atomic<int>> runs;
  const auto abort_once = [&] {
    if (runs->fetch_add(1) == 0) abort();
  };
  auto sums = SumsExcept(10, abort_once);
  Sandbox alone({&sums}, {.chunk_deadline = std::nullopt, .batch_time = nanoseconds(0)});
  std::string encoded;
  absl::StatusOr<SandboxDone> done = alone.ProcessChunks(0, 0, kChunks, &encoded);
  MPAIO_ASSERT_OK(done);
  EXPECT_EQ(done->done, 10);
  ASSERT_TRUE(done->crash.has_value());
  EXPECT_EQ(done->crash->chunk, 10);
  EXPECT_EQ(alone.ProcessChunks(0, 10, kChunks - 10, &encoded)->done, kChunks - 10);
  EXPECT_EQ(encoded, Sums(0, kChunks));
  EXPECT_EQ(*runs, 2);

  *runs = 0;
  Sandbox batches({&sums}, {.chunk_deadline = std::nullopt, .batch_time = hours(1)});
  encoded.clear();
  done = batches.ProcessChunks(0, 0, kChunks, &encoded);
  MPAIO_ASSERT_OK(done);
  EXPECT_EQ(done->done, kChunks);
  EXPECT_FALSE(done->crash.has_value());
  EXPECT_EQ(encoded, Sums(0, kChunks));
  EXPECT_EQ(*runs, 2);
}

TEST_F(SandboxTest, AChunkThatHangsIsEndedAtTheDeadline) {
  auto sums = SumsExcept(70, [] {
    for (;;) pause();
  });
  for (const nanoseconds batch_time : {nanoseconds(0), nanoseconds(hours(1))}) {
    Sandbox sandbox({&sums}, {.chunk_deadline = milliseconds(50), .batch_time = batch_time});
    std::string encoded;
    absl::StatusOr<SandboxDone> done = sandbox.ProcessChunks(0, 0, kChunks, &encoded);
    MPAIO_ASSERT_OK(done);
    EXPECT_EQ(done->done, 70);
    ASSERT_TRUE(done->crash.has_value());
    EXPECT_EQ(done->crash->chunk, 70);
    EXPECT_EQ(done->crash->cause, "took longer than 0.05 s and was ended");
    EXPECT_TRUE(done->crash->overran);
    EXPECT_EQ(sandbox.ProcessChunks(0, 71, kChunks - 71, &encoded)->done, kChunks - 71);
    EXPECT_EQ(encoded, Sums(0, 70) + Sums(71, kChunks - 71));
  }
}

TEST_F(SandboxTest, AChildThatIsStoppedIsEndedAtTheDeadline) {
  auto sums = SumsExcept(2, [] { raise(SIGSTOP); });
  Sandbox sandbox({&sums}, {.chunk_deadline = milliseconds(50)});
  std::string encoded;
  const absl::StatusOr<SandboxDone> done = sandbox.ProcessChunks(0, 0, 5, &encoded);
  MPAIO_ASSERT_OK(done);
  EXPECT_EQ(done->done, 2);
  ASSERT_TRUE(done->crash.has_value());
  EXPECT_TRUE(done->crash->overran);
}

// The chunks of one batch together exceed the deadline of a single chunk; none is reported.
TEST_F(SandboxTest, TheDeadlineIsPerChunkNotPerBatch) {
  Shared<std::atomic<int>> runs;
  auto sums = WorkerOf<>([&](const View& chunk) -> absl::StatusOr<std::int64_t> {
    if (chunk.id() >= 21 && chunk.id() < 51) {
      runs->fetch_add(1);
      const auto until = std::chrono::steady_clock::now() + milliseconds(50);
      while (std::chrono::steady_clock::now() < until) {
      }
    }
    return Sum(chunk);
  });
  Sandbox sandbox({&sums}, {.chunk_deadline = milliseconds(1000), .batch_time = hours(1)});
  std::string encoded;
  const absl::StatusOr<SandboxDone> done = sandbox.ProcessChunks(0, 0, kChunks, &encoded);
  MPAIO_ASSERT_OK(done);
  EXPECT_EQ(done->done, kChunks);
  EXPECT_FALSE(done->crash.has_value());
  EXPECT_EQ(encoded, Sums(0, kChunks));
  EXPECT_GT(*runs, 30);
}

TEST_F(SandboxTest, AChildThatEndsWhileItIsIdleIsReplaced) {
  auto worker = ReturnsItsProcess();
  Sandbox sandbox({&worker}, {});
  const pid_t first = ChildOf(sandbox, 0);
  EXPECT_EQ(ChildOf(sandbox, 0), first);
  kill(first, SIGKILL);
  const pid_t second = ChildOf(sandbox, 0);
  EXPECT_NE(second, first);
  EXPECT_TRUE(IsGone(first));
  EXPECT_FALSE(IsGone(second));
}

TEST_F(SandboxTest, AChildThatIsStoppedWhileItIsIdleIsReplaced) {
  auto worker = ReturnsItsProcess();
  Sandbox sandbox({&worker}, {.chunk_deadline = milliseconds(20)});
  const pid_t first = ChildOf(sandbox, 0);
  kill(first, SIGSTOP);
  int status = 0;
  ASSERT_EQ(waitpid(first, &status, WUNTRACED), first);
  EXPECT_NE(ChildOf(sandbox, 0), first);
  EXPECT_TRUE(IsGone(first));
}

TEST_F(SandboxTest, LeavesNoChildBehind) {
  auto worker = ReturnsItsProcess();
  auto dies = WorkerOf<>([](const View&) -> absl::StatusOr<std::int64_t> { abort(); });
  pid_t first = 0, second = 0;
  {
    Sandbox sandbox({&worker, &dies}, {});
    first = ChildOf(sandbox, 0);
    std::string encoded;
    EXPECT_TRUE(sandbox.ProcessChunks(1, 0, 1, &encoded)->crash.has_value());
    EXPECT_TRUE(IsGone(first));
    second = ChildOf(sandbox, 0);
    EXPECT_FALSE(IsGone(second));
  }
  EXPECT_TRUE(IsGone(second));
  // There are no children at all.
  EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);
}

TEST_F(SandboxTest, ASandboxWithoutWorkForksNothing) {
  auto sums = WorkerOf<>(Sum);
  Sandbox sandbox({&sums}, {});
  EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);
}

// Kills a process that has a Sandbox with a hanging chunk. Its child is then reparented to this
// process, the nearest subreaper, and has been killed too.
TEST_F(SandboxTest, TheChildDoesNotSurviveItsParent) {
  ASSERT_EQ(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
  Shared<std::atomic<pid_t>> child;
  auto hangs = WorkerOf<>([&](const View&) -> absl::StatusOr<std::int64_t> {
    child->store(getpid());
    for (;;) pause();
  });
  const pid_t parent = fork();
  ASSERT_GE(parent, 0);
  if (parent == 0) {
    Sandbox sandbox({&hangs}, {});
    std::string encoded;
    _exit(sandbox.ProcessChunks(0, 0, 1, &encoded).ok() ? 1 : 2);
  }
  while (*child == 0) std::this_thread::yield();
  kill(parent, SIGKILL);
  int status = 0;
  ASSERT_EQ(waitpid(parent, &status, 0), parent);
  ASSERT_EQ(waitpid(*child, &status, 0), child->load());
  EXPECT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(WTERMSIG(status), SIGKILL);
  prctl(PR_SET_CHILD_SUBREAPER, 0);
}

// The closed files include those through which the child reports results; results that fit in
// memory still arrive.
TEST_F(SandboxTest, ProcessMayCloseAllFiles) {
  const std::string long_text(2 << 20, 'x');
  auto texts = WorkerOf<std::string>([&](const View& chunk) -> absl::StatusOr<std::string> {
    if (chunk.id() == 1) close_range(STDERR_FILENO + 1, ~0u, 0);
    return chunk.id() == 3 ? long_text : std::string(1000, 'x');
  });
  Sandbox sandbox({&texts}, {});
  std::string direct, encoded;
  ASSERT_EQ(WorkerOf<std::string>([](const View&) { return std::string(1000, 'x'); })
                .ProcessChunks(0, 3, &direct)
                .done,
            3);
  const absl::StatusOr<SandboxDone> done = sandbox.ProcessChunks(0, 0, 5, &encoded);
  MPAIO_ASSERT_OK(done);
  EXPECT_EQ(done->done, 3);
  EXPECT_THAT(done->status,
              StatusIs(absl::StatusCode::kResourceExhausted, "2097168 bytes: Bad file descriptor"));
  EXPECT_EQ(encoded, direct);
}

TEST_F(SandboxTest, SharedMemoryIsTheSameMemory) {
  struct Arrays {
    std::int64_t in[kChunks];
    std::int64_t out[kChunks];
  };
  Shared<Arrays> arrays;
  auto doubles = WorkerOf<>([&](const View& chunk) -> absl::StatusOr<std::int64_t> {
    arrays->out[chunk.id()] = 2 * arrays->in[chunk.id()];
    return 0;
  });
  Sandbox sandbox({&doubles}, {});
  for (const std::int64_t round : {1, 100}) {
    // Covers values stored after the fork.
    for (Index k = 0; k < kChunks; ++k) arrays->in[k] = round * k;
    std::string encoded;
    ASSERT_EQ(sandbox.ProcessChunks(0, 0, kChunks, &encoded)->done, kChunks);
    for (Index k = 0; k < kChunks; ++k) ASSERT_EQ(arrays->out[k], 2 * round * k);
  }
}

// A new child starts with the parent's state, not with changes made by the old child.
TEST_F(SandboxTest, StateKeptByProcessEndsWithTheChild) {
  std::int64_t kept = 100;
  auto counts = WorkerOf<>([&](const View& chunk) -> absl::StatusOr<std::int64_t> {
    if (chunk.id() == 5) abort();
    return ++kept;
  });
  Sandbox sandbox({&counts}, {});
  EXPECT_EQ(ChildOf(sandbox, 0), 101);
  EXPECT_EQ(ChildOf(sandbox, 0), 102);
  EXPECT_EQ(kept, 100);
  kept = 200;
  EXPECT_EQ(ChildOf(sandbox, 0), 103);
  std::string encoded;
  EXPECT_TRUE(sandbox.ProcessChunks(0, 5, 1, &encoded)->crash.has_value());
  EXPECT_EQ(ChildOf(sandbox, 0), 201);
}

// The child does not use the rank's handlers: a fault kills it, and signals to the group do not
// affect it.
TEST_F(SandboxTest, SignalHandlersOfTheRankAreNotTheChilds) {
  const auto leave = [](int) { _exit(77); };
  std::vector<std::pair<int, struct sigaction>> before;
  for (const int number : {SIGSEGV, SIGTERM, SIGUSR1, SIGWINCH}) {
    struct sigaction action = {};
    action.sa_handler = leave;
    before.emplace_back(number, action);
    ASSERT_EQ(sigaction(number, &action, &before.back().second), 0);
  }
  auto sums = WorkerOf<>([&](const View& chunk) -> absl::StatusOr<std::int64_t> {
    if (chunk.id() == 1) StoreNowhere();
    for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGWINCH}) raise(number);
    return Sum(chunk);
  });
  Sandbox sandbox({&sums}, {});
  std::string encoded;
  const absl::StatusOr<SandboxDone> done = sandbox.ProcessChunks(0, 0, 2, &encoded);
  for (const auto& [number, action] : before) sigaction(number, &action, nullptr);
  MPAIO_ASSERT_OK(done);
  EXPECT_EQ(done->done, 1);
  EXPECT_EQ(encoded, Sums(0, 1));
  ASSERT_TRUE(done->crash.has_value());
  EXPECT_EQ(done->crash->cause, "was killed by signal 11 (SIGSEGV: segmentation fault)");
}

TEST_F(SandboxTest, WorksIfTheProcessIgnoresSigchld) {
  const auto before = signal(SIGCHLD, SIG_IGN);
  auto sums = SumsExcept(3, [] { abort(); });
  {
    Sandbox sandbox({&sums}, {});
    std::string encoded;
    const absl::StatusOr<SandboxDone> done = sandbox.ProcessChunks(0, 0, 5, &encoded);
    EXPECT_EQ(sandbox.ProcessChunks(0, 4, 5, &encoded)->done, 5);
    signal(SIGCHLD, before);
    MPAIO_ASSERT_OK(done);
    EXPECT_EQ(done->done, 3);
    ASSERT_TRUE(done->crash.has_value());
    EXPECT_EQ(done->crash->chunk, 3);
    EXPECT_THAT(done->crash->cause, HasSubstr("ended in an unknown way"));
    EXPECT_EQ(encoded, Sums(0, 3) + Sums(4, 5));
  }
}

TEST_F(SandboxTest, TheOomKillerPrefersTheChild) {
  auto reads = WorkerOf<>([](const View&) -> absl::StatusOr<std::int64_t> {
    std::ifstream file("/proc/self/oom_score_adj");
    std::int64_t score = -1;
    file >> score;
    return score;
  });
  Sandbox sandbox({&reads}, {});
  EXPECT_EQ(ChildOf(sandbox, 0), 1000);
}

TEST_F(SandboxTest, AFailedAllocationIsAStatus) {
#ifdef MPAIO_SANITIZER
  GTEST_SKIP() << "a sanitizer needs more addresses than a limit leaves, and its operator new does "
                  "not throw";
#endif
  auto texts = WorkerOf<std::string>([](const View& chunk) -> absl::StatusOr<std::string> {
    const rlimit limit = {std::size_t{256} << 20, RLIM_INFINITY};
    setrlimit(RLIMIT_AS, &limit);
    std::vector<std::string> all;
    while (chunk.id() == 2) all.emplace_back(1 << 20, 'x');
    return "enough";
  });
  Sandbox sandbox({&texts}, {});
  std::string encoded;
  const absl::StatusOr<SandboxDone> done = sandbox.ProcessChunks(0, 0, 5, &encoded);
  MPAIO_ASSERT_OK(done);
  EXPECT_EQ(done->done, 2);
  EXPECT_THAT(done->status,
              StatusIs(absl::StatusCode::kResourceExhausted, "Process ran out of memory"));
  EXPECT_FALSE(done->crash.has_value());
}

// The child finds the memory that holds the results, overwrites it, and ends.
TEST_F(SandboxTest, DetectsAnOverwrittenBoard) {
  const auto scribble = [] {
    std::ifstream maps("/proc/self/maps");
    for (std::string line; std::getline(maps, line);) {
      unsigned long begin = 0, end = 0;
      if (sscanf(line.c_str(), "%lx-%lx rw-s", &begin, &end) != 2 ||
          line.find(" rw-s ") == std::string::npos)
        continue;
      if (line.find("/dev/zero") == std::string::npos || end - begin < 1 << 20) continue;
      std::memset(reinterpret_cast<void*>(begin), 0xff, end - begin);
      raise(SIGKILL);
    }
    _exit(1);
  };
  auto sums = SumsExcept(50, scribble);
  for (const nanoseconds batch_time : {nanoseconds(0), nanoseconds(hours(1))}) {
    Sandbox sandbox({&sums}, {.chunk_deadline = std::nullopt, .batch_time = batch_time});
    std::string encoded;
    const absl::StatusOr<SandboxDone> done = sandbox.ProcessChunks(0, 0, kChunks, &encoded);
    MPAIO_ASSERT_OK(done);
    EXPECT_EQ(done->done, 50);
    ASSERT_TRUE(done->crash.has_value());
    EXPECT_EQ(done->crash->chunk, 50);
    EXPECT_EQ(done->crash->cause, "overwrote memory that is not its own");
    EXPECT_EQ(encoded, Sums(0, 50));
  }
}

TEST_F(SandboxTest, MissingFileDescriptorsAreAnError) {
  auto sums = WorkerOf<>(Sum);
  Sandbox sandbox({&sums}, {});
  rlimit before = {};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit none = {0, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  std::string encoded = "kept";
  const absl::StatusOr<SandboxDone> done = sandbox.ProcessChunks(0, 0, 5, &encoded);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_THAT(done, StatusIs(absl::StatusCode::kResourceExhausted, "memfd_create"));
  EXPECT_EQ(encoded, "kept");
  EXPECT_EQ(sandbox.ProcessChunks(0, 0, 5, &encoded)->done, 5);
  EXPECT_EQ(encoded, "kept" + Sums(0, 5));
}

// If true, a child exits within fork().
std::atomic<bool> children_exit_at_fork = false;

TEST_F(SandboxTest, ChildrenThatDoNotStartAreAnError) {
  ASSERT_EQ(pthread_atfork(nullptr, nullptr,
                           [] {
                             if (children_exit_at_fork) _exit(9);
                           }),
            0);
  auto sums = WorkerOf<>(Sum);
  Sandbox sandbox({&sums}, {});
  std::string encoded = "kept";
  children_exit_at_fork = true;
  const absl::StatusOr<SandboxDone> done = sandbox.ProcessChunks(0, 0, 5, &encoded);
  children_exit_at_fork = false;
  EXPECT_THAT(done,
              StatusIs(absl::StatusCode::kUnavailable,
                       "in a row ended before they began a chunk; the last ended with exit status "
                       "9"));
  EXPECT_EQ(encoded, "kept");
  EXPECT_EQ(sandbox.ProcessChunks(0, 0, 5, &encoded)->done, 5);
  EXPECT_EQ(encoded, "kept" + Sums(0, 5));
}

// Output that is buffered at the fork is printed once; the output of Process is printed even if
// Process crashes afterwards.
TEST_F(SandboxTest, NothingIsPrintedTwiceAndNothingIsLost) {
  auto prints = WorkerOf<>([](const View& chunk) -> absl::StatusOr<std::int64_t> {
    printf("chunk %d\n", static_cast<int>(chunk.id()));
    if (chunk.id() == 1) abort();
    if (chunk.id() == 3) {
      printf("half a line");
      exit(1);
    }
    return 0;
  });
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const ChildEnd end = RunInChild([&] {
    dup2(ends[1], STDOUT_FILENO);
    setvbuf(stdout, nullptr, _IOFBF, 1 << 16);
    printf("before\n");
    std::string encoded;
    Sandbox sandbox({&prints}, {});
    for (const ChunkId first : {0, 2, 4}) {
      if (!sandbox.ProcessChunks(0, first, 2, &encoded).ok()) return 1;
    }
    printf("\nafter\n");
    return 0;
  });
  close(ends[1]);
  EXPECT_EQ(end, ChildEnd());
  std::string printed(1000, '\0');
  std::size_t size = 0;
  for (ssize_t got = 1; got > 0; size += static_cast<std::size_t>(got)) {
    got = read(ends[0], printed.data() + size, printed.size() - size);
    ASSERT_GE(got, 0);
  }
  close(ends[0]);
  printed.resize(size);
  EXPECT_EQ(printed,
            "before\nchunk 0\nchunk 1\nchunk 2\nchunk 3\nhalf a linechunk 4\nchunk 5\n\nafter\n");
}

// Other threads hold locks while this one forks.
TEST_F(SandboxTest, OtherThreadsContinue) {
  std::atomic<bool> stop = false;
  std::atomic<std::int64_t> allocated = 0;
  std::thread other([&] {
    while (!stop)
      allocated += static_cast<std::int64_t>(
          std::string(static_cast<std::size_t>(100 + allocated % 1000), 'x').size());
  });
  auto texts = WorkerOf<std::string>([](const View& chunk) -> absl::StatusOr<std::string> {
    if (chunk.id() % 10 == 9) abort();
    return std::string(static_cast<std::size_t>(1000 * chunk.id()), 'x');
  });
  Sandbox sandbox({&texts}, {});
  Index done = 0, crashed = 0;
  for (ChunkId next = 0; next < 100; next = done + crashed) {
    std::string encoded;
    const absl::StatusOr<SandboxDone> now = sandbox.ProcessChunks(0, next, 100 - next, &encoded);
    if (!now.ok()) break;
    done += now->done;
    crashed += now->crash.has_value() ? 1 : 0;
  }
  stop = true;
  other.join();
  EXPECT_EQ(done, 90);
  EXPECT_EQ(crashed, 10);
}

// A child ends with the thread that forked it; the next call, on another thread, must not be
// affected.
TEST_F(SandboxTest, ThreadsMayTakeTurns) {
  auto sums = WorkerOf<>(Sum);
  Sandbox sandbox({&sums}, {});
  std::string encoded;
  for (ChunkId first = 0; first < kChunks; first += 30) {
    std::thread([&] { EXPECT_EQ(sandbox.ProcessChunks(0, first, 15, &encoded)->done, 15); }).join();
    EXPECT_EQ(sandbox.ProcessChunks(0, first + 15, 15, &encoded)->done, 15);
  }
  EXPECT_EQ(encoded, Sums(0, kChunks));
}

}  // namespace
}  // namespace mpaio
