// SPDX-License-Identifier: Apache-2.0
#include "mpaio/base/wire.h"

namespace mpaio {

void EncodeStatus(const absl::Status& status, std::string* out) {
  WireAppend<std::int32_t>(static_cast<std::int32_t>(status.code()), out);
  WireAppendBytes(status.message(), out);
}

bool DecodeStatus(WireReader* reader, absl::Status* status) {
  std::int32_t code = 0;
  absl::string_view message;
  if (!reader->Read(&code) || !reader->ReadBytes(&message)) return false;
  *status =
      code == 0 ? absl::OkStatus() : absl::Status(static_cast<absl::StatusCode>(code), message);
  return true;
}

}  // namespace mpaio
