// SPDX-License-Identifier: Apache-2.0
#include "mpaio/ledger/journal.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <iterator>
#include <map>
#include <new>
#include <optional>
#include <span>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "mpaio/base/status_macros.h"
#include "mpaio/host/file_io.h"

namespace mpaio {
namespace {

constexpr char kMagic[8] = {'\x89', 'm', 'p', 'a', 'i', 'o', 'J', '\n'};
constexpr std::uint32_t kByteOrder = 0x01020304;
constexpr std::uint32_t kOtherByteOrder = 0x04030201;
constexpr std::uint32_t kVersion = 1;

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

constexpr Index kHeaderBytes = sizeof(Header);
constexpr Index kHeadBytes = sizeof(Head);
constexpr std::size_t kBufferBytes = std::size_t{64} << 10;
constexpr Index kWindowBytes = Index{1} << 20;

std::uint64_t Checksum(absl::string_view bytes, std::uint64_t seed = 0) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

// The checksum covers all bytes in front of its own field.
std::uint64_t ChecksumOf(const Header& header) {
  return XXH3_64bits(&header, offsetof(Header, checksum));
}
std::uint64_t ChecksumOf(const Head& head, std::uint64_t before) {
  return XXH3_64bits_withSeed(&head, offsetof(Head, checksum), before);
}

template <typename T>
absl::string_view BytesOf(const T& value) {
  return absl::string_view(reinterpret_cast<const char*>(&value), sizeof(T));
}

std::string Directory(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

// Reads a file from front to end, up to the length that it had when it was opened.
class Window {
 public:
  Window(int fd, Index size_bytes) : fd_(fd), left_bytes_(size_bytes) {}

  Index left_bytes() const { return left_bytes_; }

  // Reads the next `size_bytes` in pieces and calls `take` with each. Returns false if the file has
  // become shorter or cannot be read; see error(). Precondition: size_bytes <= left_bytes().
  template <typename F>
  bool Take(Index size_bytes, F&& take) {
    while (size_bytes > 0) {
      if (at_ == end_ && !Fill()) return false;
      const Index piece_bytes = std::min(size_bytes, end_ - at_);
      take(absl::string_view(buffer_.data() + at_, static_cast<std::size_t>(piece_bytes)));
      at_ += piece_bytes;
      left_bytes_ -= piece_bytes;
      size_bytes -= piece_bytes;
    }
    return true;
  }

  template <typename T>
  bool TakeValue(T* value) {
    char* to = reinterpret_cast<char*>(value);
    return Take(sizeof(T),
                [&to](absl::string_view piece) { to = std::copy(piece.begin(), piece.end(), to); });
  }

  // The errno of the failed read, or 0.
  int error() const { return error_; }

 private:
  bool Fill() {
    buffer_.resize(static_cast<std::size_t>(std::min(kWindowBytes, left_bytes_)));
    const Index got_bytes = ReadAt(fd_, std::as_writable_bytes(std::span(buffer_)), file_offset_);
    if (got_bytes <= 0) {
      error_ = static_cast<int>(-got_bytes);
      return false;
    }
    file_offset_ += got_bytes;
    at_ = 0;
    end_ = got_bytes;
    return true;
  }

  int fd_;
  Index left_bytes_;
  std::string buffer_;
  Index at_ = 0, end_ = 0;  // in the buffer
  Index file_offset_ = 0;   // after the bytes in the buffer
  int error_ = 0;
};

// Computes the checksum of the next `size_bytes`. Returns false as Window::Take does.
bool TakeChecksum(Window& window, Index size_bytes, std::uint64_t* checksum) {
  if (size_bytes <= kWindowBytes) {
    std::string all;
    std::uint64_t of_one_piece = Checksum("");
    const bool is_whole = window.Take(size_bytes, [&](absl::string_view piece) {
      // Usually there is only one piece, and it need not be copied.
      if (static_cast<Index>(piece.size()) == size_bytes) {
        of_one_piece = Checksum(piece);
      } else {
        all.append(piece.data(), piece.size());
      }
    });
    *checksum = all.empty() ? of_one_piece : Checksum(all);
    return is_whole;
  }
  struct Free {
    void operator()(XXH3_state_t* state) const { XXH3_freeState(state); }
  };
  const std::unique_ptr<XXH3_state_t, Free> state(XXH3_createState());
  if (state == nullptr) throw std::bad_alloc();
  bool is_ok = XXH3_64bits_reset(state.get()) == XXH_OK;
  const bool is_whole = window.Take(size_bytes, [&](absl::string_view piece) {
    is_ok = is_ok && XXH3_64bits_update(state.get(), piece.data(), piece.size()) == XXH_OK;
  });
  *checksum = XXH3_64bits_digest(state.get());
  return is_whole && is_ok;
}

// The chunks that have records. Adjacent ranges are merged, so a run that assigned chunks from
// front to end needs few entries.
class Covered {
 public:
  // Returns false if any of the chunks was added before.
  bool Add(std::int32_t pass, std::int32_t job, ChunkRange chunks) {
    std::map<ChunkId, ChunkId>& ranges = ranges_[{pass, job}];
    auto after = ranges.upper_bound(chunks.begin);
    if (after != ranges.end() && after->first < chunks.end) return false;
    const auto before = after == ranges.begin() ? ranges.end() : std::prev(after);
    if (before != ranges.end() && before->second > chunks.begin) return false;
    if (after != ranges.end() && after->first == chunks.end) {
      chunks.end = after->second;
      after = ranges.erase(after);
    }
    if (before != ranges.end() && before->second == chunks.begin) {
      before->second = chunks.end;
    } else {
      ranges.emplace_hint(after, chunks.begin, chunks.end);
    }
    return true;
  }

 private:
  std::map<std::pair<std::int32_t, std::int32_t>, std::map<ChunkId, ChunkId>>
      ranges_;  // begin -> end
};

bool AreChunks(std::int32_t pass, std::int32_t job, ChunkRange chunks) {
  return pass >= 0 && job >= 0 && chunks.begin >= 0 && chunks.begin < chunks.end;
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

absl::StatusOr<struct stat> RegularFile(int fd, const std::string& path) {
  struct stat status;
  if (::fstat(fd, &status) != 0)
    return ErrnoStatus(errno, absl::StrCat("cannot open the journal ", path));
  if (!S_ISREG(status.st_mode)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the journal ", path, " is ", FileKind(status.st_mode), "; give the name of a file"));
  }
  return status;
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

struct JournalReader::State {
  absl::Status ReadFailure(int error) const {
    return ErrnoStatus(error, absl::StrCat("cannot read the journal ", path));
  }
  absl::Status Scan();
  absl::Status ScanHeader(Window& window);
  absl::Status ScanRecords(Window& window);

  std::string path;
  FileDescriptor fd;
  struct stat at_first = {};
  std::string identity;
  std::vector<JournalEntry> entries;
  // The end of the last whole record, and the checksum of its head.
  Index end_bytes = 0;
  std::uint64_t chain = 0;
};

absl::Status JournalReader::State::ScanHeader(Window& window) {
  const Index size_bytes = window.left_bytes();
  if (size_bytes == 0)
    return absl::DataLossError(
        absl::StrCat(path, " is empty, so nothing has been done; start without --resume"));
  Header header;
  std::string start;
  const Index start_bytes = std::min(size_bytes, kHeaderBytes);
  if (!window.Take(start_bytes, [&start](absl::string_view piece) {
        start.append(piece.data(), piece.size());
      })) {
    return window.error() != 0
               ? ReadFailure(window.error())
               : absl::DataLossError(absl::StrCat("the journal ", path,
                                                  " became shorter while it was read; let nothing "
                                                  "else write it, and start again"));
  }
  std::memcpy(&header, start.data(), start.size());
  if (std::memcmp(header.magic, kMagic, std::min(start.size(), sizeof(kMagic))) != 0) {
    return absl::DataLossError(
        absl::StrCat(path, " is not a journal of mpaio; give the file that --journal named"));
  }
  const absl::Status torn = absl::DataLossError(absl::StrCat(
      "the journal ", path,
      " ends within its header, so nothing has been done; remove it and start without --resume"));
  if (size_bytes < kHeaderBytes) return torn;
  if (header.byte_order == kOtherByteOrder) {
    return absl::UnimplementedError(absl::StrCat(
        "the journal ", path,
        " was written on a machine of another byte order; resume it on such a machine"));
  }
  const absl::Status damaged =
      absl::DataLossError(absl::StrCat("the header of the journal ", path,
                                       " is damaged, so its run is unknown; restore it "
                                       "from a copy, or remove it and start again"));
  if (header.checksum != ChecksumOf(header) || header.byte_order != kByteOrder) return damaged;
  if (header.version != kVersion) {
    return absl::UnimplementedError(absl::StrCat(
        "the journal ", path, " was written by another version of mpaio (layout ", header.version,
        ", this one reads ", kVersion, "); resume it with that version"));
  }
  if (header.identity_bytes > static_cast<std::uint64_t>(kMaxJournalIdentityBytes)) return damaged;
  if (static_cast<Index>(header.identity_bytes) > window.left_bytes()) return torn;
  if (!window.Take(static_cast<Index>(header.identity_bytes), [this](absl::string_view piece) {
        identity.append(piece.data(), piece.size());
      })) {
    return window.error() != 0 ? ReadFailure(window.error()) : torn;
  }
  if (Checksum(identity) != header.identity_checksum) return damaged;
  end_bytes = kHeaderBytes + static_cast<Index>(header.identity_bytes);
  chain = header.checksum;
  return absl::OkStatus();
}

absl::Status JournalReader::State::ScanRecords(Window& window) {
  Covered covered;
  while (window.left_bytes() >= kHeadBytes) {
    Head head;
    if (!window.TakeValue(&head)) break;
    if (head.checksum != ChecksumOf(head, chain) || head.number != entries.size()) break;
    if (head.length_bytes > static_cast<std::uint64_t>(window.left_bytes())) break;
    const Index length_bytes = static_cast<Index>(head.length_bytes);
    std::uint64_t checksum = 0;
    if (!TakeChecksum(window, length_bytes, &checksum) || checksum != head.results_checksum) break;
    const ChunkRange chunks = {head.begin, head.end};
    if (!AreChunks(head.pass, head.job, chunks)) {
      return absl::DataLossError(
          absl::StrCat("record ", head.number, " of the journal ", path,
                       " has an invalid job or range of chunks; no run has written it"));
    }
    if (!covered.Add(head.pass, head.job, chunks)) {
      return absl::DataLossError(absl::StrCat(
          "record ", head.number, " of the journal ", path,
          " has chunks that an earlier one has already (pass ", head.pass, ", job ", head.job,
          ", chunks ", head.begin, " to ", head.end - 1, "); no run has written it"));
    }
    entries.push_back(
        {head.pass, head.job, chunks, end_bytes + kHeadBytes, length_bytes, checksum});
    end_bytes += kHeadBytes + length_bytes;
    chain = head.checksum;
  }
  // A read error does not make a record torn: its bytes may still be recoverable.
  return window.error() == 0 ? absl::OkStatus() : ReadFailure(window.error());
}

absl::Status JournalReader::State::Scan() {
  Window window(fd.get(), static_cast<Index>(at_first.st_size));
  MPAIO_RETURN_IF_ERROR(ScanHeader(window));
  return ScanRecords(window);
}

JournalReader::JournalReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
JournalReader::JournalReader(JournalReader&&) noexcept = default;
JournalReader& JournalReader::operator=(JournalReader&&) noexcept = default;
JournalReader::~JournalReader() = default;

absl::StatusOr<JournalReader> JournalReader::Open(const std::string& path) {
  auto state = std::make_unique<State>();
  state->path = path;
  // O_NONBLOCK, because opening a pipe without a writer would block forever.
  state->fd = FileDescriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (state->fd.get() < 0) {
    if (errno == ENOENT)
      return absl::NotFoundError(absl::StrCat("there is no journal ", path,
                                              "; check the path, or start without --resume"));
    return ErrnoStatus(errno, absl::StrCat("cannot open the journal ", path));
  }
  MPAIO_ASSIGN_OR_RETURN(state->at_first, RegularFile(state->fd.get(), path));
  MPAIO_RETURN_IF_ERROR(state->Scan());
  return JournalReader(std::move(state));
}

const std::string& JournalReader::identity() const { return state_->identity; }
const std::vector<JournalEntry>& JournalReader::entries() const { return state_->entries; }
absl::StatusOr<std::string> JournalReader::Read(const JournalEntry& entry) const {
  const absl::Status changed = absl::DataLossError(
      absl::StrCat("the journal ", state_->path, " has changed since it was opened, at byte ",
                   entry.offset, "; let nothing else write it, and start again with --resume"));
  if (entry.offset < 0 || entry.length_bytes < 0 ||
      entry.offset > state_->end_bytes - entry.length_bytes)
    return changed;
  std::string results(static_cast<std::size_t>(entry.length_bytes), '\0');
  const Index got_bytes =
      ReadAt(state_->fd.get(), std::as_writable_bytes(std::span(results)), entry.offset);
  if (got_bytes < 0) return state_->ReadFailure(static_cast<int>(-got_bytes));
  if (got_bytes != entry.length_bytes || Checksum(results) != entry.checksum) return changed;
  return results;
}

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
