// SPDX-License-Identifier: Apache-2.0
#include "workers/strings/case_mapping.h"

#include <unicode/ustring.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "mpaio/base/status_macros.h"

namespace mpaio {
namespace {

constexpr char32_t kFirstNonAscii = 0x80;
constexpr char32_t kFirstSupplementary = 0x10000;
constexpr char32_t kLastCodePoint = 0x10FFFF;
// ICU's name for the rules of no language in particular. (Null would mean the user's language.)
constexpr char kRootLocale[] = "";

bool IsSurrogate(char32_t c) { return c >= 0xD800 && c <= 0xDFFF; }

// Precondition: `Char` is unsigned. Free of branches, so that the compiler vectorizes it.
template <typename Char>
void MapAscii(const Char* from, std::size_t size, LetterCase letter_case, Char* to) {
  const Char first = letter_case == LetterCase::kLower ? 'A' : 'a';
  for (std::size_t i = 0; i < size; ++i) {
    const Char is_letter = static_cast<Char>(from[i] - first) < Char{26};
    to[i] = static_cast<Char>(from[i] ^ static_cast<Char>(is_letter << 5));
  }
}

void AppendUtf16(char32_t c, std::u16string* out) {
  if (c < kFirstSupplementary) {
    out->push_back(static_cast<char16_t>(c));
    return;
  }
  c -= kFirstSupplementary;
  out->push_back(static_cast<char16_t>(0xD800 + (c >> 10)));
  out->push_back(static_cast<char16_t>(0xDC00 + (c & 0x3FF)));
}

// Precondition: no lone surrogates in `utf16`.
void AppendCodePoints(std::u16string_view utf16, std::u32string* out) {
  for (std::size_t i = 0; i < utf16.size(); ++i) {
    char32_t c = utf16[i];
    if (IsSurrogate(c))
      c = kFirstSupplementary + ((c - 0xD800) << 10) + (char32_t{utf16[++i]} - 0xDC00);
    out->push_back(c);
  }
}

}  // namespace

void MapAsciiCase(absl::string_view bytes, LetterCase letter_case, char* to) {
  MapAscii(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), letter_case,
           reinterpret_cast<unsigned char*>(to));
}

absl::Status CaseMapper::Map(std::u32string_view element, char32_t* to) {
  char32_t all_bits = 0;
  for (const char32_t c : element) all_bits |= c;
  if (all_bits < kFirstNonAscii) {
    MapAscii(element.data(), element.size(), letter_case_, to);
    return absl::OkStatus();
  }
  const std::u32string_view text = element.substr(0, element.find_last_not_of(U'\0') + 1);
  const auto too_large =
      std::find_if(text.begin(), text.end(), [](char32_t c) { return c > kLastCodePoint; });
  if (too_large != text.end()) {
    return absl::InvalidArgumentError(
        absl::StrCat("0x", absl::Hex(static_cast<std::uint32_t>(*too_large)), " at position ",
                     too_large - text.begin(),
                     " is not a Unicode code point (the last one is 0x10ffff); replace it in "
                     "the input"));
  }
  // Surrogates have no mapping, and do not affect the letters beside them. They are not converted
  // to UTF-16, where two of them would become one character.
  mapped_.clear();
  std::size_t begin = 0;
  while (begin < text.size()) {
    std::size_t end = begin;
    while (end < text.size() && !IsSurrogate(text[end])) ++end;
    MPAIO_RETURN_IF_ERROR(MapPart(text.substr(begin, end - begin)));
    while (end < text.size() && IsSurrogate(text[end])) mapped_.push_back(text[end++]);
    begin = end;
  }
  mapped_.resize(element.size());
  std::copy(mapped_.begin(), mapped_.end(), to);
  return absl::OkStatus();
}

absl::Status CaseMapper::MapPart(std::u32string_view text) {
  if (text.empty()) return absl::OkStatus();
  utf16_.clear();
  for (const char32_t c : text) AppendUtf16(c, &utf16_);
  const auto map = letter_case_ == LetterCase::kLower ? u_strToLower : u_strToUpper;
  // Most strings keep their length. If not, ICU returns the length that is needed.
  std::size_t length = std::max(mapped_utf16_.size(), utf16_.size());
  UErrorCode error = U_BUFFER_OVERFLOW_ERROR;
  while (error == U_BUFFER_OVERFLOW_ERROR) {
    mapped_utf16_.resize(std::max(mapped_utf16_.size(), length));
    error = U_ZERO_ERROR;
    length = static_cast<std::size_t>(
        map(mapped_utf16_.data(), static_cast<std::int32_t>(mapped_utf16_.size()), utf16_.data(),
            static_cast<std::int32_t>(utf16_.size()), kRootLocale, &error));
  }
  if (U_FAILURE(error)) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "a string of ", text.size(), " code points cannot be mapped: ", u_errorName(error),
        "; use shorter strings"));
  }
  AppendCodePoints(std::u16string_view(mapped_utf16_.data(), length), &mapped_);
  return absl::OkStatus();
}

}  // namespace mpaio
