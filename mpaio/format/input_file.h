// SPDX-License-Identifier: Apache-2.0

// A regular file that is read as an input. It can be closed for a while, so that more inputs can be
// used than files can be open at once.
#ifndef MPAIO_FORMAT_INPUT_FILE_H_
#define MPAIO_FORMAT_INPUT_FILE_H_

#include <cstddef>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "mpaio/base/index.h"
#include "mpaio/host/file_descriptor.h"
#include "mpaio/host/file_io.h"
#include "mpaio/host/file_stamp.h"

namespace mpaio {

// Movable; the default holds no file. Reading is thread-safe. `name` is the name of the input in
// messages.
class InputFile {
 public:
  // Bytes that ReadFirstBytes() returns: enough for the header of any simple type, and for its
  // first elements.
  static constexpr Index kFirstBytes = 4096;

  InputFile() = default;
  // Errors: those of OpenRegularFile.
  static absl::StatusOr<InputFile> Open(const std::string& path);

  const std::string& path() const { return path_; }
  // Negative while the file is closed.
  int fd() const { return fd_.get(); }
  // The length of the file when it was opened first.
  Index size_bytes() const { return size_bytes_; }

  // Returns the first kFirstBytes bytes, or the whole file. Errors: those of ReadFailure.
  absl::StatusOr<std::string> ReadFirstBytes(const std::string& name) const;

  // Fills `to` from `offset_bytes` on. Errors: those of ReadWhole.
  absl::Status ReadSlice(const std::string& name, Index offset_bytes,
                         std::span<std::byte> to) const;

  // See ArrayFile.
  void CloseForNow();
  absl::Status OpenAgain();

 private:
  std::string path_;
  FileDescriptor fd_;
  Index size_bytes_ = 0;
  FileStamp when_closed_;
};

}  // namespace mpaio

#endif  // MPAIO_FORMAT_INPUT_FILE_H_
