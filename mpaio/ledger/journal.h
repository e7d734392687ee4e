// SPDX-License-Identifier: Apache-2.0

// The journal of a run: a file of the committed chunks and their results. A run that was stopped
// for any reason (a signal, a machine that fails in the middle of a write, a full disk) can be
// resumed from it without processing these chunks again.
//
// The file is only appended to. In this machine's byte order, without padding:
//
//   header   0  8 bytes  "\x89mpaioJ\n"
//            8  uint32   0x01020304: the byte order
//           12  uint32   the version of this layout, 1
//           16  uint64   a random number, drawn when the file is created
//           24  uint64   I, the length of the identity
//           32  uint64   checksum of the identity
//           40  uint64   checksum of the bytes [0, 40)
//           48  I bytes  the identity
//   record   0  uint64   its number, from 0
//            8  int32    pass
//           12  int32    job
//           16  int64    the first of its chunks
//           24  int64    one past the last of its chunks
//           32  uint64   L, the length of the results
//           40  uint64   checksum of the results
//           48  uint64   checksum of the bytes [0, 48)
//           56  L bytes  the results
//
// Checksums are XXH3, 64 bits. The checksum of a record's head is seeded with that of the previous
// head, and the first one with that of the header. So a record is valid only in the file that it
// was written to, and only after exactly the same records. Stale blocks of this file or another,
// which a disk may show after the end of a truncated file, are not valid records. A length is
// trusted only if the checksum that covers it is right.
//
// The journal ends with its last whole record. Anything after that is torn, and its chunks count as
// not done: the results of a chunk are the same bytes whenever it is processed, so only time is
// lost.
#ifndef MPAIO_LEDGER_JOURNAL_H_
#define MPAIO_LEDGER_JOURNAL_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "mpaio/base/index.h"
#include "mpaio/chunk/chunk_range.h"

namespace mpaio {

// The maximum length of a run's identity in a journal.
inline constexpr Index kMaxJournalIdentityBytes = Index{64} << 20;

// A record, and the position of its results in the file.
struct JournalEntry {
  std::int32_t pass = 0;
  std::int32_t job = 0;
  ChunkRange chunks;  // Never empty.
  Index offset = 0;
  Index length_bytes = 0;
  std::uint64_t checksum = 0;
};

// The contents of a journal. Records added to the file later are not visible. Memory: 56 bytes for
// each record, and 1 MiB while the file is read. Movable.
class JournalReader {
 public:
  // Reads the whole file once and verifies it.
  //   NotFound            there is no such file.
  //   PermissionDenied    the file may not be read.
  //   InvalidArgument     it is not a regular file.
  //   DataLoss            it is not a journal; or its header is damaged or torn, so that its run is
  //                       unknown; or a valid record has content that no run writes: impossible
  //                       chunks, or a chunk that an earlier record has; or the disk failed.
  //   Unimplemented       another version of mpaio, or a machine of another byte order, wrote it.
  static absl::StatusOr<JournalReader> Open(const std::string& path);

  JournalReader(JournalReader&&) noexcept;
  JournalReader& operator=(JournalReader&&) noexcept;
  ~JournalReader();

  // Returns the identity given to JournalWriter::Create.
  const std::string& identity() const;
  // Returns the records in the order of the file. No two of the same pass and job share a chunk.
  const std::vector<JournalEntry>& entries() const;

  // Returns the results of one of entries(), verified again.
  //   DataLoss            they have changed since the journal was opened, or the disk failed.
  absl::StatusOr<std::string> Read(const JournalEntry& entry) const;

 private:
  friend class JournalWriter;
  struct State;
  explicit JournalReader(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// Writes a journal. Used by one thread of one process: the file is locked while this object lives,
// if its file system supports locks. Movable.
//
// A failed write leaves as many whole records in the file as fit, and is final: every later call
// returns the same error. The process must ignore SIGXFSZ; otherwise a limit on the length of files
// (ulimit -f) kills it, which does not damage the journal.
class JournalWriter {
 public:
  // Creates the file `path`, which must be absent or empty, and syncs it to the disk.
  //   AlreadyExists       the file is not empty.
  //   InvalidArgument     it is not a regular file; the identity is too long.
  //   FailedPrecondition  another run is writing it.
  //   Unavailable         another run that failed has just removed it.
  //   NotFound, PermissionDenied, ResourceExhausted, ...  the error of the system. The file is then
  //                                                       removed, or empty as it was.
  static absl::StatusOr<JournalWriter> Create(const std::string& path, absl::string_view identity);

  // Continues after the last whole record of the journal that was read from `path`, and truncates
  // the torn bytes after it.
  //   FailedPrecondition  another run is writing it, or it has changed since it was read.
  //   NotFound, PermissionDenied, ...                     the error of the system.
  static absl::StatusOr<JournalWriter> Continue(const std::string& path, const JournalReader& read);

  JournalWriter(JournalWriter&&) noexcept;
  JournalWriter& operator=(JournalWriter&&) noexcept;
  // Writes buffered records if it can. It cannot report errors, so call Flush() or Sync() first.
  ~JournalWriter();

  // Appends the results of `chunks`, which are committed. They are written to the file when 64 KiB
  // have gathered, or by Flush(). Takes no longer than that write, and does not wait for the disk.
  //   InvalidArgument     pass, job or first chunk is negative, or the range is empty. Nothing is
  //                       appended, and later calls are not affected.
  //   ResourceExhausted   no space: the disk, the user's quota or the limit on a file's length.
  //                       The message says how much is missing, if that is known.
  //   DataLoss            the disk failed.
  // Precondition: none of the chunks has been appended before, for this pass and job, in this run
  // or in the one that it continues.
  absl::Status Append(std::int32_t pass, std::int32_t job, ChunkRange chunks,
                      absl::string_view encoded);

  // Hands all records to the kernel, so that they survive the death of this process. Errors: as
  // Append.
  absl::Status Flush();

  // Syncs all records to the disk, so that they survive a failure of the machine. Waits for the
  // disk. Errors: as Append.
  absl::Status Sync();

  // Truncates the file to zero length and drops what is buffered, so that Create can use the file
  // again. Every later call fails. Errors: those of the system.
  absl::Status Empty();

  // Returns the number of records, including those from before Continue() and those still buffered.
  Index num_records() const;

 private:
  struct State;
  explicit JournalWriter(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace mpaio

#endif  // MPAIO_LEDGER_JOURNAL_H_
