// SPDX-License-Identifier: Apache-2.0

// The characters of which numbers in texts are made, as Python reads them.
#ifndef WORKERS_ASTYPE_NUMERAL_H_
#define WORKERS_ASTYPE_NUMERAL_H_

namespace mpaio {

// The ASCII character as which Python's int() and float() read `code_point`: decimal digits of
// every script are '0' to '9', white space beyond ASCII is ' ', and ASCII is itself. '?' for all
// others, which no number has. As of Unicode 14.
char NumeralOf(char32_t code_point);

}  // namespace mpaio

#endif  // WORKERS_ASTYPE_NUMERAL_H_
