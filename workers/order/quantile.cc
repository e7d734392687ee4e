// SPDX-License-Identifier: Apache-2.0
#include "workers/order/quantile.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>

#include "absl/numeric/int128.h"
#include "mpaio/array/float16.h"
#include "workers/order/number_keys.h"

namespace mpaio {
namespace {

template <typename T>
void Store(T value, std::byte* to) {
  std::memcpy(to, &value, sizeof(value));
}

bool Interpolates(QuantileMethod method) {
  return method == QuantileMethod::kLinear || method == QuantileMethod::kMidpoint;
}

// As numpy's _lerp: each half of the interval has its own formula, so that the result is monotonic
// in t.
double Lerp(double a, double b, double difference, double t) {
  return t >= 0.5 ? b - difference * (1 - t) : a + difference * t;
}

// Computations with numbers of a type, given by their raw values.
struct Halves {
  using Bits = std::uint16_t;
  static double Interpolate(Bits raw_a, Bits raw_b, double t) {
    const auto a = static_cast<double>(Float16::FromBits(raw_a)),
               b = static_cast<double>(Float16::FromBits(raw_b));
    return Lerp(a, b, static_cast<double>(Float16(b - a)), t);
  }
  // numpy adds halves in single precision.
  static void StoreMean(Bits raw_a, Bits raw_b, bool is_one, std::byte* to) {
    const float sum = 0.0f + static_cast<float>(Float16::FromBits(raw_a)) +
                      (is_one ? 0.0f : static_cast<float>(Float16::FromBits(raw_b)));
    Store(Float16(is_one ? sum : sum / 2), to);
  }
};

template <typename Float, typename BitsType>
struct Floats {
  using Bits = BitsType;
  static double Interpolate(Bits raw_a, Bits raw_b, double t) {
    const Float a = std::bit_cast<Float>(raw_a), b = std::bit_cast<Float>(raw_b);
    return Lerp(a, b, static_cast<Float>(b - a), t);
  }
  static void StoreMean(Bits raw_a, Bits raw_b, bool is_one, std::byte* to) {
    Float sum = Float{0} + std::bit_cast<Float>(raw_a);
    if (!is_one) sum = (sum + std::bit_cast<Float>(raw_b)) / 2;
    Store(sum, to);
  }
};

template <typename Int>
struct Ints {
  using Bits = std::make_unsigned_t<Int>;
  static double Interpolate(Bits raw_a, Bits raw_b, double t) {
    const Int a = static_cast<Int>(raw_a), b = static_cast<Int>(raw_b);
    return Lerp(static_cast<double>(a), static_cast<double>(b),
                static_cast<double>(absl::int128(b) - absl::int128(a)), t);
  }
  static void StoreMean(Bits raw_a, Bits raw_b, bool is_one, std::byte* to) {
    const double a = static_cast<double>(static_cast<Int>(raw_a)),
                 b = static_cast<double>(static_cast<Int>(raw_b));
    Store(is_one ? a : (a + b) / 2, to);
  }
};

// Calls act(one of the above).
template <typename Act>
void WithArithmetic(const DType& dtype, Act act) {
  const bool is_signed = dtype.kind() == DType::Kind::kInt;
  if (dtype.kind() == DType::Kind::kFloat) {
    switch (dtype.itemsize_bytes()) {
      case 2:
        return act(Halves());
      case 4:
        return act(Floats<float, std::uint32_t>());
      default:
        return act(Floats<double, std::uint64_t>());
    }
  }
  switch (dtype.itemsize_bytes()) {
    case 1:
      return is_signed ? act(Ints<std::int8_t>()) : act(Ints<std::uint8_t>());
    case 2:
      return is_signed ? act(Ints<std::int16_t>()) : act(Ints<std::uint16_t>());
    case 4:
      return is_signed ? act(Ints<std::int32_t>()) : act(Ints<std::uint32_t>());
    default:
      return is_signed ? act(Ints<std::int64_t>()) : act(Ints<std::uint64_t>());
  }
}

}  // namespace

QuantileMethod ParseQuantileMethod(absl::string_view name) {
  return name == "lower"      ? QuantileMethod::kLower
         : name == "higher"   ? QuantileMethod::kHigher
         : name == "nearest"  ? QuantileMethod::kNearest
         : name == "midpoint" ? QuantileMethod::kMidpoint
                              : QuantileMethod::kLinear;
}

Quantile::Quantile(const DType& dtype, QuantileMethod method, const std::vector<double>& q,
                   Index count)
    : dtype_(dtype), method_(method) {
  // Until ranks_ is complete, points hold the ranks themselves instead of indices into ranks_.
  const auto last = static_cast<double>(count - 1);
  const auto add = [this](Index previous, Index next, double gamma) {
    points_.push_back({static_cast<std::size_t>(previous), static_cast<std::size_t>(next), gamma});
  };
  if (method == QuantileMethod::kMedian) {
    add((count - 1) / 2, count / 2, 0);
  } else {
    for (const double fraction : q) {
      // The position of the quantile, which may lie between two ranks.
      double position = last * fraction;
      if (!Interpolates(method)) {
        position = method == QuantileMethod::kLower    ? std::floor(position)
                   : method == QuantileMethod::kHigher ? std::ceil(position)
                                                       : std::nearbyint(position);
        const Index rank = std::min(static_cast<Index>(position), count - 1);
        add(rank, rank, 0);
        continue;
      }
      if (method == QuantileMethod::kMidpoint)
        position = 0.5 * (std::floor(position) + std::ceil(position));
      const bool is_last = position >= last;
      const Index previous = is_last ? count - 1 : static_cast<Index>(std::floor(position));
      // numpy refers to the last rank as -1, and computes with that.
      double gamma = position - (is_last ? -1.0 : std::floor(position));
      if (method == QuantileMethod::kMidpoint) gamma = std::fmod(position, 1.0) == 0 ? 0.0 : 0.5;
      add(previous, is_last ? previous : previous + 1, gamma);
    }
  }
  for (const Point& point : points_) {
    ranks_.push_back(static_cast<Index>(point.previous));
    ranks_.push_back(static_cast<Index>(point.next));
  }
  std::sort(ranks_.begin(), ranks_.end());
  ranks_.erase(std::unique(ranks_.begin(), ranks_.end()), ranks_.end());
  for (Point& point : points_) {
    for (std::size_t* rank : {&point.previous, &point.next}) {
      *rank = static_cast<std::size_t>(
          std::lower_bound(ranks_.begin(), ranks_.end(), static_cast<Index>(*rank)) -
          ranks_.begin());
    }
  }
}

DType Quantile::ResultType(const DType& dtype, QuantileMethod method) {
  if (Interpolates(method)) return DType::Of<double>();
  return method == QuantileMethod::kMedian && dtype.kind() != DType::Kind::kFloat
             ? DType::Of<double>()
             : dtype;
}

void Quantile::Compute(Index r, std::span<const std::uint64_t> keys, bool has_nan,
                       std::byte* to) const {
  if (has_nan) return StoreNaN(ResultType(dtype_, method_), to);
  const Point& point = points_[static_cast<std::size_t>(r)];
  const std::uint64_t previous = RawOfKey(dtype_, keys[point.previous]),
                      next = RawOfKey(dtype_, keys[point.next]);
  WithArithmetic(dtype_, [&]<typename Arithmetic>(Arithmetic) {
    using Bits = typename Arithmetic::Bits;
    const auto a = static_cast<Bits>(previous), b = static_cast<Bits>(next);
    if (method_ == QuantileMethod::kMedian) {
      Arithmetic::StoreMean(a, b, point.previous == point.next, to);
    } else if (Interpolates(method_)) {
      Store(Arithmetic::Interpolate(a, b, point.gamma), to);
    } else {
      Store(a, to);
    }
  });
}

void Quantile::StoreNaN(const DType& result_type, std::byte* to) {
  switch (result_type.itemsize_bytes()) {
    case 2:
      return Store(Float16(std::numeric_limits<double>::quiet_NaN()), to);
    case 4:
      return Store(std::numeric_limits<float>::quiet_NaN(), to);
    default:
      return Store(std::numeric_limits<double>::quiet_NaN(), to);
  }
}

}  // namespace mpaio
