// SPDX-License-Identifier: Apache-2.0

// The loops of FindNumberLoop (number_loops.h) for each kind of type.
#ifndef MPAIO_KERNEL_LOOPS_BY_KIND_H_
#define MPAIO_KERNEL_LOOPS_BY_KIND_H_

#include "mpaio/kernel/number_loops.h"
#include "mpaio/kernel/number_type.h"

namespace mpaio {

// Return nullptr if the kind has no such operation.
NumberLoop FindBoolLoop(NumberOp op);
NumberLoop FindIntegerLoop(NumberOp op, NumberType type);
// `is_narrow`: true for float16 and float32.
NumberLoop FindFloatLoop(NumberOp op, bool is_narrow);

}  // namespace mpaio

#endif  // MPAIO_KERNEL_LOOPS_BY_KIND_H_
