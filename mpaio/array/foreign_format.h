// SPDX-License-Identifier: Apache-2.0

// Files that users give for an array and that are something else: a git-lfs pointer, HDF5, CSV, ...
// They are recognised by their contents, so that the message says what the file is and what to do
// about it. A new format is a row of a table in the .cc.
#ifndef MPAIO_ARRAY_FOREIGN_FORMAT_H_
#define MPAIO_ARRAY_FOREIGN_FORMAT_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace mpaio {

struct ForeignFormat {
  absl::string_view what;    // "an HDF5 file"
  absl::string_view advice;  // "save the dataset with numpy.save"
};

// The format of a file that begins with `first_bytes`, by the signature that it has. 12 bytes
// suffice for most formats, 4096 for all; the signature may be cut after 12.
std::optional<ForeignFormat> RecognizeSignature(absl::string_view first_bytes);

// The same, and text that has no signature: a table (CSV) or other text, in UTF-8 or UTF-16.
std::optional<ForeignFormat> RecognizeForeignFile(absl::string_view first_bytes);

// The format of a zip archive with members of these names, where it is not .npz: an Office
// document, a PyTorch file, ... Nothing if any is called ".npy" at its end.
std::optional<ForeignFormat> RecognizeForeignArchive(const std::vector<std::string>& member_names);

// The format of the directory `path`: a Zarr array. Nothing if it is none, or no directory.
std::optional<ForeignFormat> RecognizeForeignDirectory(const std::string& path);

}  // namespace mpaio

#endif  // MPAIO_ARRAY_FOREIGN_FORMAT_H_
