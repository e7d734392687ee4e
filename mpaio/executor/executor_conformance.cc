// SPDX-License-Identifier: Apache-2.0
#include "mpaio/executor/executor_conformance.h"

#include <sched.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mpaio/base/index.h"
#include "mpaio/base/wire.h"
#include "mpaio/testing/child_process.h"
#include "mpaio/testing/random_bytes.h"
#include "mpaio/testing/resident_pages.h"
#include "mpaio/testing/status_matchers.h"

namespace mpaio {
namespace {

using std::chrono::seconds;
using std::chrono::steady_clock;

constexpr Index kEbi = Index{1} << 60;

// Every rank runs the same check. All ranks make the same collective calls, even after a failure on
// one of them: a check does not return early unless all ranks do.

// Allocates memory of a size that every node has; null after a failure, and then on all ranks.
SharedMemory* Allocate(Executor& executor, Index size_bytes) {
  const absl::StatusOr<SharedMemory*> memory = executor.Allocate(size_bytes);
  EXPECT_THAT(memory, IsOk());
  return memory.ok() ? *memory : nullptr;
}

void RanksAndNodesAreNumbered(Executor& executor) {
  EXPECT_GE(executor.rank(), 0);
  EXPECT_LT(executor.rank(), executor.size());
  EXPECT_EQ(executor.transport().rank(), executor.rank());
  EXPECT_EQ(executor.transport().size(), executor.size());

  struct Place {
    int node, node_rank, node_size, num_nodes, size, works;
  };
  std::string mine;
  WireAppend(Place{executor.node(), executor.node_rank(), executor.node_size(),
                   executor.num_nodes(), executor.size(), executor.orchestrator_works() ? 1 : 0},
             &mine);
  std::vector<Place> places;
  for (const std::string& bytes : Gather(executor, mine)) {
    Place place{};
    EXPECT_TRUE(WireReader(bytes).Read(&place));
    places.push_back(place);
  }
  EXPECT_EQ(places[0].node, 0);
  // The number of ranks seen so far, by node.
  std::vector<int> ranks;
  for (const Place& place : places) {
    EXPECT_EQ(place.size, executor.size());
    EXPECT_EQ(place.num_nodes, executor.num_nodes());
    EXPECT_EQ(place.works, places[0].works) << "ranks differ on whether rank 0 works";
    // The nodes are in the order of their lowest ranks, and each node's ranks in the order of
    // theirs.
    if (place.node == static_cast<int>(ranks.size())) ranks.push_back(0);
    ASSERT_LT(place.node, static_cast<int>(ranks.size()));
    EXPECT_EQ(place.node_rank, ranks[place.node]++);
  }
  EXPECT_EQ(static_cast<int>(ranks.size()), executor.num_nodes());
  for (const Place& place : places) EXPECT_EQ(place.node_size, ranks[place.node]);
}

void HostIsThisHost(Executor& executor) {
  char name[256] = {};
  ASSERT_EQ(gethostname(name, sizeof(name) - 1), 0);
  EXPECT_EQ(executor.host(), name);
}

void MemoryIsZeroAlignedAndPopulated(Executor& executor) {
  const Index page_bytes = PageBytes();
  for (const Index size_bytes : {Index{0}, Index{1}, page_bytes - 1, page_bytes, page_bytes + 1,
                                 7 * page_bytes + 5, Index{3} << 20}) {
    SharedMemory* const memory = Allocate(executor, size_bytes);
    if (memory == nullptr) return;
    EXPECT_EQ(memory->size_bytes(), size_bytes);
    ASSERT_NE(memory->data(), nullptr);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(memory->data()) % page_bytes, 0u);
    if (size_bytes > 0) {
      EXPECT_EQ(NumResidentPages(memory->data(), size_bytes), CeilDivide(size_bytes, page_bytes))
          << size_bytes << " bytes";
    }
    Index not_zero = 0;
    for (Index at = 0; at < size_bytes; ++at) not_zero += memory->data()[at] != std::byte{0};
    EXPECT_EQ(not_zero, 0) << "of " << size_bytes << " bytes";
    MPAIO_EXPECT_OK(memory->Synchronize());  // no rank stores before all have read
    if (size_bytes > 0 && executor.node_rank() == 0) memory->data()[size_bytes - 1] = std::byte{1};
  }
}

void ControlIsZeroAndSharedByTheNode(Executor& executor) {
  std::byte* const control = executor.control();
  // A node of one rank has no control memory, and another node may have none left.
  const Index of_node = control == nullptr ? 0 : executor.node_size();
  EXPECT_TRUE(control == nullptr || executor.node_size() > 1);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(control) % Executor::kControlBytes, 0u);
  const auto count = [control](Index k, std::byte value) {
    return std::count(control + Executor::kControlBytes * k,
                      control + Executor::kControlBytes * (k + 1), value);
  };
  for (Index k = 0; k < of_node; ++k) EXPECT_EQ(count(k, std::byte{0}), Executor::kControlBytes);
  MPAIO_EXPECT_OK(executor.Agree(absl::OkStatus()));  // no rank stores before all have read
  const auto value = [&](Index k) { return static_cast<std::byte>(1 + k + 10 * executor.node()); };
  if (of_node > 0)
    std::fill_n(control + Executor::kControlBytes * executor.node_rank(), Executor::kControlBytes,
                value(executor.node_rank()));
  MPAIO_EXPECT_OK(executor.Agree(absl::OkStatus()));
  for (Index k = 0; k < of_node; ++k) EXPECT_EQ(count(k, value(k)), Executor::kControlBytes);
}

// Each rank populates its own bytes, which need not be whole pages.
void MemoryMayBePopulatedWhenWritten(Executor& executor) {
  const Index own_bytes = 5 * PageBytes() / 2;
  const Index size_bytes = own_bytes * executor.node_size();
  const absl::StatusOr<SharedMemory*> memory =
      executor.Allocate(size_bytes, PagePolicy::kWhenWritten);
  MPAIO_ASSERT_OK(memory);
  const Index begin = own_bytes * executor.node_rank();
  MPAIO_EXPECT_OK((*memory)->Populate(begin, begin));
  MPAIO_EXPECT_OK((*memory)->Populate(begin, begin + own_bytes));
  for (Index at = begin; at < begin + own_bytes; ++at)
    (*memory)->data()[at] = static_cast<std::byte>(at % 251);
  MPAIO_EXPECT_OK((*memory)->Synchronize());
  EXPECT_EQ(NumResidentPages((*memory)->data(), size_bytes), CeilDivide(size_bytes, PageBytes()));
  Index wrong = 0;
  for (Index at = 0; at < size_bytes; ++at)
    wrong += (*memory)->data()[at] != static_cast<std::byte>(at % 251);
  EXPECT_EQ(wrong, 0);
}

// Rank r of a node of n stores to the bytes at r, r + n, ...; then each rank reads all. Other nodes
// store other values.
void StoresAreSeenByTheNodeAfterSynchronize(Executor& executor) {
  constexpr Index kSizeBytes = (1 << 18) + 5;
  SharedMemory* const memory = Allocate(executor, kSizeBytes);
  if (memory == nullptr) return;
  for (int round = 0; round < 20; ++round) {
    const auto value = [&](Index at) {
      return static_cast<std::byte>((at * 7 + round + 100 * executor.node()) % 251);
    };
    for (Index at = executor.node_rank(); at < kSizeBytes; at += executor.node_size())
      memory->data()[at] = value(at);
    MPAIO_EXPECT_OK(memory->Synchronize());
    Index wrong = 0;
    for (Index at = 0; at < kSizeBytes; ++at) wrong += memory->data()[at] != value(at);
    EXPECT_EQ(wrong, 0) << "round " << round;
    MPAIO_EXPECT_OK(memory->Synchronize());  // no rank stores while another still reads
  }
}

// Rank r stores 1 + r to byte r: the value is visible on its own node, and on no other.
void MemoryIsSharedWithinANodeOnly(Executor& executor) {
  SharedMemory* const memory = Allocate(executor, executor.size());
  if (memory == nullptr) return;
  memory->data()[executor.rank()] = static_cast<std::byte>(1 + executor.rank());
  MPAIO_EXPECT_OK(memory->Synchronize());
  const std::vector<std::string> nodes = Gather(executor, absl::StrCat(executor.node()));
  for (int rank = 0; rank < executor.size(); ++rank) {
    const int expected = nodes[rank] == absl::StrCat(executor.node()) ? 1 + rank : 0;
    EXPECT_EQ(std::to_integer<int>(memory->data()[rank]), expected) << "stored by rank " << rank;
  }
}

void AllocationsDoNotOverlap(Executor& executor) {
  constexpr Index kSizeBytes = 5000;
  std::vector<SharedMemory*> memories;
  for (int k = 0; k < 4; ++k) {
    memories.push_back(Allocate(executor, kSizeBytes));
    if (memories.back() == nullptr) return;
  }
  for (int k = 0; k < 4 && executor.node_rank() == 0; ++k) {
    for (Index at = 0; at < kSizeBytes; ++at)
      memories[k]->data()[at] = static_cast<std::byte>(k + 1);
  }
  MPAIO_EXPECT_OK(memories[0]->Synchronize());
  for (int k = 0; k < 4; ++k) {
    Index wrong = 0;
    for (Index at = 0; at < kSizeBytes; ++at)
      wrong += memories[k]->data()[at] != static_cast<std::byte>(k + 1);
    EXPECT_EQ(wrong, 0) << "in allocation " << k;
  }
}

// The isolation of chunks in child processes depends on this.
void StoresOfAChildAreSeen(Executor& executor) {
  SharedMemory* const memory = Allocate(executor, executor.node_size());
  if (memory == nullptr) return;
  std::byte* const place = memory->data() + executor.node_rank();
  EXPECT_EQ(RunInChild([place] {
              *place = std::byte{42};
              return 0;
            }),
            ChildEnd{});
  MPAIO_EXPECT_OK(memory->Synchronize());
  for (int rank = 0; rank < executor.node_size(); ++rank)
    EXPECT_EQ(memory->data()[rank], std::byte{42}) << "of rank " << rank << " of the node";
}

// After ProtectReadOnly a store to the first or the last byte is a fault; loads, and stores to
// other memory, still work.
void ProtectedMemoryIsReadOnly(Executor& executor) {
  const ChildEnd fault{.signal = SIGSEGV, .exit_status = 0};
  for (const Index size_bytes : {Index{0}, Index{100}, PageBytes(), 3 * PageBytes() + 1}) {
    SharedMemory* const before = Allocate(executor, 100);
    SharedMemory* const memory = Allocate(executor, size_bytes);
    SharedMemory* const after = Allocate(executor, 100);
    if (before == nullptr || memory == nullptr || after == nullptr) return;
    const auto first = memory->data(), last = memory->data() + size_bytes - 1;
    if (size_bytes > 0 && executor.node_rank() == 0) *first = *last = std::byte{7};
    MPAIO_EXPECT_OK(memory->Synchronize());
    if (size_bytes > 0) {
      EXPECT_EQ(StoreInChild(first), ChildEnd{});
    }
    MPAIO_EXPECT_OK(memory->Synchronize());
    MPAIO_EXPECT_OK(memory->ProtectReadOnly());
    if (size_bytes > 0) {
      EXPECT_EQ(StoreInChild(first), fault);
      EXPECT_EQ(StoreInChild(last), fault);
      EXPECT_EQ(*first, std::byte{7});
      EXPECT_EQ(*last, std::byte{7});
    }
    for (SharedMemory* const other : {before, after}) {
      EXPECT_EQ(StoreInChild(other->data()), ChildEnd{});
      EXPECT_EQ(StoreInChild(other->data() + 99), ChildEnd{});
    }
  }
}

void AgreeIsOkWhereAllAre(Executor& executor) { MPAIO_EXPECT_OK(executor.Agree(absl::OkStatus())); }

absl::Status FailureOf(int rank) {
  // Codes differ too, and one of the messages is long.
  const std::string message =
      absl::StrCat("what went wrong on rank ", rank, rank == 1 ? std::string(100000, '.') : "");
  return absl::Status(rank % 2 == 0 ? absl::StatusCode::kDataLoss : absl::StatusCode::kNotFound,
                      message);
}

void AgreeGivesTheLowestFailingRanksStatusToAll(Executor& executor) {
  // Bit r of `failing`: rank r fails.
  for (int failing = 1; failing < 1 << executor.size(); ++failing) {
    int lowest = 0;
    while ((failing >> lowest & 1) == 0) ++lowest;
    const bool fails = (failing >> executor.rank() & 1) != 0;
    EXPECT_EQ(executor.Agree(fails ? FailureOf(executor.rank()) : absl::OkStatus()),
              FailureOf(lowest))
        << "failing ranks " << failing;
  }
  MPAIO_EXPECT_OK(executor.Agree(absl::OkStatus()));
}

void AgreeCarriesAnyMessage(Executor& executor) {
  const std::string nul(1, '\0');
  for (const std::string& message : {std::string(), nul + "between NULs" + nul,
                                     std::string("two\nlines"), std::string("\xc3\xb6 \xff")}) {
    for (int failing = 0; failing < executor.size(); ++failing) {
      const absl::Status expected = absl::AbortedError(message);
      EXPECT_EQ(executor.Agree(failing == executor.rank() ? expected : absl::OkStatus()), expected)
          << "of rank " << failing;
    }
  }
}

void AgreeReturnsOnNoRankBeforeAllHaveCalled(Executor& executor) {
  SharedMemory* const memory = Allocate(executor, sizeof(std::int64_t));
  if (memory == nullptr) return;
  std::atomic_ref<std::int64_t> calls(*reinterpret_cast<std::int64_t*>(memory->data()));
  for (int round = 1; round <= 60; ++round) {
    // In each round another rank is late.
    for (int k = 0; round % executor.size() == executor.rank() && k < 200; ++k) sched_yield();
    calls.fetch_add(1);
    MPAIO_EXPECT_OK(executor.Agree(absl::OkStatus()));
    EXPECT_GE(calls.load(), std::int64_t{round} * executor.node_size());
  }
}

void BroadcastGivesRank0sBytesToAll(Executor& executor) {
  for (const Index size_bytes : {0, 1, 15, 16, 5000, 1 << 20}) {
    const std::string expected = RandomBytes(size_bytes, size_bytes);
    std::string bytes = executor.rank() == 0 ? expected : std::string(100 * executor.rank(), 'x');
    MPAIO_EXPECT_OK(executor.Broadcast(&bytes));
    EXPECT_TRUE(bytes == expected) << size_bytes << " bytes, which is the seed too";
  }
}

void MessagesTravelBothWays(Executor& executor) {
  const std::vector<std::string> all = Gather(executor, absl::StrCat("I am ", executor.rank()));
  for (int rank = 0; rank < executor.size(); ++rank)
    EXPECT_EQ(all[rank], absl::StrCat("I am ", rank));
}

// Asks for more memory than any machine has. All ranks get the same status, none hangs, and the
// pool stays usable.
void NoMemoryIsAStatusOnAllRanksAndThePoolStaysUsable(Executor& executor) {
  for (int attempt = 0; attempt < 3; ++attempt) {
    const absl::StatusOr<SharedMemory*> absurd = executor.Allocate(kEbi);
    // The size wanted, and the size available.
    EXPECT_THAT(absurd,
                StatusIs(absl::StatusCode::kResourceExhausted, "1152921504606846976 bytes"));
    EXPECT_THAT(absurd, StatusIs(absl::StatusCode::kResourceExhausted, " has "));
    ExpectSameOnAllRanks(executor, absurd.status().message());
    SharedMemory* const memory = Allocate(executor, 5000);
    if (memory == nullptr) return;
    if (executor.node_rank() == 0) memory->data()[4999] = std::byte{42};
    MPAIO_EXPECT_OK(memory->Synchronize());
    EXPECT_EQ(memory->data()[4999], std::byte{42});
  }
}

void ASizeBelowZeroIsRefused(Executor& executor) {
  for (const Index size_bytes : {Index{-1}, std::numeric_limits<Index>::min()}) {
    EXPECT_THAT(executor.Allocate(size_bytes),
                StatusIs(absl::StatusCode::kInvalidArgument, absl::StrCat(size_bytes)));
  }
  MPAIO_EXPECT_OK(executor.Agree(absl::OkStatus()));
}

// With empty, ordinary and sealed memory.
void CloseIsIdempotent(Executor& executor) {
  Allocate(executor, 0);
  Allocate(executor, 5000);
  SharedMemory* const sealed = Allocate(executor, 5000);
  if (sealed == nullptr) return;
  MPAIO_EXPECT_OK(sealed->ProtectReadOnly());
  for (int times = 0; times < 3; ++times) MPAIO_EXPECT_OK(executor.Close());
}

void CloseOfAPoolThatDidNothing(Executor& executor) {
  for (int times = 0; times < 2; ++times) MPAIO_EXPECT_OK(executor.Close());
}

struct Check {
  const char* name;
  void (*run)(Executor&);
  // Rank 0 alone can make the check: it needs nothing from the other ranks but their taking part in
  // collective calls.
  bool is_for_rank_0 = false;
};

constexpr Check kChecks[] = {
    {"RanksAndNodesAreNumbered", RanksAndNodesAreNumbered},
    {"HostIsThisHost", HostIsThisHost, true},
    {"MemoryIsZeroAlignedAndPopulated", MemoryIsZeroAlignedAndPopulated, true},
    {"StoresAreSeenByTheNodeAfterSynchronize", StoresAreSeenByTheNodeAfterSynchronize},
    {"MemoryIsSharedWithinANodeOnly", MemoryIsSharedWithinANodeOnly},
    {"AllocationsDoNotOverlap", AllocationsDoNotOverlap, true},
    {"StoresOfAChildAreSeen", StoresOfAChildAreSeen},
    {"ProtectedMemoryIsReadOnly", ProtectedMemoryIsReadOnly, true},
    {"AgreeIsOkWhereAllAre", AgreeIsOkWhereAllAre, true},
    {"AgreeGivesTheLowestFailingRanksStatusToAll", AgreeGivesTheLowestFailingRanksStatusToAll},
    {"AgreeCarriesAnyMessage", AgreeCarriesAnyMessage},
    {"AgreeReturnsOnNoRankBeforeAllHaveCalled", AgreeReturnsOnNoRankBeforeAllHaveCalled},
    {"BroadcastGivesRank0sBytesToAll", BroadcastGivesRank0sBytesToAll, true},
    {"MessagesTravelBothWays", MessagesTravelBothWays},
    {"ControlIsZeroAndSharedByTheNode", ControlIsZeroAndSharedByTheNode},
    {"MemoryMayBePopulatedWhenWritten", MemoryMayBePopulatedWhenWritten},
    {"NoMemoryIsAStatusOnAllRanksAndThePoolStaysUsable",
     NoMemoryIsAStatusOnAllRanksAndThePoolStaysUsable},
    {"ASizeBelowZeroIsRefused", ASizeBelowZeroIsRefused, true},
    {"CloseIsIdempotent", CloseIsIdempotent, true},
    {"CloseOfAPoolThatDidNothing", CloseOfAPoolThatDidNothing, true},
};

class ExecutorConformance : public testing::Test {
 public:
  ExecutorConformance(const RunOnPool& run, const Check& check) : run_(run), check_(check) {}

  void TestBody() override {
    run_([this](Executor& executor) {
      SCOPED_TRACE(absl::StrCat("rank ", executor.rank(), " of ", executor.size()));
      check_.run(executor);
    });
  }

 private:
  const RunOnPool run_;
  const Check check_;
};

void Register(const std::string& suite, const Check& check, const RunOnPool& run) {
  testing::RegisterTest(
      suite.c_str(), check.name, nullptr, nullptr, __FILE__, __LINE__,
      [run, check]() -> ExecutorConformance* { return new ExecutorConformance(run, check); });
}

}  // namespace

void RegisterExecutorConformance(const std::string& suite, const RunOnPool& run) {
  for (const Check& check : kChecks) Register(suite, check, run);
}

void RegisterExecutorConformanceOfRank0(const std::string& suite, const RunOnPool& run) {
  for (const Check& check : kChecks) {
    if (check.is_for_rank_0) Register(suite, check, run);
  }
}

std::vector<std::string> Gather(Executor& executor, absl::string_view mine) {
  std::vector<std::string> all;
  if (executor.rank() == 0) {
    all.resize(static_cast<std::size_t>(executor.size()));
    all[0] = std::string(mine);
    const auto end = steady_clock::now() + seconds(20);
    for (int missing = executor.size() - 1; missing > 0 && steady_clock::now() < end;) {
      absl::StatusOr<std::optional<Message>> message = executor.transport().Receive();
      EXPECT_THAT(message, IsOk());
      if (!message.ok()) break;
      if (*message) {
        all[(*message)->from] = (*message)->bytes;
        --missing;
      } else {
        executor.transport().WaitForMessage(absl::Milliseconds(1));
      }
    }
  } else {
    MPAIO_EXPECT_OK(executor.transport().Send(0, std::string(mine)));
  }
  std::string bytes;
  for (const std::string& one : all) WireAppendBytes(one, &bytes);
  MPAIO_EXPECT_OK(executor.Broadcast(&bytes));
  WireReader reader(bytes);
  all.assign(static_cast<std::size_t>(executor.size()), "");
  for (std::string& one : all) {
    absl::string_view read;
    EXPECT_TRUE(reader.ReadBytes(&read));
    one = std::string(read);
  }
  return all;
}

void ExpectSameOnAllRanks(Executor& executor, absl::string_view mine) {
  const std::vector<std::string> all = Gather(executor, mine);
  for (int rank = 0; rank < executor.size(); ++rank)
    EXPECT_EQ(all[rank], std::string(mine)) << "of rank " << rank;
}

void Meet(Executor& executor) { MPAIO_EXPECT_OK(executor.Agree(absl::OkStatus())); }

}  // namespace mpaio
