// SPDX-License-Identifier: Apache-2.0

// The interface behind ArrayFile, with one subclass for each way to read an array: FileArray (bytes
// in a file), NpzMember, StreamArray, ElsewhereArray.
#ifndef MPAIO_FORMAT_ARRAY_SOURCE_H_
#define MPAIO_FORMAT_ARRAY_SOURCE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "mpaio/format/array_layout.h"
#include "mpaio/format/array_parts.h"
#include "mpaio/host/file_mapping.h"

namespace mpaio {

// An open array: its metadata, and access to its bytes. The functions have the contracts of those
// of ArrayFile (array_file.h). The defaults suit a source that can neither be mapped nor read in
// parts, and need not be closed: an implementation must only define LoadShare().
class ArraySource {
 public:
  virtual ~ArraySource() = default;
  ArraySource(const ArraySource&) = delete;
  ArraySource& operator=(const ArraySource&) = delete;

  const std::string& name() const { return name_; }
  const std::string& path() const { return path_; }
  const ArrayLayout& layout() const { return layout_; }
  std::uint64_t fingerprint() const { return fingerprint_; }

  virtual bool is_stream() const { return false; }
  virtual bool writes_in_order() const { return !layout_.is_fortran_order(); }

  // Concurrent calls with different shares are allowed.
  virtual absl::Status LoadShare(int share, int num_shares, std::span<std::byte> array,
                                 const BeforeWriting& before_writing) const = 0;
  virtual absl::StatusOr<std::unique_ptr<FileMapping>> Map(bool takes_lease) const;
  virtual absl::StatusOr<std::unique_ptr<ArrayParts>> Parts() const;

  virtual void CloseForNow() {}
  virtual absl::Status OpenAgain() { return absl::OkStatus(); }

 protected:
  // `name` stands for the array in messages. `path` is the file or directory, empty if there is
  // none. `first_bytes` makes up the fingerprint, together with the order of the layout: bytes that
  // differ if the source differs.
  ArraySource(std::string name, std::string path, ArrayLayout layout,
              absl::string_view first_bytes);

  // Unimplemented, for Map().
  absl::Status CannotBeMapped(absl::string_view why) const;

 private:
  std::string name_, path_;
  ArrayLayout layout_;
  std::uint64_t fingerprint_;
};

}  // namespace mpaio

#endif  // MPAIO_FORMAT_ARRAY_SOURCE_H_
