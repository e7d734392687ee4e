// SPDX-License-Identifier: Apache-2.0

// The layout of a journal's file, for its reader and its writer. See journal.h.
#ifndef MPAIO_LEDGER_JOURNAL_FORMAT_H_
#define MPAIO_LEDGER_JOURNAL_FORMAT_H_

#include <sys/stat.h>
#include <xxhash.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "mpaio/base/index.h"
#include "mpaio/chunk/chunk_range.h"
#include "mpaio/host/file_io.h"

namespace mpaio::journal {

inline constexpr char kMagic[8] = {'\x89', 'm', 'p', 'a', 'i', 'o', 'J', '\n'};
inline constexpr std::uint32_t kByteOrder = 0x01020304;
inline constexpr std::uint32_t kOtherByteOrder = 0x04030201;
inline constexpr std::uint32_t kVersion = 1;

struct Header {
  char magic[8] = {};
  std::uint32_t byte_order = 0;
  std::uint32_t version = 0;
  std::uint64_t id = 0;
  std::uint64_t identity_bytes = 0;
  std::uint64_t identity_checksum = 0;
  std::uint64_t checksum = 0;
};
static_assert(sizeof(Header) == 48);

struct Head {
  std::uint64_t number = 0;
  std::int32_t pass = 0;
  std::int32_t job = 0;
  std::int64_t begin = 0;
  std::int64_t end = 0;
  std::uint64_t length_bytes = 0;
  std::uint64_t results_checksum = 0;
  std::uint64_t checksum = 0;
};
static_assert(sizeof(Head) == 56);

inline constexpr Index kHeaderBytes = sizeof(Header);
inline constexpr Index kHeadBytes = sizeof(Head);

inline std::uint64_t Checksum(absl::string_view bytes, std::uint64_t seed = 0) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

// The checksum covers all bytes in front of its own field.
inline std::uint64_t ChecksumOf(const Header& header) {
  return XXH3_64bits(&header, offsetof(Header, checksum));
}
inline std::uint64_t ChecksumOf(const Head& head, std::uint64_t before) {
  return XXH3_64bits_withSeed(&head, offsetof(Head, checksum), before);
}

template <typename T>
absl::string_view BytesOf(const T& value) {
  return absl::string_view(reinterpret_cast<const char*>(&value), sizeof(T));
}

// Returns true if a record may have this content.
inline bool AreChunks(std::int32_t pass, std::int32_t job, ChunkRange chunks) {
  return pass >= 0 && job >= 0 && chunks.begin >= 0 && chunks.begin < chunks.end;
}

// Returns the state of an open journal. Errors: InvalidArgument if it is not a regular file.
inline absl::StatusOr<struct stat> RegularFile(int fd, const std::string& path) {
  struct stat status;
  if (::fstat(fd, &status) != 0)
    return ErrnoStatus(errno, absl::StrCat("cannot open the journal ", path));
  if (!S_ISREG(status.st_mode)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the journal ", path, " is ", FileKind(status.st_mode), "; give the name of a file"));
  }
  return status;
}

}  // namespace mpaio::journal

#endif  // MPAIO_LEDGER_JOURNAL_FORMAT_H_
