// SPDX-License-Identifier: Apache-2.0

// numpy's formulas for median and quantile: the ranks that are needed, and the result from the
// elements of these ranks.
#ifndef MPAIO_WORKERS_ORDER_QUANTILE_H_
#define MPAIO_WORKERS_ORDER_QUANTILE_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "absl/strings/string_view.h"
#include "mpaio/array/dtype.h"
#include "mpaio/base/index.h"

namespace mpaio {

enum class QuantileMethod { kMedian, kLinear, kLower, kHigher, kNearest, kMidpoint };

// `name`: "linear", "lower", "higher", "nearest" or "midpoint".
QuantileMethod ParseQuantileMethod(absl::string_view name);

// Quantiles of `count` numbers, count >= 1. Numbers are passed by their keys (number_keys.h).
//
// As in numpy, the type of the result is the input's, or float64 if the method interpolates
// (`median` of floating-point numbers keeps their type). Differences of integers, which numpy
// computes modulo 2^64 (or the width of the type), are exact here.
class Quantile {
 public:
  // Preconditions: IsNumber(dtype); each q is in [0, 1]. kMedian ignores `q` and has one result.
  Quantile(const DType& dtype, QuantileMethod method, const std::vector<double>& q, Index count);

  static DType ResultType(const DType& dtype, QuantileMethod method);

  // The ranks that are needed, in increasing order.
  const std::vector<Index>& ranks() const { return ranks_; }
  Index num_results() const { return static_cast<Index>(points_.size()); }
  // Computes result `r` from the keys of the ranks and writes it to `to`, an element of
  // ResultType(). If `has_nan`, any of the numbers is NaN: the result is NaN, and `keys` is not
  // read.
  void Compute(Index r, std::span<const std::uint64_t> keys, bool has_nan, std::byte* to) const;
  // Writes NaN as a result, such as the median of no numbers.
  static void StoreNaN(const DType& result_type, std::byte* to);

 private:
  // A position between two ranks. `previous` and `next` are indices into ranks_.
  struct Point {
    std::size_t previous = 0, next = 0;
    double gamma = 0;
  };

  DType dtype_;
  QuantileMethod method_;
  std::vector<Index> ranks_;
  std::vector<Point> points_;
};

}  // namespace mpaio

#endif  // MPAIO_WORKERS_ORDER_QUANTILE_H_
