// SPDX-License-Identifier: Apache-2.0
#include "mpaio/array/float16.h"

namespace mpaio {
namespace {

constexpr int kDoubleFractionBits = 52;
constexpr int kFractionBits = 10;
constexpr std::uint64_t kOne = 1;

// Returns value / 2^shift, rounded to the nearest integer, ties to even. Precondition: 0 < shift <
// 64.
std::uint64_t ShiftRightRounded(std::uint64_t value, int shift) {
  const std::uint64_t quotient = value >> shift;
  const std::uint64_t rest = value & ((kOne << shift) - 1);
  const std::uint64_t half = kOne << (shift - 1);
  return quotient + (rest > half || (rest == half && quotient % 2 == 1) ? 1 : 0);
}

}  // namespace

Float16::Float16(double value) {
  const auto bits = std::bit_cast<std::uint64_t>(value);
  const auto sign = static_cast<std::uint16_t>(bits >> 48 & 0x8000);
  const int exponent = static_cast<int>(bits >> kDoubleFractionBits & 0x7FF) - 1023;
  const std::uint64_t fraction = bits & ((kOne << kDoubleFractionBits) - 1);
  constexpr int kDropped = kDoubleFractionBits - kFractionBits;

  std::uint64_t magnitude = 0;
  if (exponent == 1024) {  // infinite or NaN
    magnitude = 0x7C00 | fraction >> kDropped;
    // A NaN stays a NaN even if all set bits of its payload are dropped.
    if (fraction != 0 && magnitude == 0x7C00) magnitude = 0x7C01;
  } else if (exponent > 15) {
    magnitude = 0x7C00;
  } else if (exponent >= -14) {
    // A carry out of the fraction increments the exponent, as it should; the largest one becomes
    // infinity.
    magnitude = (static_cast<std::uint64_t>(exponent + 15) << kFractionBits) +
                ShiftRightRounded(fraction, kDropped);
  } else if (exponent >= -25) {  // subnormal: a multiple of 2^-24
    magnitude = ShiftRightRounded(fraction | kOne << kDoubleFractionBits, kDropped - 14 - exponent);
  }
  bits_ = static_cast<std::uint16_t>(sign | magnitude);
}

}  // namespace mpaio
