// SPDX-License-Identifier: Apache-2.0

// The work of a benchmark's chunks: the same compiled code for mpaio and for the peers.
#ifndef MPAIO_BENCHMARKS_LOADS_H_
#define MPAIO_BENCHMARKS_LOADS_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "mpaio/base/index.h"

namespace mpaio {

// Returns the sum, computed by a plain loop; it may wrap around.
std::int64_t SumPlainly(std::span<const std::int64_t> numbers);

// Keeps a core busy for `rounds` rounds of some nanoseconds each, without memory accesses. Each
// round depends on the result of the previous one.
std::int64_t Burn(std::int64_t rounds);
// Returns the duration of a round on this machine: the median of several measurements.
double NanosecondsPerRound();

// The distribution of the cost over the rows of an array.
enum class Shape { kConstant, kLinear, kRandom, kExponential, kOneHuge, kBimodal };
struct NamedShape {
  Shape shape;
  const char* name;
};
inline constexpr NamedShape kShapes[] = {
    {Shape::kConstant, "Constant"}, {Shape::kLinear, "Linear"},
    {Shape::kRandom, "Random"},     {Shape::kExponential, "Exponential"},
    {Shape::kOneHuge, "OneHuge"},   {Shape::kBimodal, "Bimodal"}};

// Returns the number of rounds of each row, `total_rounds` in all (up to rounding). The numbers are
// the same in every run.
//   kConstant: all rows equal.
//   kLinear: rising from 0.
//   kRandom: uniformly distributed.
//   kExponential: most rows short, few long.
//   kOneHuge: one row, at 95 % of the rows, has a tenth of all rounds.
//   kBimodal: one row in ten costs fifty times as much as the others.
std::vector<std::int64_t> RoundsOf(Shape shape, Index rows, double total_rounds);

// Computes row `row` of `rows` of a picture of the Mandelbrot set, `width` points wide, with up to
// 1000 iterations per point. Returns the number of iterations. Rows in the middle cost a hundred
// times as much as rows at the edges.
std::int64_t MandelbrotRow(Index row, Index rows, Index width);

}  // namespace mpaio

#endif  // MPAIO_BENCHMARKS_LOADS_H_
