// SPDX-License-Identifier: Apache-2.0

// Numbers as texts, as Python and numpy write and read them.
#ifndef WORKERS_ASTYPE_NUMBER_TEXT_H_
#define WORKERS_ASTYPE_NUMBER_TEXT_H_

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"
#include "mpaio/kernel/number_type.h"

namespace mpaio {

// The width in characters of numpy's strings for numbers of `type`: 21 for int64.
int TextWidth(NumberType type);

// Appends the number at `number`, which need not be aligned, as str() gives it: "True", "-3",
// "0.1", "1e+16", "nan". Floating-point numbers have the fewest digits that tell them from their
// neighbours of the type.
void AppendNumber(NumberType type, const std::byte* number, std::string* text);

// Reads a number as Python's int() and float() do, which numpy calls, and writes it to `number`:
// white space around it, underscores between digits, "nan" and "inf" in any case. A bool is whether
// the integer is other than 0. False where the text is none of `type`, or does not fit it (numpy's
// integers wrap round). `text` has been made ASCII by NumeralOf().
bool ParseNumberText(NumberType type, absl::string_view text, std::byte* number);

}  // namespace mpaio

#endif  // WORKERS_ASTYPE_NUMBER_TEXT_H_
