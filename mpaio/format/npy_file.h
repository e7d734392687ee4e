// SPDX-License-Identifier: Apache-2.0

// The .npy format, in files and in streams.
#ifndef MPAIO_FORMAT_NPY_FILE_H_
#define MPAIO_FORMAT_NPY_FILE_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "mpaio/format/array_format.h"
#include "mpaio/format/array_source.h"
#include "mpaio/host/file_io.h"

namespace mpaio {

// Recognizes every file, and says of one that is no .npy what it is instead: the last format of the
// table.
ArrayFormat NpyFormat();

// Reads the header of a .npy that comes through `fd`, for instance a pipe, and leaves the data in
// it. `name` is the name in messages. Errors: those of a .npy file.
absl::StatusOr<std::unique_ptr<ArraySource>> OpenNpyStream(FileDescriptor fd,
                                                           const std::string& name);

}  // namespace mpaio

#endif  // MPAIO_FORMAT_NPY_FILE_H_
