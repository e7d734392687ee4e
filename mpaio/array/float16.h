// SPDX-License-Identifier: Apache-2.0

// IEEE 754 half precision, numpy's float16. C++20 has no such type, and not every compiler that
// builds mpaio has one.
#ifndef MPAIO_ARRAY_FLOAT16_H_
#define MPAIO_ARRAY_FLOAT16_H_

#include <bit>
#include <cstdint>

namespace mpaio {

// The 16 bits as a file holds them: 1 for the sign, 5 for the exponent, 10 for the fraction. It has
// no arithmetic; compute in float or double, which represent every Float16 exactly.
class Float16 {
 public:
  // Positive zero.
  constexpr Float16() = default;

  // Rounds to the nearest Float16, ties to even; from 65520 on, to infinity. Rounds once: a
  // conversion through float would round twice, and sometimes give another number.
  explicit Float16(double value);

  static constexpr Float16 FromBits(std::uint16_t bits) {
    Float16 result;
    result.bits_ = bits;
    return result;
  }
  constexpr std::uint16_t bits() const { return bits_; }

  // Exact. A NaN stays a NaN with its payload, but may become quiet.
  explicit constexpr operator float() const {
    // Reinterpreted as a float, the exponent is too small by 112, for subnormal numbers too.
    const std::uint32_t magnitude = std::uint32_t{bits_ & 0x7FFFu} << 13;
    std::uint32_t result = std::bit_cast<std::uint32_t>(std::bit_cast<float>(magnitude) * 0x1p112f);
    if (magnitude >= 0x7C00u << 13) result |= 0x7F800000u;  // infinite or NaN
    return std::bit_cast<float>(result | std::uint32_t{bits_ & 0x8000u} << 16);
  }
  explicit constexpr operator double() const { return static_cast<float>(*this); }

  constexpr bool is_nan() const { return (bits_ & 0x7FFF) > 0x7C00; }

  // Compares as numbers: 0 equals -0, and NaN equals nothing.
  friend constexpr bool operator==(Float16 a, Float16 b) {
    return static_cast<float>(a) == static_cast<float>(b);
  }

 private:
  std::uint16_t bits_ = 0;
};

static_assert(sizeof(Float16) == 2);

}  // namespace mpaio

#endif  // MPAIO_ARRAY_FLOAT16_H_
