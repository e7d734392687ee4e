// SPDX-License-Identifier: Apache-2.0

// main() of the tests that mpirun runs (mpi_cc_test).
//
// Rank 0 prints and writes the report; the other ranks print only their failures. A test fails if
// it fails on any rank, and the program fails on all ranks if it fails on one. All ranks leave a
// test together: if one leaves it early, because an ASSERT failed, the others may wait for it
// forever, so a watchdog in each rank ends the job.
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "mpaio/base/index.h"
#include "mpaio/mpi/communicator.h"
#include "mpaio/mpi/environment.h"
#include "mpaio/testing/mpi_test_environment.h"

namespace mpaio {
namespace {

using std::chrono::seconds;

// The time that a rank waits for the other ranks after its own part of a test has failed.
constexpr seconds kGracePeriod(10);

int NumberFromEnvironment(const char* name, int otherwise) {
  int number = 0;
  const char* text = getenv(name);
  return text != nullptr && absl::SimpleAtoi(text, &number) && number > 0 ? number : otherwise;
}

// The time limit of one test: a minute, or less if Bazel's limit for the whole program would expire
// first, which would hide the name of the test.
seconds TestLimit() {
  const int bazel_limit = NumberFromEnvironment("TEST_TIMEOUT", 300);
  return seconds(
      NumberFromEnvironment("MPAIO_TEST_LIMIT_SECONDS", std::clamp(bazel_limit / 2, 5, 60)));
}

// Ends the job if an expected event does not happen in time.
class Watchdog {
 public:
  explicit Watchdog(const Communicator& world) : world_(world), rank_(world.rank()) {
    thread_ = std::thread([this] { Watch(); });
  }
  ~Watchdog() {
    {
      std::lock_guard lock(mutex_);
      stopped_ = true;
    }
    changed_.notify_one();
    thread_.join();
  }

  // From now on `what` must happen within `limit`; the previous event has happened.
  void Expect(std::string what, seconds limit) {
    {
      std::lock_guard lock(mutex_);
      what_ = std::move(what);
      limit_ = limit;
      deadline_ = std::chrono::steady_clock::now() + limit;
    }
    changed_.notify_one();
  }

 private:
  void Watch() {
    std::unique_lock lock(mutex_);
    while (!stopped_) {
      const auto deadline = deadline_;
      changed_.wait_until(lock, deadline);
      if (!stopped_ && deadline == deadline_ && std::chrono::steady_clock::now() >= deadline)
        AbortJob();
    }
  }

  [[noreturn]] void AbortJob() {
    std::fprintf(stderr, "[rank %d] not finished after %d s: %s; ending all ranks\n", rank_,
                 static_cast<int>(limit_.count()), what_.c_str());
    std::fflush(nullptr);
    // If MPI is too broken to abort, the alarm ends this process, and mpirun then ends the others.
    signal(SIGALRM, SIG_DFL);
    alarm(5);
    world_.Abort(1);
  }

  const Communicator& world_;
  const int rank_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::string what_ = "start-up";
  seconds limit_ = TestLimit();
  std::chrono::steady_clock::time_point deadline_ = std::chrono::steady_clock::now() + TestLimit();
  bool stopped_ = false;
  std::thread thread_;
};

// Must be added after the printer and the report writer: it then receives a test's end before them,
// so that both contain the failures that it adds.
class RankListener final : public testing::EmptyTestEventListener {
 public:
  RankListener(const Communicator& world, Watchdog& watchdog)
      : world_(world), watchdog_(watchdog) {}

  void OnTestStart(const testing::TestInfo& test) override {
    watchdog_.Expect(Name(test), TestLimit());
  }

  void OnTestPartResult(const testing::TestPartResult& result) override {
    if (world_.rank() == 0 || !result.failed()) return;
    std::fprintf(stderr, "[rank %d] %s:%d: Failure\n%s\n", world_.rank(),
                 result.file_name() != nullptr ? result.file_name() : "?", result.line_number(),
                 result.message());
    std::fflush(stderr);
  }

  void OnTestEnd(const testing::TestInfo& test) override {
    const bool failed = test.result()->Failed();
    if (failed)
      watchdog_.Expect(absl::StrCat("the other ranks' part of ", Name(test), ", which failed here"),
                       kGracePeriod);
    const absl::StatusOr<Index> first_failed =
        world_.Minimum(failed ? world_.rank() : world_.size());
    if (!first_failed.ok()) {
      ADD_FAILURE() << first_failed.status();
    } else if (world_.rank() == 0 && *first_failed != 0 && *first_failed != world_.size()) {
      ADD_FAILURE() << "failed on rank " << *first_failed;
    }
    watchdog_.Expect(absl::StrCat("the step after ", Name(test)), TestLimit());
  }

 private:
  static std::string Name(const testing::TestInfo& test) {
    return absl::StrCat(test.test_suite_name(), ".", test.name());
  }

  const Communicator& world_;
  Watchdog& watchdog_;
};

// Prepares GoogleTest for this rank and runs the tests. `own`: a communicator for main() alone.
int RunTests(const Communicator& own, Watchdog& watchdog) {
  testing::TestEventListeners& listeners = testing::UnitTest::GetInstance()->listeners();
  if (own.rank() != 0) {
    std::unique_ptr<testing::TestEventListener> printer(
        listeners.Release(listeners.default_result_printer()));
    std::unique_ptr<testing::TestEventListener> report(
        listeners.Release(listeners.default_xml_generator()));
  }
  listeners.Append(new RankListener(own, watchdog));  // GoogleTest owns it

  // All ranks must shuffle in the same way.
  std::string seed = absl::StrCat(GTEST_FLAG_GET(random_seed) != 0 ? GTEST_FLAG_GET(random_seed)
                                                                   : 1 + getpid() % 99999);
  if (const absl::Status status = own.Broadcast(0, &seed); !status.ok()) {
    std::fprintf(stderr, "%s\n", status.ToString().c_str());
    return 1;
  }
  int number = 0;
  if (absl::SimpleAtoi(seed, &number)) GTEST_FLAG_SET(random_seed, number);

  const bool only_lists = GTEST_FLAG_GET(list_tests);
  const int result = only_lists && own.rank() != 0 ? 0 : RUN_ALL_TESTS();
  const absl::StatusOr<Index> all_passed = own.Minimum(result == 0 ? 1 : 0);
  return all_passed.ok() && *all_passed == 1 ? 0 : 1;
}

int Main(int argc, char** argv) {
  Environment environment(&argc, &argv);
  if (!environment.status().ok()) {
    std::fprintf(stderr, "%s\n", environment.status().ToString().c_str());
    return 1;
  }
  testing::InitGoogleTest(&argc, argv);
  Watchdog watchdog(environment.world());
  int result = 1;
  {
    const absl::StatusOr<Communicator> own = environment.world().Duplicate();
    if (!own.ok()) {
      std::fprintf(stderr, "%s\n", own.status().ToString().c_str());
      return 1;
    }
    SetTestWorld(&environment.world());
    result = RunTests(*own, watchdog);
    SetTestWorld(nullptr);
  }
  watchdog.Expect("the end of MPI", TestLimit());
  const absl::Status finalized = environment.Finalize();
  if (finalized.ok()) return result;
  std::fprintf(stderr, "%s\n", finalized.ToString().c_str());
  return 1;
}

}  // namespace
}  // namespace mpaio

int main(int argc, char** argv) { return mpaio::Main(argc, argv); }
