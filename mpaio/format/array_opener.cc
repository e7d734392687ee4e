// SPDX-License-Identifier: Apache-2.0
#include "mpaio/format/array_opener.h"

#include <sys/stat.h>

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "mpaio/base/status_macros.h"
#include "mpaio/format/foreign_format.h"
#include "mpaio/format/input_file.h"
#include "mpaio/format/input_name.h"
#include "mpaio/format/npy_file.h"
#include "mpaio/format/npz_member.h"
#include "mpaio/format/raw_file.h"
#include "mpaio/format/stream_array.h"
#include "mpaio/host/file_io.h"

namespace mpaio {
namespace {

mode_t FileType(const std::string& path) {
  struct stat status;
  return ::stat(path.c_str(), &status) == 0 ? status.st_mode & S_IFMT : 0;
}

// Any regular file may have members; its format decides later. Of the directories only those of a
// known format: colons are also found in the names of files.
bool IsArchive(const std::string& path, std::span<const ArrayFormat> formats) {
  const mode_t type = FileType(path);
  if (type != S_IFDIR) return type == S_IFREG;
  FormatInput directory;
  directory.path = path;
  return std::any_of(formats.begin(), formats.end(),
                     [&](const ArrayFormat& format) { return format.recognizes(directory); });
}

absl::StatusOr<std::unique_ptr<ArraySource>> OpenPath(InputName name,
                                                      std::span<const ArrayFormat> formats) {
  FormatInput input;
  input.name = std::move(name.text);
  input.path = std::move(name.path);
  input.member = std::move(name.member);
  if (FileType(input.path) != S_IFDIR) {
    MPAIO_ASSIGN_OR_RETURN(input.file, InputFile::Open(input.path));
    MPAIO_ASSIGN_OR_RETURN(input.first_bytes, input.file.ReadFirstBytes(input.name));
  }
  for (const ArrayFormat& format : formats) {
    if (format.recognizes(input)) return format.open(std::move(input));
  }
  if (const auto format = RecognizeForeignDirectory(input.path); format.has_value())
    return ForeignFormatError(input.path, *format);
  MPAIO_RETURN_IF_ERROR(InputFile::Open(input.path).status());  // refuses directories
  return absl::InvalidArgumentError(
      absl::StrCat(input.path, " is in no format that can be read; save it with numpy.save"));
}

}  // namespace

std::span<const ArrayFormat> ArrayFormats() {
  static const ArrayFormat formats[] = {
      NpzFormat(),
      NpyFormat(),  // recognizes every file
  };
  return formats;
}

absl::StatusOr<std::unique_ptr<ArraySource>> OpenArraySource(const std::string& input,
                                                             std::span<const ArrayFormat> formats) {
  MPAIO_ASSIGN_OR_RETURN(InputName name, ParseInputName(input, [&](const std::string& path) {
                           return IsArchive(path, formats);
                         }));
  if (name.raw.has_value()) return OpenRaw(name);
  if (!name.is_standard_input) return OpenPath(std::move(name), formats);
  MPAIO_ASSIGN_OR_RETURN(FileDescriptor fd, TakeStandardInput());
  return OpenNpyStream(std::move(fd), kStandardInputName);
}

}  // namespace mpaio
