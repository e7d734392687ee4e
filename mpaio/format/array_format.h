// SPDX-License-Identifier: Apache-2.0

// The interface of a file format, as the table of formats in array_opener.cc lists them.
#ifndef MPAIO_FORMAT_ARRAY_FORMAT_H_
#define MPAIO_FORMAT_ARRAY_FORMAT_H_

#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "mpaio/format/array_source.h"
#include "mpaio/format/input_file.h"

namespace mpaio {

// An input file, or a directory, whose format is to be found.
struct FormatInput {
  std::string name;  // the whole input, for messages: "a.npz:x"
  std::string path;
  std::optional<std::string> member;  // "x", if the input names one
  InputFile file;                     // open; holds no file if `path` is a directory
  std::string first_bytes;            // of the file: InputFile::kFirstBytes, or all of it

  bool is_directory() const { return file.fd() < 0; }
};

struct ArrayFormat {
  // Returns true if `input` is of this format. Cheap: it is called for every input. Of a directory
  // it may use only `path`, and true also means that there may be members.
  bool (*recognizes)(const FormatInput& input);
  // Opens an input that is recognized. Errors: those of ArrayFile::Open.
  absl::StatusOr<std::unique_ptr<ArraySource>> (*open)(FormatInput input);
};

}  // namespace mpaio

#endif  // MPAIO_FORMAT_ARRAY_FORMAT_H_
