// SPDX-License-Identifier: Apache-2.0
#include "mpaio/array/short_decimal.h"

#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdlib>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace mpaio {
namespace {

template <typename T>
std::string Shortest(T value) {
  char buffer[64];
  const auto end =
      std::to_chars(buffer, buffer + sizeof(buffer), value, std::chars_format::scientific);
  return std::string(buffer, end.ptr);
}

template <typename T>
double DoubleOf(T value) {
  const double exact = static_cast<double>(value);
  if (!std::isfinite(exact)) return exact;
  const std::string text = ShortestScientific(value);
  double nearest = 0;
  (void)std::from_chars(text.data(), text.data() + text.size(), nearest);
  return nearest;
}

}  // namespace

// Five digits always suffice.
std::string ShortestScientific(Float16 value) {
  char buffer[32];
  for (int digits = 0; digits < 5; ++digits) {
    // Halfway between two decimals, to_chars chooses the even one. At a power of two, where Float16
    // values are closer together below than above, only the other decimal may read back, as for
    // 0.015625.
    for (const double away_from_zero : {1.0, 1.0 + 1e-9}) {
      const auto end = std::to_chars(buffer, buffer + sizeof(buffer),
                                     static_cast<double>(value) * away_from_zero,
                                     std::chars_format::scientific, digits);
      double read = 0;
      (void)absl::SimpleAtod(absl::string_view(buffer, static_cast<std::size_t>(end.ptr - buffer)),
                             &read);
      if (Float16(read).bits() == value.bits()) return std::string(buffer, end.ptr);
    }
  }
  return Shortest(static_cast<double>(value));
}

std::string ShortestScientific(float value) { return Shortest(value); }

std::string ShortestScientific(double value) { return Shortest(value); }

double DoubleOfShortest(Float16 value) { return DoubleOf(value); }

double DoubleOfShortest(float value) { return DoubleOf(value); }

std::string PlainDecimal(absl::string_view scientific, int max_whole_digits) {
  const absl::string_view sign = absl::ConsumePrefix(&scientific, "-") ? "-" : "";
  const std::size_t e = scientific.find('e');
  std::string digits(scientific.substr(0, 1));
  if (e > 1) digits += std::string(scientific.substr(2, e - 2));
  int exponent = 0;
  (void)absl::SimpleAtoi(scientific.substr(e + 1), &exponent);
  if (exponent < -4 || exponent >= max_whole_digits) {
    return absl::StrCat(sign, digits.substr(0, 1), digits.size() > 1 ? "." : "", digits.substr(1),
                        exponent < 0 ? "e-" : "e+", std::abs(exponent) < 10 ? "0" : "",
                        std::abs(exponent));
  }
  if (exponent < 0)
    return absl::StrCat(sign, "0.", std::string(static_cast<std::size_t>(-exponent - 1), '0'),
                        digits);
  const std::size_t whole = static_cast<std::size_t>(exponent) + 1;
  if (digits.size() < whole) digits.append(whole - digits.size(), '0');
  return absl::StrCat(sign, digits.substr(0, whole), ".",
                      digits.size() > whole ? digits.substr(whole) : "0");
}

}  // namespace mpaio
