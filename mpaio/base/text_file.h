// SPDX-License-Identifier: Apache-2.0

// Small files of text, whole.
#ifndef MPAIO_BASE_TEXT_FILE_H_
#define MPAIO_BASE_TEXT_FILE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "mpaio/base/index.h"

namespace mpaio {

// Writes the file anew. `what` it holds is said where it cannot be written: "cannot write WHAT to
// PATH: ...". Errors: what the system says (NotFound, PermissionDenied, ResourceExhausted, ...).
absl::Status WriteTextFile(const std::string& path, absl::string_view text, absl::string_view what);

// What is read as text is at most so long, so that a file that was named by mistake does not fill
// the memory.
inline constexpr Index kMaxTextFileBytes = Index{256} << 20;

// Errors, after "cannot read WHAT from PATH: ": what the system says; InvalidArgument where it is
// no regular file (/dev/zero has no end, and a pipe may have no writer), or is longer than
// kMaxTextFileBytes.
absl::StatusOr<std::string> ReadTextFile(const std::string& path, absl::string_view what);

// Nothing where it cannot be read: for what the system says in /proc and /sys, where it does.
std::string TextOf(const std::string& path);

}  // namespace mpaio

#endif  // MPAIO_BASE_TEXT_FILE_H_
