// SPDX-License-Identifier: Apache-2.0

// UTF-8, code point by code point. Surrogates are code points like others here (in three bytes
// each), as a Python string may hold them.
#ifndef MPAIO_ARRAY_UTF8_H_
#define MPAIO_ARRAY_UTF8_H_

#include <string>

#include "absl/strings/string_view.h"

namespace mpaio {

// What TakeCodePoint() returns for bytes that are not UTF-8.
inline constexpr char32_t kNoCodePoint = 0xFFFFFFFF;

// The first code point of `*text`, which must not be empty; removes its bytes. kNoCodePoint, and
// one byte less, where it does not begin with one in the shortest form, or with one over U+10FFFF.
char32_t TakeCodePoint(absl::string_view* text);

// Precondition: code_point <= 0x10FFFF.
void AppendCodePoint(char32_t code_point, std::string* out);

enum class Surrogates { kRefused, kTaken };
bool IsUtf8(absl::string_view text, Surrogates surrogates);

}  // namespace mpaio

#endif  // MPAIO_ARRAY_UTF8_H_
