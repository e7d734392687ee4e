// SPDX-License-Identifier: Apache-2.0

// Bins of equal width, as numpy.histogram has them: the edges, and which bin a number is in, to the
// bit.
#ifndef MPAIO_WORKERS_HISTOGRAM_UNIFORM_BINS_H_
#define MPAIO_WORKERS_HISTOGRAM_UNIFORM_BINS_H_

#include <span>
#include <vector>

#include "mpaio/array/dtype.h"
#include "mpaio/base/index.h"

namespace mpaio {

// What numpy computes with: floating-point numbers of 16, 32 or 64 bits.
enum class Precision { kHalf, kSingle, kDouble };

// Where the bins begin and end.
struct OuterEdges {
  double first = 0, last = 1;
  // last - first, as numpy computes it: exactly for integers, in the array's type for others.
  double width = 1;
  // How exact a type it takes to hold `first` and `last`, at the least.
  Precision precision = Precision::kHalf;

  // Of edges that were given, or that are 0 and 1 for an array without elements. No width is
  // widened by half on both sides.
  static OuterEdges Given(double first, double last);
};

// In the middle between two edges, on an edge, beyond them: all of numpy's rules. The last bin has
// both of its edges.
class UniformBins {
 public:
  // Bins for numbers of type `dtype`, a number of up to 64 bits. Precondition: num_bins >= 1, first
  // < last, width > 0.
  UniformBins(const DType& dtype, const OuterEdges& outer, Index num_bins);

  Index num_bins() const { return static_cast<Index>(edges_.size()) - 1; }
  // num_bins() + 1 of them, rounded to edge_type().
  const std::vector<double>& edges() const { return edges_; }
  DType edge_type() const;

  // The bin of each number, which is of type `dtype`; -1 for what is in none.
  void Find(std::span<const double> numbers, std::span<Index> bins) const;

 private:
  template <typename Arithmetic, typename Product>
  void FindIn(std::span<const double> numbers, std::span<Index> bins) const;

  std::vector<double> edges_;
  Precision precision_;
  // What is between them is counted; they are rounded differently from the edges where these need a
  // better type.
  double least_, greatest_;
  double first_, bins_per_unit_;
};

}  // namespace mpaio

#endif  // MPAIO_WORKERS_HISTOGRAM_UNIFORM_BINS_H_
