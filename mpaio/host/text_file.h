// SPDX-License-Identifier: Apache-2.0

// Reading and writing of small text files as a whole.
#ifndef MPAIO_HOST_TEXT_FILE_H_
#define MPAIO_HOST_TEXT_FILE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "mpaio/base/index.h"

namespace mpaio {

// Creates or overwrites the file. `what` names its contents in the message of a failure: "cannot
// write WHAT to PATH: ...". Errors: system errors (NotFound, PermissionDenied, ResourceExhausted,
// ...).
absl::Status WriteTextFile(const std::string& path, absl::string_view text, absl::string_view what);

// The longest text that is read: if a huge file is named by mistake, it must not fill the memory.
inline constexpr Index kMaxTextFileBytes = Index{256} << 20;

// Returns the contents. Errors, with messages that begin with "cannot read WHAT from PATH": system
// errors; InvalidArgument if the file is not regular (/dev/zero has no end, and a pipe may have no
// writer), or is longer than kMaxTextFileBytes.
absl::StatusOr<std::string> ReadTextFile(const std::string& path, absl::string_view what);

// Returns the contents, or "" if they cannot be read. Meant for files in /proc and /sys that not
// every system has.
std::string TextOf(const std::string& path);

// Returns the number after `key` in lines of "key number"; `otherwise` where there is none.
// "MemAvailable:   123 kB" has the key "MemAvailable:".
Index NumberAfter(absl::string_view text, absl::string_view key, Index otherwise);

}  // namespace mpaio

#endif  // MPAIO_HOST_TEXT_FILE_H_
