// SPDX-License-Identifier: Apache-2.0
#include "workers/astype/numeral.h"

#include <algorithm>
#include <iterator>

namespace mpaio {
namespace {

// The digit zero of each script, in ascending order; the script's other nine digits follow it.
constexpr char32_t kZeros[] = {
    0x0660,  0x06F0,  0x07C0,  0x0966,  0x09E6,  0x0A66,  0x0AE6,  0x0B66,  0x0BE6,  0x0C66,
    0x0CE6,  0x0D66,  0x0DE6,  0x0E50,  0x0ED0,  0x0F20,  0x1040,  0x1090,  0x17E0,  0x1810,
    0x1946,  0x19D0,  0x1A80,  0x1A90,  0x1B50,  0x1BB0,  0x1C40,  0x1C50,  0xA620,  0xA8D0,
    0xA900,  0xA9D0,  0xA9F0,  0xAA50,  0xABF0,  0xFF10,  0x104A0, 0x10D30, 0x11066, 0x110F0,
    0x11136, 0x111D0, 0x112F0, 0x11450, 0x114D0, 0x11650, 0x116C0, 0x11730, 0x118E0, 0x11950,
    0x11C50, 0x11D50, 0x11DA0, 0x16A60, 0x16AC0, 0x16B50, 0x1D7CE, 0x1D7D8, 0x1D7E2, 0x1D7EC,
    0x1D7F6, 0x1E140, 0x1E2F0, 0x1E950, 0x1FBF0,
};

bool IsSpaceBeyondAscii(char32_t code_point) {
  constexpr char32_t kSpaces[] = {0x85, 0xA0, 0x1680, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000};
  if (code_point >= 0x2000 && code_point <= 0x200A) return true;
  return std::find(std::begin(kSpaces), std::end(kSpaces), code_point) != std::end(kSpaces);
}

}  // namespace

char NumeralOf(char32_t code_point) {
  if (code_point < 0x80) return static_cast<char>(code_point);
  if (IsSpaceBeyondAscii(code_point)) return ' ';
  const char32_t* const next = std::upper_bound(std::begin(kZeros), std::end(kZeros), code_point);
  if (next == std::begin(kZeros)) return '?';
  const char32_t digit = code_point - *(next - 1);
  return digit < 10 ? static_cast<char>('0' + digit) : '?';
}

}  // namespace mpaio
