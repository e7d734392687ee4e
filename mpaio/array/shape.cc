// SPDX-License-Identifier: Apache-2.0
#include "mpaio/array/shape.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace mpaio {

std::string ShapeToString(const std::vector<Index>& shape) {
  return absl::StrCat("(", absl::StrJoin(shape, ", "), shape.size() == 1 ? ",)" : ")");
}

}  // namespace mpaio
