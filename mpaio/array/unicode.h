// SPDX-License-Identifier: Apache-2.0

// Conversion of the code points that numpy stores (UCS-4) to UTF-8.
#ifndef MPAIO_ARRAY_UNICODE_H_
#define MPAIO_ARRAY_UNICODE_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace mpaio {

// Appends `code_points`, NULs included, to `*out` as UTF-8. Runs of ASCII cost about as much as a
// copy.
//   InvalidArgument  a code point that UTF-8 cannot represent: a lone surrogate (U+D800 to U+DFFF;
//                    numpy keeps them, Python raises UnicodeEncodeError) or a value over U+10FFFF.
//                    The message gives the code point and its position; `*out` is unchanged.
absl::Status AppendUtf8(std::u32string_view code_points, std::string* out);

}  // namespace mpaio

#endif  // MPAIO_ARRAY_UNICODE_H_
