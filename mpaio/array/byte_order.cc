// SPDX-License-Identifier: Apache-2.0
#include "mpaio/array/byte_order.h"

#include <cstdint>
#include <cstring>

namespace mpaio {
namespace {

using Kind = DType::Kind;

// Returns the width of the numbers in an element of a simple type.
Index NumberBytes(const DType& dtype) {
  switch (dtype.kind()) {
    case Kind::kUnicode:
      return 4;
    case Kind::kComplex:
      return dtype.itemsize_bytes() / 2;
    default:
      return dtype.itemsize_bytes();
  }
}

std::uint16_t Swapped(std::uint16_t value) { return __builtin_bswap16(value); }
std::uint32_t Swapped(std::uint32_t value) { return __builtin_bswap32(value); }
std::uint64_t Swapped(std::uint64_t value) { return __builtin_bswap64(value); }

// A plain loop, which compilers vectorize. `at` needs no alignment.
template <typename Word>
void SwapWords(std::byte* at, Index count) {
  for (Index i = 0; i < count; ++i) {
    Word word;
    std::memcpy(&word, at + i * static_cast<Index>(sizeof(Word)), sizeof(Word));
    word = Swapped(word);
    std::memcpy(at + i * static_cast<Index>(sizeof(Word)), &word, sizeof(Word));
  }
}

void SwapNumbers(std::byte* at, Index width_bytes, Index count) {
  switch (width_bytes) {
    case 2:
      return SwapWords<std::uint16_t>(at, count);
    case 4:
      return SwapWords<std::uint32_t>(at, count);
    case 8:
      return SwapWords<std::uint64_t>(at, count);
    default:  // 16: a long double
      for (Index i = 0; i < count; ++i, at += 16) {
        std::uint64_t low, high;
        std::memcpy(&low, at, 8);
        std::memcpy(&high, at + 8, 8);
        low = Swapped(low);
        high = Swapped(high);
        std::memcpy(at, &high, 8);
        std::memcpy(at + 8, &low, 8);
      }
  }
}

}  // namespace

ByteSwapper::ByteSwapper(const DType& dtype) {
  if (!dtype.is_swapped() || dtype.itemsize_bytes() == 0) return;
  if (!dtype.is_structured()) {
    unit_bytes_ = NumberBytes(dtype);
    runs_.push_back({0, unit_bytes_, 1, {}});
    return;
  }
  unit_bytes_ = dtype.itemsize_bytes();
  std::vector<Loop> loops;
  Append(dtype, 0, 1, loops);
  if (runs_.empty()) unit_bytes_ = 1;  // the swapped fields have no bytes
}

void ByteSwapper::Append(const DType& dtype, Index offset_bytes, Index count,
                         std::vector<Loop>& loops) {
  if (count == 0 || dtype.itemsize_bytes() == 0 || !dtype.is_swapped()) return;
  if (dtype.is_structured()) {
    if (count > 1) loops.push_back({count, dtype.itemsize_bytes()});
    for (const DType::Field& field : dtype.fields())
      Append(field.dtype, offset_bytes + field.offset_bytes, field.num_elements(), loops);
    if (count > 1) loops.pop_back();
    return;
  }
  const Index width_bytes = NumberBytes(dtype);
  const Index numbers = count * (dtype.itemsize_bytes() / width_bytes);
  // Adjacent fields of equal width are merged into one run; in sub-arrays that is rarely worth it.
  if (!runs_.empty() && loops.empty()) {
    Run& last = runs_.back();
    if (last.loops.empty() && last.width_bytes == width_bytes &&
        last.offset_bytes + last.count * width_bytes == offset_bytes) {
      last.count += numbers;
      return;
    }
  }
  runs_.push_back({offset_bytes, width_bytes, numbers, loops});
}

void ByteSwapper::SwapRun(const Run& run, std::size_t loop, std::byte* at) {
  if (loop == run.loops.size()) return SwapNumbers(at, run.width_bytes, run.count);
  const auto [count, stride_bytes] = run.loops[loop];
  for (Index i = 0; i < count; ++i) SwapRun(run, loop + 1, at + i * stride_bytes);
}

void ByteSwapper::Swap(std::byte* units, Index size_bytes) const {
  for (const Run& run : runs_) {
    const Index num_units = size_bytes / unit_bytes_;
    if (run.loops.empty() && run.count * run.width_bytes == unit_bytes_) {
      SwapNumbers(units, run.width_bytes, num_units * run.count);
      continue;
    }
    std::byte* at = units + run.offset_bytes;
    for (Index i = 0; i < num_units; ++i, at += unit_bytes_) SwapRun(run, 0, at);
  }
}

void DType::SwapBytes(std::byte* elements, Index count) const {
  if (!is_swapped()) return;
  ByteSwapper(*this).Swap(elements, count * itemsize_bytes_);
}

}  // namespace mpaio
