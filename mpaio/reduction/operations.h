// The operations of the reductions: see fold.h and reduction_worker.h for what each has to have.
//
// What numpy does, but for two things. Integer sums and products are exact, and one that does not fit 64 bits is an error unless overflow=wrap asks
// for numpy's. And floating-point sums are computed in double, over a fixed tree, and rounded once: at least as near the truth as numpy's.
#ifndef MPAIO_REDUCTION_OPERATIONS_H_
#define MPAIO_REDUCTION_OPERATIONS_H_

#include <algorithm>
#include <bit>
#include <cmath>
#include <complex>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <string>
#include <type_traits>

#include "absl/numeric/int128.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "mpaio/array/dtype.h"
#include "mpaio/base/index.h"
#include "mpaio/kernel/leaf.h"
#include "mpaio/kernel/min_max.h"
#include "mpaio/kernel/sum.h"
#include "mpaio/reduction/reduction_worker.h"

namespace mpaio {

inline constexpr std::int64_t kNotATime = std::numeric_limits<std::int64_t>::min();

// Without the padding of a long double, which would be whatever was on the stack: `to` is zeros there.
template <typename T>
void StoreBits(const T& value, std::byte* to) {
  constexpr bool kIsExtended = std::is_same_v<T, long double> && std::numeric_limits<long double>::digits == 64;
  std::memcpy(to, &value, kIsExtended ? 10 : sizeof(value));
}

// The low bytes of `value`: of an integer type that it fits.
inline void StoreInteger(std::uint64_t value, const DType& dtype, std::byte* to) {
  static_assert(std::endian::native == std::endian::little);
  std::memcpy(to, &value, static_cast<std::size_t>(dtype.itemsize_bytes()));
}

inline void StoreComplex(std::complex<double> value, const DType& dtype, std::byte* to) {
  const DType half = dtype.itemsize_bytes() == 8 ? DType::Of<float>() : DType::Of<double>();
  StoreReal(value.real(), half, to);
  StoreReal(value.imag(), half, to + half.itemsize_bytes());
}

// The same, for the end of a Store.
template <typename T>
absl::Status StoredBits(const T& value, std::byte* to) {
  StoreBits(value, to);
  return absl::OkStatus();
}
inline absl::Status StoredReal(double value, const DType& dtype, std::byte* to) {
  StoreReal(value, dtype, to);
  return absl::OkStatus();
}
inline absl::Status StoredComplex(std::complex<double> value, const DType& dtype, std::byte* to) {
  StoreComplex(value, dtype, to);
  return absl::OkStatus();
}

inline bool WrapsOnOverflow(const Parameters& parameters) { return parameters.Text("overflow") == "wrap"; }

// Real and imaginary parts of a leaf apart, for the loops that are made for doubles.
struct ComplexLeaf {
  explicit ComplexLeaf(std::span<const std::complex<double>> elements) : count(elements.size()) {
    for (std::size_t i = 0; i < count; ++i) {
      real_parts[i] = elements[i].real();
      imaginary_parts[i] = elements[i].imag();
    }
  }
  std::span<const double> real() const { return {real_parts, count}; }
  std::span<const double> imaginary() const { return {imaginary_parts, count}; }

  std::size_t count;
  alignas(64) double real_parts[kLeaf];
  alignas(64) double imaginary_parts[kLeaf];
};

// A leaf without its NaNs.
struct LeafOfNumbers {
  LeafOfNumbers(std::span<const double> elements) {
    for (const double x : elements) {
      values[count] = x;
      count += x == x;
    }
  }
  std::span<const double> numbers() const { return {values, count}; }

  std::size_t count = 0;
  alignas(64) double values[kLeaf + 1];
};

// ---- Sums, and the means that are sums divided by the number of elements: of none it is NaN, as in numpy.

struct FoldIntSum {
  static constexpr bool kOrderFree = true;
  using Wide = std::int64_t;
  using State = absl::int128;
  State Fold(std::span<const Wide> elements, Index) const { return SumExactly(elements); }
  State Combine(State left, State right) const { return left + right; }
};

struct FoldUintSum {
  static constexpr bool kOrderFree = true;
  using Wide = std::uint64_t;
  using State = absl::uint128;
  State Fold(std::span<const Wide> elements, Index) const { return SumExactly(elements); }
  State Combine(State left, State right) const { return left + right; }
};

struct FoldFloatSum {
  static constexpr bool kOrderFree = false;
  using Wide = double;
  using State = double;
  State Leaf(std::span<const Wide> elements) const { return SumLanes(elements); }
  State Combine(State left, State right) const { return left + right; }
};

struct FoldComplexSum {
  static constexpr bool kOrderFree = false;
  using Wide = std::complex<double>;
  using State = std::complex<double>;
  State Leaf(std::span<const Wide> elements) const {
    const ComplexLeaf leaf(elements);
    return {SumLanes(leaf.real()), SumLanes(leaf.imaginary())};
  }
  State Combine(State left, State right) const { return left + right; }
};

struct FoldLongDoubleSum {
  static constexpr bool kOrderFree = false;
  using Wide = long double;
  using State = long double;
  State Leaf(std::span<const Wide> elements) const {
    State sum = 0;
    for (const Wide x : elements) sum += x;
    return sum;
  }
  State Combine(State left, State right) const { return left + right; }
};

struct SumOfInts : FoldIntSum {
  explicit SumOfInts(const ReductionInputs& inputs) : wraps(WrapsOnOverflow(inputs.parameters)) {}
  absl::Status Store(State sum, Index, const DType&, std::byte* to) const {
    if (!wraps && !AsInt64(sum)) return absl::OutOfRangeError("the sum does not fit in an int64; sum the array as float64, or give overflow=wrap");
    StoreBits(absl::Int128Low64(sum), to);
    return absl::OkStatus();
  }
  bool wraps;
};

struct SumOfUints : FoldUintSum {
  explicit SumOfUints(const ReductionInputs& inputs) : wraps(WrapsOnOverflow(inputs.parameters)) {}
  absl::Status Store(State sum, Index, const DType&, std::byte* to) const {
    if (!wraps && absl::Uint128High64(sum) != 0) {
      return absl::OutOfRangeError("the sum does not fit in a uint64; sum the array as float64, or give overflow=wrap");
    }
    StoreBits(absl::Uint128Low64(sum), to);
    return absl::OkStatus();
  }
  bool wraps;
};

struct SumOfFloats : FoldFloatSum {
  explicit SumOfFloats(const ReductionInputs&) {}
  absl::Status Store(State sum, Index, const DType& dtype, std::byte* to) const { return StoredReal(sum, dtype, to); }
};

struct SumOfComplex : FoldComplexSum {
  explicit SumOfComplex(const ReductionInputs&) {}
  absl::Status Store(State sum, Index, const DType& dtype, std::byte* to) const { return StoredComplex(sum, dtype, to); }
};

struct SumOfLongDoubles : FoldLongDoubleSum {
  explicit SumOfLongDoubles(const ReductionInputs&) {}
  absl::Status Store(State sum, Index, const DType&, std::byte* to) const { return StoredBits(sum, to); }
};

struct MeanOfInts : FoldIntSum {
  explicit MeanOfInts(const ReductionInputs&) {}
  absl::Status Store(State sum, Index length, const DType& dtype, std::byte* to) const {
    return StoredReal(static_cast<double>(sum) / static_cast<double>(length), dtype, to);
  }
};

struct MeanOfUints : FoldUintSum {
  explicit MeanOfUints(const ReductionInputs&) {}
  absl::Status Store(State sum, Index length, const DType& dtype, std::byte* to) const {
    return StoredReal(static_cast<double>(sum) / static_cast<double>(length), dtype, to);
  }
};

struct MeanOfFloats : FoldFloatSum {
  explicit MeanOfFloats(const ReductionInputs&) {}
  absl::Status Store(State sum, Index length, const DType& dtype, std::byte* to) const {
    return StoredReal(sum / static_cast<double>(length), dtype, to);
  }
};

struct MeanOfComplex : FoldComplexSum {
  explicit MeanOfComplex(const ReductionInputs&) {}
  absl::Status Store(State sum, Index length, const DType& dtype, std::byte* to) const {
    const double count = static_cast<double>(length);
    return StoredComplex({sum.real() / count, sum.imag() / count}, dtype, to);
  }
};

struct MeanOfLongDoubles : FoldLongDoubleSum {
  explicit MeanOfLongDoubles(const ReductionInputs&) {}
  absl::Status Store(State sum, Index length, const DType&, std::byte* to) const {
    return StoredBits(sum / static_cast<long double>(length), to);
  }
};

// ---- Without the NaNs.

struct NansumOfFloats : SumOfFloats {
  using SumOfFloats::SumOfFloats;
  State Leaf(std::span<const Wide> elements) const { return SumLanes(LeafOfNumbers(elements).numbers()); }
};

struct NanmeanOfFloats {
  static constexpr bool kOrderFree = false;
  using Wide = double;
  struct State {
    double sum = 0;
    Index count = 0;
  };
  explicit NanmeanOfFloats(const ReductionInputs&) {}
  State Leaf(std::span<const Wide> elements) const {
    const LeafOfNumbers leaf(elements);
    return {SumLanes(leaf.numbers()), static_cast<Index>(leaf.count)};
  }
  State Combine(State left, State right) const { return {left.sum + right.sum, left.count + right.count}; }
  absl::Status Store(const State& state, Index, const DType& dtype, std::byte* to) const {
    return StoredReal(state.sum / static_cast<double>(state.count), dtype, to);
  }
};

// ---- Products.

// The product of integers is 0 where one of them is, and else has a magnitude that only grows: so whether it fits does not depend on the order.
struct IntegerProduct {
  std::uint64_t wrapped = 1;
  std::uint64_t magnitude = 1;  // of the elements that are not 0
  bool is_negative = false;
  bool overflows = false;
  bool has_zero = false;

  void Multiply(std::uint64_t bits, std::uint64_t element_magnitude, bool element_is_negative) {
    wrapped *= bits;
    if (element_magnitude == 0) {
      has_zero = true;
      return;
    }
    overflows |= __builtin_mul_overflow(magnitude, element_magnitude, &magnitude);
    is_negative ^= element_is_negative;
  }
  friend IntegerProduct operator*(IntegerProduct left, const IntegerProduct& right) {
    left.wrapped *= right.wrapped;
    left.overflows |= right.overflows;
    left.overflows |= __builtin_mul_overflow(left.magnitude, right.magnitude, &left.magnitude);
    left.is_negative ^= right.is_negative;
    left.has_zero |= right.has_zero;
    return left;
  }
};

template <typename Integer>
struct ProductOfIntegers {
  static constexpr bool kOrderFree = true;
  using Wide = Integer;
  using State = IntegerProduct;
  explicit ProductOfIntegers(const ReductionInputs& inputs) : wraps(WrapsOnOverflow(inputs.parameters)) {}
  State Fold(std::span<const Wide> elements, Index) const {
    State product;
    for (const Wide x : elements) {
      const std::uint64_t bits = static_cast<std::uint64_t>(x);
      product.Multiply(bits, x < 0 ? -bits : bits, x < 0);
    }
    return product;
  }
  State Combine(State left, State right) const { return left * right; }
  absl::Status Store(const State& product, Index, const DType&, std::byte* to) const {
    // What the sign leaves room for.
    const std::uint64_t largest = std::is_unsigned_v<Wide>  ? std::numeric_limits<std::uint64_t>::max()
                                  : product.is_negative ? std::uint64_t{1} << 63
                                                        : (std::uint64_t{1} << 63) - 1;
    const bool fits = product.has_zero || (!product.overflows && product.magnitude <= largest);
    if (!wraps && !fits) {
      return absl::OutOfRangeError(absl::StrCat("the product does not fit in a", std::is_unsigned_v<Wide> ? " uint64" : "n int64",
                                                "; multiply the array as float64, or give overflow=wrap"));
    }
    return StoredBits(product.wrapped, to);
  }
  bool wraps;
};

struct ProductOfFloats {
  static constexpr bool kOrderFree = false;
  using Wide = double;
  struct State {
    double product = 1;
  };
  explicit ProductOfFloats(const ReductionInputs&) {}
  State Leaf(std::span<const Wide> elements) const { return {Product(elements)}; }
  State Combine(State left, State right) const { return {left.product * right.product}; }
  absl::Status Store(const State& state, Index, const DType& dtype, std::byte* to) const { return StoredReal(state.product, dtype, to); }
};

// complex<double> or long double.
template <typename Number>
struct ProductOf {
  static constexpr bool kOrderFree = false;
  using Wide = Number;
  struct State {
    Number product = Number(1);
  };
  explicit ProductOf(const ReductionInputs&) {}
  State Leaf(std::span<const Wide> elements) const {
    State state;
    for (const Wide& x : elements) state.product = Times(state.product, x);
    return state;
  }
  State Combine(State left, State right) const { return {Times(left.product, right.product)}; }
  absl::Status Store(const State& state, Index, const DType& dtype, std::byte* to) const {
    if constexpr (std::is_same_v<Number, long double>) {
      return StoredBits(state.product, to);
    } else {
      return StoredComplex(state.product, dtype, to);
    }
  }

 private:
  // As numpy multiplies complex numbers; C++'s operator makes infinities of some NaNs (C's annex G).
  static Number Times(const Number& a, const Number& b) {
    if constexpr (std::is_same_v<Number, long double>) {
      return a * b;
    } else {
      return {a.real() * b.real() - a.imag() * b.imag(), a.real() * b.imag() + a.imag() * b.real()};
    }
  }
};

// ---- Variance: count, mean and sum of squared deviations of parts are joined as by Chan, Golub and LeVeque, "Updating Formulae and a Pairwise
// Algorithm for Computing Sample Variances" (1979).

struct Moments {
  double count = 0;
  double mean = 0;
  double squares = 0;

  static Moments Of(std::span<const double> elements) {
    if (elements.empty()) return {};
    const double count = static_cast<double>(elements.size());
    const double mean = SumLanes(elements) / count;
    return {count, mean, SumOfSquaredDeviations(elements, mean)};
  }
  static Moments Join(const Moments& left, const Moments& right) {
    if (left.count == 0) return right;
    if (right.count == 0) return left;
    const double count = left.count + right.count;
    const double delta = right.mean - left.mean;
    return {count, left.mean + delta * (right.count / count), left.squares + right.squares + delta * delta * (left.count * right.count / count)};
  }
};

template <bool kIsRoot>
struct VarianceStore {
  explicit VarianceStore(const ReductionInputs& inputs) : ddof(inputs.parameters.Number("ddof")) {}
  // As in numpy, NaN where there are no more elements than ddof and no deviations, infinite where there are some.
  absl::Status StoreVariance(double squares, Index length, const DType& dtype, std::byte* to) const {
    const double variance = squares / std::max(static_cast<double>(length) - ddof, 0.0);
    return StoredReal(kIsRoot ? std::sqrt(variance) : variance, dtype, to);
  }
  double ddof;
};

// Integers are read as double, as numpy does.
template <typename Number, bool kIsRoot>
struct VarianceOf : VarianceStore<kIsRoot> {
  static constexpr bool kOrderFree = false;
  using Wide = Number;
  using State = Moments;
  using VarianceStore<kIsRoot>::VarianceStore;
  State Leaf(std::span<const Wide> elements) const {
    if constexpr (std::is_same_v<Wide, double>) {
      return Moments::Of(elements);
    } else {
      alignas(64) double values[kLeaf];
      for (std::size_t i = 0; i < elements.size(); ++i) values[i] = static_cast<double>(elements[i]);
      return Moments::Of({values, elements.size()});
    }
  }
  State Combine(const State& left, const State& right) const { return Moments::Join(left, right); }
  absl::Status Store(const State& state, Index length, const DType& dtype, std::byte* to) const {
    return this->StoreVariance(state.squares, length, dtype, to);
  }
};

// Of |x - mean|^2: the variance of the real parts plus that of the imaginary ones.
template <bool kIsRoot>
struct VarianceOf<std::complex<double>, kIsRoot> : VarianceStore<kIsRoot> {
  static constexpr bool kOrderFree = false;
  using Wide = std::complex<double>;
  struct State {
    Moments real, imaginary;
  };
  using VarianceStore<kIsRoot>::VarianceStore;
  State Leaf(std::span<const Wide> elements) const {
    const ComplexLeaf leaf(elements);
    return {Moments::Of(leaf.real()), Moments::Of(leaf.imaginary())};
  }
  State Combine(const State& left, const State& right) const {
    return {Moments::Join(left.real, right.real), Moments::Join(left.imaginary, right.imaginary)};
  }
  absl::Status Store(const State& state, Index length, const DType& dtype, std::byte* to) const {
    return this->StoreVariance(state.real.squares + state.imaginary.squares, length, dtype, to);
  }
};

// ---- Extremes. A NaN or a NaT anywhere is the answer, as in numpy; with kSkipsNans, only where there is nothing else.

template <bool kIsMax>
struct ExtremeOfInts {
  static constexpr bool kOrderFree = true;
  using Wide = std::int64_t;
  using State = MinMax<std::int64_t>;
  explicit ExtremeOfInts(const ReductionInputs& inputs)
      : is_time(inputs.dtype.kind() == DType::Kind::kDatetime || inputs.dtype.kind() == DType::Kind::kTimedelta) {}
  State Fold(std::span<const Wide> elements, Index) const { return FindMinMax(elements); }
  State Combine(State left, const State& right) const {
    left.Merge(right);
    return left;
  }
  absl::Status Store(const State& state, Index, const DType& dtype, std::byte* to) const {
    // NaT is the least of all numbers of 64 bits, so that it is found whatever is looked for.
    const std::int64_t extreme = kIsMax && !(is_time && state.min == kNotATime) ? state.max : state.min;
    StoreInteger(static_cast<std::uint64_t>(extreme), dtype, to);
    return absl::OkStatus();
  }
  bool is_time;
};

template <bool kIsMax>
struct ExtremeOfUints {
  static constexpr bool kOrderFree = true;
  using Wide = std::uint64_t;
  struct State {
    std::uint64_t extreme = kIsMax ? 0 : std::numeric_limits<std::uint64_t>::max();
  };
  explicit ExtremeOfUints(const ReductionInputs&) {}
  State Fold(std::span<const Wide> elements, Index) const {
    State state;
    for (const Wide x : elements) state = Combine(state, {x});
    return state;
  }
  State Combine(State left, State right) const { return {kIsMax ? std::max(left.extreme, right.extreme) : std::min(left.extreme, right.extreme)}; }
  absl::Status Store(const State& state, Index, const DType& dtype, std::byte* to) const {
    StoreInteger(state.extreme, dtype, to);
    return absl::OkStatus();
  }
};

template <bool kIsMax>
struct ExtremeOfFloats {
  static constexpr bool kOrderFree = true;
  using Wide = double;
  using State = MinMax<double>;
  explicit ExtremeOfFloats(const ReductionInputs&) {}
  State Fold(std::span<const Wide> elements, Index) const { return FindMinMax(elements); }
  State Combine(State left, const State& right) const {
    left.Merge(right);
    return left;
  }
  absl::Status Store(const State& state, Index, const DType& dtype, std::byte* to) const {
    return StoredReal(kIsMax ? state.max : state.min, dtype, to);
  }
};

template <typename Number, bool kIsMax, bool kSkipsNans>
struct ExtremeOf {
  static constexpr bool kOrderFree = true;
  using Wide = Number;
  struct State {
    Number extreme = kIsMax ? -std::numeric_limits<Number>::infinity() : std::numeric_limits<Number>::infinity();
    bool has_number = false;
    bool has_nan = false;
  };
  explicit ExtremeOf(const ReductionInputs&) {}
  State Fold(std::span<const Wide> elements, Index) const {
    State state;
    for (const Wide x : elements) {
      if (x != x) {
        state.has_nan = true;
      } else {
        // A zero has no sign here, since which of two is met first would depend on how the array was divided.
        state.extreme = (kIsMax ? std::max(state.extreme, x) : std::min(state.extreme, x)) + Number(0);
        state.has_number = true;
      }
    }
    return state;
  }
  State Combine(State left, const State& right) const {
    left.extreme = kIsMax ? std::max(left.extreme, right.extreme) : std::min(left.extreme, right.extreme);
    left.has_number |= right.has_number;
    left.has_nan |= right.has_nan;
    return left;
  }
  absl::Status Store(const State& state, Index, const DType& dtype, std::byte* to) const {
    const bool is_nan = kSkipsNans ? !state.has_number : state.has_nan;
    const Number extreme = is_nan ? std::numeric_limits<Number>::quiet_NaN() : state.extreme;
    if constexpr (std::is_same_v<Number, long double>) return StoredBits(extreme, to);
    return StoredReal(static_cast<double>(extreme), dtype, to);
  }
};

// The index of the first extreme; of the first NaN or NaT, if there is one.
template <typename Number, bool kIsMax>
struct ArgExtremeOf {
  static constexpr bool kOrderFree = true;
  using Wide = Number;
  struct State {
    Number extreme = 0;
    Index position = -1;  // none yet
  };
  explicit ArgExtremeOf(const ReductionInputs& inputs)
      : is_time(inputs.dtype.kind() == DType::Kind::kDatetime || inputs.dtype.kind() == DType::Kind::kTimedelta) {}

  State Fold(std::span<const Wide> elements, Index first) const {
    State state;
    if (elements.empty()) return state;
    std::size_t best = 0;
    if constexpr (std::is_same_v<Wide, double> || std::is_same_v<Wide, std::int64_t>) {
      // Found at the speed of memory, then looked up in the block that has it.
      constexpr std::size_t kBlock = 4096;
      for (std::size_t begin = 0; begin < elements.size(); begin += kBlock) {
        const auto block = elements.subspan(begin, std::min(kBlock, elements.size() - begin));
        const MinMax<Wide> extremes = FindMinMax(block);
        const Wide extreme = kIsMax ? extremes.max : extremes.min;
        const bool has_nan = IsNan(extreme) || (is_time && IsNan(extremes.min));
        if (state.position >= 0 && !has_nan && !Beats(extreme, state.extreme)) continue;
        best = 0;
        while (has_nan ? !IsNan(block[best]) : block[best] != extreme) ++best;
        state = {block[best], first + static_cast<Index>(begin + best)};
        if (has_nan) return state;
      }
      return state;
    } else {
      for (std::size_t i = 0; i < elements.size() && !IsNan(elements[best]); ++i) {
        if (IsNan(elements[i]) || Beats(elements[i], elements[best])) best = i;
      }
      return {elements[best], first + static_cast<Index>(best)};
    }
  }
  // `left` lies before `right`.
  State Combine(const State& left, const State& right) const {
    if (left.position < 0) return right;
    if (right.position < 0 || IsNan(left.extreme)) return left;
    return IsNan(right.extreme) || Beats(right.extreme, left.extreme) ? right : left;
  }
  absl::Status Store(const State& state, Index, const DType&, std::byte* to) const { return StoredBits(state.position, to); }

 private:
  bool IsNan(Wide x) const {
    if constexpr (std::is_same_v<Wide, std::int64_t>) return is_time && x == kNotATime;
    return x != x;
  }
  static bool Beats(Wide x, Wide y) { return kIsMax ? x > y : x < y; }

  bool is_time;
};

// ---- What is not zero. NaN and NaT are not.

template <typename Number>
struct FoldNonzero {
  static constexpr bool kOrderFree = true;
  using Wide = Number;
  using State = Index;
  State Fold(std::span<const Wide> elements, Index) const {
    if constexpr (std::is_same_v<Wide, std::int64_t> || std::is_same_v<Wide, std::uint64_t> || std::is_same_v<Wide, double>) {
      return CountNonzero(elements);
    } else {
      return std::count_if(elements.begin(), elements.end(), [](const Wide& x) { return x != Wide(0); });
    }
  }
  State Combine(State left, State right) const { return left + right; }
};

template <typename Number>
struct CountNonzeroOf : FoldNonzero<Number> {
  explicit CountNonzeroOf(const ReductionInputs&) {}
  absl::Status Store(Index count, Index, const DType&, std::byte* to) const { return StoredBits(count, to); }
};

template <typename Number>
struct AnyOf : FoldNonzero<Number> {
  explicit AnyOf(const ReductionInputs&) {}
  absl::Status Store(Index count, Index, const DType&, std::byte* to) const { return StoredBits(std::uint8_t{count > 0}, to); }
};

template <typename Number>
struct AllOf : FoldNonzero<Number> {
  explicit AllOf(const ReductionInputs&) {}
  absl::Status Store(Index count, Index length, const DType&, std::byte* to) const { return StoredBits(std::uint8_t{count == length}, to); }
};

// ---- Norms of a vector, as numpy.linalg.norm: ord 2 is the root of the sum of squares, 1 the sum of magnitudes, inf and -inf the largest and the
// smallest magnitude, 0 how many are not zero. Integers are read as double; so are complex numbers, by their magnitude.
enum class NormOrder { kTwo, kOne, kInfinity, kMinusInfinity, kZero };

template <typename Number>
struct NormOf {
  static constexpr bool kOrderFree = false;
  using Wide = Number;
  struct State {
    double value = 0;
    bool has_elements = false;
  };
  explicit NormOf(const ReductionInputs& inputs) {
    const std::string& ord = inputs.parameters.Text("ord");
    order = ord == "2" ? NormOrder::kTwo : ord == "1" ? NormOrder::kOne : ord == "inf" ? NormOrder::kInfinity : ord == "-inf" ? NormOrder::kMinusInfinity : NormOrder::kZero;
  }

  State Leaf(std::span<const Wide> elements) const {
    if (elements.empty()) return {};
    alignas(64) double values[kLeaf];
    double squares = 0;
    if constexpr (std::is_same_v<Wide, std::complex<double>>) {
      if (order == NormOrder::kTwo) {
        const ComplexLeaf leaf(elements);
        squares = SumOfSquares(leaf.real()) + SumOfSquares(leaf.imaginary());
      }
    }
    for (std::size_t i = 0; i < elements.size(); ++i) {
      if constexpr (std::is_same_v<Wide, std::complex<double>>) {
        values[i] = std::abs(elements[i]);
      } else {
        values[i] = std::abs(static_cast<double>(elements[i]));
      }
    }
    const std::span<const double> magnitudes(values, elements.size());
    switch (order) {
      case NormOrder::kTwo: return {std::is_same_v<Wide, std::complex<double>> ? squares : SumOfSquares(magnitudes), true};
      case NormOrder::kOne: return {SumLanes(magnitudes), true};
      case NormOrder::kInfinity: return {FindMinMax(magnitudes).max, true};
      case NormOrder::kMinusInfinity: return {FindMinMax(magnitudes).min, true};
      case NormOrder::kZero: return {static_cast<double>(CountNonzero(magnitudes)), true};
    }
    return {};
  }
  State Combine(const State& left, const State& right) const {
    if (!left.has_elements) return right;
    if (!right.has_elements) return left;
    if (order != NormOrder::kInfinity && order != NormOrder::kMinusInfinity) return {left.value + right.value, true};
    MinMax<double> extremes{left.value, left.value};
    extremes.Merge({right.value, right.value});
    return {order == NormOrder::kInfinity ? extremes.max : extremes.min, true};
  }
  absl::Status Store(const State& state, Index, const DType& dtype, std::byte* to) const {
    return StoredReal(order == NormOrder::kTwo ? std::sqrt(state.value) : state.value, dtype, to);
  }

  NormOrder order = NormOrder::kTwo;
};

}  // namespace mpaio

#endif  // MPAIO_REDUCTION_OPERATIONS_H_
