// SPDX-License-Identifier: Apache-2.0

// Sort keys: unsigned integers whose order by `<` is numpy's order of the elements.
//
// A raw value is an element's bits as an unsigned integer of its width. In numpy's order NaN and
// NaT come after everything else; all NaNs are equal, and so are 0.0 and -0.0.
//
// Worked example, int8: the elements -128, -1, 0, 127 have the raw values 128, 255, 0, 127 and the
// keys 0, 127, 128, 255.
#ifndef MPAIO_KERNEL_ORDER_KEY_H_
#define MPAIO_KERNEL_ORDER_KEY_H_

#include <cstdint>
#include <limits>
#include <type_traits>

namespace mpaio {

template <typename BitsType>
inline constexpr BitsType kTopBit =
    static_cast<BitsType>(BitsType{1} << (std::numeric_limits<BitsType>::digits - 1));

// Keys of unsigned integers, signed integers and times (in which the smallest integer is NaT). They
// share one type, so that the code that uses it is compiled once.
template <typename BitsType>
class IntKey {
 public:
  using Bits = BitsType;

  static constexpr IntKey Unsigned() { return IntKey(0, 0); }
  static constexpr IntKey Signed() { return IntKey(kTopBit<Bits>, 0); }
  // NaT, whose raw value has only the top bit set, would have the key 0. Subtracting one moves all
  // others down and makes NaT the largest.
  static constexpr IntKey Time() { return IntKey(kTopBit<Bits>, 1); }

  constexpr Bits operator()(Bits raw) const { return static_cast<Bits>((raw ^ flip_) - minus_); }
  // Returns the raw value of a key.
  constexpr Bits Raw(Bits key) const { return static_cast<Bits>((key + minus_) ^ flip_); }

 private:
  constexpr IntKey(Bits flip, Bits minus) : flip_(flip), minus_(minus) {}
  Bits flip_, minus_;
};

// Keys of IEEE floating-point numbers of 16, 32 and 64 bits. Only NaNs have the largest key. If
// `kZerosEqual` is false, -0.0 is less than 0.0, and every key except the NaNs' has one raw value.
template <typename BitsType, bool kZerosEqual>
class FloatKey {
 public:
  using Bits = BitsType;
  static constexpr Bits kNaN = std::numeric_limits<Bits>::max();

  // Branch-free: random signs would be mispredicted.
  constexpr Bits operator()(Bits raw) const {
    const Bits magnitude = static_cast<Bits>(raw & static_cast<Bits>(~kSign));
    if constexpr (kZerosEqual) raw = static_cast<Bits>(raw & AllOnesIf(magnitude != 0));
    const Bits flip = static_cast<Bits>(AllOnesIf((raw & kSign) != 0) | kSign);
    return static_cast<Bits>((raw ^ flip) | AllOnesIf(magnitude > kInfinity));
  }
  // Returns a raw value that has the key.
  constexpr Bits Raw(Bits key) const {
    return (key & kSign) != 0 ? static_cast<Bits>(key & static_cast<Bits>(~kSign))
                              : static_cast<Bits>(~key);
  }

 private:
  static constexpr Bits AllOnesIf(bool condition) {
    return static_cast<Bits>(Bits{0} - static_cast<Bits>(condition));
  }

  static constexpr Bits kSign = kTopBit<Bits>;
  static constexpr int kFractionBits = sizeof(Bits) == 2 ? 10 : sizeof(Bits) == 4 ? 23 : 52;
  static constexpr Bits kInfinity =
      static_cast<Bits>((kSign - 1) >> kFractionBits << kFractionBits);
};

}  // namespace mpaio

#endif  // MPAIO_KERNEL_ORDER_KEY_H_
