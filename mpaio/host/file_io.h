// SPDX-License-Identifier: Apache-2.0

// Reading of files, in slices and as streams, with a Status for each errno.
#ifndef MPAIO_HOST_FILE_IO_H_
#define MPAIO_HOST_FILE_IO_H_

#include <sys/types.h>

#include <cstddef>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "mpaio/base/index.h"
#include "mpaio/host/file_descriptor.h"

namespace mpaio {

// Linux transfers at most 2 GiB minus a page per call.
inline constexpr Index kMaxTransferBytes = Index{1} << 30;

// Returns the Status of `error` (an errno) in the operation that `what` describes ("cannot open
// x.npy").
absl::Status ErrnoStatus(int error, absl::string_view what);

// Describes a file that is not regular: "a directory", "a pipe", ...
absl::string_view FileKind(mode_t mode);

// A regular file, open for reading, with its current length.
struct OpenFile {
  FileDescriptor fd;
  Index size_bytes = 0;
};

// Opens the regular file `path`.
//   NotFound            there is no such file.
//   PermissionDenied    the file may not be read.
//   InvalidArgument     not a regular file: a directory, a pipe, a device.
//   ResourceExhausted   too many files are open.
absl::StatusOr<OpenFile> OpenRegularFile(const std::string& path);

// Reads up to `to.size()` bytes at `offset_bytes`. Returns their number, which is smaller only at
// the end of the file, or a negated errno.
Index ReadAt(int fd, std::span<std::byte> to, Index offset_bytes);

// Like ReadAt(), but at the current position. The file may be a pipe: waits for bytes that have not
// arrived yet.
Index ReadNext(int fd, std::span<std::byte> to);

// Returns the Status for `error`, the errno of a failed attempt to read `size_bytes` of the file
// `name` into shared memory.
absl::Status ReadFailure(int error, const std::string& name, Index size_bytes);

// Fills `to` from the regular file `fd`, called `name`, at `offset_bytes`. Errors: those of
// ReadFailure; DataLoss if the file ends too soon.
absl::Status ReadWhole(int fd, const std::string& name, std::span<std::byte> to,
                       Index offset_bytes);

// Returns another descriptor of the file `fd`, called `name`. Programs that are executed do not
// inherit it.
absl::StatusOr<FileDescriptor> Duplicate(int fd, const std::string& name);

// Flushes the entries of `directory` to the disk, so that a file that was created or renamed in it
// survives a crash. Does nothing where that is not possible. Errors: system errors.
absl::Status FlushDirectory(const std::string& directory);

}  // namespace mpaio

#endif  // MPAIO_HOST_FILE_IO_H_
