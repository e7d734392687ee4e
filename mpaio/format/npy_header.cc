// SPDX-License-Identifier: Apache-2.0
#include "mpaio/format/npy_header.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "mpaio/array/descr.h"
#include "mpaio/array/nd_view.h"
#include "mpaio/array/python_literal.h"
#include "mpaio/array/shape.h"
#include "mpaio/array/utf8.h"
#include "mpaio/base/status_macros.h"
#include "mpaio/format/foreign_format.h"

namespace mpaio {
namespace {

constexpr absl::string_view kMagic("\x93NUMPY", 6);
constexpr absl::string_view kZipMagic("PK\x03\x04", 4);
constexpr Index kDataAlignmentBytes = 64;
// numpy leaves space for the first extent to grow to this many digits in place.
constexpr Index kGrowthAxisMaxDigits = 21;
// The longest text of version 1, whose length has 16 bits.
constexpr Index kMaxVersion1TextBytes = 65535;

// Returns the number whose little-endian bytes are `bytes`.
Index LittleEndian(absl::string_view bytes) {
  Index value = 0;
  for (std::size_t i = bytes.size(); i-- > 0;)
    value = value * 256 + static_cast<unsigned char>(bytes[i]);
  return value;
}

// Bytes before the text of the header.
constexpr Index PrefixBytes(int version_major) { return version_major == 1 ? 10 : 12; }

absl::Status Truncated(absl::string_view name) {
  return absl::DataLossError(
      absl::StrCat(name, " is truncated: it ends within its header; copy it again"));
}

// Returns the status for a file that does not begin with the magic string.
absl::Status NotNpy(absl::string_view first_bytes, absl::string_view name) {
  const absl::string_view start = first_bytes.substr(0, kMagic.size());
  if (const auto format = RecognizeForeignFile(first_bytes); format.has_value()) {
    return absl::InvalidArgumentError(absl::StrCat(name, " is not a .npy file but ", format->what,
                                                   ", starting with '", Printable(start),
                                                   "': ", format->advice));
  }
  return absl::InvalidArgumentError(absl::StrCat(
      name, " is not a .npy file: it starts with '", Printable(start),
      "' instead of '\\x93NUMPY'; save the array with numpy.save, or say what the bytes are, as in "
      "raw:<f8:1000x3:FILE"));
}

// Reads the dict in the text of a header into `*header`. Errors: InvalidArgument, for the text at
// reader.position(); Unimplemented.
absl::Status ReadDict(PythonLiteralReader& reader, NpyHeader* header) {
  MPAIO_RETURN_IF_ERROR(reader.Expect('{'));
  Descr descr;
  bool has_descr = false, has_fortran_order = false, has_shape = false;
  const auto first = [](bool& seen, absl::string_view key) -> absl::Status {
    if (std::exchange(seen, true))
      return absl::InvalidArgumentError(absl::StrCat("key '", key, "' appears twice"));
    return absl::OkStatus();
  };
  while (!reader.Accept('}')) {
    MPAIO_ASSIGN_OR_RETURN(const std::string key, reader.String());
    MPAIO_RETURN_IF_ERROR(reader.Expect(':'));
    if (key == "descr") {
      MPAIO_RETURN_IF_ERROR(first(has_descr, key));
      MPAIO_ASSIGN_OR_RETURN(descr, ReadDescr(reader));
    } else if (key == "fortran_order") {
      MPAIO_RETURN_IF_ERROR(first(has_fortran_order, key));
      MPAIO_ASSIGN_OR_RETURN(header->fortran_order, reader.Bool());
    } else if (key == "shape") {
      MPAIO_RETURN_IF_ERROR(first(has_shape, key));
      MPAIO_ASSIGN_OR_RETURN(header->shape, reader.Shape());
    } else {
      return absl::InvalidArgumentError(
          absl::StrCat("key '", Printable(key), "' is not one of descr, fortran_order, shape"));
    }
    if (reader.Accept(',')) continue;
    MPAIO_RETURN_IF_ERROR(reader.Expect('}'));
    break;
  }
  if (!reader.AtEnd())
    return absl::InvalidArgumentError("there is something after the closing '}'");
  if (!has_descr) return absl::InvalidArgumentError("key 'descr' is missing");
  if (!has_fortran_order) return absl::InvalidArgumentError("key 'fortran_order' is missing");
  if (!has_shape) return absl::InvalidArgumentError("key 'shape' is missing");
  header->dtype = std::move(descr.dtype);
  if (!descr.sub_shape.empty() && header->fortran_order) {
    return absl::UnimplementedError(
        "a sub-array type in Fortran order, which numpy does not write; save "
        "numpy.ascontiguousarray(a) "
        "instead");
  }
  header->shape.insert(header->shape.end(), descr.sub_shape.begin(), descr.sub_shape.end());
  return absl::OkStatus();
}

// Converts Latin-1 to UTF-8.
std::string FromLatin1(absl::string_view text) {
  std::string result;
  result.reserve(text.size());
  for (const char c : text) AppendCodePoint(static_cast<unsigned char>(c), &result);
  return result;
}

// Converts UTF-8 to Latin-1; nullopt if it has other code points.
std::optional<std::string> ToLatin1(absl::string_view text) {
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    const char32_t code_point = TakeCodePoint(&text);
    if (code_point > 0xFF) return std::nullopt;
    result.push_back(static_cast<char>(code_point));
  }
  return result;
}

}  // namespace

absl::StatusOr<Index> NpyHeaderSizeBytes(absl::string_view first_bytes, absl::string_view name) {
  if (first_bytes.empty())
    return absl::InvalidArgumentError(absl::StrCat(
        name, " is not a .npy file: it is empty, as after a failed write; write or copy it again"));
  if (first_bytes.substr(0, kZipMagic.size()) == kZipMagic) {
    return absl::InvalidArgumentError(
        absl::StrCat(name,
                     " is not a .npy file but a zip archive, perhaps .npz, which "
                     "cannot be read from a stream or another archive; give it as a file"));
  }
  const std::size_t num_magic = std::min(first_bytes.size(), kMagic.size());
  if (first_bytes.substr(0, num_magic) != kMagic.substr(0, num_magic))
    return NotNpy(first_bytes, name);
  if (first_bytes.size() < kMagic.size() + 2) return Truncated(name);
  const int major = static_cast<unsigned char>(first_bytes[kMagic.size()]);
  const int minor = static_cast<unsigned char>(first_bytes[kMagic.size() + 1]);
  if (major < 1 || major > 3 || minor != 0) {
    return absl::UnimplementedError(absl::StrCat(
        name, " is of version ", major, ".", minor,
        " of the .npy format; versions 1.0, 2.0 and 3.0 are known: save it again with numpy.save"));
  }
  const Index prefix_bytes = PrefixBytes(major);
  if (static_cast<Index>(first_bytes.size()) < prefix_bytes) return Truncated(name);
  const std::size_t length_begin = kMagic.size() + 2;
  const Index size_bytes =
      prefix_bytes + LittleEndian(first_bytes.substr(
                         length_begin, static_cast<std::size_t>(prefix_bytes) - length_begin));
  if (size_bytes > kMaxNpyHeaderBytes) {
    return absl::DataLossError(absl::StrCat(name, " says that its header has ", size_bytes,
                                            " bytes; at most ", kMaxNpyHeaderBytes,
                                            " are read: the file is damaged; copy it again"));
  }
  return size_bytes;
}

absl::StatusOr<NpyHeader> ParseNpyHeader(absl::string_view first_bytes, absl::string_view name) {
  MPAIO_ASSIGN_OR_RETURN(const Index size_bytes, NpyHeaderSizeBytes(first_bytes, name));
  if (static_cast<Index>(first_bytes.size()) < size_bytes) return Truncated(name);
  NpyHeader header;
  const int version_major = static_cast<unsigned char>(first_bytes[kMagic.size()]);
  header.data_offset = size_bytes;
  const absl::string_view whole = first_bytes.substr(0, static_cast<std::size_t>(size_bytes));
  const absl::string_view text = whole.substr(static_cast<std::size_t>(PrefixBytes(version_major)));
  std::string utf8;
  if (version_major < 3) {
    utf8 = FromLatin1(text);
  } else if (IsUtf8(text, Surrogates::kRefused)) {
    utf8 = std::string(text);
  } else {
    return absl::DataLossError(
        absl::StrCat(name, " has a damaged header: its text is not UTF-8; copy the file again"));
  }
  PythonLiteralReader reader(utf8);
  if (const absl::Status status = ReadDict(reader, &header); absl::IsUnimplemented(status)) {
    return absl::UnimplementedError(
        absl::StrCat(name, " holds elements that mpaio does not support: ", status.message()));
  } else if (!status.ok()) {
    return absl::DataLossError(
        absl::StrCat(name, " has a damaged header: at byte ", reader.position(), " of its text, ",
                     status.message(), "; copy the file again, or save it again with numpy.save"));
  }
  const absl::StatusOr<Index> data_size_bytes = ArraySizeBytes(header.dtype, header.shape);
  if (!data_size_bytes.ok()) {
    return absl::DataLossError(
        absl::StrCat(name, " has a damaged header: ", data_size_bytes.status().message(),
                     "; copy the file again"));
  }
  if (!header.dtype.has_objects()) header.data_size_bytes = *data_size_bytes;
  return header;
}

absl::Status CheckSupported(const NpyHeader& header, absl::string_view name) {
  if (!header.dtype.has_objects()) return absl::OkStatus();
  if (header.dtype.is_structured()) {
    return absl::UnimplementedError(
        absl::StrCat(name, " holds Python objects (a pickle) in a field of ", header.dtype.name(),
                     ", which mpaio does not support; save the other fields, as in "
                     "numpy.lib.recfunctions.repack_fields(a[['x', 'y']]), instead"));
  }
  return absl::UnimplementedError(absl::StrCat(
      name,
      " holds Python objects (a pickle), which mpaio does not support; save an array of numbers or "
      "strings, such as a.astype('U') or a.astype('int64'), instead (numpy.save with "
      "allow_pickle=False refuses such arrays)"));
}

absl::StatusOr<NpyHeader> ReadNpyHeader(const ReadSome& read, const std::string& name,
                                        std::string* start) {
  MPAIO_ASSIGN_OR_RETURN(const Index header_bytes, NpyHeaderSizeBytes(*start, name));
  if (header_bytes > static_cast<Index>(start->size()))
    MPAIO_RETURN_IF_ERROR(AppendUpTo(header_bytes, read, start));
  MPAIO_ASSIGN_OR_RETURN(NpyHeader header, ParseNpyHeader(*start, name));
  MPAIO_RETURN_IF_ERROR(CheckSupported(header, name));
  return header;
}

std::string FormatNpyHeader(const DType& dtype, const std::vector<Index>& shape) {
  const std::string descr =
      dtype.is_structured() ? dtype.ToString() : absl::StrCat("'", dtype.ToString(), "'");
  std::string utf8 = absl::StrCat(
      "{'descr': ", descr, ", 'fortran_order': False, 'shape': ", ShapeToString(shape), ", }");
  if (!shape.empty()) {
    const Index num_digits = static_cast<Index>(absl::StrCat(shape[0]).size());
    utf8.append(static_cast<std::size_t>(kGrowthAxisMaxDigits - num_digits), ' ');
  }
  const std::optional<std::string> latin1 = ToLatin1(utf8);
  std::string text = latin1.value_or(utf8);
  const Index text_bytes = static_cast<Index>(text.size());
  // As in numpy, a header that would end at a multiple of 64 anyway gets 64 more spaces.
  const auto padding_bytes = [text_bytes](int version) {
    return kDataAlignmentBytes - (PrefixBytes(version) + text_bytes + 1) % kDataAlignmentBytes;
  };
  int version = 3;
  if (latin1.has_value())
    version = text_bytes + padding_bytes(1) + 1 <= kMaxVersion1TextBytes ? 1 : 2;
  text.append(static_cast<std::size_t>(padding_bytes(version)), ' ');
  text.push_back('\n');

  std::string header = absl::StrCat(kMagic, std::string{static_cast<char>(version), '\0'});
  std::size_t length = text.size();
  for (int i = 0; i < (version == 1 ? 2 : 4); ++i, length >>= 8)
    header.push_back(static_cast<char>(length & 0xFF));
  return header + text;
}

}  // namespace mpaio
