// SPDX-License-Identifier: Apache-2.0
#include "workers/order/number_keys.h"

#include <algorithm>
#include <cstring>

#include "mpaio/array/float16.h"
#include "workers/order/key_dispatch.h"

namespace mpaio {
namespace {

// A byte of a bool array need not be 0 or 1.
std::uint8_t TruthOf(std::byte element) { return element == std::byte{0} ? 0 : 1; }

template <typename T>
void LoadAs(const std::byte* elements, std::span<double> numbers) {
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    T number;
    std::memcpy(&number, elements + i * sizeof(T), sizeof(T));
    numbers[i] = static_cast<double>(number);
  }
}

}  // namespace

bool IsNumber(const DType& dtype) {
  return HasKey(dtype) && dtype.kind() != DType::Kind::kDatetime &&
         dtype.kind() != DType::Kind::kTimedelta;
}

AcceptedType AcceptsNumbers() { return {"bool, integers, float16, float32, float64", &IsNumber}; }

int KeyBits(const DType& dtype) { return static_cast<int>(8 * dtype.itemsize_bytes()); }

void LoadKeys(const DType& dtype, const std::byte* elements, std::span<std::uint64_t> keys) {
  if (dtype.kind() == DType::Kind::kBool) {
    std::transform(elements, elements + keys.size(), keys.begin(), TruthOf);
    return;
  }
  VisitKey<false>(dtype, [&](auto order) {
    using Bits = typename decltype(order)::Bits;
    for (std::size_t i = 0; i < keys.size(); ++i) {
      Bits raw;
      std::memcpy(&raw, elements + i * sizeof(Bits), sizeof(Bits));
      keys[i] = order(raw);
    }
  });
}

bool IsNaNKey(const DType& dtype, std::uint64_t key) {
  return dtype.kind() == DType::Kind::kFloat && key == ~std::uint64_t{0} >> (64 - KeyBits(dtype));
}

std::uint64_t RawOfKey(const DType& dtype, std::uint64_t key) {
  return VisitKey<false>(dtype, [key](auto order) -> std::uint64_t {
    return order.Raw(static_cast<typename decltype(order)::Bits>(key));
  });
}

void LoadDoubles(const DType& dtype, const std::byte* elements, std::span<double> numbers) {
  const bool is_signed = dtype.kind() == DType::Kind::kInt,
             is_float = dtype.kind() == DType::Kind::kFloat;
  switch (dtype.itemsize_bytes()) {
    case 1:
      if (dtype.kind() == DType::Kind::kBool) {
        std::transform(elements, elements + numbers.size(), numbers.begin(), TruthOf);
        return;
      }
      return is_signed ? LoadAs<std::int8_t>(elements, numbers)
                       : LoadAs<std::uint8_t>(elements, numbers);
    case 2:
      if (is_float) return LoadAs<Float16>(elements, numbers);
      return is_signed ? LoadAs<std::int16_t>(elements, numbers)
                       : LoadAs<std::uint16_t>(elements, numbers);
    case 4:
      if (is_float) return LoadAs<float>(elements, numbers);
      return is_signed ? LoadAs<std::int32_t>(elements, numbers)
                       : LoadAs<std::uint32_t>(elements, numbers);
    default:
      if (is_float) return LoadAs<double>(elements, numbers);
      return is_signed ? LoadAs<std::int64_t>(elements, numbers)
                       : LoadAs<std::uint64_t>(elements, numbers);
  }
}

}  // namespace mpaio
