// SPDX-License-Identifier: Apache-2.0
#include "mpaio/format/raw_file.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "mpaio/array/dtype.h"
#include "mpaio/array/nd_view.h"
#include "mpaio/array/shape.h"
#include "mpaio/base/index.h"
#include "mpaio/base/status_macros.h"
#include "mpaio/format/array_layout.h"
#include "mpaio/format/file_array.h"
#include "mpaio/format/foreign_format.h"
#include "mpaio/format/input_file.h"
#include "mpaio/format/stream_array.h"
#include "mpaio/host/file_io.h"

namespace mpaio {
namespace {

absl::StatusOr<ArrayLayout> CreateLayout(const InputName& name, std::vector<Index> shape) {
  absl::StatusOr<ArrayLayout> layout = ArrayLayout::Create(name.raw->dtype, std::move(shape));
  if (!layout.ok()) return InvalidRawInput(name.text, layout.status().message());
  return layout;
}

absl::StatusOr<std::unique_ptr<ArraySource>> OpenRawStream(const InputName& name) {
  MPAIO_ASSIGN_OR_RETURN(FileDescriptor fd, TakeStandardInput());
  MPAIO_ASSIGN_OR_RETURN(ArrayLayout layout, CreateLayout(name, name.raw->shape));
  return std::make_unique<StreamArray>(kStandardInputName, std::move(fd), std::move(layout), "");
}

// Returns the shape with the extent -1, if there is one, replaced by that which the length of the
// file gives. `format_hint` ends the message of an error.
absl::StatusOr<std::vector<Index>> CompleteShape(const InputName& name, Index file_size_bytes,
                                                 absl::string_view format_hint) {
  std::vector<Index> shape = name.raw->shape;
  const auto axis = std::find(shape.begin(), shape.end(), -1);
  if (axis == shape.end()) return shape;
  *axis = 1;
  const absl::StatusOr<Index> one_bytes = ArraySizeBytes(name.raw->dtype, shape);
  if (!one_bytes.ok()) return InvalidRawInput(name.text, one_bytes.status().message());
  if (*one_bytes == 0) {
    return InvalidRawInput(name.text,
                           "elements without bytes cannot be counted: give the whole shape");
  }
  if (file_size_bytes % *one_bytes != 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        name.path, " holds ", file_size_bytes, " bytes, not a multiple of the ", *one_bytes,
        " that one index of the axis -1 takes; check type and shape", format_hint));
  }
  *axis = file_size_bytes / *one_bytes;
  return shape;
}

}  // namespace

absl::StatusOr<std::unique_ptr<ArraySource>> OpenRaw(const InputName& name) {
  if (name.is_standard_input) return OpenRawStream(name);
  MPAIO_ASSIGN_OR_RETURN(InputFile file, InputFile::Open(name.path));
  MPAIO_ASSIGN_OR_RETURN(const std::string start, file.ReadFirstBytes(name.path));
  // Raw numbers may begin like another format by chance, so the format is only a hint in errors.
  std::string format_hint;
  if (const auto format = RecognizeSignature(start); format.has_value())
    format_hint = absl::StrCat("; it seems to be ", format->what, ": ", format->advice);
  MPAIO_ASSIGN_OR_RETURN(std::vector<Index> shape,
                         CompleteShape(name, file.size_bytes(), format_hint));
  MPAIO_ASSIGN_OR_RETURN(ArrayLayout layout, CreateLayout(name, std::move(shape)));
  if (layout.size_bytes() != file.size_bytes()) {
    return absl::InvalidArgumentError(
        absl::StrCat(name.path, " holds ", file.size_bytes(), " bytes, but ",
                     name.raw->dtype.name(), " ", ShapeToString(layout.shape()), " takes ",
                     layout.size_bytes(), "; check type and shape", format_hint));
  }
  return std::make_unique<FileArray>(name.path, std::move(file), /*data_offset=*/0,
                                     std::move(layout), start);
}

}  // namespace mpaio
