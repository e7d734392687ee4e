// SPDX-License-Identifier: Apache-2.0

// Files that users pass as arrays although they hold something else: a git-lfs pointer, HDF5, CSV,
// ... They are recognized by their contents, so that the message names the format and the remedy.
// To refuse a further format, add a row to a table in the .cc. The formats that can be read are in
// the table of array_opener.cc.
#ifndef MPAIO_FORMAT_FOREIGN_FORMAT_H_
#define MPAIO_FORMAT_FOREIGN_FORMAT_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace mpaio {

struct ForeignFormat {
  absl::string_view what;    // "an HDF5 file"
  absl::string_view advice;  // "save the dataset with numpy.save"
};

// Returns the format of a file that begins with `first_bytes`, by its signature. 12 bytes suffice
// for most formats, 4096 for all; a longer signature may be cut after 12 bytes.
std::optional<ForeignFormat> RecognizeSignature(absl::string_view first_bytes);

// Like RecognizeSignature(), but also recognizes text without a signature: a table (CSV) or other
// text, in UTF-8 or UTF-16.
std::optional<ForeignFormat> RecognizeForeignFile(absl::string_view first_bytes);

// Returns the format of a zip archive with members of these names, if it is not .npz: an Office
// document, a PyTorch file, ... Nothing if any name ends in ".npy".
std::optional<ForeignFormat> RecognizeForeignArchive(const std::vector<std::string>& member_names);

// Returns the format of the directory `path`: a Zarr array or group. Nothing if it is neither, or
// not a directory.
std::optional<ForeignFormat> RecognizeForeignDirectory(const std::string& path);

// InvalidArgument: the input `name` is of this format.
absl::Status ForeignFormatError(absl::string_view name, const ForeignFormat& format);

}  // namespace mpaio

#endif  // MPAIO_FORMAT_FOREIGN_FORMAT_H_
