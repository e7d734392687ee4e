// SPDX-License-Identifier: Apache-2.0
#include "mpaio/array/utf8.h"

#include <cstddef>

namespace mpaio {

char32_t TakeCodePoint(absl::string_view* text) {
  const auto byte = [text](std::size_t i) -> char32_t {
    return static_cast<unsigned char>((*text)[i]);
  };
  const char32_t first = byte(0);
  std::size_t size = 1;
  char32_t code_point = first, smallest = 0;
  if (first >= 0xF0) {
    size = 4, code_point = first & 0x07, smallest = 0x10000;
  } else if (first >= 0xE0) {
    size = 3, code_point = first & 0x0F, smallest = 0x800;
  } else if (first >= 0xC0) {
    size = 2, code_point = first & 0x1F, smallest = 0x80;
  }
  bool good = (first < 0x80 || first >= 0xC0) && first < 0xF8 && text->size() >= size;
  for (std::size_t i = 1; good && i < size; ++i) {
    good = (byte(i) & 0xC0) == 0x80;
    code_point = code_point << 6 | (byte(i) & 0x3F);
  }
  if (!good || code_point < smallest || code_point > 0x10FFFF) {
    text->remove_prefix(1);
    return kNoCodePoint;
  }
  text->remove_prefix(size);
  return code_point;
}

void AppendCodePoint(char32_t code_point, std::string* out) {
  const auto continuation = [code_point](int shift) {
    return static_cast<char>(0x80 | (code_point >> shift & 0x3F));
  };
  if (code_point < 0x80) {
    out->push_back(static_cast<char>(code_point));
  } else if (code_point < 0x800) {
    out->push_back(static_cast<char>(0xC0 | code_point >> 6));
    out->push_back(continuation(0));
  } else if (code_point < 0x10000) {
    out->push_back(static_cast<char>(0xE0 | code_point >> 12));
    out->push_back(continuation(6));
    out->push_back(continuation(0));
  } else {
    out->push_back(static_cast<char>(0xF0 | code_point >> 18));
    out->push_back(continuation(12));
    out->push_back(continuation(6));
    out->push_back(continuation(0));
  }
}

bool IsUtf8(absl::string_view text, Surrogates surrogates) {
  while (!text.empty()) {
    const char32_t code_point = TakeCodePoint(&text);
    if (code_point == kNoCodePoint) return false;
    if (surrogates == Surrogates::kRefused && code_point >= 0xD800 && code_point <= 0xDFFF)
      return false;
  }
  return true;
}

}  // namespace mpaio
