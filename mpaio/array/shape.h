// SPDX-License-Identifier: Apache-2.0

// Shapes of arrays: how large they may be, and how they are written.
#ifndef MPAIO_ARRAY_SHAPE_H_
#define MPAIO_ARRAY_SHAPE_H_

#include <string>
#include <vector>

#include "mpaio/base/index.h"

namespace mpaio {

// numpy 2's limit of the number of axes (numpy 1 had 32).
inline constexpr Index kMaxDimensions = 64;

// The largest array: more than any machine addresses, and so far from the end of Index that adding
// an offset never overflows.
inline constexpr Index kMaxArrayBytes = Index{1} << 62;

// As Python writes a tuple: "()", "(3,)", "(3, 4)".
std::string ShapeToString(const std::vector<Index>& shape);

}  // namespace mpaio

#endif  // MPAIO_ARRAY_SHAPE_H_
