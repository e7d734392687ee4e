// SPDX-License-Identifier: Apache-2.0

// Formats numbers for people: three digits and an SI prefix.
#ifndef MPAIO_TELEMETRY_SI_FORMAT_H_
#define MPAIO_TELEMETRY_SI_FORMAT_H_

#include <string>

#include "absl/strings/string_view.h"

namespace mpaio {

// Returns `value` with three digits, an SI prefix if it needs one, and the unit. There are at most
// 4 characters before the space. Precondition: value >= 0.
//   FormatSi(1234567, "B/s") = "1.23 MB/s"
//   FormatSi(999, "rows/s") = "999 rows/s"
//   FormatSi(0.5, "B/s") = "0.50 B/s"
//   FormatSi(0, "B/s") = "0 B/s"
std::string FormatSi(double value, absl::string_view unit);

}  // namespace mpaio

#endif  // MPAIO_TELEMETRY_SI_FORMAT_H_
