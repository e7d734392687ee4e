// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/stat.h>
#include <xxhash.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "mpaio/base/status_macros.h"
#include "mpaio/chunk/chunk_set.h"
#include "mpaio/host/file_io.h"
#include "mpaio/ledger/journal.h"
#include "mpaio/ledger/journal_format.h"
#include "mpaio/ledger/journal_reader_state.h"

namespace mpaio {
namespace journal {

constexpr Index kWindowBytes = Index{1} << 20;

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

namespace {
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

}  // namespace
}  // namespace journal

using journal::AreChunks;
using journal::Checksum;
using journal::ChecksumOf;
using journal::Head;
using journal::Header;
using journal::kByteOrder;
using journal::kHeadBytes;
using journal::kHeaderBytes;
using journal::kMagic;
using journal::kOtherByteOrder;
using journal::kVersion;
using journal::RegularFile;
using journal::TakeChecksum;

absl::Status JournalReader::State::ScanHeader(journal::Window& window) {
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

absl::Status JournalReader::State::ScanRecords(journal::Window& window) {
  std::map<std::pair<std::int32_t, std::int32_t>, ChunkSet> covered;  // by pass and job
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
    if (covered[{head.pass, head.job}].Add(chunks)) {
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
  journal::Window window(fd.get(), static_cast<Index>(at_first.st_size));
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

}  // namespace mpaio
