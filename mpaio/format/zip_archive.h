// SPDX-License-Identifier: Apache-2.0

// Zip archives, as numpy.savez writes them (.npz): their directory, and reading of their members.
#ifndef MPAIO_FORMAT_ZIP_ARCHIVE_H_
#define MPAIO_FORMAT_ZIP_ARCHIVE_H_

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

// Reads a member of an archive from its start to its end. Must be destroyed before its archive.
class ZipMemberReader {
 public:
  ZipMemberReader();
  ZipMemberReader(ZipMemberReader&&) noexcept;
  ZipMemberReader& operator=(ZipMemberReader&&) noexcept;
  ~ZipMemberReader();

  // Reads the next bytes, decompressed, into `to`. Returns their number, which is smaller than
  // to.size() only at the end of the member. The checksum is verified at the end, and only there.
  //   DataLoss           the archive is damaged, or ends too soon.
  //   ResourceExhausted  the system has no memory left for the pages of `to`.
  absl::StatusOr<Index> Read(std::span<std::byte> to);

  // The offset in the archive's file of the member's first byte, if the member is stored without
  // compression. Precondition: some of the member has been read, and no other reader of the archive
  // has read since.
  std::optional<Index> StoredAt() const;

 private:
  friend class ZipArchive;
  struct State;
  std::unique_ptr<State> state_;
};

// Movable. Not thread-safe; each thread can have an archive of its own over the same file.
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
  // the archive. `name` is the name in messages.
  //   DataLoss  not a zip archive, or damaged.
  static absl::StatusOr<ZipArchive> Open(int fd, Index size_bytes, const std::string& name);

  // The members, each name once: if several members have the same name, only the last one in the
  // directory, which is the newest, as in Python's zipfile and numpy. Folders are left out.
  const std::vector<Member>& members() const;

  // Starts to read members()[position].
  //   DataLoss       damaged.
  //   Unimplemented  an unknown compression or encryption.
  absl::StatusOr<ZipMemberReader> Read(std::size_t position) const;

 private:
  friend class ZipMemberReader;
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace mpaio

#endif  // MPAIO_FORMAT_ZIP_ARCHIVE_H_
