// Small files of text, whole.
#ifndef MPAIO_BASE_TEXT_FILE_H_
#define MPAIO_BASE_TEXT_FILE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace mpaio {

// Writes the file anew. `what` it holds is said where it cannot be written: "cannot write WHAT to PATH: ...".
// Errors: what the system says (NotFound, PermissionDenied, ResourceExhausted, ...).
absl::Status WriteTextFile(const std::string& path, absl::string_view text, absl::string_view what);

// Errors: what the system says, after "cannot read WHAT from PATH: ".
absl::StatusOr<std::string> ReadTextFile(const std::string& path, absl::string_view what);

// Nothing where it cannot be read: for what the system says in /proc and /sys, where it does.
std::string TextOf(const std::string& path);

}  // namespace mpaio

#endif  // MPAIO_BASE_TEXT_FILE_H_
