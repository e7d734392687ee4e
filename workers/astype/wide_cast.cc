// SPDX-License-Identifier: Apache-2.0
#include "workers/astype/wide_cast.h"

#include <complex>
#include <cstdint>
#include <cstring>
#include <limits>
#include <tuple>
#include <type_traits>
#include <utility>

#include "mpaio/array/elements.h"
#include "mpaio/array/float16.h"

namespace mpaio {
namespace {

using Types = std::tuple<Bool, std::int8_t, std::int16_t, std::int32_t, std::int64_t, std::uint8_t,
                         std::uint16_t, std::uint32_t, std::uint64_t, Float16, float, double,
                         long double, std::complex<float>, std::complex<double>>;

template <typename T>
inline constexpr bool kIsComplex = false;
template <typename T>
inline constexpr bool kIsComplex<std::complex<T>> = true;

// Holds a number of any of the types exactly.
struct Widest {
  long double real, imaginary;
};

template <typename T>
Widest Widen(const T& x) {
  if constexpr (kIsComplex<T>) {
    return {x.real(), x.imag()};
  } else if constexpr (std::is_same_v<T, Bool>) {
    return {static_cast<bool>(x) ? 1.0L : 0.0L, 0};
  } else {
    return {static_cast<long double>(
                static_cast<std::conditional_t<std::is_same_v<T, Float16>, float, T>>(x)),
            0};
  }
}

template <typename T>
T Narrow(const Widest& x) {
  if constexpr (kIsComplex<T>) {
    return {static_cast<typename T::value_type>(x.real),
            static_cast<typename T::value_type>(x.imaginary)};
  } else if constexpr (std::is_same_v<T, Bool>) {
    return Bool{static_cast<std::uint8_t>(x.real != 0 || x.imaginary != 0)};
  } else if constexpr (std::is_same_v<T, Float16>) {
    return Float16(static_cast<double>(x.real));
  } else if constexpr (std::is_integral_v<T>) {
    // The conversion goes through 64 bits. A number that does not fit in 64 bits becomes the
    // smallest int64; one that does not fit in T loses its upper bits.
    if (x.real >= 9223372036854775808.0L && x.real < 18446744073709551616.0L)
      return static_cast<T>(static_cast<std::uint64_t>(x.real));
    if (x.real > -9223372036854775809.0L && x.real < 9223372036854775808.0L)
      return static_cast<T>(static_cast<std::int64_t>(x.real));
    return static_cast<T>(std::numeric_limits<std::int64_t>::min());
  } else {
    return static_cast<T>(x.real);
  }
}

template <typename From, typename To>
void Cast(const std::byte* from, std::byte* to) {
  From x;
  std::memcpy(&x, from, sizeof(From));
  if constexpr (std::is_same_v<From, long double> && std::is_same_v<To, Float16>) {
    // numpy rounds a long double twice, first to a float, but rounds a double only once.
    const Float16 y(static_cast<double>(static_cast<float>(x)));
    std::memcpy(to, &y, sizeof(y));
    return;
  }
  const To y = Narrow<To>(Widen(x));
  std::memcpy(to, &y, sizeof(To));
}

// Calls `act` with the type that corresponds to `dtype`, if it is one of Types.
template <typename Act, std::size_t... kIndex>
void Visit(const DType& dtype, const Act& act, std::index_sequence<kIndex...>) {
  ((dtype == DType::Of<std::tuple_element_t<kIndex, Types>>()
        ? act(std::type_identity<std::tuple_element_t<kIndex, Types>>())
        : void()),
   ...);
}
template <typename Act>
void Visit(const DType& dtype, const Act& act) {
  Visit(dtype, act, std::make_index_sequence<std::tuple_size_v<Types>>());
}

}  // namespace

bool IsWideNumber(const DType& dtype) {
  bool is_one = false;
  Visit(dtype, [&is_one](auto) { is_one = true; });
  return is_one;
}

CastNumber FindCast(const DType& from, const DType& to) {
  CastNumber cast = nullptr;
  Visit(from, [&](auto source) {
    Visit(to, [&](auto target) {
      cast = Cast<typename decltype(source)::type, typename decltype(target)::type>;
    });
  });
  return cast;
}

}  // namespace mpaio
