// SPDX-License-Identifier: Apache-2.0

// Runs over inputs whose file becomes unreadable or changes, by a caller that checks nothing but
// how the run ended.
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <numeric>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mpaio/array/dtype.h"
#include "mpaio/array/nd_view.h"
#include "mpaio/base/index.h"
#include "mpaio/base/status_macros.h"
#include "mpaio/chunk/data_iterator.h"
#include "mpaio/executor/inline_executor.h"
#include "mpaio/executor/thread_pool.h"
#include "mpaio/executor/thread_ranks.h"
#include "mpaio/orchestration/worker_orchestrator.h"
#include "mpaio/testing/status_matchers.h"
#include "mpaio/testing/temp_directory.h"
#include "mpaio/window/shared_array.h"
#include "mpaio/worker/worker.h"

// Refuses leases, as many file systems do: a lease would make truncations wait for the run's end.
extern "C" int fcntl(int fd, int command, ...) {
  va_list arguments;
  va_start(arguments, command);
  const long argument = va_arg(arguments, long);
  va_end(arguments);
  if (command == F_SETLEASE) {
    errno = EINVAL;
    return -1;
  }
  return static_cast<int>(syscall(SYS_fcntl, fd, command, argument));
}

namespace mpaio {
namespace {

constexpr Index kCount = 1'000'000;  // 8 MB: smaller arrays are not loaded on demand

// Adds numbers up.
class Sum final : public Worker<std::int64_t, std::int64_t> {
 public:
  using Worker::Worker;
  std::function<void(ChunkId)> before = [](ChunkId) {};
  // If set, Process fails for chunks without the number that belongs there: 1 in row 0 and so on.
  bool is_strict = false;
  std::int64_t total = 0;

 private:
  absl::StatusOr<std::int64_t> Process(const ChunkView<std::int64_t>& chunk) const override {
    before(chunk.id());
    if (is_strict && chunk.elements().back() != chunk.rows().end)
      return absl::InvalidArgumentError("a number that must not be here");
    return std::accumulate(chunk.elements().begin(), chunk.elements().end(), std::int64_t{0});
  }
  absl::Status ProcessCallback(const Chunk&, std::int64_t sum) override {
    total += sum;
    return absl::OkStatus();
  }
};

enum class PoolKind { kInline, kThreadRanks, kThreadPool };

// Calls `body` on each rank that runs a program of its own.
void RunInPool(PoolKind kind, const std::function<void(Executor&)>& body) {
  if (kind == PoolKind::kInline) return body(*MakeInlineExecutor());
  if (kind == PoolKind::kThreadRanks) {
    ThreadRanksOptions options;
    options.orchestrator_works = true;
    return RunOnThreads(3, options, body);
  }
  ThreadPoolOptions options;
  options.threads = 3;
  options.orchestrator_works = true;
  body(**MakeThreadPool(options));
}

class GuardedRun : public testing::TestWithParam<std::tuple<PoolKind, Source>> {
 protected:
  GuardedRun() {
    std::vector<std::int64_t> numbers(kCount);
    std::iota(numbers.begin(), numbers.end(), std::int64_t{1});
    std::ofstream(raw_path(), std::ios::binary)
        .write(reinterpret_cast<const char*>(numbers.data()), 8 * kCount);
  }
  std::string raw_path() const { return directory_.File("a.bin"); }

  // The program of a user. `act` is called by the first of the ranks that reaches the middle of the
  // array; `then` after a run that went well, on each rank.
  void RunProgram(const std::function<void()>& act,
                  const std::function<void(Executor&, const absl::Status&, const Sum&)>& then,
                  bool is_strict = false) {
    const auto [kind, source] = GetParam();
    std::atomic<bool> has_acted = false;
    RunInPool(kind, [&, source = source](Executor& executor) {
      const absl::StatusOr<ArrayFile> file =
          SharedArray::Open(executor, absl::StrCat("raw:<i8:", raw_path()));
      MPAIO_ASSERT_OK(file);
      absl::StatusOr<SharedArray> loaded = SharedArray::Load(executor, *file, source);
      MPAIO_ASSERT_OK(loaded);
      const SharedArray array = *std::move(loaded);  // the guard survives moves
      ASSERT_TRUE(array.needs_file());
      Sum sum(*DataIterator::Create(array.view(), Partition::ChunkSize(1000)));
      sum.is_strict = is_strict;
      sum.before = [&](ChunkId chunk) {
        if (chunk == kCount / 1000 / 2 && !has_acted.exchange(true)) act();
      };
      absl::StatusOr<mpaio::Run> run = WorkerOrchestrator(executor, {&sum}).Start();
      MPAIO_ASSERT_OK(run);
      then(executor, run->Wait(), sum);
    });
    EXPECT_TRUE(has_acted);
  }

  TempDirectory directory_;
};

std::string NameOf(const testing::TestParamInfo<GuardedRun::ParamType>& info) {
  const char* const kPools[] = {"Inline", "ThreadRanks", "ThreadPool"};
  return absl::StrCat(kPools[static_cast<int>(std::get<0>(info.param))],
                      std::get<1>(info.param) == Source::kMap ? "Mapped" : "OnDemand");
}

INSTANTIATE_TEST_SUITE_P(Pools, GuardedRun,
                         testing::Combine(testing::Values(PoolKind::kInline, PoolKind::kThreadRanks,
                                                          PoolKind::kThreadPool),
                                          testing::Values(Source::kMap, Source::kOnDemand)),
                         NameOf);

TEST_P(GuardedRun, GoesWellWhereNothingHappens) {
  RunProgram([] {},
             [](Executor& executor, const absl::Status& status, const Sum& sum) {
               MPAIO_EXPECT_OK(status);
               if (executor.rank() == 0) {
                 EXPECT_EQ(sum.total, kCount * (kCount + 1) / 2);
               }
             });
}

TEST_P(GuardedRun, FailsWhereTheFileIsTruncated) {
  RunProgram([&] { std::filesystem::resize_file(raw_path(), 4096); },
             [](Executor&, const absl::Status& status, const Sum&) {
               EXPECT_THAT(status, StatusIs(absl::StatusCode::kDataLoss, "a.bin"));
             });
}

// The zeros of an unreadable page make Process fail.
TEST_P(GuardedRun, ATruncatedFileTakesPrecedenceOverTheFailureOfAChunk) {
  RunProgram([&] { std::filesystem::resize_file(raw_path(), 4096); },
             [](Executor&, const absl::Status& status, const Sum&) {
               EXPECT_THAT(status, StatusIs(absl::StatusCode::kDataLoss, "a.bin"));
             },
             /*is_strict=*/true);
}

// Only CheckUnchanged sees the reason.
TEST_P(GuardedRun, AWrittenFileTakesPrecedenceOverTheFailureOfAChunk) {
  RunProgram(
      [&] {
        std::fstream file(raw_path(), std::ios::binary | std::ios::in | std::ios::out);
        file.seekp(8 * kCount - 8);
        file.write("strange.", 8);
      },
      [](Executor&, const absl::Status& status, const Sum&) {
        EXPECT_THAT(status, StatusIs(absl::StatusCode::kDataLoss, "a.bin was written"));
      },
      /*is_strict=*/true);
}

TEST_P(GuardedRun, FailsAtItsEndWhereTheFileIsWritten) {
  RunProgram(
      [&] {
        std::fstream file(raw_path(), std::ios::binary | std::ios::in | std::ios::out);
        file.write("overwritten", 11);
      },
      [](Executor&, const absl::Status& status, const Sum&) {
        EXPECT_THAT(status, StatusIs(absl::StatusCode::kDataLoss, "a.bin was written"));
      });
}

// An input that no longer exists does not concern later runs.
TEST_P(GuardedRun, AnArrayThatWasDestroyedIsForgotten) {
  const auto [kind, source] = GetParam();
  if (kind == PoolKind::kThreadRanks) GTEST_SKIP() << "the same as inline, on each rank";
  RunInPool(kind, [&, source = source](Executor& executor) {
    const std::vector<std::int64_t> numbers(1000, 1);
    Sum sum(
        *DataIterator::Create(*NdView::Create(numbers.data(), DType::Of<std::int64_t>(), {1000}),
                              Partition::ChunkSize(10)));
    const auto run = [&] {
      absl::StatusOr<mpaio::Run> run = WorkerOrchestrator(executor, {&sum}).Start();
      return run.ok() ? run->Wait() : run.status();
    };
    {
      const absl::StatusOr<ArrayFile> file =
          SharedArray::Open(executor, absl::StrCat("raw:<i8:", raw_path()));
      MPAIO_ASSERT_OK(file);
      const absl::StatusOr<SharedArray> array = SharedArray::Load(executor, *file, source);
      MPAIO_ASSERT_OK(array);
      std::filesystem::resize_file(raw_path(), 100);
      EXPECT_THAT(run(), StatusIs(absl::StatusCode::kDataLoss, "a.bin"));
    }
    MPAIO_EXPECT_OK(run());
  });
}

}  // namespace
}  // namespace mpaio
