// The kernels against the bandwidth of memory on one core: a plain -O3 loop that reads the same bytes stands beside each.
#include <cstdint>
#include <numeric>
#include <span>
#include <vector>

#include "benchmark/benchmark.h"
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

void SetBytes(benchmark::State& state) { state.SetBytesProcessed(state.iterations() * state.range(0) * 8); }

void BM_Sum_PlainLoop(benchmark::State& state) {
  const std::vector<std::int64_t> numbers = Numbers<std::int64_t>(state);
  for (auto _ : state) benchmark::DoNotOptimize(std::accumulate(numbers.begin(), numbers.end(), std::int64_t{0}));
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

}  // namespace
}  // namespace mpaio
