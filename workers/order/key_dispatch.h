// SPDX-License-Identifier: Apache-2.0

// Maps an array's type to the keys by which its elements are ordered.
#ifndef MPAIO_WORKERS_ORDER_KEY_DISPATCH_H_
#define MPAIO_WORKERS_ORDER_KEY_DISPATCH_H_

#include <cstdint>

#include "mpaio/array/dtype.h"
#include "mpaio/kernel/order_key.h"

namespace mpaio {

// Returns true if an element is ordered by its bits alone, as an unsigned key of its width: bool,
// integers, floats of up to 64 bits, times.
inline bool HasKey(const DType& dtype) {
  switch (dtype.kind()) {
    case DType::Kind::kBool:
    case DType::Kind::kInt:
    case DType::Kind::kUint:
    case DType::Kind::kDatetime:
    case DType::Kind::kTimedelta:
      return true;
    case DType::Kind::kFloat:
      return dtype.itemsize_bytes() <= 8;
    default:
      return false;
  }
}

// Calls visit(key) with the IntKey or FloatKey of the type; its Bits are the type of the raw
// values. Precondition: HasKey(dtype).
template <bool kZerosEqual, typename Visitor>
auto VisitKey(const DType& dtype, Visitor&& visit) {
  const DType::Kind kind = dtype.kind();
  const auto visit_int = [&]<typename Bits>(Bits) {
    return visit(kind == DType::Kind::kInt ? IntKey<Bits>::Signed()
                 : kind == DType::Kind::kDatetime || kind == DType::Kind::kTimedelta
                     ? IntKey<Bits>::Time()
                     : IntKey<Bits>::Unsigned());
  };
  const bool is_float = kind == DType::Kind::kFloat;
  switch (dtype.itemsize_bytes()) {
    case 1:
      return visit_int(std::uint8_t{});
    case 2:
      return is_float ? visit(FloatKey<std::uint16_t, kZerosEqual>()) : visit_int(std::uint16_t{});
    case 4:
      return is_float ? visit(FloatKey<std::uint32_t, kZerosEqual>()) : visit_int(std::uint32_t{});
    default:
      return is_float ? visit(FloatKey<std::uint64_t, kZerosEqual>()) : visit_int(std::uint64_t{});
  }
}

}  // namespace mpaio

#endif  // MPAIO_WORKERS_ORDER_KEY_DISPATCH_H_
