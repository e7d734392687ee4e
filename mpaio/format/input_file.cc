// SPDX-License-Identifier: Apache-2.0
#include "mpaio/format/input_file.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "mpaio/base/status_macros.h"
#include "mpaio/format/read_some.h"

namespace mpaio {

absl::StatusOr<InputFile> InputFile::Open(const std::string& path) {
  InputFile input;
  MPAIO_ASSIGN_OR_RETURN(OpenFile file, OpenRegularFile(path));
  input.path_ = path;
  input.fd_ = std::move(file.fd);
  input.size_bytes_ = file.size_bytes;
  return input;
}

absl::StatusOr<std::string> InputFile::ReadFirstBytes(const std::string& name) const {
  std::string start(static_cast<std::size_t>(kFirstBytes), '\0');
  const Index got_bytes = ReadAt(fd(), BytesOf(start), 0);
  if (got_bytes < 0) return ReadFailure(static_cast<int>(-got_bytes), name, kFirstBytes);
  start.resize(static_cast<std::size_t>(got_bytes));
  return start;
}

absl::Status InputFile::ReadSlice(const std::string& name, Index offset_bytes,
                                  std::span<std::byte> to) const {
  return ReadWhole(fd(), name, to, offset_bytes);
}

void InputFile::CloseForNow() {
  const absl::StatusOr<FileStamp> now = FileStamp::Of(fd(), path_);
  if (!now.ok()) return;
  when_closed_ = *now;
  fd_.Close();
}

absl::Status InputFile::OpenAgain() {
  if (fd() >= 0) return absl::OkStatus();
  MPAIO_ASSIGN_OR_RETURN(OpenFile file, OpenRegularFile(path_));
  MPAIO_ASSIGN_OR_RETURN(const FileStamp now, FileStamp::Of(file.fd.get(), path_));
  if (now != when_closed_) {
    return absl::DataLossError(absl::StrCat(path_,
                                            " was replaced or written since it was opened; make "
                                            "sure that no program writes it, and start again"));
  }
  fd_ = std::move(file.fd);
  return absl::OkStatus();
}

}  // namespace mpaio
