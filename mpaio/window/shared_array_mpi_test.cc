// SPDX-License-Identifier: Apache-2.0

// Shared arrays, and output arrays on one node, in the pool of an `mpirun`.
#include <cstdint>
#include <functional>
#include <memory>

#include "absl/status/statusor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mpaio/array/dtype.h"
#include "mpaio/base/index.h"
#include "mpaio/chunk/data_iterator.h"
#include "mpaio/executor/executor_conformance.h"
#include "mpaio/executor/mpi_executor.h"
#include "mpaio/testing/mpi_test_environment.h"
#include "mpaio/testing/status_matchers.h"
#include "mpaio/window/output_array.h"
#include "mpaio/window/shared_array.h"
#include "mpaio/window/shared_array_checks.h"

namespace mpaio {
namespace {

void RunOverMpi(const std::function<void(Executor&)>& body) {
  const absl::StatusOr<std::unique_ptr<Executor>> executor = MpiExecutor::Create(TestWorld());
  MPAIO_ASSERT_OK(executor);
  body(**executor);
}

const bool kRegistered = [] {
  RegisterSharedArrayChecks("SharedArrayOverMpi", RunOverMpi);
  return true;
}();

// Rank r % size writes row r, element by element across the pages; rank 0 sees all of them after
// every rank has sent its message.
TEST(OutputArrayOverMpi, RowsAreWrittenInPlaceOnRank0sNode) {
  RunOverMpi([](Executor& executor) {
    if (executor.num_nodes() > 1) GTEST_SKIP() << "rank 0 does not share memory with all";
    constexpr Index kRows = 5000, kColumns = 3;
    const absl::StatusOr<OutputArray> output =
        OutputArray::Create(executor, DType::Of<std::int64_t>(), {kRows, kColumns});
    MPAIO_ASSERT_OK(output);
    for (Index row = executor.rank(); row < kRows; row += executor.size()) {
      const RowRange rows = {row, row + 1};
      Index column = 0;
      for (std::int64_t& element : output->Rows<std::int64_t>(rows)) element = 10 * row + ++column;
      EXPECT_EQ(column, kColumns);
      EXPECT_EQ(output->Finish(rows).value(), "");
      if (executor.rank() == 0) {
        MPAIO_EXPECT_OK(output->Accept(rows, ""));
      }
    }
    Meet(executor);
    const auto* const elements = reinterpret_cast<const std::int64_t*>(output->view().data());
    Index wrong = 0;
    for (Index at = 0; at < kRows * kColumns; ++at)
      wrong += elements[at] != 10 * (at / kColumns) + at % kColumns + 1;
    EXPECT_EQ(wrong, 0) << "elements";
    Meet(executor);
  });
}

}  // namespace
}  // namespace mpaio
