// SPDX-License-Identifier: Apache-2.0

// Python literals, as far as the headers of .npy files contain them: strings, whole numbers, True
// and False, tuples of numbers. The caller knows the grammar that combines them.
#ifndef MPAIO_ARRAY_PYTHON_LITERAL_H_
#define MPAIO_ARRAY_PYTHON_LITERAL_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "mpaio/base/index.h"

namespace mpaio {

// Returns `text`, or its beginning, for a message: one line, printable, not long.
std::string Printable(absl::string_view text);

// Appends `text` as Python's repr() writes a string: in the kind of quotes that the text does not
// contain, if there is one, and with escapes for code points that are not printable. `text` is
// UTF-8 that may contain surrogates. (repr() also escapes code points that Unicode has not
// assigned, which depend on Python's version; they count as printable here.)
void AppendPythonString(absl::string_view text, std::string* out);

// Reads a text from the front. All functions skip white space first. On failure the message
// (InvalidArgument) says what is wrong, and position() says where.
class PythonLiteralReader {
 public:
  // `text` is UTF-8 and must outlive the reader.
  explicit PythonLiteralReader(absl::string_view text) : text_(text) {}

  // Bytes of the text that have been read.
  std::size_t position() const { return position_; }
  absl::string_view rest() const { return text_.substr(position_); }

  // The next character, or NUL at the end.
  char Peek();
  bool AtEnd();
  // Returns true, and reads the next character, if that is `c`.
  bool Accept(char c);
  absl::Status Expect(char c);

  // Reads a string. Its value is UTF-8, with the surrogates that its escapes may produce.
  absl::StatusOr<std::string> String();
  absl::StatusOr<bool> Bool();
  // Reads a whole number from 0 to 2^63 - 1, optionally followed by L, as Python 2 wrote a long.
  absl::StatusOr<Index> Extent();
  // Reads a tuple of at most kMaxDimensions extents.
  absl::StatusOr<std::vector<Index>> Shape();

 private:
  absl::StatusOr<absl::string_view> Word();
  absl::Status Escape(std::string* value);
  absl::Status NumericEscape(std::size_t min_digits, std::size_t max_digits, char32_t base,
                             std::string* value);

  absl::string_view text_;
  std::size_t position_ = 0;
};

}  // namespace mpaio

#endif  // MPAIO_ARRAY_PYTHON_LITERAL_H_
