// SPDX-License-Identifier: Apache-2.0

// The names of inputs: "a.npy", "a.npz:x", "raw:<f4:100x3:a.bin", "-". See ArrayFile::Open.
#ifndef MPAIO_FORMAT_INPUT_NAME_H_
#define MPAIO_FORMAT_INPUT_NAME_H_

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "mpaio/array/dtype.h"
#include "mpaio/base/index.h"

namespace mpaio {

struct InputName {
  struct RawType {
    DType dtype;
    // At most one extent is -1, which the length of the file determines; none for standard input.
    std::vector<Index> shape;
  };

  std::string text;  // the whole name
  bool is_standard_input = false;
  std::string path;  // of the file or directory; empty for standard input
  std::optional<std::string> member;
  std::optional<RawType> raw;  // only for raw bytes
};

// Returns true if a file or directory may have members, so that "PATH:MEMBER" can name one.
using MayHaveMembers = std::function<bool(const std::string& path)>;

// Parses `input`. Looks for files to decide between the meanings that a name with colons may have:
// a file whose name is all of `input` takes precedence, then raw bytes, then the shortest path that
// `may_have_members`. A name without a file is a path. Errors: InvalidRawInput().
absl::StatusOr<InputName> ParseInputName(const std::string& input,
                                         const MayHaveMembers& may_have_members);

// Returns true if `input`, valid or not, reads standard input.
bool NamesStandardInput(const std::string& input);

// InvalidArgument: `what` is wrong with the name of raw bytes, `input`.
absl::Status InvalidRawInput(absl::string_view input, absl::string_view what);

}  // namespace mpaio

#endif  // MPAIO_FORMAT_INPUT_NAME_H_
