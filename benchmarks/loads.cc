// SPDX-License-Identifier: Apache-2.0
#include "benchmarks/loads.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numeric>
#include <random>

namespace mpaio {

std::int64_t SumPlainly(std::span<const std::int64_t> numbers) {
  return std::accumulate(numbers.begin(), numbers.end(), std::int64_t{0});
}

std::int64_t Burn(std::int64_t rounds) {
  std::uint64_t x = static_cast<std::uint64_t>(rounds);
  // A linear congruential generator, which a compiler cannot optimise away. The multiplier and the
  // increment are those of Knuth's MMIX ("The Art of Computer Programming", vol. 2, 3.3.4).
  for (std::int64_t k = 0; k < rounds; ++k) x = x * 6364136223846793005u + 1442695040888963407u;
  return static_cast<std::int64_t>(x);
}

double NanosecondsPerRound() {
  constexpr std::int64_t kRounds = 1'000'000;
  std::vector<double> measured;
  for (int k = 0; k < 9; ++k) {
    const auto start = std::chrono::steady_clock::now();
    volatile std::int64_t kept = Burn(kRounds);
    static_cast<void>(kept);
    measured.push_back(
        std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - start).count() /
        kRounds);
  }
  std::sort(measured.begin(), measured.end());
  return measured[measured.size() / 2];
}

std::vector<std::int64_t> RoundsOf(Shape shape, Index rows, double total_rounds) {
  std::mt19937_64 random(20'240'901);
  std::uniform_real_distribution<double> uniform(0, 1);
  std::vector<double> weights(static_cast<std::size_t>(rows), 1.0);
  for (std::size_t row = 0; row < weights.size(); ++row) {
    const double u = uniform(random);
    switch (shape) {
      case Shape::kConstant:
        break;
      case Shape::kLinear:
        weights[row] = static_cast<double>(row) + 0.5;
        break;
      case Shape::kRandom:
        weights[row] = u;
        break;
      case Shape::kExponential:
        weights[row] = -std::log1p(-u);
        break;
      case Shape::kOneHuge:
        if (static_cast<Index>(row) == rows * 19 / 20) weights[row] = static_cast<double>(rows) / 9;
        break;
      case Shape::kBimodal:
        if (u < 0.1) weights[row] = 50;
        break;
    }
  }
  const double scale = total_rounds / std::accumulate(weights.begin(), weights.end(), 0.0);
  std::vector<std::int64_t> rounds;
  for (const double weight : weights) rounds.push_back(std::llround(weight * scale));
  return rounds;
}

std::int64_t MandelbrotRow(Index row, Index rows, Index width) {
  const double imaginary = -1.25 + 2.5 * static_cast<double>(row) / static_cast<double>(rows);
  std::int64_t iterations = 0;
  for (Index column = 0; column < width; ++column) {
    const double real = -2.0 + 2.5 * static_cast<double>(column) / static_cast<double>(width);
    double x = 0, y = 0;
    for (int k = 0; k < 1000 && x * x + y * y <= 4; ++k, ++iterations) {
      const double next = x * x - y * y + real;
      y = 2 * x * y + imaginary;
      x = next;
    }
  }
  return iterations;
}

}  // namespace mpaio
