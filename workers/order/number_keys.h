// SPDX-License-Identifier: Apache-2.0

// Real numbers of any type of up to 64 bits, by keys and as doubles.
#ifndef MPAIO_WORKERS_ORDER_NUMBER_KEYS_H_
#define MPAIO_WORKERS_ORDER_NUMBER_KEYS_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "mpaio/array/dtype.h"
#include "mpaio/worker/registry.h"

namespace mpaio {

// bool, integers, float16, float32, float64. The functions below take these types only; of a bool,
// any byte but 0 is read as 1.
bool IsNumber(const DType& dtype);
AcceptedType AcceptsNumbers();

// Keys that order as the numbers do (order_key.h), with -0.0 before 0.0: how many bits they have,
// ...
int KeyBits(const DType& dtype);
// ... those of elements, ...
void LoadKeys(const DType& dtype, const std::byte* elements, std::span<std::uint64_t> keys);
// ... whether it is a NaN's, ...
bool IsNaNKey(const DType& dtype, std::uint64_t key);
// ... and the number's bits. (Of NaNs, which share a key, those of one.)
std::uint64_t RawOfKey(const DType& dtype, std::uint64_t key);

// The numbers as doubles: rounded, where they are integers of more than 53 bits.
void LoadDoubles(const DType& dtype, const std::byte* elements, std::span<double> numbers);

}  // namespace mpaio

#endif  // MPAIO_WORKERS_ORDER_NUMBER_KEYS_H_
