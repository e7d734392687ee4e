// SPDX-License-Identifier: Apache-2.0

// Shared arrays in pools that need no MPI.
#include "mpaio/window/shared_array.h"

#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <functional>
#include <numeric>
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
#include "mpaio/window/shared_array_checks.h"

namespace mpaio {
namespace {

const bool kRegistered = [] {
  RegisterSharedArrayChecks("SharedArrayInline", [](const std::function<void(Executor&)>& body) {
    body(*MakeInlineExecutor());
  });
  RegisterSharedArrayChecks(
      "SharedArrayInThreadPool",
      [](const std::function<void(Executor&)>& body) { body(**MakeThreadPool({.threads = 3})); });
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
