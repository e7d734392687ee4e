// SPDX-License-Identifier: Apache-2.0
#include "mpaio/telemetry/si_format.h"

#include <array>
#include <cstddef>

#include "absl/strings/str_format.h"

namespace mpaio {

std::string FormatSi(double value, absl::string_view unit) {
  static constexpr std::array<const char*, 7> kPrefixes = {"", "k", "M", "G", "T", "P", "E"};
  std::size_t prefix = 0;
  // The limits are where rounding would add a digit: 999.5 would be "1000", and 9.995 "10.00".
  for (; value >= 999.5 && prefix + 1 < kPrefixes.size(); ++prefix) value /= 1000;
  const int decimals = value == 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return absl::StrFormat("%.*f %s%s", decimals, value, kPrefixes[prefix], unit);
}

}  // namespace mpaio
