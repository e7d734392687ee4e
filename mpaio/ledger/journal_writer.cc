// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "mpaio/base/status_macros.h"
#include "mpaio/host/file_io.h"
#include "mpaio/ledger/journal.h"
#include "mpaio/ledger/journal_format.h"
#include "mpaio/ledger/journal_reader_state.h"

namespace mpaio {
namespace {

using journal::AreChunks;
using journal::BytesOf;
using journal::Checksum;
using journal::ChecksumOf;
using journal::Head;
using journal::Header;
using journal::kByteOrder;
using journal::kHeadBytes;
using journal::kMagic;
using journal::kVersion;
using journal::RegularFile;

constexpr std::size_t kBufferBytes = std::size_t{64} << 10;

std::string Directory(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

std::string Records(std::uint64_t number) {
  return absl::StrCat(number, number == 1 ? " record" : " records");
}

// Writes at `offset_bytes`. Returns the number of bytes written, and errno, or 0 if it wrote all.
std::pair<Index, int> WriteAt(int fd, absl::string_view bytes, Index offset_bytes) {
  Index done_bytes = 0;
  while (done_bytes < static_cast<Index>(bytes.size())) {
    const auto wanted = static_cast<std::size_t>(
        std::min(static_cast<Index>(bytes.size()) - done_bytes, kMaxTransferBytes));
    const ssize_t put = ::pwrite(fd, bytes.data() + done_bytes, wanted, offset_bytes + done_bytes);
    if (put > 0) {
      done_bytes += put;
    } else if (put == 0) {
      return {done_bytes, EIO};
    } else if (errno != EINTR) {
      return {done_bytes, errno};
    }
  }
  return {done_bytes, 0};
}

absl::Status Lock(int fd, const std::string& path) {
  int error;
  do {
    error = ::flock(fd, LOCK_EX | LOCK_NB) == 0 ? 0 : errno;
  } while (error == EINTR);
  if (error == EWOULDBLOCK) {
    return absl::FailedPreconditionError(
        absl::StrCat("the journal ", path,
                     " is being written by another run; wait for its end, or name another file"));
  }
  // Some cluster file systems do not support locks; a journal there is still useful.
  if (error != 0 && error != ENOSYS && error != EOPNOTSUPP && error != ENOLCK)
    return ErrnoStatus(error, absl::StrCat("cannot lock the journal ", path));
  return absl::OkStatus();
}

// Returns how many bytes of space are missing for a file of `has_bytes` to grow to `wanted_bytes`;
// 0 if that is unknown.
Index MissingBytes(int fd, int error, Index has_bytes, Index wanted_bytes) {
  if (error == EFBIG) {
    struct rlimit limit;
    if (::getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return 0;
    return std::max<Index>(wanted_bytes - static_cast<Index>(limit.rlim_cur), 0);
  }
  struct statvfs disk;
  if (error != ENOSPC || ::fstatvfs(fd, &disk) != 0 || disk.f_blocks == 0) return 0;
  const std::optional<Index> available_bytes =
      CheckedMultiply(static_cast<Index>(disk.f_bavail), static_cast<Index>(disk.f_frsize));
  return available_bytes.has_value()
             ? std::max<Index>(wanted_bytes - has_bytes - *available_bytes, 0)
             : 0;
}

}  // namespace

struct JournalWriter::State {
  ~State() { (void)Write(""); }

  // Writes the buffer and then `tail`: together they are whole records.
  absl::Status Write(absl::string_view tail);
  // Returns the length of the records in the buffer and `tail` that lie wholly within the first
  // `written_bytes`. Sets `number` to that of the first record that does not.
  Index KeepWhole(Index written_bytes);
  // Makes `failure` from `error`. `wanted_bytes` is the length that the file should have reached;
  // `holds` is the part of the message that says what the file holds now.
  absl::Status Failed(int error, absl::string_view holds, Index wanted_bytes);

  std::string path;
  FileDescriptor fd;
  std::string buffer;   // begins with a head
  Index end_bytes = 0;  // the length of the file, which holds only whole records
  std::uint64_t chain = 0;
  std::uint64_t number = 0;  // of the next record
  absl::Status failure;
};

Index JournalWriter::State::KeepWhole(Index written_bytes) {
  Index whole_bytes = 0;
  while (whole_bytes < static_cast<Index>(buffer.size())) {
    Head head;
    std::memcpy(&head, buffer.data() + whole_bytes, sizeof(head));
    const Index next_bytes = whole_bytes + kHeadBytes + static_cast<Index>(head.length_bytes);
    if (next_bytes > written_bytes) {
      number = head.number;
      break;
    }
    whole_bytes = next_bytes;
  }
  return whole_bytes;
}

absl::Status JournalWriter::State::Failed(int error, absl::string_view holds, Index wanted_bytes) {
  const absl::Status of_system =
      ErrnoStatus(error, absl::StrCat("cannot write the journal ", path));
  std::string text = absl::StrCat(of_system.message(), "; ", holds, "; ");
  const Index missing_bytes = MissingBytes(fd.get(), error, end_bytes, wanted_bytes);
  if (of_system.code() != absl::StatusCode::kResourceExhausted) {
    absl::StrAppend(&text, "check the disk");
  } else if (missing_bytes > 0) {
    absl::StrAppend(&text, "make room, for at least ", missing_bytes, " bytes more,");
  } else {
    absl::StrAppend(&text, "make room");
  }
  failure = absl::Status(of_system.code(), absl::StrCat(text, " and go on with --resume"));
  return failure;
}

absl::Status JournalWriter::State::Write(absl::string_view tail) {
  MPAIO_RETURN_IF_ERROR(failure);
  if (buffer.empty()) return absl::OkStatus();
  const Index wanted_bytes = end_bytes + static_cast<Index>(buffer.size() + tail.size());
  auto [written_bytes, error] = WriteAt(fd.get(), buffer, end_bytes);
  if (error == 0 && !tail.empty()) {
    Index of_tail_bytes = 0;
    std::tie(of_tail_bytes, error) = WriteAt(fd.get(), tail, end_bytes + written_bytes);
    written_bytes += of_tail_bytes;
  }
  if (error == 0) {
    end_bytes = wanted_bytes;
    buffer.clear();
    return absl::OkStatus();
  }
  end_bytes += KeepWhole(written_bytes);
  buffer.clear();
  // If the truncation fails, the bytes after the last whole record are torn, and no reader accepts
  // them as a record.
  [[maybe_unused]] const int cut = ::ftruncate(fd.get(), end_bytes);
  return Failed(error, absl::StrCat("it holds what was committed until then, ", Records(number)),
                wanted_bytes);
}

JournalWriter::JournalWriter(std::unique_ptr<State> state) : state_(std::move(state)) {}
JournalWriter::JournalWriter(JournalWriter&&) noexcept = default;
JournalWriter& JournalWriter::operator=(JournalWriter&&) noexcept = default;
JournalWriter::~JournalWriter() = default;

absl::StatusOr<JournalWriter> JournalWriter::Create(const std::string& path,
                                                    absl::string_view identity) {
  const std::string prefix = absl::StrCat("cannot create the journal ", path);
  if (static_cast<Index>(identity.size()) > kMaxJournalIdentityBytes) {
    return absl::InvalidArgumentError(absl::StrCat(
        prefix, ": the description of the run takes ", identity.size(), " bytes, at most ",
        kMaxJournalIdentityBytes, " are allowed; give fewer or shorter parameters"));
  }
  auto state = std::make_unique<State>();
  state->path = path;
  constexpr int kFlags = O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
  state->fd = FileDescriptor(::open(path.c_str(), kFlags | O_CREAT | O_EXCL, 0666));
  const bool is_new = state->fd.get() >= 0;
  if (!is_new && errno == EEXIST) state->fd = FileDescriptor(::open(path.c_str(), kFlags));
  if (state->fd.get() < 0) return ErrnoStatus(errno, prefix);
  const int fd = state->fd.get();
  // Checked before the lock, because not every kind of file can be locked.
  MPAIO_RETURN_IF_ERROR(RegularFile(fd, path).status());
  MPAIO_RETURN_IF_ERROR(Lock(fd, path));
  MPAIO_ASSIGN_OR_RETURN(const struct stat status, RegularFile(fd, path));
  if (status.st_size > 0)
    return absl::AlreadyExistsError(
        absl::StrCat(prefix, ": the file is not empty; continue it with --resume, or remove it"));
  // The process that created the file may have failed and removed it before this one took the lock.
  if (status.st_nlink == 0)
    return absl::UnavailableError(
        absl::StrCat(prefix, ": another run has just removed it; start again"));

  Header header;
  std::copy(std::begin(kMagic), std::end(kMagic), header.magic);
  header.byte_order = kByteOrder;
  header.version = kVersion;
  if (::getrandom(&header.id, sizeof(header.id), 0) != sizeof(header.id)) {
    header.id =
        static_cast<std::uint64_t>(std::chrono::system_clock::now().time_since_epoch().count()) ^
        static_cast<std::uint64_t>(::getpid());
  }
  header.identity_bytes = identity.size();
  header.identity_checksum = Checksum(identity);
  header.checksum = ChecksumOf(header);
  std::string start(BytesOf(header));
  start.append(identity.data(), identity.size());
  int error = WriteAt(fd, start, 0).second;
  if (error == 0 && ::fsync(fd) != 0) error = errno;
  absl::Status made = error == 0 ? FlushDirectory(Directory(path)) : ErrnoStatus(error, prefix);
  if (!made.ok()) {
    // Done under the lock, so that no other process starts with a file that is about to disappear.
    if ((is_new ? ::unlink(path.c_str()) : ::ftruncate(fd, 0)) != 0)
      made =
          absl::Status(made.code(), absl::StrCat(made.message(), "; remove the incomplete file"));
    return made;
  }
  state->end_bytes = static_cast<Index>(start.size());
  state->chain = header.checksum;
  return JournalWriter(std::move(state));
}

absl::StatusOr<JournalWriter> JournalWriter::Continue(const std::string& path,
                                                      const JournalReader& read) {
  const JournalReader::State& was = *read.state_;
  const std::string prefix = absl::StrCat("cannot continue the journal ", path);
  auto state = std::make_unique<State>();
  state->path = path;
  state->fd = FileDescriptor(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  const int fd = state->fd.get();
  if (fd < 0) return ErrnoStatus(errno, prefix);
  MPAIO_RETURN_IF_ERROR(RegularFile(fd, path).status());
  MPAIO_RETURN_IF_ERROR(Lock(fd, path));
  MPAIO_ASSIGN_OR_RETURN(const struct stat status, RegularFile(fd, path));
  if (status.st_dev != was.at_first.st_dev || status.st_ino != was.at_first.st_ino ||
      status.st_size != was.at_first.st_size) {
    return absl::FailedPreconditionError(
        absl::StrCat(prefix, ": it has changed since it was read; start again with --resume"));
  }
  // The truncation need not be on the disk before new records are written: torn bytes that reappear
  // after a crash still do not verify.
  if (status.st_size > was.end_bytes && ::ftruncate(fd, was.end_bytes) != 0)
    return ErrnoStatus(errno, prefix);
  state->end_bytes = was.end_bytes;
  state->chain = was.chain;
  state->number = was.entries.size();
  return JournalWriter(std::move(state));
}

absl::Status JournalWriter::Append(std::int32_t pass, std::int32_t job, ChunkRange chunks,
                                   absl::string_view encoded) {
  MPAIO_RETURN_IF_ERROR(state_->failure);
  if (!AreChunks(pass, job, chunks)) {
    return absl::InvalidArgumentError(absl::StrCat("pass ", pass, ", job ", job, " has no chunks [",
                                                   chunks.begin, ", ", chunks.end, ")"));
  }
  Head head;
  head.number = state_->number++;
  head.pass = pass;
  head.job = job;
  head.begin = chunks.begin;
  head.end = chunks.end;
  head.length_bytes = encoded.size();
  head.results_checksum = Checksum(encoded);
  state_->chain = head.checksum = ChecksumOf(head, state_->chain);
  const absl::string_view bytes = BytesOf(head);
  state_->buffer.append(bytes.data(), bytes.size());
  // Long results are written directly, to avoid the copy to the buffer.
  if (encoded.size() >= kBufferBytes) return state_->Write(encoded);
  state_->buffer.append(encoded.data(), encoded.size());
  return state_->buffer.size() < kBufferBytes ? absl::OkStatus() : state_->Write("");
}

absl::Status JournalWriter::Flush() { return state_->Write(""); }

absl::Status JournalWriter::Sync() {
  MPAIO_RETURN_IF_ERROR(Flush());
  while (::fdatasync(state_->fd.get()) != 0) {
    // No retry: after a failed sync the kernel may consider pages written that are not on the disk.
    if (errno != EINTR)
      return state_->Failed(errno, "how much of it is on the disk is not known", state_->end_bytes);
  }
  return absl::OkStatus();
}

absl::Status JournalWriter::Empty() {
  state_->buffer.clear();
  state_->end_bytes = 0;
  state_->number = 0;
  state_->failure =
      absl::FailedPreconditionError(absl::StrCat("the journal ", state_->path, " was emptied"));
  if (::ftruncate(state_->fd.get(), 0) != 0 || ::fdatasync(state_->fd.get()) != 0) {
    return ErrnoStatus(errno, absl::StrCat("cannot empty the journal ", state_->path));
  }
  return absl::OkStatus();
}

Index JournalWriter::num_records() const { return static_cast<Index>(state_->number); }

}  // namespace mpaio
