// SPDX-License-Identifier: Apache-2.0

// Arrays whose bytes lie in a file as one piece: .npy files and raw bytes.
#ifndef MPAIO_FORMAT_FILE_ARRAY_H_
#define MPAIO_FORMAT_FILE_ARRAY_H_

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "mpaio/base/index.h"
#include "mpaio/format/array_layout.h"
#include "mpaio/format/array_parts.h"
#include "mpaio/format/array_source.h"
#include "mpaio/format/input_file.h"
#include "mpaio/host/file_mapping.h"

namespace mpaio {

// Each share, and each part, is read from the file independently; the file can also be mapped.
class FileArray : public ArraySource {
 public:
  // The data starts `data_offset` bytes after the start of the file; the caller has checked that
  // the file holds all of it. `first_bytes`: see ArraySource.
  FileArray(std::string name, InputFile file, Index data_offset, ArrayLayout layout,
            absl::string_view first_bytes);

  absl::Status LoadShare(int share, int num_shares, std::span<std::byte> array,
                         const BeforeWriting& before_writing) const override;
  absl::StatusOr<std::unique_ptr<FileMapping>> Map(bool takes_lease) const override;
  absl::StatusOr<std::unique_ptr<ArrayParts>> Parts() const override;
  void CloseForNow() override { file_.CloseForNow(); }
  absl::Status OpenAgain() override { return file_.OpenAgain(); }

 private:
  InputFile file_;
  Index data_offset_;
};

}  // namespace mpaio

#endif  // MPAIO_FORMAT_FILE_ARRAY_H_
