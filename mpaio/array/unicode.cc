// SPDX-License-Identifier: Apache-2.0
#include "mpaio/array/unicode.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace mpaio {
namespace {

// The number of code points that are converted at a time. They are gathered in a buffer on the
// stack, so that the string grows by whole pieces.
constexpr std::size_t kPieceCodePoints = 128;
constexpr std::size_t kMaxBytesPerCodePoint = 4;
// With a constant count, compilers vectorize the loops over a block at -O2.
constexpr std::size_t kBlockCodePoints = 16;

constexpr bool HasUtf8(char32_t code_point) {
  return code_point <= 0x10FFFF && (code_point < 0xD800 || code_point > 0xDFFF);
}

// Copies the longest run of ASCII at the start of from[0, count), in whole blocks. Returns its
// length.
std::size_t CopyAsciiBlocks(const char32_t* from, std::size_t count, char* to) {
  std::size_t done = 0;
  for (; count - done >= kBlockCodePoints; done += kBlockCodePoints) {
    std::uint32_t bits = 0;
    for (std::size_t i = 0; i < kBlockCodePoints; ++i)
      bits |= static_cast<std::uint32_t>(from[done + i]);
    if (bits >= 0x80) break;
    for (std::size_t i = 0; i < kBlockCodePoints; ++i)
      to[done + i] = static_cast<char>(from[done + i]);
  }
  return done;
}

// Writes the UTF-8 of `code_point` to `to`. Returns its end. Precondition: HasUtf8(code_point).
char* EncodeOne(char32_t code_point, char* to) {
  const auto continuation = [code_point](int shift) {
    return static_cast<char>(0x80 | ((code_point >> shift) & 0x3F));
  };
  if (code_point < 0x80) {
    *to++ = static_cast<char>(code_point);
  } else if (code_point < 0x800) {
    *to++ = static_cast<char>(0xC0 | (code_point >> 6));
    *to++ = continuation(0);
  } else if (code_point < 0x10000) {
    *to++ = static_cast<char>(0xE0 | (code_point >> 12));
    *to++ = continuation(6);
    *to++ = continuation(0);
  } else {
    *to++ = static_cast<char>(0xF0 | (code_point >> 18));
    *to++ = continuation(12);
    *to++ = continuation(6);
    *to++ = continuation(0);
  }
  return to;
}

absl::Status NoUtf8(char32_t code_point, std::size_t position) {
  const auto value = static_cast<std::uint32_t>(code_point);
  return absl::InvalidArgumentError(absl::StrFormat(
      "code point U+%04X at position %d of a string cannot be written as UTF-8: %s; replace it in "
      "the input",
      value, position,
      value > 0x10FFFF ? "the last one is U+10FFFF" : "it is half of a surrogate pair"));
}

}  // namespace

absl::Status AppendUtf8(std::u32string_view code_points, std::string* out) {
  const std::size_t old_size = out->size();
  char buffer[kPieceCodePoints * kMaxBytesPerCodePoint];
  for (std::size_t start = 0; start < code_points.size(); start += kPieceCodePoints) {
    const std::u32string_view piece = code_points.substr(start, kPieceCodePoints);
    char* to = buffer;
    for (std::size_t i = 0; i < piece.size();) {
      const std::size_t num_ascii = CopyAsciiBlocks(piece.data() + i, piece.size() - i, to);
      i += num_ascii;
      to += num_ascii;
      // Encode one by one up to the end of the block that is not all ASCII, or of the piece.
      for (const std::size_t end = std::min(i + kBlockCodePoints, piece.size()); i < end; ++i) {
        if (!HasUtf8(piece[i])) {
          out->resize(old_size);
          return NoUtf8(piece[i], start + i);
        }
        to = EncodeOne(piece[i], to);
      }
    }
    out->append(buffer, static_cast<std::size_t>(to - buffer));
  }
  return absl::OkStatus();
}

}  // namespace mpaio
