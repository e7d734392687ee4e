// SPDX-License-Identifier: Apache-2.0

// For messages about a name that is not known: which of the known ones may have been meant.
#ifndef MPAIO_BASE_NEAREST_H_
#define MPAIO_BASE_NEAREST_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace mpaio {

// The name that differs from `name` in the fewest letters, the first of several; empty where all
// differ in more than two letters and in more than a third of them.
std::string Nearest(absl::string_view name, const std::vector<std::string>& known);

}  // namespace mpaio

#endif  // MPAIO_BASE_NEAREST_H_
