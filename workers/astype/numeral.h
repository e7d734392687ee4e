// SPDX-License-Identifier: Apache-2.0

// Maps the characters of numbers in text to ASCII, as Python does.
#ifndef WORKERS_ASTYPE_NUMERAL_H_
#define WORKERS_ASTYPE_NUMERAL_H_

namespace mpaio {

// Returns the ASCII character that Python's int() and float() read for `code_point`: '0' to '9' for
// the decimal digits of every script, ' ' for white space beyond ASCII, and ASCII as it is. Returns
// '?', which no number contains, for all others. As of Unicode 14.
char NumeralOf(char32_t code_point);

}  // namespace mpaio

#endif  // WORKERS_ASTYPE_NUMERAL_H_
