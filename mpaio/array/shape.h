// SPDX-License-Identifier: Apache-2.0

// Shapes of arrays: their limits and their text.
#ifndef MPAIO_ARRAY_SHAPE_H_
#define MPAIO_ARRAY_SHAPE_H_

#include <string>
#include <vector>

#include "mpaio/base/index.h"

namespace mpaio {

// The largest number of axes, that of numpy 2 (numpy 1 had 32).
inline constexpr Index kMaxDimensions = 64;

// The largest array: more than any machine can address, and small enough that adding an offset
// never overflows Index.
inline constexpr Index kMaxArrayBytes = Index{1} << 62;

// Returns the shape as Python writes a tuple: "()", "(3,)", "(3, 4)".
std::string ShapeToString(const std::vector<Index>& shape);

}  // namespace mpaio

#endif  // MPAIO_ARRAY_SHAPE_H_
