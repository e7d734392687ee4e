// SPDX-License-Identifier: Apache-2.0

// Maps the elements of string arrays to upper or lower case, as Python's str.lower, str.upper,
// bytes.lower and bytes.upper do.
#ifndef WORKERS_STRINGS_CASE_MAPPING_H_
#define WORKERS_STRINGS_CASE_MAPPING_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace mpaio {

enum class LetterCase { kLower, kUpper };

// Maps ASCII letters and copies all other bytes. Writes bytes.size() bytes to `to`, which may be
// the buffer of `bytes`.
void MapAsciiCase(absl::string_view bytes, LetterCase letter_case, char* to);

// Maps strings of code points, one after the other. Keeps its buffers between calls.
class CaseMapper {
 public:
  explicit CaseMapper(LetterCase letter_case) : letter_case_(letter_case) {}

  // Maps `element`, which is padded with NULs at the end, and writes element.size() code points to
  // `to`: a longer result is cut off, a shorter one is padded with NULs. Uses the full Unicode
  // mapping, of no language in particular: "ß" becomes "SS", a sigma at the end of a word "ς". Lone
  // surrogates stay as they are. Errors:
  //   InvalidArgument    a value over U+10FFFF, which is named with its position.
  //   ResourceExhausted  the mapped string is over 2^31 code units long.
  absl::Status Map(std::u32string_view element, char32_t* to);

 private:
  // Appends the mapped `text`, which contains no surrogates, to mapped_.
  absl::Status MapPart(std::u32string_view text);

  LetterCase letter_case_;
  std::u16string utf16_, mapped_utf16_;
  std::u32string mapped_;
};

}  // namespace mpaio

#endif  // WORKERS_STRINGS_CASE_MAPPING_H_
