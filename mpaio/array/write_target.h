// SPDX-License-Identifier: Apache-2.0

// Where a file that is to be written comes to lie, and whether it can be put there.
#ifndef MPAIO_ARRAY_WRITE_TARGET_H_
#define MPAIO_ARRAY_WRITE_TARGET_H_

#include <sys/types.h>

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "mpaio/base/index.h"

namespace mpaio {

// A file to be written. The rule is that a new file takes the place of the old one at once
// (rename). Some files cannot be replaced: one that is a mount point (docker run -v FILE:FILE), one
// in a directory that may not be written, one that a sticky directory keeps for its owner. Those
// are written in place when the contents are complete, which is not atomic.
struct WriteTarget {
  std::string path;  // with a symbolic link followed
  std::string directory;
  std::string name;
  bool exists = false;
  mode_t permissions = 0;           // of what exists
  bool is_in_place = false;         // it exists, and cannot be replaced
  std::string temporary_directory;  // where the contents are gathered: `directory`, or another one
                                    // if it is in place
};

// The target that `path` names, and that a file of `size_bytes` can be written there. Tries what
// can be tried; leaves nothing behind.
//   NotFound            the directory does not exist.
//   InvalidArgument     `path` is empty, or is a directory or something else that is not a regular
//                       file.
//   PermissionDenied    the directory, or the file that is there, may not be written.
//   ResourceExhausted   there is no room for size_bytes, on the disk or under the limit of a file's
//                       size (ulimit -f).
absl::StatusOr<WriteTarget> FindWriteTarget(const std::string& path, Index size_bytes);

// Where `path` leads when each symbolic link at its end is followed, of which the last may lead to
// a file that is not there yet. `path` itself where there are none, or they go round in a circle.
std::string FollowLinks(const std::string& path);

// Bytes that may still be written to the file system of `directory`, or -1 if it does not tell.
Index AvailableBytes(const std::string& directory);

// `path` takes `wanted_bytes`, and `where` has room for `available_bytes`.
absl::Status NoRoomToWrite(const std::string& path, Index wanted_bytes, Index available_bytes,
                           absl::string_view where);

}  // namespace mpaio

#endif  // MPAIO_ARRAY_WRITE_TARGET_H_
