// SPDX-License-Identifier: Apache-2.0

// What the chunks of a benchmark do, the same compiled code for ours and for the peers.
#ifndef MPAIO_BENCHMARKS_LOADS_H_
#define MPAIO_BENCHMARKS_LOADS_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "mpaio/base/index.h"

namespace mpaio {

// A plain loop, as everybody would write it.
std::int64_t SumPlainly(std::span<const std::int64_t> numbers);

// Keeps a core busy for so many rounds of some nanoseconds each, of which each needs the last one's
// result; no memory.
std::int64_t Burn(std::int64_t rounds);
// How long a round takes here: the median of several measurements.
double NanosecondsPerRound();

// How the cost of an array's rows is distributed.
enum class Shape { kConstant, kLinear, kRandom, kExponential, kOneHuge, kBimodal };
struct NamedShape {
  Shape shape;
  const char* name;
};
inline constexpr NamedShape kShapes[] = {
    {Shape::kConstant, "Constant"}, {Shape::kLinear, "Linear"},
    {Shape::kRandom, "Random"},     {Shape::kExponential, "Exponential"},
    {Shape::kOneHuge, "OneHuge"},   {Shape::kBimodal, "Bimodal"}};

// Rounds for each row, `total_rounds` in all (up to rounding). kLinear: rising from 0; kRandom:
// uniform; kExponential: most short, few long; kOneHuge: one row in the last tenth that is a tenth
// of everything; kBimodal: one row in ten costs fifty times what the others do. The same in every
// run.
std::vector<std::int64_t> RoundsOf(Shape shape, Index rows, double total_rounds);

// Row `row` of `rows` of a picture of the Mandelbrot set, `width` points wide, up to 1000
// iterations a point; gives their number. The rows in the middle cost a hundred times what those at
// the edges do.
std::int64_t MandelbrotRow(Index row, Index rows, Index width);

}  // namespace mpaio

#endif  // MPAIO_BENCHMARKS_LOADS_H_
