// SPDX-License-Identifier: Apache-2.0

// Numbers of any type as any other, element by element: where complex numbers or long doubles are
// among them, which expressions do not take.
#ifndef WORKERS_ASTYPE_WIDE_CAST_H_
#define WORKERS_ASTYPE_WIDE_CAST_H_

#include <cstddef>

#include "mpaio/array/dtype.h"

namespace mpaio {

// bool, integers, floats, long double, complex; in this machine's byte order.
bool IsWideNumber(const DType& dtype);

// Writes the number at `from` to `to`; neither need be aligned. As numpy's astype: what is not zero
// is true, of a complex number that becomes a real one the real part remains, and a fraction is cut
// off. A float that no integer of the type is near gives one of no meaning. Preconditions:
// IsWideNumber of both types.
using CastNumber = void (*)(const std::byte* from, std::byte* to);
CastNumber FindCast(const DType& from, const DType& to);

}  // namespace mpaio

#endif  // WORKERS_ASTYPE_WIDE_CAST_H_
