// SPDX-License-Identifier: Apache-2.0
#include "mpaio/format/read_some.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "mpaio/base/status_macros.h"

namespace mpaio {

absl::Status AppendUpTo(Index size_bytes, const ReadSome& read, std::string* text) {
  const std::size_t old_size = text->size();
  text->resize(static_cast<std::size_t>(size_bytes));
  MPAIO_ASSIGN_OR_RETURN(const Index got_bytes, read(BytesOf(*text).subspan(old_size)));
  text->resize(old_size + static_cast<std::size_t>(got_bytes));
  return absl::OkStatus();
}

absl::Status TruncatedData(absl::string_view name, Index promised_bytes, Index held_bytes) {
  return absl::DataLossError(absl::StrCat(name, " is truncated: its header promises ",
                                          promised_bytes, " bytes of data, the file holds ",
                                          held_bytes, "; copy it again"));
}

absl::Status TrailingData(absl::string_view name, absl::string_view how_many) {
  return absl::DataLossError(absl::StrCat(
      name, " holds ", how_many,
      " bytes more than its header promises: arrays may have been appended to one file, or a "
      "longer file was written over in part; save each array to a file of its own, with "
      "numpy.save"));
}

absl::Status CheckDataSize(absl::string_view name, Index promised_bytes, Index held_bytes) {
  if (held_bytes < promised_bytes)
    return TruncatedData(name, promised_bytes, std::max<Index>(held_bytes, 0));
  if (held_bytes > promised_bytes)
    return TrailingData(name, absl::StrCat(held_bytes - promised_bytes));
  return absl::OkStatus();
}

}  // namespace mpaio
