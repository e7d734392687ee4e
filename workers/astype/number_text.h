// SPDX-License-Identifier: Apache-2.0

// Converts numbers to text and back, as Python and numpy do.
#ifndef WORKERS_ASTYPE_NUMBER_TEXT_H_
#define WORKERS_ASTYPE_NUMBER_TEXT_H_

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"
#include "mpaio/kernel/number_type.h"

namespace mpaio {

// Returns the width in characters of numpy's strings for numbers of `type`: 21 for int64.
int TextWidth(NumberType type);

// Appends the number at `number`, which need not be aligned, in the format of str(): "True", "-3",
// "0.1", "1e+16", "nan". Floating-point numbers have the fewest digits that distinguish them from
// their neighbours of the type.
void AppendNumber(NumberType type, const std::byte* number, std::string* text);

// Parses a number as Python's int() and float() do, which numpy calls, and writes it to `number`:
// accepts white space around it, underscores between digits, and "nan" and "inf" in any case. A
// bool is true if the integer is not 0. Returns false if the text is not a number of `type` or does
// not fit it (in numpy, integers wrap around). Precondition: `text` has been made ASCII by
// NumeralOf().
bool ParseNumberText(NumberType type, absl::string_view text, std::byte* number);

}  // namespace mpaio

#endif  // WORKERS_ASTYPE_NUMBER_TEXT_H_
