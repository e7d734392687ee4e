// SPDX-License-Identifier: Apache-2.0
#include "mpaio/mpi/communicator.h"

#include <stdlib.h>

#include <algorithm>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mpaio/testing/child_process.h"
#include "mpaio/testing/mpi_test_environment.h"
#include "mpaio/testing/random_bytes.h"
#include "mpaio/testing/status_matchers.h"

namespace mpaio {
namespace {

// Returns whether this machine, and the container if there is one, can provide `size_bytes` now
// without affecting others.
bool HasMemory(Index size_bytes) {
  // The container's limit, in version 2 or 1 of control groups; not a number if there is no limit.
  for (const char* path :
       {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}) {
    Index limit = 0;
    if (std::ifstream(path) >> limit && limit < 2 * size_bytes) return false;
  }
  std::ifstream file("/proc/meminfo");
  std::string key, unit;
  Index kb = 0;
  while (file >> key >> kb && std::getline(file, unit)) {
    if (key == "MemAvailable:") return kb * 1024 > size_bytes;
  }
  return false;
}

TEST(NullCommunicator, IsThisProcessAlone) {
  Communicator null;
  EXPECT_TRUE(null.is_null());
  EXPECT_EQ(null.rank(), 0);
  EXPECT_EQ(null.size(), 1);
  MPAIO_EXPECT_OK(null.Barrier());
  std::string bytes = "mine";
  MPAIO_EXPECT_OK(null.Broadcast(0, &bytes));
  EXPECT_EQ(bytes, "mine");
  EXPECT_EQ(null.Minimum(-7).value(), -7);
  std::vector<int> values = {1, 2, 3};
  MPAIO_EXPECT_OK(null.AllGather(5, &values));
  EXPECT_EQ(values, std::vector<int>{5});
  EXPECT_TRUE(null.Duplicate().value().is_null());
  EXPECT_TRUE(null.SplitByNode().value().is_null());
  MPAIO_EXPECT_OK(null.Free());
}

TEST(NullCommunicator, AbortEndsThisProcess) {
  EXPECT_EQ(RunInChild([]() -> int { Communicator().Abort(7); }),
            (ChildEnd{.signal = 0, .exit_status = 7}));
}

TEST(Communicator, WorldHasTheRanksOfMpirun) {
  const char* rank = getenv("OMPI_COMM_WORLD_RANK");
  const char* size = getenv("OMPI_COMM_WORLD_SIZE");
  ASSERT_TRUE(rank != nullptr && size != nullptr);
  EXPECT_EQ(std::to_string(TestWorld().rank()), rank);
  EXPECT_EQ(std::to_string(TestWorld().size()), size);
  EXPECT_EQ(TestWorld().is_null(), TestWorld().size() == 1);
}

TEST(Communicator, BroadcastGivesTheRootsBytesToAll) {
  for (const Index size_bytes : {0, 1, 4095, 1 << 20}) {
    for (int root = 0; root < TestWorld().size(); ++root) {
      const std::string expected = RandomBytes(100 + root, size_bytes);
      // The others' strings are shorter, longer and empty.
      std::string bytes =
          TestWorld().rank() == root ? expected : std::string(TestWorld().rank() * 700, 'x');
      MPAIO_ASSERT_OK(TestWorld().Broadcast(root, &bytes));
      EXPECT_TRUE(bytes == expected) << size_bytes << " bytes of rank " << root;
    }
  }
}

// All ranks refuse, so that none of them waits for a message that never comes.
TEST(Communicator, BroadcastRefusesMoreThanMpiCounts) {
  constexpr Index kSizeBytes = Index{1} << 31;
  if (TestWorld().size() != 2) GTEST_SKIP() << "two ranks suffice";
  if (TestWorld().Minimum(HasMemory(2 * kSizeBytes) ? 1 : 0).value() == 0)
    GTEST_SKIP() << "needs 4 GiB of free memory";
  std::string bytes;
  if (TestWorld().rank() == 0) bytes.resize(kSizeBytes);
  EXPECT_THAT(TestWorld().Broadcast(0, &bytes),
              StatusIs(absl::StatusCode::kInvalidArgument, "2147483648 bytes"));
  bytes = "still works";
  MPAIO_EXPECT_OK(TestWorld().Broadcast(1, &bytes));
}

TEST(Communicator, MinimumIsOfAllRanks) {
  const int rank = TestWorld().rank(), size = TestWorld().size();
  EXPECT_EQ(TestWorld().Minimum(10 + rank).value(), 10);
  EXPECT_EQ(TestWorld().Minimum(10 - rank).value(), 10 - (size - 1));
  // Beyond 32 bits.
  EXPECT_EQ(TestWorld().Minimum((Index{1} << 40) - rank).value(), (Index{1} << 40) - (size - 1));
}

TEST(Communicator, AllGatherOrdersValuesByRank) {
  std::vector<int> values = {99};
  MPAIO_ASSERT_OK(TestWorld().AllGather(TestWorld().rank() * 3 - 1, &values));
  ASSERT_EQ(values.size(), static_cast<std::size_t>(TestWorld().size()));
  for (int rank = 0; rank < TestWorld().size(); ++rank) EXPECT_EQ(values[rank], rank * 3 - 1);
}

TEST(Communicator, DuplicateHasTheSameRanksAndIsFreedOnce) {
  absl::StatusOr<Communicator> copy = TestWorld().Duplicate();
  MPAIO_ASSERT_OK(copy);
  EXPECT_EQ(copy->rank(), TestWorld().rank());
  EXPECT_EQ(copy->size(), TestWorld().size());
  MPAIO_EXPECT_OK(copy->Barrier());
  MPAIO_EXPECT_OK(copy->Free());
  EXPECT_TRUE(copy->is_null());
  MPAIO_EXPECT_OK(copy->Free());
}

TEST(Communicator, MovingLeavesNull) {
  absl::StatusOr<Communicator> copy = TestWorld().Duplicate();
  MPAIO_ASSERT_OK(copy);
  Communicator moved = *std::move(copy);
  EXPECT_TRUE(copy->is_null());
  EXPECT_EQ(copy->rank(), 0);
  EXPECT_EQ(copy->size(), 1);
  Communicator assigned;
  assigned = std::move(moved);
  EXPECT_TRUE(moved.is_null());
  EXPECT_EQ(assigned.rank(), TestWorld().rank());
  Communicator& itself = assigned;
  assigned = std::move(itself);
  EXPECT_EQ(assigned.size(), TestWorld().size());
  MPAIO_EXPECT_OK(assigned.Barrier());
  assigned = Communicator();  // frees it
  EXPECT_TRUE(assigned.is_null());
}

TEST(Communicator, FreeLeavesTheWorld) {
  if (TestWorld().is_null()) GTEST_SKIP() << "MPI is not running";
  {
    absl::StatusOr<Communicator> world = Communicator::World();
    MPAIO_ASSERT_OK(world);
    MPAIO_EXPECT_OK(world->Free());
  }
  MPAIO_EXPECT_OK(TestWorld().Barrier());
}

// All tests run on one host.
TEST(Communicator, SplitByNodeKeepsTheOrderOfRanks) {
  const absl::StatusOr<Communicator> node = TestWorld().SplitByNode();
  MPAIO_ASSERT_OK(node);
  EXPECT_EQ(node->size(), TestWorld().size());
  EXPECT_EQ(node->rank(), TestWorld().rank());
}

TEST(Communicator, AWrongRootIsAStatusThatNamesTheCall) {
  if (TestWorld().is_null()) GTEST_SKIP() << "MPI is not running";
  const absl::StatusOr<Communicator> copy = TestWorld().Duplicate();
  MPAIO_ASSERT_OK(copy);
  std::string bytes;
  for (const Communicator* comm : {&TestWorld(), &*copy}) {
    const absl::Status status = comm->Broadcast(comm->size(), &bytes);
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kInternal, "MPI_Bcast failed: "));
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kInternal, "MPI_ERR_ROOT"));
  }
}

}  // namespace
}  // namespace mpaio
