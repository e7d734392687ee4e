// SPDX-License-Identifier: Apache-2.0

// The loops of the six comparisons, for operands of two wide types.
#ifndef MPAIO_KERNEL_COMPARISON_LOOPS_H_
#define MPAIO_KERNEL_COMPARISON_LOOPS_H_

#include "mpaio/kernel/element_loop.h"
#include "mpaio/kernel/number_loops.h"

namespace mpaio::element_loop {

// Exact, also between signed and unsigned integers.
struct Compare {
  template <typename T>
  [[gnu::always_inline]] static bool Less(T a, T b) {
    return a < b;
  }
  template <typename T>
  [[gnu::always_inline]] static bool LessEqual(T a, T b) {
    return a <= b;
  }
  template <typename T>
  [[gnu::always_inline]] static bool Equal(T a, T b) {
    return a == b;
  }
  [[gnu::always_inline]] static bool Less(I a, U b) { return (a < 0) | (static_cast<U>(a) < b); }
  [[gnu::always_inline]] static bool LessEqual(I a, U b) {
    return (a < 0) | (static_cast<U>(a) <= b);
  }
  [[gnu::always_inline]] static bool Less(U a, I b) { return (b >= 0) & (a < static_cast<U>(b)); }
  [[gnu::always_inline]] static bool LessEqual(U a, I b) {
    return (b >= 0) & (a <= static_cast<U>(b));
  }
  [[gnu::always_inline]] static bool Equal(I a, U b) { return (a >= 0) & (static_cast<U>(a) == b); }
};

}  // namespace mpaio::element_loop

// Defines the loops, and FindComparison##suffix, which returns one of them; nullptr if the
// operation is not a comparison.
#define MPAIO_COMPARISONS(suffix, In1, In2)                                 \
  MPAIO_LOOP_2(Less##suffix, In1, In2, B, Compare::Less(a, b))              \
  MPAIO_LOOP_2(LessEqual##suffix, In1, In2, B, Compare::LessEqual(a, b))    \
  MPAIO_LOOP_2(Greater##suffix, In1, In2, B, Compare::Less(b, a))           \
  MPAIO_LOOP_2(GreaterEqual##suffix, In1, In2, B, Compare::LessEqual(b, a)) \
  MPAIO_LOOP_2(Equal##suffix, In1, In2, B, Compare::Equal(a, b))            \
  MPAIO_LOOP_2(NotEqual##suffix, In1, In2, B, !Compare::Equal(a, b))        \
  NumberLoop FindComparison##suffix(NumberOp op) {                          \
    switch (op) {                                                           \
      case NumberOp::kLess:                                                 \
        return Less##suffix;                                                \
      case NumberOp::kLessEqual:                                            \
        return LessEqual##suffix;                                           \
      case NumberOp::kGreater:                                              \
        return Greater##suffix;                                             \
      case NumberOp::kGreaterEqual:                                         \
        return GreaterEqual##suffix;                                        \
      case NumberOp::kEqual:                                                \
        return Equal##suffix;                                               \
      case NumberOp::kNotEqual:                                             \
        return NotEqual##suffix;                                            \
      default:                                                              \
        return nullptr;                                                     \
    }                                                                       \
  }

#endif  // MPAIO_KERNEL_COMPARISON_LOOPS_H_
