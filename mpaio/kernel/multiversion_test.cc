// SPDX-License-Identifier: Apache-2.0

// The kernels compute the same bits when they are compiled for any one instruction set as in the
// shipped, multiversioned build.
#include "mpaio/kernel/multiversion.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <iostream>
#include <limits>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "mpaio/kernel/kernel_variant.h"

namespace {

using kernel_variant::Data;

constexpr std::size_t kMaxCount = 1100;

struct Variant {
  const char* name;
  kernel_variant::Run* run;
};

// The variants that this processor can run; the first one is the shipped build.
std::vector<Variant> Variants() {
  std::vector<Variant> variants = {{"shipped", mpaio::RunKernels},
                                   {"for all processors", mpaio_all::RunKernels}};
#if defined(__x86_64__)
  const bool has_avx2 = __builtin_cpu_supports("avx2"), has_fma = __builtin_cpu_supports("fma"),
             has_avx512f = __builtin_cpu_supports("avx512f");
#else
  const bool has_avx2 = false, has_fma = false, has_avx512f = false;
#endif
  const auto add = [&variants](bool is_supported, const Variant& variant) {
    if (is_supported) {
      variants.push_back(variant);
    } else {
      std::cout << "SKIPPED: this processor has no " << variant.name << "\n";
    }
  };
  add(has_avx2, {"avx2", mpaio_avx2::RunKernels});
  add(has_avx2 && has_fma, {"avx2,fma", mpaio_avx2_fma::RunKernels});
  add(has_avx512f, {"avx512f", mpaio_avx512f::RunKernels});
  return variants;
}

struct Result {
  std::string kernel;
  std::string bytes;
  bool is_double;
};

class Numbers {
 public:
  explicit Numbers(std::uint64_t seed) : random_(seed) {}

  // Returns numbers of several magnitudes; if `any`, also every other kind of double.
  double Next(bool any) {
    const std::uint64_t bits = random_();
    switch (any ? bits % 16 : 15) {
      case 0:
        return std::numeric_limits<double>::infinity();
      case 1:
        return -std::numeric_limits<double>::infinity();
      case 2:
        return 0.0;
      case 3:
        return -0.0;
      // Quiet and signaling NaNs of either sign, with a nonzero payload.
      case 4:
      case 5:
        return std::bit_cast<double>((bits | 0x7FF0000000000100) & ~std::uint64_t{0xFF});
      // Subnormal.
      case 6:
      case 7:
        return std::bit_cast<double>(bits & 0x800FFFFFFFFFFFFF);
      // Any bits.
      case 8:
      case 9:
        return std::bit_cast<double>(random_());
      // Small integers, and halves.
      case 10:
      case 11:
        return static_cast<double>(static_cast<std::int64_t>(bits >> 8 & 0xFF) - 128) / 2;
      default:
        return std::ldexp(uniform_(random_), static_cast<int>(bits >> 32) % 48 - 24);
    }
  }
  std::uint64_t Bits() { return random_(); }

 private:
  std::mt19937_64 random_;
  std::uniform_real_distribution<double> uniform_{-1, 1};
};

std::uint64_t WordAt(const std::string& bytes, std::size_t i) {
  std::uint64_t word;
  std::memcpy(&word, bytes.data() + i, sizeof(word));
  return word;
}

// Returns the first byte at which two results differ, or their size. All NaNs are equal: see
// multiversion.h.
std::size_t Difference(const Result& result, const Result& expected) {
  const std::string &a = result.bytes, &b = expected.bytes;
  if (a == b) return a.size();
  if (!expected.is_double)
    return static_cast<std::size_t>(std::mismatch(a.begin(), a.end(), b.begin()).first - a.begin());
  for (std::size_t i = 0; i + 8 <= a.size(); i += 8) {
    const std::uint64_t x = WordAt(a, i), y = WordAt(b, i);
    if (x != y && !(std::isnan(std::bit_cast<double>(x)) && std::isnan(std::bit_cast<double>(y))))
      return i;
  }
  return a.size();
}

TEST(Multiversion, EveryInstructionSetGivesTheSameBits) {
  const std::uint64_t seed = std::random_device()();
  std::cout << "seed " << seed << "\n";
  Numbers numbers(seed);
  const std::vector<Variant> variants = Variants();
  std::size_t num_results = 0, num_nans = 0;
  for (std::size_t count = 0; count <= kMaxCount; ++count) {
    for (const bool any : {false, true}) {
      // Covers every position relative to a register of 64 bytes.
      const std::size_t offset = numbers.Bits() % 8;
      alignas(64) static double doubles[2][kMaxCount + 8];
      alignas(64) static std::uint8_t bools[2][kMaxCount + 8];
      std::vector<std::byte> bytes(16 * count + 1);
      for (int i : {0, 1}) {
        for (double& x : doubles[i]) x = numbers.Next(any);
        for (std::uint8_t& x : bools[i]) x = numbers.Bits() % 2;
      }
      for (std::byte& x : bytes) x = static_cast<std::byte>(numbers.Bits());
      const Data data{count,
                      doubles[0] + offset,
                      doubles[1] + (any ? offset : 0),
                      bools[0] + offset,
                      bools[1] + offset,
                      bytes.data(),
                      count % 100 < 3};
      std::vector<Result> shipped;
      for (const Variant& variant : variants) {
        std::size_t next = 0;
        const auto take = [&](const std::string& kernel, const void* result, std::size_t size_bytes,
                              bool is_double) {
          Result found{kernel, std::string(static_cast<const char*>(result), size_bytes),
                       is_double};
          if (&variant == &variants[0]) {
            shipped.push_back(std::move(found));
            return;
          }
          ASSERT_LT(next, shipped.size());
          const Result& expected = shipped[next++];
          ASSERT_EQ(found.kernel, expected.kernel);
          ASSERT_EQ(found.bytes.size(), expected.bytes.size());
          const std::size_t at = Difference(found, expected);
          ASSERT_EQ(at, found.bytes.size())
              << kernel << " for " << variant.name << " differs in byte " << at << " of "
              << found.bytes.size() << ", count " << count << ", offset " << offset << ", seed "
              << seed;
          num_nans += found.bytes != expected.bytes;
        };
        variant.run(data, take);
        if (HasFatalFailure()) return;
        if (&variant != &variants[0]) {
          ASSERT_EQ(next, shipped.size()) << variant.name;
        }
      }
      num_results += shipped.size();
    }
  }
  std::cout << num_results << " results of each of " << variants.size() << " variants; " << num_nans
            << " results differ in the bits of NaNs only\n";
  EXPECT_GT(num_results, 100 * kMaxCount);
}

}  // namespace
