// SPDX-License-Identifier: Apache-2.0
#include "mpaio/window/demand_loading.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <barrier>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <numeric>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mpaio/executor/anonymous_memory.h"
#include "mpaio/format/array_file.h"
#include "mpaio/host/memory_capacity.h"
#include "mpaio/testing/child_process.h"
#include "mpaio/testing/random_bytes.h"
#include "mpaio/testing/status_matchers.h"
#include "mpaio/testing/temp_directory.h"

namespace mpaio {
namespace {

constexpr std::uint64_t kSeed = 20240622;
constexpr Index kBytes = 10'000'008;
constexpr absl::StatusCode kDataLoss = absl::StatusCode::kDataLoss;

// Each test runs on memory without pages, which are installed with their contents where possible,
// and on populated memory.
class DemandLoadingTest : public testing::TestWithParam<PagePolicy> {
 protected:
  DemandLoadingTest() : bytes_(RandomBytes(kSeed, kBytes)), path_(directory_.File("a.bin")) {
    std::ofstream(path_, std::ios::binary) << bytes_;
  }

  std::unique_ptr<ArrayParts> Parts(const char* dtype = "<i8") {
    absl::StatusOr<ArrayFile> file = ArrayFile::Open(absl::StrCat("raw:", dtype, ":", path_));
    MPAIO_EXPECT_OK(file.status());
    absl::StatusOr<std::unique_ptr<ArrayParts>> parts = file->Parts();
    MPAIO_EXPECT_OK(parts.status());
    return *std::move(parts);
  }
  // Allocates memory to load the file into.
  static std::unique_ptr<SharedMemory> Memory() {
    absl::StatusOr<std::unique_ptr<SharedMemory>> memory =
        MapAnonymousMemory(DemandLoading::SizeBytes(kBytes), HugePages::kAuto, GetParam());
    MPAIO_EXPECT_OK(memory.status());
    return *std::move(memory);
  }
  static std::unique_ptr<DemandLoading> Load(SharedMemory& memory,
                                             std::unique_ptr<ArrayParts> parts) {
    absl::StatusOr<std::unique_ptr<DemandLoading>> loading =
        DemandLoading::Create(memory, std::move(parts));
    MPAIO_EXPECT_OK(loading.status());
    return *std::move(loading);
  }
  // Returns whether the bytes from `begin` on are those of the original file.
  bool IsLoaded(const SharedMemory& memory, Index begin, Index size) const {
    return std::memcmp(memory.data() + begin, bytes_.data() + begin,
                       static_cast<std::size_t>(size)) == 0;
  }

  TempDirectory directory_;
  std::string bytes_;
  std::string path_;
};

TEST_P(DemandLoadingTest, PartsInAnyOrder) {
  const std::unique_ptr<SharedMemory> memory = Memory();
  const std::unique_ptr<DemandLoading> loading = Load(*memory, Parts());
  std::mt19937_64 random(kSeed);
  EXPECT_TRUE(IsLoaded(*memory, kBytes - 1, 1));
  for (int times = 0; times < 100; ++times) {
    const Index begin = std::uniform_int_distribution<Index>(0, kBytes - 1)(random);
    const Index size =
        std::min(kBytes - begin, std::uniform_int_distribution<Index>(1, 100'000)(random));
    EXPECT_TRUE(IsLoaded(*memory, begin, size)) << begin << ", seed " << kSeed;
  }
  EXPECT_TRUE(IsLoaded(*memory, 0, kBytes));
  MPAIO_EXPECT_OK(loading->CheckUnchanged());
}

TEST_P(DemandLoadingTest, ReadsOnlyTouchedBlocks) {
  const std::unique_ptr<SharedMemory> memory = Memory();
  const std::unique_ptr<DemandLoading> loading = Load(*memory, Parts());
  EXPECT_TRUE(IsLoaded(*memory, 0, 1));
  // The rest of the file is gone, and is not accessed.
  std::filesystem::resize_file(path_, kBytes / 2);
  EXPECT_TRUE(IsLoaded(*memory, 0, kBytes / 4));
  EXPECT_THAT(loading->CheckUnchanged(), StatusIs(kDataLoss, "a.bin shrank while it was read"));
}

TEST_P(DemandLoadingTest, OtherByteOrders) {
  const std::unique_ptr<SharedMemory> memory = Memory();
  const std::unique_ptr<DemandLoading> loading = Load(*memory, Parts(">i8"));
  for (Index k = 0; k < kBytes; k += 8) std::reverse(bytes_.begin() + k, bytes_.begin() + k + 8);
  EXPECT_TRUE(IsLoaded(*memory, kBytes / 2, kBytes / 2));
  EXPECT_TRUE(IsLoaded(*memory, 0, kBytes));
}

TEST_P(DemandLoadingTest, ManyThreadsAtOnce) {
  // Each thread has its own object for the same memory, as ranks that are threads do.
  const std::unique_ptr<SharedMemory> memory = Memory();
  std::vector<std::unique_ptr<DemandLoading>> loadings;
  for (int k = 0; k < 4; ++k) loadings.push_back(Load(*memory, Parts()));
  std::vector<std::thread> threads;
  std::vector<int> right(4);
  for (std::size_t k = 0; k < 4; ++k) {
    threads.emplace_back([&, k] {
      std::mt19937_64 random(kSeed + k);
      std::vector<Index> pages(static_cast<std::size_t>(kBytes / 4096));
      std::iota(pages.begin(), pages.end(), 0);
      if (k > 0) std::shuffle(pages.begin(), pages.end(), random);
      right[k] = std::all_of(pages.begin(), pages.end(),
                             [&](Index page) { return IsLoaded(*memory, page * 4096, 4096); });
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(right, testing::Each(1));
  // The others continue without the first one.
  loadings.erase(loadings.begin());
  EXPECT_TRUE(IsLoaded(*memory, 0, kBytes));
  for (const auto& loading : loadings) MPAIO_EXPECT_OK(loading->CheckUnchanged());
}

// The threads of a thread pool share one object. All begin at the same page, and often fault in the
// same block.
TEST_P(DemandLoadingTest, ManyThreadsOfOneObject) {
  for (int round = 0; round < 10; ++round) {
    const std::unique_ptr<SharedMemory> memory = Memory();
    const std::unique_ptr<DemandLoading> loading = Load(*memory, Parts());
    constexpr int kThreads = 6;
    std::barrier begin(kThreads);
    std::vector<std::thread> threads;
    std::vector<int> right(kThreads);
    for (int k = 0; k < kThreads; ++k) {
      threads.emplace_back([&, k] {
        begin.arrive_and_wait();
        // Odd threads read backwards.
        bool all = true;
        for (Index page = 0; page < kBytes / 4096; ++page) {
          const Index at = k % 2 == 0 ? page : kBytes / 4096 - 1 - page;
          all &= IsLoaded(*memory, at * 4096, 4096);
        }
        right[static_cast<std::size_t>(k)] = all;
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_THAT(right, testing::Each(1));
    MPAIO_EXPECT_OK(loading->CheckUnchanged());
  }
}

// No thread is killed, and each sees the failure after it has read what could not be loaded.
TEST_P(DemandLoadingTest, ThreadsReadWhileTheFileIsTruncated) {
  const std::unique_ptr<SharedMemory> memory = Memory();
  const std::unique_ptr<DemandLoading> loading = Load(*memory, Parts());
  constexpr int kThreads = 4;
  std::barrier begin(kThreads + 1);
  std::vector<std::thread> threads;
  std::vector<int> knows(kThreads);
  for (int k = 0; k < kThreads; ++k) {
    threads.emplace_back([&, k] {
      begin.arrive_and_wait();
      for (Index page = 0; page < kBytes / 4096; ++page) {
        if (IsLoaded(*memory, page * 4096, 4096)) continue;
        knows[static_cast<std::size_t>(k)] = absl::IsDataLoss(loading->ReadFailure());
        return;
      }
      knows[static_cast<std::size_t>(k)] = true;  // it was faster than the truncation
    });
  }
  begin.arrive_and_wait();
  std::filesystem::resize_file(path_, kBytes / 2);
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(knows, testing::Each(1));
}

TEST_P(DemandLoadingTest, ProcessesShareReadBlocks) {
  const std::unique_ptr<SharedMemory> memory = Memory();
  const std::unique_ptr<DemandLoading> loading = Load(*memory, Parts());
  EXPECT_TRUE(IsLoaded(*memory, 0, 100));
  EXPECT_EQ(RunInChild([&] {
              KeepFaultHandlerOnly(SIGSEGV);
              return IsLoaded(*memory, 0, kBytes) ? 0 : 1;
            }),
            ChildEnd{});
  // Blocks that the child has read are not read again: the file is empty now.
  std::filesystem::resize_file(path_, 0);
  EXPECT_TRUE(IsLoaded(*memory, 0, kBytes));
}

// Missing pages are installed with their contents, without a second mapping of the memory: the
// limit leaves no address space for one.
TEST_P(DemandLoadingTest, FreshPagesNeedNoSecondMapping) {
  if (PageInstaller::Create(Memory()->data(), 1 << 20) == nullptr)
    GTEST_SKIP() << "this system does not let pages be installed";
  if (!CanPopulateInPlace()) GTEST_SKIP() << "this kernel gives fresh memory its pages at once";
  absl::StatusOr<std::unique_ptr<SharedMemory>> small_pages =
      MapAnonymousMemory(DemandLoading::SizeBytes(kBytes), HugePages::kNever, GetParam());
  MPAIO_ASSERT_OK(small_pages.status());
  const std::unique_ptr<SharedMemory> memory = *std::move(small_pages);
  const std::unique_ptr<DemandLoading> loading = Load(*memory, Parts());
  EXPECT_EQ(RunInChild([&] {
              KeepFaultHandlerOnly(SIGSEGV);
              const rlimit none = {0, RLIM_INFINITY};
              return setrlimit(RLIMIT_AS, &none) == 0 && IsLoaded(*memory, 0, kBytes) ? 0 : 1;
            }),
            GetParam() == PagePolicy::kOnDemand ? ChildEnd{} : ChildEnd{.signal = SIGSEGV});
}

TEST_P(DemandLoadingTest, StoresAreFaults) {
  const std::unique_ptr<SharedMemory> memory = Memory();
  const std::unique_ptr<DemandLoading> loading = Load(*memory, Parts());
  EXPECT_TRUE(IsLoaded(*memory, 0, 1));
  for (const Index at : {Index{0}, Index{8}, kBytes / 2, kBytes - 1}) {
    EXPECT_EQ(RunInChild([&] {
                KeepFaultHandlerOnly(SIGSEGV);
                *const_cast<volatile std::byte*>(memory->data() + at) = std::byte{1};
                return 0;
              }),
              (ChildEnd{.signal = SIGSEGV}))
        << at;
  }
  EXPECT_TRUE(IsLoaded(*memory, 0, kBytes));
}

TEST_P(DemandLoadingTest, ACutFileReadsAsZerosAndIsDetected) {
  const std::unique_ptr<SharedMemory> memory = Memory();
  const std::unique_ptr<DemandLoading> loading = Load(*memory, Parts());
  MPAIO_EXPECT_OK(loading->CheckUnchanged());
  std::filesystem::resize_file(path_, kBytes / 2);
  MPAIO_EXPECT_OK(loading->ReadFailure());
  EXPECT_EQ(memory->data()[kBytes - 1], std::byte{0});
  EXPECT_THAT(loading->ReadFailure(), StatusIs(kDataLoss, "a.bin shrank while it was read"));
  EXPECT_THAT(loading->CheckUnchanged(),
              StatusIs(kDataLoss, "a.bin shrank while it was read; make sure that no program"));
}

TEST_P(DemandLoadingTest, AFailureInAnotherProcessIsReported) {
  const std::unique_ptr<SharedMemory> memory = Memory();
  const std::unique_ptr<DemandLoading> loading = Load(*memory, Parts());
  const auto time = std::filesystem::last_write_time(path_);
  std::filesystem::resize_file(path_, kBytes / 2);
  EXPECT_EQ(RunInChild([&] {
              KeepFaultHandlerOnly(SIGSEGV);
              return memory->data()[kBytes - 1] == std::byte{0} ? 0 : 1;
            }),
            ChildEnd{});
  // Restore the file as if nothing had happened.
  std::filesystem::resize_file(path_, kBytes);
  std::filesystem::last_write_time(path_, time);
  EXPECT_THAT(loading->ReadFailure(), StatusIs(kDataLoss, "a.bin shrank while it was read"));
  EXPECT_THAT(loading->CheckUnchanged(), StatusIs(kDataLoss, "a.bin shrank while it was read"));
}

TEST_P(DemandLoadingTest, DetectsAFileWrittenMeanwhile) {
  const std::unique_ptr<SharedMemory> memory = Memory();
  const std::unique_ptr<DemandLoading> loading = Load(*memory, Parts());
  std::filesystem::last_write_time(
      path_, std::filesystem::last_write_time(path_) + std::chrono::seconds(3));
  EXPECT_THAT(loading->CheckUnchanged(),
              StatusIs(kDataLoss, "a.bin was written while it was read"));
}

// The process that was reading the block has died, or is stopped.
TEST_P(DemandLoadingTest, TakesOverAnUnfinishedBlock) {
  const std::unique_ptr<SharedMemory> memory = Memory();
  // The states of the blocks are stored after the array; all of them now say that the block is
  // being read.
  std::memset(memory->data() + kBytes, 1, static_cast<std::size_t>(memory->size_bytes() - kBytes));
  const std::unique_ptr<DemandLoading> loading = Load(*memory, Parts());
  EXPECT_TRUE(IsLoaded(*memory, 12345, 100));
  EXPECT_TRUE(IsLoaded(*memory, kBytes - 100, 100));
}

// The next process reads the blocks that the killed one has not finished.
TEST_P(DemandLoadingTest, SurvivesProcessesKilledWhileReading) {
  std::mt19937_64 random(kSeed);
  for (int times = 0; times < 30; ++times) {
    const std::unique_ptr<SharedMemory> memory = Memory();
    const char* const dtype = times % 2 == 0 ? "<i8" : ">i8";
    const std::unique_ptr<DemandLoading> loading = Load(*memory, Parts(dtype));
    std::vector<std::byte> wanted(kBytes);
    MPAIO_ASSERT_OK(
        ArrayFile::Open(absl::StrCat("raw:", dtype, ":", path_))->LoadShare(0, 1, wanted));
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      KeepFaultHandlerOnly(SIGSEGV);
      _exit(std::memcmp(memory->data(), wanted.data(), wanted.size()) == 0 ? 0 : 1);
    }
    const auto until =
        std::chrono::steady_clock::now() + std::chrono::microseconds(random() % 8000);
    while (std::chrono::steady_clock::now() < until) {
    }
    // A stopped process may continue after another one has read the block.
    const bool is_stopped = random() % 3 == 0;
    kill(child, is_stopped ? SIGSTOP : SIGKILL);
    EXPECT_EQ(std::memcmp(memory->data(), wanted.data(), wanted.size()), 0)
        << "seed " << kSeed << ", round " << times;
    if (is_stopped) kill(child, SIGCONT);
    int status = 0;
    EXPECT_EQ(waitpid(child, &status, 0), child);
    if (is_stopped) {
      EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
    }
    EXPECT_EQ(std::memcmp(memory->data(), wanted.data(), wanted.size()), 0)
        << "seed " << kSeed << ", round " << times;
    MPAIO_EXPECT_OK(loading->CheckUnchanged());
  }
}

// An array of 9 GiB has larger blocks. Nearly all of the file is a hole.
TEST_P(DemandLoadingTest, AHugeArray) {
  if (GetParam() == PagePolicy::kNow) GTEST_SKIP() << "it would take all memory";
  constexpr Index kHuge = (Index{9} << 30) + 24;
  std::filesystem::resize_file(path_, kHuge);
  if (!CanPopulateInPlace()) GTEST_SKIP() << "this kernel cannot leave it without memory";
  absl::StatusOr<std::unique_ptr<SharedMemory>> memory =
      MapAnonymousMemory(DemandLoading::SizeBytes(kHuge), HugePages::kNever, GetParam());
  if (absl::IsResourceExhausted(memory.status())) GTEST_SKIP() << memory.status();
  MPAIO_ASSERT_OK(memory.status());
  const std::unique_ptr<DemandLoading> loading = Load(**memory, Parts());
  EXPECT_TRUE(IsLoaded(**memory, 0, kBytes));
  for (const Index at : {kHuge - 1, kHuge / 2, kBytes})
    EXPECT_EQ((*memory)->data()[at], std::byte{0});
  MPAIO_EXPECT_OK(loading->CheckUnchanged());
}

TEST_P(DemandLoadingTest, ASystemCallFailsOnUnreadBlocks) {
  const std::unique_ptr<SharedMemory> memory = Memory();
  const std::unique_ptr<DemandLoading> loading = Load(*memory, Parts());
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  EXPECT_EQ(write(ends[1], memory->data(), 8), -1);
  EXPECT_EQ(errno, EFAULT);
  EXPECT_TRUE(IsLoaded(*memory, 0, 1));
  EXPECT_EQ(write(ends[1], memory->data(), 8), 8);
  close(ends[0]);
  close(ends[1]);
}

INSTANTIATE_TEST_SUITE_P(PagePolicies, DemandLoadingTest,
                         testing::Values(PagePolicy::kOnDemand, PagePolicy::kNow),
                         [](const auto& info) {
                           return info.param == PagePolicy::kOnDemand ? "FreshPages"
                                                                      : "PopulatedPages";
                         });

}  // namespace
}  // namespace mpaio
