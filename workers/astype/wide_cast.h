// SPDX-License-Identifier: Apache-2.0

// Converts numbers of any type to any other, element by element. Used for complex numbers and long
// doubles, which expressions do not support.
#ifndef WORKERS_ASTYPE_WIDE_CAST_H_
#define WORKERS_ASTYPE_WIDE_CAST_H_

#include <cstddef>

#include "mpaio/array/dtype.h"

namespace mpaio {

// True for bool, integers, floats, long double and complex, in this machine's byte order.
bool IsWideNumber(const DType& dtype);

// Converts the number at `from` and writes it to `to`; neither need be aligned. As numpy's astype:
// a number that is not zero becomes true, a complex number becomes its real part in a real type,
// and fractions are truncated. A float that is out of the integer type's range gives an unspecified
// integer. Precondition of FindCast: IsWideNumber of both types.
using CastNumber = void (*)(const std::byte* from, std::byte* to);
CastNumber FindCast(const DType& from, const DType& to);

}  // namespace mpaio

#endif  // WORKERS_ASTYPE_WIDE_CAST_H_
