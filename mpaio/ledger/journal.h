// SPDX-License-Identifier: Apache-2.0

// The journal of a run: which chunks are committed, and their results, in a file. From it a run
// that was stopped by anything (a signal, the machine's end in the middle of a write, a full disk)
// goes on without doing again what was done.
//
// The file is only appended to. In this machine's byte order, without padding:
//
//   header   0  8 bytes  "\x89mpaioJ\n"
//            8  uint32   0x01020304: the byte order
//           12  uint32   the version of this layout, 1
//           16  uint64   a number drawn when the file was made
//           24  uint64   I, the length of the identity
//           32  uint64   checksum of the identity
//           40  uint64   checksum of the bytes [0, 40)
//           48  I bytes  the identity
//   record   0  uint64   its number, from 0
//            8  int32    pass
//           12  int32    job
//           16  int64    the first of its chunks
//           24  int64    the one behind its last chunk
//           32  uint64   L, the length of the results
//           40  uint64   checksum of the results
//           48  uint64   checksum of the bytes [0, 48)
//           56  L bytes  the results
//
// Checksums are XXH3, 64 bits. That of a record's head has for its seed the checksum of the head
// before it, and the first one that of the header: so a record is one only behind the very records
// that it was written behind, in this file and no other. What a disk may show behind a file that
// was cut (blocks of former files, or of this one) is none. A length is believed only when its
// checksum is right.
//
// A file ends with its last whole record. What is behind that is torn, and counts as not done: the
// results of a chunk are the same bytes whenever it is processed, so nothing is lost but time.
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
#include "mpaio/dispatch/assignment.h"

namespace mpaio {

// What a journal may say of its run, at most.
inline constexpr Index kMaxJournalIdentityBytes = Index{64} << 20;

// A record, and where its results lie in the file.
struct JournalEntry {
  std::int32_t pass = 0;
  std::int32_t job = 0;
  ChunkRange chunks;  // Never empty.
  Index offset = 0;
  Index length_bytes = 0;
  std::uint64_t checksum = 0;
};

// A journal, read. What is added to the file later is not seen. Memory: 56 bytes for each record,
// and 1 MiB while it is read. Movable.
class JournalReader {
 public:
  // Reads all of the file once, to verify it.
  //   NotFound            there is no such file.
  //   PermissionDenied    it may not be read.
  //   InvalidArgument     it is not a regular file.
  //   DataLoss            it is no journal, or its header is damaged or torn, so that it is not
  //                       known what it is of; it has whole records that no run writes: of chunks
  //                       that there cannot be, or of a chunk for the second time; the disk failed.
  //   Unimplemented       another version of mpaio, or a machine of another byte order, wrote it.
  static absl::StatusOr<JournalReader> Open(const std::string& path);

  JournalReader(JournalReader&&) noexcept;
  JournalReader& operator=(JournalReader&&) noexcept;
  ~JournalReader();

  // As it was given to JournalWriter::Create.
  const std::string& identity() const;
  // In the order of the file. No two of one pass and job have a chunk in common.
  const std::vector<JournalEntry>& entries() const;

  // The results of one of entries(), verified again.
  //   DataLoss            they are not what they were when the journal was opened; the disk failed.
  absl::StatusOr<std::string> Read(const JournalEntry& entry) const;

 private:
  friend class JournalWriter;
  struct State;
  explicit JournalReader(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// Writes a journal, by one thread of one process: the file is locked while this lives, where its
// file system has locks. Movable.
//
// A failure to write leaves whole records in the file, as many as there was room for, and is final:
// every later call returns it again. The process must ignore SIGXFSZ, or a limit to the length of
// files (ulimit -f) ends it; the journal is none the worse for that.
class JournalWriter {
 public:
  // Makes the file `path`, which must not be there or be empty, and brings it to the disk.
  //   AlreadyExists       there is something in it.
  //   InvalidArgument     it is not a regular file; the identity is too long.
  //   FailedPrecondition  another run is writing it.
  //   NotFound, PermissionDenied, ResourceExhausted, ...  what the system says. Nothing is left of
  //                                                       the file then.
  static absl::StatusOr<JournalWriter> Create(const std::string& path, absl::string_view identity);

  // Goes on behind the last whole record of the journal that has been read from `path`, and cuts
  // off what is torn.
  //   FailedPrecondition  another run is writing it, or it is no longer what was read.
  //   NotFound, PermissionDenied, ...                     what the system says.
  static absl::StatusOr<JournalWriter> Continue(const std::string& path, const JournalReader& read);

  JournalWriter(JournalWriter&&) noexcept;
  JournalWriter& operator=(JournalWriter&&) noexcept;
  // Writes what is buffered, if it can; it cannot tell, so call Flush() or Sync() before.
  ~JournalWriter();

  // Adds the results of `chunks`, which are committed. They are in the file when 64 KiB have
  // gathered, or after Flush(). Takes no longer than that write, and does not wait for the disk.
  //   InvalidArgument     pass, job or first chunk are below 0, or there is no chunk. Nothing is
  //                       added, and the next call is not affected.
  //   ResourceExhausted   no room: the disk, the user's quota or the limit of a file's length; how
  //                       much is missing, where that is known.
  //   DataLoss            the disk failed.
  // Precondition: none of them has been added before, to this pass and job, in this run or the one
  // that it goes on with.
  absl::Status Append(std::int32_t pass, std::int32_t job, ChunkRange chunks,
                      absl::string_view encoded);

  // Hands all of it to the kernel: it is there even if this process is killed. Errors: as Append.
  absl::Status Flush();

  // Brings all of it to the disk: it is there even if the machine fails. Waits for the disk.
  // Errors: as Append.
  absl::Status Sync();

  // Drops all that it holds: the file is as if it had just been made by somebody else, and every
  // later call fails. Errors: what the system says.
  absl::Status Empty();

  // How many records there are, those of before Continue() and those that are still buffered
  // included.
  Index num_records() const;

 private:
  struct State;
  explicit JournalWriter(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace mpaio

#endif  // MPAIO_LEDGER_JOURNAL_H_
