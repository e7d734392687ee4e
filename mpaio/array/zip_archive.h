// SPDX-License-Identifier: Apache-2.0

// Zip archives, as numpy.savez writes them (.npz): what is in them, and reading it.
#ifndef MPAIO_ARRAY_ZIP_ARCHIVE_H_
#define MPAIO_ARRAY_ZIP_ARCHIVE_H_

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "mpaio/base/index.h"

namespace mpaio {

// A file of an archive, being read from its start to its end. Must go before its archive.
class ZipMemberReader {
 public:
  ZipMemberReader();
  ZipMemberReader(ZipMemberReader&&) noexcept;
  ZipMemberReader& operator=(ZipMemberReader&&) noexcept;
  ~ZipMemberReader();

  // The next bytes, decompressed: fills `to`, or as much of it as there is before the end, and
  // returns how much. At the end, and only there, the checksum is looked at.
  //   DataLoss           the archive is damaged, or ends too soon.
  //   ResourceExhausted  `to` has no memory behind it.
  absl::StatusOr<Index> Read(std::span<std::byte> to);

  // Where in the archive's file the first byte is, if the member is stored as it is; to be asked
  // when a first part of it has been read.
  std::optional<Index> StoredAt() const;

 private:
  friend class ZipArchive;
  struct State;
  std::unique_ptr<State> state_;
};

// Movable. Its functions may not be called by several threads at once; each can have an archive of
// its own over the same file.
class ZipArchive {
 public:
  struct Member {
    std::string name;
    Index size_bytes;  // decompressed
    bool is_stored;    // without compression
    bool is_encrypted;
  };

  ZipArchive();
  ZipArchive(ZipArchive&&) noexcept;
  ZipArchive& operator=(ZipArchive&&) noexcept;
  ~ZipArchive();

  // Reads the directory of the archive in the open file `fd` of `size_bytes`, which must outlive
  // the archive; `name` is what messages call it.
  //   DataLoss  not a zip archive, or damaged.
  static absl::StatusOr<ZipArchive> Open(int fd, Index size_bytes, const std::string& name);

  // Each name once: of several members of one name the last one in the directory, which is the
  // newest, as Python's zipfile and numpy take it. Folders are left out.
  const std::vector<Member>& members() const;

  // Starts to read members()[position].
  //   DataLoss       damaged.
  //   Unimplemented  compressed or encrypted in a way that is not known.
  absl::StatusOr<ZipMemberReader> Read(std::size_t position) const;

 private:
  friend class ZipMemberReader;
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace mpaio

#endif  // MPAIO_ARRAY_ZIP_ARCHIVE_H_
