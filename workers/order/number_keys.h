// SPDX-License-Identifier: Apache-2.0

// Keys of real numbers of any type of up to 64 bits, and their values as doubles.
#ifndef MPAIO_WORKERS_ORDER_NUMBER_KEYS_H_
#define MPAIO_WORKERS_ORDER_NUMBER_KEYS_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "mpaio/array/dtype.h"
#include "mpaio/jobs/registry.h"

namespace mpaio {

// Returns true for bool, integers, float16, float32 and float64. The functions below accept only
// these types; any byte of a bool but 0 is read as 1.
bool IsNumber(const DType& dtype);
AcceptedType AcceptsNumbers();

// Returns the number of bits of a key. Keys have the order of the numbers (order_key.h), with -0.0
// before 0.0.
int KeyBits(const DType& dtype);
// Computes the keys of elements.
void LoadKeys(const DType& dtype, const std::byte* elements, std::span<std::uint64_t> keys);
// Returns true if `key` is that of NaN.
bool IsNaNKey(const DType& dtype, std::uint64_t key);
// Returns the bits of the number with this key. All NaNs share a key; the result is one of them.
std::uint64_t RawOfKey(const DType& dtype, std::uint64_t key);

// Converts the numbers to doubles. Integers of more than 53 bits are rounded.
void LoadDoubles(const DType& dtype, const std::byte* elements, std::span<double> numbers);

}  // namespace mpaio

#endif  // MPAIO_WORKERS_ORDER_NUMBER_KEYS_H_
