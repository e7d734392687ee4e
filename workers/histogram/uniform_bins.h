// SPDX-License-Identifier: Apache-2.0

// Bins of equal width with the edges of numpy.histogram, and the bin of each number, equal to
// numpy's to the bit.
#ifndef MPAIO_WORKERS_HISTOGRAM_UNIFORM_BINS_H_
#define MPAIO_WORKERS_HISTOGRAM_UNIFORM_BINS_H_

#include <span>
#include <vector>

#include "mpaio/array/dtype.h"
#include "mpaio/base/index.h"

namespace mpaio {

// The precisions that numpy computes with: floating-point numbers of 16, 32 or 64 bits.
enum class Precision { kHalf, kSingle, kDouble };

// The first and the last edge of the bins.
struct OuterEdges {
  double first = 0, last = 1;
  // last - first, as numpy computes it: exact for integers, in the array's type for others.
  double width = 1;
  // The lowest precision that holds `first` and `last`.
  Precision precision = Precision::kHalf;

  // Returns edges that do not come from the elements: the user's, or 0 and 1 for an array without
  // elements. If they are equal, each is moved outwards by a half.
  static OuterEdges Given(double first, double last);
};

// Follows numpy's rules for numbers between two edges, on an edge and beyond the edges. The last
// bin includes both of its edges.
class UniformBins {
 public:
  // Creates bins for numbers of type `dtype`, a number type of up to 64 bits. Preconditions:
  // num_bins >= 1, first < last, width > 0.
  UniformBins(const DType& dtype, const OuterEdges& outer, Index num_bins);

  Index num_bins() const { return static_cast<Index>(edges_.size()) - 1; }
  // The num_bins() + 1 edges, rounded to edge_type().
  const std::vector<double>& edges() const { return edges_; }
  DType edge_type() const;

  // Finds the bin of each number, which is of type `dtype`; -1 if it is in none.
  void Find(std::span<const double> numbers, std::span<Index> bins) const;

 private:
  template <typename Arithmetic, typename Product>
  void FindIn(std::span<const double> numbers, std::span<Index> bins) const;

  std::vector<double> edges_;
  Precision precision_;
  // Bounds of the numbers that are counted. They are rounded differently from the edges if the
  // edges need a higher precision.
  double least_, greatest_;
  double first_, bins_per_unit_;
};

}  // namespace mpaio

#endif  // MPAIO_WORKERS_HISTOGRAM_UNIFORM_BINS_H_
