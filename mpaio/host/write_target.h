// SPDX-License-Identifier: Apache-2.0

// The location of an output file, and whether it can be written there.
#ifndef MPAIO_HOST_WRITE_TARGET_H_
#define MPAIO_HOST_WRITE_TARGET_H_

#include <sys/types.h>

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "mpaio/base/index.h"

namespace mpaio {

// A file to be written. Normally a new file replaces the old one atomically (rename). Some files
// cannot be replaced: a mount point (docker run -v FILE:FILE), a file in a directory that may not
// be written, another user's file in a sticky directory. Those are written in place when the
// contents are complete, which is not atomic.
struct WriteTarget {
  std::string path;  // with symbolic links followed
  std::string directory;
  std::string name;
  bool exists = false;
  mode_t permissions = 0;           // of the existing file
  bool is_in_place = false;         // it exists and cannot be replaced
  std::string temporary_directory;  // where the contents are gathered: `directory`, or another one
                                    // if is_in_place
};

// Returns the target that `path` names, and checks that a file of `size_bytes` can be written
// there, by trying each step where that is possible. Leaves no file behind.
//   NotFound            the directory does not exist.
//   InvalidArgument     `path` is empty, or is a directory or another file that is not regular.
//   PermissionDenied    the directory, or the existing file, may not be written.
//   ResourceExhausted   there is not enough space on the disk for size_bytes, or they exceed the
//                       file-size limit (ulimit -f).
absl::StatusOr<WriteTarget> FindWriteTarget(const std::string& path, Index size_bytes);

// Follows the symbolic links at the end of `path`; the last one may lead to a file that does not
// exist yet. Returns `path` itself if it is not a link, or if the links form a cycle.
std::string FollowLinks(const std::string& path);

// Returns the bytes that may still be written to the file system of `directory`, or -1 if unknown.
Index AvailableBytes(const std::string& directory);

// ResourceExhausted: `path` needs `wanted_bytes`, and `where` has space for `available_bytes`.
absl::Status NoSpaceToWrite(const std::string& path, Index wanted_bytes, Index available_bytes,
                            absl::string_view where);

}  // namespace mpaio

#endif  // MPAIO_HOST_WRITE_TARGET_H_
