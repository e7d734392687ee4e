// SPDX-License-Identifier: Apache-2.0

// Upper and lower case of the elements of string arrays, as Python's str.lower, str.upper,
// bytes.lower and bytes.upper have them.
#ifndef WORKERS_STRINGS_CASE_MAPPING_H_
#define WORKERS_STRINGS_CASE_MAPPING_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace mpaio {

enum class LetterCase { kLower, kUpper };

// Writes bytes.size() bytes to `to`, which may be where they come from: ASCII letters mapped,
// others as they are.
void MapAsciiCase(absl::string_view bytes, LetterCase letter_case, char* to);

// Maps strings of code points, one after the other. It keeps buffers between the calls.
class CaseMapper {
 public:
  explicit CaseMapper(LetterCase letter_case) : letter_case_(letter_case) {}

  // Writes element.size() code points to `to`: those of `element`, which is padded with NULs at the
  // end, mapped; what does not fit is cut off, what is left over is NULs. Full Unicode mapping, of
  // no language in particular: "ß" becomes "SS", a sigma at the end of a word "ς". Lone surrogates
  // stay as they are.
  //   InvalidArgument    a value over U+10FFFF, which is named with its position.
  //   ResourceExhausted  the mapped string is over 2^31 code units long.
  absl::Status Map(std::u32string_view element, char32_t* to);

 private:
  // Appends the mapped `text`, which has no surrogates in it, to mapped_.
  absl::Status MapPart(std::u32string_view text);

  LetterCase letter_case_;
  std::u16string utf16_, mapped_utf16_;
  std::u32string mapped_;
};

}  // namespace mpaio

#endif  // WORKERS_STRINGS_CASE_MAPPING_H_
