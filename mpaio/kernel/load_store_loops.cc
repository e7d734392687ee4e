// SPDX-License-Identifier: Apache-2.0

// Reading and writing numbers of a type as wide numbers.
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "mpaio/array/float16.h"
#include "mpaio/kernel/element_loop.h"
#include "mpaio/kernel/multiversion.h"
#include "mpaio/kernel/number_loops.h"

namespace mpaio {
namespace {

using element_loop::B;
using element_loop::D;
using element_loop::I;
using element_loop::U;

// Loads. Contiguous elements, the usual case, have a loop that can be vectorised.
#define MPAIO_LOAD(name, T, W, widened)                                                           \
  MPAIO_MULTIVERSION void name(const std::byte* from, Index stride_bytes, Index count, void* z) { \
    W* __restrict__ to = static_cast<W*>(z);                                                      \
    if (stride_bytes == static_cast<Index>(sizeof(T))) {                                          \
      for (Index i = 0; i < count; ++i) {                                                         \
        T a;                                                                                      \
        std::memcpy(&a, from + i * static_cast<Index>(sizeof(T)), sizeof(T));                     \
        to[i] = static_cast<W>(widened);                                                          \
      }                                                                                           \
      return;                                                                                     \
    }                                                                                             \
    for (Index i = 0; i < count; ++i) {                                                           \
      T a;                                                                                        \
      std::memcpy(&a, from + i * stride_bytes, sizeof(T));                                        \
      to[i] = static_cast<W>(widened);                                                            \
    }                                                                                             \
  }
MPAIO_LOAD(LoadBool, B, B, a != 0)
MPAIO_LOAD(LoadInt8, std::int8_t, I, a)
MPAIO_LOAD(LoadInt16, std::int16_t, I, a)
MPAIO_LOAD(LoadInt32, std::int32_t, I, a)
MPAIO_LOAD(LoadUint8, std::uint8_t, U, a)
MPAIO_LOAD(LoadUint16, std::uint16_t, U, a)
MPAIO_LOAD(LoadUint32, std::uint32_t, U, a)
MPAIO_LOAD(Load64, U, U, a)
MPAIO_LOAD(LoadFloat16, std::uint16_t, D, static_cast<float>(Float16::FromBits(a)))
MPAIO_LOAD(LoadFloat32, float, D, a)

#define MPAIO_STORE(name, W, T)                                            \
  MPAIO_MULTIVERSION void name(const void* x, Index count, std::byte* z) { \
    const W* __restrict__ from = static_cast<const W*>(x);                 \
    T* __restrict__ to = reinterpret_cast<T*>(z);                          \
    for (Index i = 0; i < count; ++i) to[i] = static_cast<T>(from[i]);     \
  }
MPAIO_STORE(Store8, U, std::uint8_t)
MPAIO_STORE(Store16, U, std::uint16_t)
MPAIO_STORE(Store32, U, std::uint32_t)
MPAIO_STORE(StoreFloat32, D, float)
void Store64(const void* from, Index count, std::byte* to) {
  std::memcpy(to, from, static_cast<std::size_t>(count) * 8);
}
void StoreBool(const void* from, Index count, std::byte* to) {
  std::memcpy(to, from, static_cast<std::size_t>(count));
}
void StoreFloat16(const void* x, Index count, std::byte* z) {
  const D* from = static_cast<const D*>(x);
  Float16* to = reinterpret_cast<Float16*>(z);
  for (Index i = 0; i < count; ++i) to[i] = Float16(from[i]);
}

}  // namespace

LoadLoop FindLoadLoop(NumberType type) {
  switch (type) {
    case NumberType::kBool:
      return LoadBool;
    case NumberType::kInt8:
      return LoadInt8;
    case NumberType::kInt16:
      return LoadInt16;
    case NumberType::kInt32:
      return LoadInt32;
    case NumberType::kUint8:
      return LoadUint8;
    case NumberType::kUint16:
      return LoadUint16;
    case NumberType::kUint32:
      return LoadUint32;
    case NumberType::kInt64:
    case NumberType::kUint64:
    case NumberType::kFloat64:
      return Load64;
    case NumberType::kFloat16:
      return LoadFloat16;
    case NumberType::kFloat32:
      return LoadFloat32;
  }
  return nullptr;
}

StoreLoop FindStoreLoop(NumberType type) {
  switch (type) {
    case NumberType::kBool:
      return StoreBool;
    case NumberType::kFloat16:
      return StoreFloat16;
    case NumberType::kFloat32:
      return StoreFloat32;
    case NumberType::kInt8:
    case NumberType::kUint8:
      return Store8;
    case NumberType::kInt16:
    case NumberType::kUint16:
      return Store16;
    case NumberType::kInt32:
    case NumberType::kUint32:
      return Store32;
    case NumberType::kInt64:
    case NumberType::kUint64:
    case NumberType::kFloat64:
      return Store64;
  }
  return nullptr;
}

}  // namespace mpaio
