// SPDX-License-Identifier: Apache-2.0
#include "mpaio/host/fault_handler.h"

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "mpaio/testing/child_process.h"

namespace mpaio {
namespace {

constexpr std::size_t kPageBytes = 4096;

// Pages that cannot be accessed until they are made accessible.
class Pages {
 public:
  explicit Pages(std::size_t count) : bytes_(count * kPageBytes) {
    data_ = static_cast<std::byte*>(
        mmap(nullptr, bytes_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  }
  ~Pages() { munmap(data_, bytes_); }
  volatile std::byte* at(std::size_t offset) const { return data_ + offset; }
  std::byte* data() const { return data_; }
  std::size_t bytes() const { return bytes_; }

 private:
  std::size_t bytes_;
  std::byte* data_;
};

struct Opener {
  bool opens = true;
  // A handler must not allocate.
  std::array<std::byte*, 4> addresses = {};
  std::size_t count = 0;

  static bool Resolve(void* owner, std::byte* address) {
    auto* const opener = static_cast<Opener*>(owner);
    opener->addresses[opener->count++ % 4] = address;
    errno = EDOM;
    return opener->opens &&
           mprotect(reinterpret_cast<void*>(reinterpret_cast<std::uintptr_t>(address) / kPageBytes *
                                            kPageBytes),
                    kPageBytes, PROT_READ | PROT_WRITE) == 0;
  }
};

// Returns the signal that ends a forked child that runs `action`; 0 if the child exits.
template <typename F>
int SignalOf(const F& action) {
  const ChildEnd end = RunInChild([&action] {
    action();
    return 0;
  });
  EXPECT_EQ(end.exit_status, 0);
  return end.signal;
}

TEST(FaultHandlerTest, AnAccessIsRetriedWithoutSideEffects) {
  const Pages pages(3);
  Opener opener;
  const auto faults =
      FaultHandler::Watch(SIGSEGV, pages.data(), pages.bytes(), Opener::Resolve, &opener);
  ASSERT_NE(faults, nullptr);
  errno = ERANGE;
  *pages.at(kPageBytes + 5) = std::byte{7};
  EXPECT_TRUE(*pages.at(kPageBytes + 5) == std::byte{7});
  EXPECT_TRUE(*pages.at(0) == std::byte{0});
  EXPECT_EQ(errno, ERANGE);
  ASSERT_EQ(opener.count, 2u);
  EXPECT_EQ(opener.addresses[0], pages.data() + kPageBytes + 5);
  EXPECT_EQ(opener.addresses[1], pages.data());
}

TEST(FaultHandlerTest, EachRegionHasItsOwner) {
  const Pages a(1), b(1);
  Opener of_a, of_b;
  const auto faults_a = FaultHandler::Watch(SIGSEGV, a.data(), a.bytes(), Opener::Resolve, &of_a);
  const auto faults_b = FaultHandler::Watch(SIGSEGV, b.data(), b.bytes(), Opener::Resolve, &of_b);
  *b.at(1) = std::byte{1};
  EXPECT_EQ(of_a.count, 0u);
  EXPECT_EQ(of_b.count, 1u);
}

TEST(FaultHandlerTest, AnUnresolvedFaultEndsTheProcess) {
  const Pages watched(1), other(1), over(1);
  Opener opener{.opens = false};
  const auto faults =
      FaultHandler::Watch(SIGSEGV, watched.data(), watched.bytes(), Opener::Resolve, &opener);
  {
    const auto no_more =
        FaultHandler::Watch(SIGSEGV, over.data(), over.bytes(), Opener::Resolve, &opener);
  }
  for (const Pages* pages : {&watched, &other, &over}) {
    EXPECT_EQ(SignalOf([&] {
                // Otherwise a sanitizer's handler would report the fault.
                KeepFaultHandlerOnly(SIGSEGV);
                static_cast<void>(*pages->at(0));
              }),
              SIGSEGV);
  }
}

TEST(FaultHandlerTest, OtherSignalsGoToThePreviousHandler) {
  // In a forked child, because the first region of a process installs the handler; no other test
  // watches regions for this signal.
  const Pages watched(1);
  EXPECT_EQ(SignalOf([&] {
              struct sigaction action = {};
              action.sa_handler = [](int) { _exit(0); };
              sigaction(SIGBUS, &action, nullptr);
              Opener opener;
              const auto faults = FaultHandler::Watch(SIGBUS, watched.data(), watched.bytes(),
                                                      Opener::Resolve, &opener);
              raise(SIGBUS);
              kill(getpid(), SIGKILL);
            }),
            0);
}

TEST(FaultHandlerTest, AForkedChildKeepsTheRegionsAndNoHandlerOfItsParent) {
  const Pages watched(1), other(1);
  Opener opener;
  const auto faults =
      FaultHandler::Watch(SIGSEGV, watched.data(), watched.bytes(), Opener::Resolve, &opener);
  EXPECT_EQ(SignalOf([&] {
              signal(SIGSEGV, SIG_IGN);
              KeepFaultHandlerOnly(SIGSEGV);
              static_cast<void>(*watched.at(0));
            }),
            0);
  EXPECT_EQ(SignalOf([&] {
              KeepFaultHandlerOnly(SIGSEGV);
              static_cast<void>(*other.at(0));
            }),
            SIGSEGV);
}

// A signal that was sent has nothing to resolve, whatever address comes with it.
TEST(FaultHandlerTest, ASentSignalEndsTheProcess) {
  const Pages watched(1);
  Opener opener;
  const auto faults =
      FaultHandler::Watch(SIGSEGV, watched.data(), watched.bytes(), Opener::Resolve, &opener);
  EXPECT_EQ(SignalOf([&] {
              KeepFaultHandlerOnly(SIGSEGV);
              kill(getpid(), SIGSEGV);
            }),
            SIGSEGV);
  EXPECT_EQ(SignalOf([&] {
              KeepFaultHandlerOnly(SIGSEGV);
              raise(SIGSEGV);
            }),
            SIGSEGV);
}

TEST(FaultHandlerTest, TellsIfAnyMemoryIsWatched) {
  const Pages watched(1);
  Opener opener;
  EXPECT_FALSE(FaultHandler::AreAnyOfSegv());
  {
    const auto faults =
        FaultHandler::Watch(SIGSEGV, watched.data(), watched.bytes(), Opener::Resolve, &opener);
    EXPECT_TRUE(FaultHandler::AreAnyOfSegv());
  }
  EXPECT_FALSE(FaultHandler::AreAnyOfSegv());
}

TEST(FaultHandlerTest, TheNumberOfRegionsIsLimited) {
  const Pages pages(1);
  Opener opener;
  std::vector<std::unique_ptr<FaultHandler>> all;
  while (auto faults = FaultHandler::Watch(SIGSEGV, pages.data(), 1, Opener::Resolve, &opener))
    all.push_back(std::move(faults));
  EXPECT_EQ(all.size(), static_cast<std::size_t>(FaultHandler::kMaxRegions));
  all.pop_back();
  EXPECT_NE(FaultHandler::Watch(SIGSEGV, pages.data(), 1, Opener::Resolve, &opener), nullptr);
}

}  // namespace
}  // namespace mpaio
