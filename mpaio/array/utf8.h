// SPDX-License-Identifier: Apache-2.0

// UTF-8, code point by code point. Surrogates are ordinary code points here (of three bytes each),
// because a Python string may contain them.
#ifndef MPAIO_ARRAY_UTF8_H_
#define MPAIO_ARRAY_UTF8_H_

#include <string>

#include "absl/strings/string_view.h"

namespace mpaio {

// The result of TakeCodePoint() for bytes that are not UTF-8.
inline constexpr char32_t kNoCodePoint = 0xFFFFFFFF;

// Removes the first code point from `*text`, which must not be empty, and returns it. If `*text`
// does not begin with a code point in the shortest form, or begins with one over U+10FFFF, removes
// one byte and returns kNoCodePoint.
char32_t TakeCodePoint(absl::string_view* text);

// Appends the UTF-8 of `code_point`. Precondition: code_point <= 0x10FFFF.
void AppendCodePoint(char32_t code_point, std::string* out);

enum class Surrogates { kRefused, kAllowed };
// Returns true if all of `text` is UTF-8, without surrogates if they are refused.
bool IsUtf8(absl::string_view text, Surrogates surrogates);

}  // namespace mpaio

#endif  // MPAIO_ARRAY_UTF8_H_
