// SPDX-License-Identifier: Apache-2.0

// Suggests a known name in messages about an unknown one.
#ifndef MPAIO_BASE_NEAREST_H_
#define MPAIO_BASE_NEAREST_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace mpaio {

// Returns the known name that differs from `name` in the fewest letters, the first of several;
// empty if all differ in more than two letters and in more than a third of the letters.
std::string Nearest(absl::string_view name, const std::vector<std::string>& known);

}  // namespace mpaio

#endif  // MPAIO_BASE_NEAREST_H_
