// SPDX-License-Identifier: Apache-2.0
#include "workers/histogram/uniform_bins.h"

#include <algorithm>
#include <cmath>

#include "mpaio/array/float16.h"

namespace mpaio {
namespace {

// Rounds the result of an operation to a type. The operands are doubles. For one +, - or * of
// halves or singles, rounding first to a double and then to the type gives the same result as
// rounding once.
struct Half {
  static double Round(double x) { return static_cast<double>(Float16(x)); }
};
struct Single {
  static double Round(double x) { return static_cast<float>(x); }
};
struct Double {
  static double Round(double x) { return x; }
};

double Round(Precision precision, double x) {
  return precision == Precision::kHalf     ? Half::Round(x)
         : precision == Precision::kSingle ? Single::Round(x)
                                           : x;
}

// numpy combines a scalar with an array of floating-point numbers in the array's type, unless the
// scalar is beyond these limits of the type.
Precision LeastPrecision(double scalar) {
  if (scalar > -65000.0 && scalar < 65000.0) return Precision::kHalf;
  return scalar > -3.4e38 && scalar < 3.4e38 ? Precision::kSingle : Precision::kDouble;
}

Precision PrecisionOf(const DType& dtype) {
  if (dtype.kind() != DType::Kind::kFloat) return Precision::kDouble;
  return dtype.itemsize_bytes() == 2   ? Precision::kHalf
         : dtype.itemsize_bytes() == 4 ? Precision::kSingle
                                       : Precision::kDouble;
}

}  // namespace

OuterEdges OuterEdges::Given(double first, double last) {
  OuterEdges outer;
  outer.first = first == last ? first - 0.5 : first;
  outer.last = first == last ? last + 0.5 : last;
  outer.width = outer.last - outer.first;
  outer.precision = std::max(LeastPrecision(outer.first), LeastPrecision(outer.last));
  return outer;
}

UniformBins::UniformBins(const DType& dtype, const OuterEdges& outer, Index num_bins)
    : precision_(std::max(PrecisionOf(dtype), outer.precision)),
      least_(Round(std::max(PrecisionOf(dtype), LeastPrecision(outer.first)), outer.first)),
      greatest_(Round(std::max(PrecisionOf(dtype), LeastPrecision(outer.last)), outer.last)),
      first_(Round(precision_, outer.first)),
      bins_per_unit_(static_cast<double>(num_bins) / outer.width) {
  // numpy.linspace.
  const double delta = outer.last - outer.first, bins = static_cast<double>(num_bins);
  const double step = delta / bins;
  for (Index i = 0; i < num_bins; ++i) {
    const auto at = static_cast<double>(i);
    edges_.push_back(Round(precision_, (step == 0 ? at / bins * delta : at * step) + outer.first));
  }
  edges_.push_back(Round(precision_, outer.last));
}

DType UniformBins::edge_type() const {
  return precision_ == Precision::kHalf     ? DType::Of<Float16>()
         : precision_ == Precision::kSingle ? DType::Of<float>()
                                            : DType::Of<double>();
}

template <typename Arithmetic, typename Product>
void UniformBins::FindIn(std::span<const double> numbers, std::span<Index> bins) const {
  const Index last_bin = num_bins() - 1;
  const double bins_per_unit = Product::Round(bins_per_unit_);
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const double x = numbers[i];
    if (!(x >= least_ && x <= greatest_)) {
      bins[i] = -1;
      continue;
    }
    double position = Product::Round(Arithmetic::Round(x - first_) * bins_per_unit);
    // If the type cannot hold the position, numpy fails; here it is computed in double.
    if (!std::isfinite(position)) position = (x - first_) * bins_per_unit_;
    // The position may also be a NaN, or beyond the range of Index: a width of almost nothing has
    // infinitely many bins per unit.
    Index bin =
        position > 0 ? static_cast<Index>(std::min(position, static_cast<double>(last_bin))) : 0;
    // Near an edge, rounding may have put the product on the wrong side.
    if (x < edges_[static_cast<std::size_t>(bin)]) {
      bin = std::max(bin - 1, Index{0});
    } else if (bin != last_bin && x >= edges_[static_cast<std::size_t>(bin + 1)]) {
      ++bin;
    }
    bins[i] = bin;
  }
}

void UniformBins::Find(std::span<const double> numbers, std::span<Index> bins) const {
  const Precision product = std::max(precision_, LeastPrecision(bins_per_unit_));
  if (precision_ == Precision::kDouble) return FindIn<Double, Double>(numbers, bins);
  if (precision_ == Precision::kSingle) {
    return product == Precision::kDouble ? FindIn<Single, Double>(numbers, bins)
                                         : FindIn<Single, Single>(numbers, bins);
  }
  return product == Precision::kDouble   ? FindIn<Half, Double>(numbers, bins)
         : product == Precision::kSingle ? FindIn<Half, Single>(numbers, bins)
                                         : FindIn<Half, Half>(numbers, bins);
}

}  // namespace mpaio
