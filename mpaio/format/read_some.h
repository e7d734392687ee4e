// SPDX-License-Identifier: Apache-2.0

// Reading of a source from front to end, and the errors of one that has another length than its
// header says.
#ifndef MPAIO_FORMAT_READ_SOME_H_
#define MPAIO_FORMAT_READ_SOME_H_

#include <cstddef>
#include <functional>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "mpaio/base/index.h"

namespace mpaio {

// Reads the next to.size() bytes of a source, or fewer only at its end. Returns how many it read.
using ReadSome = std::function<absl::StatusOr<Index>(std::span<std::byte> to)>;

inline std::span<std::byte> BytesOf(std::string& text) {
  return std::as_writable_bytes(std::span(text));
}

// Appends the next bytes of a source to `*text` until it has `size_bytes`, or fewer at the end of
// the source. Errors: those of `read`.
absl::Status AppendUpTo(Index size_bytes, const ReadSome& read, std::string* text);

// DataLoss: the source `name` ended after `held_bytes` bytes of its data.
absl::Status TruncatedData(absl::string_view name, Index promised_bytes, Index held_bytes);

// DataLoss: the source `name` continues after its array. `how_many` is "8" or "at least 1".
absl::Status TrailingData(absl::string_view name, absl::string_view how_many);

// TruncatedData() or TrailingData() if a source does not hold as many bytes of data as its header
// promises.
absl::Status CheckDataSize(absl::string_view name, Index promised_bytes, Index held_bytes);

}  // namespace mpaio

#endif  // MPAIO_FORMAT_READ_SOME_H_
