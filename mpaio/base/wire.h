// SPDX-License-Identifier: Apache-2.0

// The encoding of messages: fixed-width integers in the machine's own byte order, and byte strings
// after their length.
//
// All ranks of a run execute the same binary on machines of one architecture, so byte order is not
// converted. A `WireReader` never reads past the end of the message: such a read fails, every later
// read fails too, and `ok()` is false.
#ifndef MPAIO_BASE_WIRE_H_
#define MPAIO_BASE_WIRE_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <type_traits>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace mpaio {

// Appends the bytes of `value` to `*out`.
template <typename T>
void WireAppend(const T& value, std::string* out) {
  static_assert(std::is_trivially_copyable_v<T>);
  const std::size_t at = out->size();
  out->resize(at + sizeof(T));
  std::memcpy(out->data() + at, &value, sizeof(T));
}

// Appends an 8-byte length and the bytes.
inline void WireAppendBytes(absl::string_view bytes, std::string* out) {
  WireAppend<std::uint64_t>(bytes.size(), out);
  out->append(bytes.data(), bytes.size());
}

class WireReader {
 public:
  // `bytes` must outlive the reader, and the results of ReadBytes().
  explicit WireReader(absl::string_view bytes) : rest_(bytes) {}

  template <typename T>
  bool Read(T* value) {
    static_assert(std::is_trivially_copyable_v<T>);
    if (!ok_ || rest_.size() < sizeof(T)) return ok_ = false;
    std::memcpy(value, rest_.data(), sizeof(T));
    rest_.remove_prefix(sizeof(T));
    return true;
  }

  // Reads bytes that WireAppendBytes() wrote; `*bytes` points into the message.
  bool ReadBytes(absl::string_view* bytes) {
    std::uint64_t size = 0;
    if (!Read(&size) || size > rest_.size()) return ok_ = false;
    *bytes = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return true;
  }

  bool ok() const { return ok_; }
  bool at_end() const { return rest_.empty(); }
  absl::string_view rest() const { return rest_; }

 private:
  absl::string_view rest_;
  bool ok_ = true;
};

// Appends the code and the message of a Status. Payloads are not carried.
void EncodeStatus(const absl::Status& status, std::string* out);

// Reads a Status that EncodeStatus() wrote. Returns false if the bytes are not a status.
bool DecodeStatus(WireReader* reader, absl::Status* status);

}  // namespace mpaio

#endif  // MPAIO_BASE_WIRE_H_
