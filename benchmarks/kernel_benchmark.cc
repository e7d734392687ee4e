// SPDX-License-Identifier: Apache-2.0

// Compares the kernels with the read bandwidth of one core: a hand-written AVX2 loop that only
// reads, and a plain -O3 loop.
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include <cstdint>
#include <numeric>
#include <span>
#include <vector>

#include "benchmark/benchmark.h"
#include "mpaio/kernel/leaf.h"
#include "mpaio/kernel/min_max.h"
#include "mpaio/kernel/sum.h"

namespace mpaio {
namespace {

constexpr std::int64_t kInCache = 1 << 12;   // 32 KiB
constexpr std::int64_t kInMemory = 1 << 26;  // 512 MiB

template <typename T>
std::vector<T> Numbers(benchmark::State& state) {
  std::vector<T> numbers(static_cast<std::size_t>(state.range(0)));
  std::iota(numbers.begin(), numbers.end(), T{1});
  return numbers;
}

void SetBytes(benchmark::State& state) {
  state.SetBytesProcessed(state.iterations() * state.range(0) * 8);
}

#if defined(__x86_64__)
// Four accumulators, so that additions do not wait for each other.
__attribute__((target("avx2"))) std::int64_t ReadByHand(const std::int64_t* numbers,
                                                        std::size_t count) {
  __m256i sums[4] = {};
  for (std::size_t i = 0; i + 16 <= count; i += 16) {
    for (std::size_t k = 0; k < 4; ++k) {
      sums[k] = _mm256_add_epi64(
          sums[k], _mm256_loadu_si256(reinterpret_cast<const __m256i*>(numbers + i + 4 * k)));
    }
  }
  alignas(32) std::int64_t lanes[4];
  _mm256_store_si256(
      reinterpret_cast<__m256i*>(lanes),
      _mm256_add_epi64(_mm256_add_epi64(sums[0], sums[1]), _mm256_add_epi64(sums[2], sums[3])));
  return lanes[0] + lanes[1] + lanes[2] + lanes[3];
}

void BM_Read_ByHand(benchmark::State& state) {
  if (!__builtin_cpu_supports("avx2")) return state.SkipWithError("this processor has no AVX2");
  const std::vector<std::int64_t> numbers = Numbers<std::int64_t>(state);
  for (auto _ : state) benchmark::DoNotOptimize(ReadByHand(numbers.data(), numbers.size()));
  SetBytes(state);
}
BENCHMARK(BM_Read_ByHand)->ArgName("elements")->Arg(kInCache)->Arg(kInMemory);
#endif

void BM_Sum_PlainLoop(benchmark::State& state) {
  const std::vector<std::int64_t> numbers = Numbers<std::int64_t>(state);
  for (auto _ : state)
    benchmark::DoNotOptimize(std::accumulate(numbers.begin(), numbers.end(), std::int64_t{0}));
  SetBytes(state);
}
BENCHMARK(BM_Sum_PlainLoop)->ArgName("elements")->Arg(kInCache)->Arg(kInMemory);

void BM_Sum_Int64Exact(benchmark::State& state) {
  const std::vector<std::int64_t> numbers = Numbers<std::int64_t>(state);
  for (auto _ : state) benchmark::DoNotOptimize(SumExactly(numbers));
  SetBytes(state);
}
BENCHMARK(BM_Sum_Int64Exact)->ArgName("elements")->Arg(kInCache)->Arg(kInMemory);

void BM_Sum_Float64Tree(benchmark::State& state) {
  const std::vector<double> numbers = Numbers<double>(state);
  for (auto _ : state) {
    SumReducer reducer;
    benchmark::DoNotOptimize(reducer.Add(SumPartial::Compute(numbers, 0, SumOps())));
    benchmark::DoNotOptimize(reducer.Finish(state.range(0)));
  }
  SetBytes(state);
}
BENCHMARK(BM_Sum_Float64Tree)->ArgName("elements")->Arg(kInCache)->Arg(kInMemory);

template <typename T>
void BM_MinMax(benchmark::State& state) {
  const std::vector<T> numbers = Numbers<T>(state);
  for (auto _ : state) benchmark::DoNotOptimize(FindMinMax(std::span<const T>(numbers)));
  SetBytes(state);
}
BENCHMARK(BM_MinMax<std::int64_t>)->ArgName("elements")->Arg(kInCache)->Arg(kInMemory);
BENCHMARK(BM_MinMax<double>)->ArgName("elements")->Arg(kInCache)->Arg(kInMemory);

template <typename T>
void BM_CountNonzero(benchmark::State& state) {
  const std::vector<T> numbers = Numbers<T>(state);
  for (auto _ : state) benchmark::DoNotOptimize(CountNonzero(std::span<const T>(numbers)));
  SetBytes(state);
}
BENCHMARK(BM_CountNonzero<std::int64_t>)->ArgName("elements")->Arg(kInCache)->Arg(kInMemory);
BENCHMARK(BM_CountNonzero<double>)->ArgName("elements")->Arg(kInCache)->Arg(kInMemory);

}  // namespace
}  // namespace mpaio
