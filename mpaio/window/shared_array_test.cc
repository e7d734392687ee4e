// SPDX-License-Identifier: Apache-2.0

// Shared arrays in pools that need no MPI.
#include "mpaio/window/shared_array.h"

#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <functional>
#include <memory>
#include <numeric>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mpaio/array/dtype.h"
#include "mpaio/base/index.h"
#include "mpaio/executor/executor_conformance.h"
#include "mpaio/executor/inline_executor.h"
#include "mpaio/executor/thread_pool.h"
#include "mpaio/executor/thread_ranks.h"
#include "mpaio/format/array_file.h"
#include "mpaio/format/npy_header.h"
#include "mpaio/testing/status_matchers.h"
#include "mpaio/testing/temp_directory.h"
#include "mpaio/window/shared_array_checks.h"

namespace mpaio {
namespace {

const bool kRegistered = [] {
  RegisterSharedArrayChecks("SharedArrayInline", [](const std::function<void(Executor&)>& body) {
    body(*MakeInlineExecutor());
  });
  struct Pool {
    int ranks, nodes;
  };
  for (const Pool pool : {Pool{1, 1}, Pool{2, 1}, Pool{3, 2}, Pool{4, 1}, Pool{4, 2}}) {
    ThreadRanksOptions options;
    options.num_nodes = pool.nodes;
    RegisterSharedArrayChecks(absl::StrCat("SharedArrayOnThreads", pool.ranks, "Nodes", pool.nodes),
                              [pool, options](const std::function<void(Executor&)>& body) {
                                RunOnThreads(pool.ranks, options, body);
                              });
  }
  return true;
}();

// Rank 0 alone makes collective calls in a thread pool, so it must not load its own share only.
TEST(SharedArray, AThreadPoolLoadsTheWholeFile) {
  const TempDirectory directory;
  constexpr Index kRows = 3000, kColumns = 100;
  std::vector<std::int64_t> numbers(static_cast<std::size_t>(kRows * kColumns));
  std::iota(numbers.begin(), numbers.end(), std::int64_t{1} << 40);
  const std::string raw = directory.File("a.bin"), swapped = directory.File("b.bin");
  std::vector<std::int64_t> other = numbers;
  for (std::int64_t& number : other)
    number = static_cast<std::int64_t>(__builtin_bswap64(static_cast<std::uint64_t>(number)));
  std::ofstream(raw, std::ios::binary)
      .write(reinterpret_cast<const char*>(numbers.data()), kRows * kColumns * 8);
  std::ofstream(swapped, std::ios::binary)
      .write(reinterpret_cast<const char*>(other.data()), kRows * kColumns * 8);
  for (const int threads : {1, 2, 5}) {
    const absl::StatusOr<std::unique_ptr<Executor>> pool = MakeThreadPool({.threads = threads});
    MPAIO_ASSERT_OK(pool);
    for (const Source source : {Source::kWindow, Source::kOnDemand, Source::kAuto}) {
      for (const std::string& input :
           {absl::StrCat("raw:<i8:3000x100:", raw), absl::StrCat("raw:>i8:3000x100:", swapped)}) {
        const absl::StatusOr<ArrayFile> file = SharedArray::Open(**pool, input);
        MPAIO_ASSERT_OK(file);
        const absl::StatusOr<SharedArray> array = SharedArray::Load(**pool, *file, source);
        MPAIO_ASSERT_OK(array);
        const absl::StatusOr<std::span<const std::int64_t>> elements =
            array->view().Span<std::int64_t>();
        MPAIO_ASSERT_OK(elements);
        EXPECT_TRUE(std::equal(elements->begin(), elements->end(), numbers.begin()))
            << input << " with " << threads << " threads";
      }
    }
  }
}

// A single test for this process, because standard input can be read only once.
TEST(SharedArray, StandardInputIsReadByRank0AndLoadedForAll) {
  std::vector<std::int64_t> numbers(100000);
  std::iota(numbers.begin(), numbers.end(), 1);
  const std::string npy = FormatNpyHeader(DType::Of<std::int64_t>(), {1000, 100}) +
                          std::string(reinterpret_cast<const char*>(numbers.data()), 800000);
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  ASSERT_EQ(::dup2(ends[0], STDIN_FILENO), STDIN_FILENO);
  ::close(ends[0]);
  std::thread writer([&npy, fd = ends[1]] {
    EXPECT_EQ(::write(fd, npy.data(), npy.size()), static_cast<ssize_t>(npy.size()));
    ::close(fd);
  });
  RunOnThreads(3, ThreadRanksOptions(), [&numbers](Executor& executor) {
    const absl::StatusOr<ArrayFile> file = SharedArray::Open(executor, "-");
    MPAIO_ASSERT_OK(file);
    EXPECT_EQ(file->shape(), (std::vector<Index>{1000, 100}));
    EXPECT_EQ(file->name(), "standard input");
    const absl::StatusOr<SharedArray> array = SharedArray::Load(executor, *file);
    MPAIO_ASSERT_OK(array);
    ASSERT_EQ(array->view().size_bytes(), 800000);
    EXPECT_EQ(std::memcmp(array->view().data(), numbers.data(), 800000), 0);
    for (const char* again : {"-", "raw:<i8:3:-"}) {
      EXPECT_THAT(
          SharedArray::FromFile(executor, again),
          StatusIs(absl::StatusCode::kFailedPrecondition, "standard input has been read already"));
    }
  });
  writer.join();
}

}  // namespace
}  // namespace mpaio
