// SPDX-License-Identifier: Apache-2.0

// The bodies of the loops of number_loops.h.
#ifndef MPAIO_KERNEL_ELEMENT_LOOP_H_
#define MPAIO_KERNEL_ELEMENT_LOOP_H_

#include <cstdint>

#include "mpaio/base/index.h"
#include "mpaio/kernel/multiversion.h"

namespace mpaio::element_loop {

// The wide types.
using I = std::int64_t;
using U = std::uint64_t;
using D = double;
// Bool, stored as a byte.
using B = std::uint8_t;

// Loops whose body is one expression of a (and b) are multiversioned, because they vectorise.
#define MPAIO_LOOP_1(name, In, Out, expression)                                                 \
  MPAIO_MULTIVERSION void name(const void* x, const void*, const void*, void* z, Index count) { \
    const In* __restrict__ from = static_cast<const In*>(x);                                    \
    Out* __restrict__ to = static_cast<Out*>(z);                                                \
    for (Index i = 0; i < count; ++i) {                                                         \
      const In a = from[i];                                                                     \
      to[i] = static_cast<Out>(expression);                                                     \
    }                                                                                           \
  }
#define MPAIO_LOOP_2(name, In1, In2, Out, expression)                                             \
  MPAIO_MULTIVERSION void name(const void* x, const void* y, const void*, void* z, Index count) { \
    const In1* __restrict__ first = static_cast<const In1*>(x);                                   \
    const In2* __restrict__ second = static_cast<const In2*>(y);                                  \
    Out* __restrict__ to = static_cast<Out*>(z);                                                  \
    for (Index i = 0; i < count; ++i) {                                                           \
      const In1 a = first[i];                                                                     \
      const In2 b = second[i];                                                                    \
      to[i] = static_cast<Out>(expression);                                                       \
    }                                                                                             \
  }

// Loops whose body is a division, a branch or a call have one version, because they do not
// vectorise.
template <typename T, typename R, R (*kFunction)(T)>
void Each1(const void* x, const void*, const void*, void* z, Index count) {
  const T* from = static_cast<const T*>(x);
  R* to = static_cast<R*>(z);
  for (Index i = 0; i < count; ++i) to[i] = kFunction(from[i]);
}
template <typename T, T (*kFunction)(T, T)>
void Each2(const void* x, const void* y, const void*, void* z, Index count) {
  const T* first = static_cast<const T*>(x);
  const T* second = static_cast<const T*>(y);
  T* to = static_cast<T*>(z);
  for (Index i = 0; i < count; ++i) to[i] = kFunction(first[i], second[i]);
}

}  // namespace mpaio::element_loop

#endif  // MPAIO_KERNEL_ELEMENT_LOOP_H_
