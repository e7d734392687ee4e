// SPDX-License-Identifier: Apache-2.0
#include "mpaio/format/npy_file.h"

#include <cstddef>
#include <span>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "mpaio/array/python_literal.h"
#include "mpaio/base/index.h"
#include "mpaio/base/status_macros.h"
#include "mpaio/format/array_layout.h"
#include "mpaio/format/file_array.h"
#include "mpaio/format/foreign_format.h"
#include "mpaio/format/npy_header.h"
#include "mpaio/format/read_some.h"
#include "mpaio/format/stream_array.h"

namespace mpaio {
namespace {

absl::Status HasNoMembers(const FormatInput& input) {
  if (const auto format = RecognizeForeignFile(input.first_bytes); format.has_value())
    return ForeignFormatError(input.path, *format);
  return absl::InvalidArgumentError(absl::StrCat(input.path, " is not an .npz, so there is no ",
                                                 Printable(*input.member), " in it; give ",
                                                 input.path, " alone"));
}

absl::StatusOr<std::unique_ptr<ArraySource>> OpenNpyFile(FormatInput input) {
  if (input.member.has_value()) return HasNoMembers(input);
  const InputFile& file = input.file;
  Index position = static_cast<Index>(input.first_bytes.size());
  const ReadSome read = [&](std::span<std::byte> to) -> absl::StatusOr<Index> {
    const Index got_bytes = ReadAt(file.fd(), to, position);
    if (got_bytes < 0)
      return ReadFailure(static_cast<int>(-got_bytes), input.name, static_cast<Index>(to.size()));
    position += got_bytes;
    return got_bytes;
  };
  MPAIO_ASSIGN_OR_RETURN(const NpyHeader header,
                         ReadNpyHeader(read, input.name, &input.first_bytes));
  MPAIO_RETURN_IF_ERROR(
      CheckDataSize(input.name, header.data_size_bytes, file.size_bytes() - header.data_offset));
  MPAIO_ASSIGN_OR_RETURN(ArrayLayout layout,
                         ArrayLayout::Create(header.dtype, header.shape, header.fortran_order));
  const std::string identity = absl::StrCat(input.first_bytes, file.size_bytes());
  return std::make_unique<FileArray>(std::move(input.name), std::move(input.file),
                                     header.data_offset, std::move(layout), identity);
}

}  // namespace

ArrayFormat NpyFormat() {
  return {[](const FormatInput& input) { return !input.is_directory(); }, &OpenNpyFile};
}

absl::StatusOr<std::unique_ptr<ArraySource>> OpenNpyStream(FileDescriptor fd,
                                                           const std::string& name) {
  const ReadSome read = [&](std::span<std::byte> to) {
    return ReadSomeOfStream(fd.get(), name, to);
  };
  // Reads no more than the header, so that the data stays in the pipe.
  std::string start;
  MPAIO_RETURN_IF_ERROR(AppendUpTo(kNpyPrefixBytes, read, &start));
  MPAIO_ASSIGN_OR_RETURN(const NpyHeader header, ReadNpyHeader(read, name, &start));
  MPAIO_ASSIGN_OR_RETURN(ArrayLayout layout,
                         ArrayLayout::Create(header.dtype, header.shape, header.fortran_order));
  return std::make_unique<StreamArray>(name, std::move(fd), std::move(layout), start);
}

}  // namespace mpaio
