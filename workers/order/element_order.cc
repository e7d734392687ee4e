// SPDX-License-Identifier: Apache-2.0
#include "workers/order/element_order.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "workers/order/key_dispatch.h"

namespace mpaio {
namespace {

template <typename T>
T Load(const std::byte* bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof(value));
  return value;
}

template <typename Float>
int CompareFloats(Float a, Float b) {
  const bool a_is_nan = a != a, b_is_nan = b != b;
  if (a_is_nan || b_is_nan) return static_cast<int>(a_is_nan) - static_cast<int>(b_is_nan);
  return a < b ? -1 : a > b ? 1 : 0;
}

int CompareLongDoubles(const std::byte* a, const std::byte* b, Index) {
  return CompareFloats(Load<long double>(a), Load<long double>(b));
}

// numpy's order: numbers without NaN, then those with a NaN imaginary part, then a NaN real part,
// then both; within each class by real, then by imaginary part.
template <typename Float>
int CompareComplex(const std::byte* a, const std::byte* b, Index) {
  const Float a_real = Load<Float>(a), a_imaginary = Load<Float>(a + sizeof(Float));
  const Float b_real = Load<Float>(b), b_imaginary = Load<Float>(b + sizeof(Float));
  const int a_class = 2 * std::isnan(a_real) + std::isnan(a_imaginary),
            b_class = 2 * std::isnan(b_real) + std::isnan(b_imaginary);
  if (a_class != b_class) return a_class < b_class ? -1 : 1;
  const int by_real = CompareFloats(a_real, b_real);
  return by_real != 0 ? by_real : CompareFloats(a_imaginary, b_imaginary);
}

int CompareBytes(const std::byte* a, const std::byte* b, Index width) {
  return std::memcmp(a, b, static_cast<std::size_t>(width));
}

int CompareCodePoints(const std::byte* a, const std::byte* b, Index width) {
  for (Index i = 0; i < width; ++i) {
    const auto x = Load<std::uint32_t>(a + 4 * i), y = Load<std::uint32_t>(b + 4 * i);
    if (x != y) return x < y ? -1 : 1;
  }
  return 0;
}

// Packs the first bytes into a key; the first byte is the most significant.
std::uint64_t KeyOfBytes(const std::byte* bytes, Index width) {
  std::uint64_t key = 0;
  for (Index i = 0; i < 8; ++i)
    key = key << 8 | (i < width ? static_cast<std::uint64_t>(bytes[i]) : 0);
  return key;
}

// Packs the first three code points into a key, 21 bits each, which hold every Unicode code point.
// A larger value is capped, and the rest of the key is then 0.
std::uint64_t KeyOfCodePoints(const std::byte* bytes, Index width) {
  constexpr std::uint64_t kLargest = (1 << 21) - 1;
  std::uint64_t key = 0;
  bool is_over = false;
  for (Index i = 0; i < 3; ++i) {
    const std::uint64_t code_point = i < width && !is_over ? Load<std::uint32_t>(bytes + 4 * i) : 0;
    is_over |= code_point >= kLargest;
    key = key << 21 | std::min(code_point, kLargest);
  }
  return key;
}

bool IsString(const DType& dtype) {
  return dtype.kind() == DType::Kind::kString || dtype.kind() == DType::Kind::kUnicode;
}

}  // namespace

bool HasOrder(const DType& dtype) {
  return HasKey(dtype) || dtype.kind() == DType::Kind::kFloat ||
         dtype.kind() == DType::Kind::kComplex || IsString(dtype);
}

AcceptedType AcceptsOrdered() {
  return {"numbers, bool, datetime64, timedelta64, str (U), bytes (S)", &HasOrder};
}

ElementOrder::ElementOrder(const std::byte* data, const DType& dtype)
    : data_(data), dtype_(dtype), itemsize_bytes_(dtype.itemsize_bytes()) {
  if (HasKey(dtype)) return;
  switch (dtype.kind()) {
    case DType::Kind::kString:
      width_ = itemsize_bytes_;
      compare_ = &CompareBytes;
      break;
    case DType::Kind::kUnicode:
      width_ = itemsize_bytes_ / 4;
      compare_ = &CompareCodePoints;
      break;
    case DType::Kind::kComplex:
      compare_ = itemsize_bytes_ == 8    ? &CompareComplex<float>
                 : itemsize_bytes_ == 16 ? &CompareComplex<double>
                                         : &CompareComplex<long double>;
      break;
    default:
      compare_ = &CompareLongDoubles;
  }
}

void ElementOrder::Fill(Index first, std::span<KeyedIndex> entries) const {
  for (std::size_t i = 0; i < entries.size(); ++i) entries[i].index = first + static_cast<Index>(i);
  FillKeys(entries);
}

void ElementOrder::FillKeys(std::span<KeyedIndex> entries) const {
  if (HasKey(dtype_)) {
    VisitKey<true>(dtype_, [&](auto key) {
      using Bits = typename decltype(key)::Bits;
      for (KeyedIndex& entry : entries)
        entry.key = key(Load<Bits>(data_ + entry.index * static_cast<Index>(sizeof(Bits))));
    });
    return;
  }
  for (KeyedIndex& entry : entries) entry.key = KeyAt(entry.index);
}

std::uint64_t ElementOrder::KeyAt(Index index) const {
  switch (dtype_.kind()) {
    case DType::Kind::kString:
      return KeyOfBytes(At(index), width_);
    case DType::Kind::kUnicode:
      return KeyOfCodePoints(At(index), width_);
    default:
      return 0;
  }
}

bool ElementOrder::IsNaN(Index index) const {
  const std::byte* at = At(index);
  const Index size_bytes = itemsize_bytes_;
  switch (dtype_.kind()) {
    case DType::Kind::kFloat:
      if (size_bytes == 2)
        return FloatKey<std::uint16_t, true>()(Load<std::uint16_t>(at)) ==
               FloatKey<std::uint16_t, true>::kNaN;
      return size_bytes == 4   ? std::isnan(Load<float>(at))
             : size_bytes == 8 ? std::isnan(Load<double>(at))
                               : std::isnan(Load<long double>(at));
    case DType::Kind::kComplex:
      if (size_bytes == 8) return std::isnan(Load<float>(at)) || std::isnan(Load<float>(at + 4));
      if (size_bytes == 16) return std::isnan(Load<double>(at)) || std::isnan(Load<double>(at + 8));
      return std::isnan(Load<long double>(at)) ||
             std::isnan(Load<long double>(at + size_bytes / 2));
    case DType::Kind::kDatetime:
    case DType::Kind::kTimedelta:
      return Load<std::int64_t>(at) == std::numeric_limits<std::int64_t>::min();
    default:
      return false;
  }
}

bool ElementOrder::Less(Index a, Index b) const {
  KeyedIndex entries[] = {{0, a}, {0, b}};
  FillKeys(entries);
  return Less(entries[0], entries[1]);
}

void ElementOrder::Sort(std::span<KeyedIndex> entries, std::span<KeyedIndex> buffer) const {
  RadixSort(entries, buffer, KeyOfIndex());
  if (is_exact()) return;
  // Entries with the same key are sorted by the elements themselves.
  for (auto begin = entries.begin(); begin != entries.end();) {
    const auto end = std::find_if(begin, entries.end(),
                                  [&](const KeyedIndex& entry) { return entry.key != begin->key; });
    std::stable_sort(begin, end,
                     [this](const KeyedIndex& a, const KeyedIndex& b) { return Less(a, b); });
    begin = end;
  }
}

}  // namespace mpaio
