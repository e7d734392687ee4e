// SPDX-License-Identifier: Apache-2.0
#include "mpaio/executor/mpi_executor.h"

#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mpaio/executor/executor_conformance.h"
#include "mpaio/mpi/communicator.h"
#include "mpaio/testing/mpi_test_environment.h"
#include "mpaio/testing/resident_pages.h"
#include "mpaio/testing/status_matchers.h"

namespace mpaio {
namespace {

std::unique_ptr<Executor> Create(const MpiExecutorOptions& options = {}) {
  absl::StatusOr<std::unique_ptr<Executor>> executor = MpiExecutor::Create(TestWorld(), options);
  EXPECT_THAT(executor, IsOk());
  return executor.ok() ? *std::move(executor) : nullptr;
}

const bool kRegistered = [] {
  RegisterExecutorConformance("MpiExecutor",
                              [](const std::function<void(Executor&)>& body) { body(*Create()); });
  return true;
}();

TEST(MpiExecutorTest, HasTheRanksOfTheWorld) {
  const std::unique_ptr<Executor> executor = Create();
  EXPECT_EQ(executor->rank(), TestWorld().rank());
  EXPECT_EQ(executor->size(), TestWorld().size());
  // All tests run on one host.
  EXPECT_EQ(executor->num_nodes(), 1);
  EXPECT_EQ(executor->node_size(), TestWorld().size());
}

TEST(MpiExecutorTest, OrchestratorWorksWhereThereAreCoresForAllUnlessToldOtherwise) {
  const bool enough_cores = TestWorld().size() <= sysconf(_SC_NPROCESSORS_ONLN);
  EXPECT_EQ(Create()->orchestrator_works(), enough_cores || TestWorld().size() == 1);
  for (const bool works : {false, true}) {
    MpiExecutorOptions options;
    options.orchestrator_works = works;
    // A single rank must work.
    EXPECT_EQ(Create(options)->orchestrator_works(), works || TestWorld().size() == 1);
  }
}

// Rank 0 stores to memory that is read-only for the others, and they see it.
TEST(MpiExecutorTest, EachRankProtectsItsOwnMapping) {
  const std::unique_ptr<Executor> executor = Create();
  const absl::StatusOr<SharedMemory*> memory = executor->Allocate(5000);
  MPAIO_ASSERT_OK(memory);
  if (executor->rank() != 0) {
    MPAIO_EXPECT_OK((*memory)->ProtectReadOnly());
  }
  MPAIO_EXPECT_OK((*memory)->Synchronize());
  if (executor->rank() == 0) (*memory)->data()[4999] = std::byte{42};
  MPAIO_EXPECT_OK((*memory)->Synchronize());
  EXPECT_EQ((*memory)->data()[4999], std::byte{42});
}

TEST(MpiExecutorTest, CloseFreesWhatWasAllocated) {
  constexpr Index kSizeBytes = 16 << 20;
  const std::unique_ptr<Executor> executor = Create();
  const absl::StatusOr<SharedMemory*> memory = executor->Allocate(kSizeBytes);
  MPAIO_ASSERT_OK(memory);
  const std::byte* const middle = (*memory)->data() + kSizeBytes / 2;
  EXPECT_EQ(NumResidentPages(middle, 1), 1);
  MPAIO_EXPECT_OK(executor->Close());
  EXPECT_EQ(NumResidentPages(middle, 1), -1) << "still mapped";
}

TEST(MpiExecutorTest, DestructorCloses) {
  constexpr Index kSizeBytes = 16 << 20;
  std::unique_ptr<Executor> executor = Create();
  const absl::StatusOr<SharedMemory*> memory = executor->Allocate(kSizeBytes);
  MPAIO_ASSERT_OK(memory);
  const std::byte* const middle = (*memory)->data() + kSizeBytes / 2;
  executor.reset();
  EXPECT_EQ(NumResidentPages(middle, 1), -1) << "still mapped";
}

// If pools leaked them, these pools would need more communicators than Open MPI has, and more
// memory than a small /dev/shm has.
TEST(MpiExecutorTest, PoolsOneAfterAnotherLeaveNothingBehind) {
  const auto num_maps = [] {
    std::ifstream maps("/proc/self/maps");
    return std::count(std::istreambuf_iterator<char>(maps), {}, '\n');
  };
  std::ptrdiff_t maps_before = 0;
  for (int k = 0; k < 60; ++k) {
    if (k == 20) maps_before = num_maps();
    const std::unique_ptr<Executor> executor = Create();
    MPAIO_ASSERT_OK(executor->Allocate(1 << 20));
    MPAIO_ASSERT_OK(executor->Agree(absl::OkStatus()));
  }
  EXPECT_LT(num_maps(), maps_before + 20) << "40 pools have left something mapped";
}

TEST(MpiExecutorTest, TwoPoolsAreIndependent) {
  const std::unique_ptr<Executor> first = Create(), second = Create();
  std::string of_first = first->rank() == 0 ? "first" : "",
              of_second = second->rank() == 0 ? "second" : "";
  MPAIO_EXPECT_OK(first->Broadcast(&of_first));
  MPAIO_EXPECT_OK(second->Broadcast(&of_second));
  EXPECT_EQ(of_first, "first");
  EXPECT_EQ(of_second, "second");
  const absl::StatusOr<SharedMemory*> memory = first->Allocate(100);
  MPAIO_ASSERT_OK(memory);
  MPAIO_EXPECT_OK(second->Close());
  if (first->rank() == 0) (*memory)->data()[0] = std::byte{1};
  MPAIO_EXPECT_OK((*memory)->Synchronize());
  EXPECT_EQ((*memory)->data()[0], std::byte{1});
}

}  // namespace
}  // namespace mpaio
