// SPDX-License-Identifier: Apache-2.0

// Suggests a known name in messages about an unknown one.
#ifndef MPAIO_BASE_NEAREST_H_
#define MPAIO_BASE_NEAREST_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace mpaio {

// Returns the known name with the smallest edit distance (Levenshtein's) from `name`, the first of
// several. The distance must be at most 2, or at most a third of the length of `name`, and less
// than the length of the known name; if it is not for any known name, returns "".
std::string Nearest(absl::string_view name, const std::vector<std::string>& known);

}  // namespace mpaio

#endif  // MPAIO_BASE_NEAREST_H_
