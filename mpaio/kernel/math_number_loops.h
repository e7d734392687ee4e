// SPDX-License-Identifier: Apache-2.0

// The functions of vector_math.h as loops of expressions (number_loops.h).
#ifndef MPAIO_KERNEL_MATH_NUMBER_LOOPS_H_
#define MPAIO_KERNEL_MATH_NUMBER_LOOPS_H_

#include "mpaio/kernel/number_loops.h"
#include "mpaio/kernel/vector_math.h"

namespace mpaio {

// Return loops over doubles.
NumberLoop FindMathNumberLoop(MathFunction function);
NumberLoop FindMathNumberLoop(MathFunction2 function);

}  // namespace mpaio

#endif  // MPAIO_KERNEL_MATH_NUMBER_LOOPS_H_
