// SPDX-License-Identifier: Apache-2.0
#include "mpaio/host/page_installer.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mpaio/testing/child_process.h"
#include "mpaio/testing/random_bytes.h"

namespace mpaio {
namespace {

constexpr std::uint64_t kSeed = 20261123;
constexpr Index kNumPages = 64;

class PageInstallerTest : public testing::Test {
 protected:
  void SetUp() override {
    void* const memory =
        mmap(nullptr, size(), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ASSERT_NE(memory, MAP_FAILED);
    pages_ = static_cast<std::byte*>(memory);
    // One page at a time, even where the system provides huge pages.
    madvise(memory, size(), MADV_NOHUGEPAGE);
    bytes_ = RandomBytes(kSeed, static_cast<Index>(size()));
    installer_ = PageInstaller::Create(pages_, static_cast<Index>(size()));
    if (installer_ == nullptr) GTEST_SKIP() << "this system does not let pages be installed";
  }
  void TearDown() override { munmap(pages_, size()); }

  static Index page_bytes() { return sysconf(_SC_PAGESIZE); }
  static std::size_t size() { return static_cast<std::size_t>(kNumPages * page_bytes()); }
  const std::byte* from(Index page) const {
    return reinterpret_cast<const std::byte*>(bytes_.data()) + page * page_bytes();
  }
  std::byte* to(Index page) const { return pages_ + page * page_bytes(); }
  bool Install(Index page, Index num_pages) const {
    return installer_->Install(to(page), from(page), num_pages * page_bytes());
  }
  bool IsInstalled(Index page, Index num_pages) const {
    return std::memcmp(to(page), from(page), static_cast<std::size_t>(num_pages * page_bytes())) ==
           0;
  }
  int Protect(int how) const { return mprotect(pages_, size(), how); }

  std::byte* pages_ = nullptr;
  std::string bytes_;
  std::unique_ptr<PageInstaller> installer_;
};

TEST_F(PageInstallerTest, InstallsPages) {
  EXPECT_TRUE(Install(3, 1));
  EXPECT_TRUE(Install(10, 50));
  EXPECT_TRUE(IsInstalled(3, 1));
  EXPECT_TRUE(IsInstalled(10, 50));
}

TEST_F(PageInstallerTest, IgnoresTheProtection) {
  ASSERT_EQ(Protect(PROT_NONE), 0);
  EXPECT_TRUE(Install(0, kNumPages));
  EXPECT_EQ(RunInChild([&] { return static_cast<int>(*to(1)); }), (ChildEnd{.signal = SIGSEGV}));
  ASSERT_EQ(Protect(PROT_READ), 0);
  EXPECT_TRUE(IsInstalled(0, kNumPages));
  EXPECT_EQ(StoreInChild(to(1)), (ChildEnd{.signal = SIGSEGV}));
}

TEST_F(PageInstallerTest, ExistingPagesStay) {
  EXPECT_TRUE(Install(5, 1));
  EXPECT_FALSE(installer_->Install(to(5), from(6), page_bytes()));
  EXPECT_FALSE(Install(4, 3));
  EXPECT_TRUE(IsInstalled(5, 1));
}

TEST_F(PageInstallerTest, AMissingPageIsAFaultWithoutWaiting) {
  EXPECT_EQ(RunInChild([&] { return static_cast<int>(*to(0)); }), ChildEnd{})
      << "a fork has its own faults: zeros";
  // The page that the fork has populated exists here too.
  EXPECT_EQ(*to(0), std::byte{0});
  EXPECT_FALSE(Install(0, 1));
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  EXPECT_EQ(write(ends[1], to(1), 1), -1);
  EXPECT_EQ(errno, EFAULT);
  close(ends[0]);
  close(ends[1]);
}

TEST_F(PageInstallerTest, AForkInstallsToo) {
  EXPECT_EQ(RunInChild([&] { return Install(0, 10) && IsInstalled(0, 10) ? 0 : 1; }), ChildEnd{});
  EXPECT_TRUE(IsInstalled(0, 10));
}

TEST_F(PageInstallerTest, ManyThreads) {
  std::vector<std::thread> threads;
  std::vector<int> installed(4);
  for (std::size_t k = 0; k < 4; ++k) {
    threads.emplace_back([&, k] {
      for (Index page = 0; page < kNumPages; ++page) installed[k] += Install(page, 1) ? 1 : 0;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(installed[0] + installed[1] + installed[2] + installed[3], kNumPages)
      << "each page once";
  EXPECT_TRUE(IsInstalled(0, kNumPages));
}

TEST_F(PageInstallerTest, AfterwardsPagesAreOrdinaryMemory) {
  // The pages are unregistered even though a fork still has the descriptor.
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    char byte = 0;
    close(ends[1]);
    _exit(read(ends[0], &byte, 1) == 0 ? 0 : 1);
  }
  EXPECT_EQ(PageInstaller::Create(pages_, static_cast<Index>(size())), nullptr) << "one at a time";
  EXPECT_TRUE(Install(0, 1));
  installer_.reset();
  EXPECT_TRUE(IsInstalled(0, 1));
  EXPECT_EQ(*to(1), std::byte{0});
  *to(2) = std::byte{1};
  EXPECT_NE(PageInstaller::Create(pages_, static_cast<Index>(size())), nullptr);
  close(ends[0]);
  close(ends[1]);
  EXPECT_EQ(waitpid(child, nullptr, 0), child);
}

}  // namespace
}  // namespace mpaio
