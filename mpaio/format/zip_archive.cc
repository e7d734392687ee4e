// SPDX-License-Identifier: Apache-2.0
#include "mpaio/format/zip_archive.h"

#include <zip.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <unordered_map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "mpaio/array/python_literal.h"
#include "mpaio/host/file_io.h"

namespace mpaio {
namespace {

// The source through which libzip reads the archive, in slices of the open file. Thus the file is
// not opened again by its name, and the offset of a member can be found (StoredAt()).
struct Source {
  int fd;
  Index size_bytes;
  Index position = 0;
  int last_errno = 0;  // of a failed read
  bool was_truncated = false;
  zip_error_t error = {};
};

zip_int64_t SourceCallback(void* state, void* data, zip_uint64_t size_bytes,
                           zip_source_cmd_t command) {
  Source& source = *static_cast<Source*>(state);
  switch (command) {
    case ZIP_SOURCE_OPEN:
      source.position = 0;
      return 0;
    case ZIP_SOURCE_READ: {
      const Index wanted_bytes =
          std::min(static_cast<Index>(std::min<zip_uint64_t>(size_bytes, kMaxTransferBytes)),
                   source.size_bytes - source.position);
      if (wanted_bytes <= 0) return 0;
      const Index got_bytes =
          ReadAt(source.fd, {static_cast<std::byte*>(data), static_cast<std::size_t>(wanted_bytes)},
                 source.position);
      if (got_bytes < 0) {
        source.last_errno = static_cast<int>(-got_bytes);
        zip_error_set(&source.error, ZIP_ER_READ, source.last_errno);
        return -1;
      }
      source.was_truncated = source.was_truncated || got_bytes < wanted_bytes;
      source.position += got_bytes;
      return got_bytes;
    }
    case ZIP_SOURCE_CLOSE:
    case ZIP_SOURCE_FREE:
      return 0;
    case ZIP_SOURCE_STAT: {
      auto* const status = static_cast<zip_stat_t*>(data);
      if (size_bytes < sizeof(*status)) return -1;
      zip_stat_init(status);
      status->size = static_cast<zip_uint64_t>(source.size_bytes);
      status->valid |= ZIP_STAT_SIZE;
      return sizeof(*status);
    }
    case ZIP_SOURCE_ERROR:
      return zip_error_to_data(&source.error, data, size_bytes);
    case ZIP_SOURCE_SEEK: {
      const zip_int64_t position = zip_source_seek_compute_offset(
          static_cast<zip_uint64_t>(source.position), static_cast<zip_uint64_t>(source.size_bytes),
          data, size_bytes, &source.error);
      if (position < 0) return -1;
      source.position = position;
      return 0;
    }
    case ZIP_SOURCE_TELL:
      return source.position;
    case ZIP_SOURCE_SUPPORTS:
      return zip_source_make_command_bitmap(
          ZIP_SOURCE_OPEN, ZIP_SOURCE_READ, ZIP_SOURCE_CLOSE, ZIP_SOURCE_STAT, ZIP_SOURCE_ERROR,
          ZIP_SOURCE_FREE, ZIP_SOURCE_SEEK, ZIP_SOURCE_TELL, ZIP_SOURCE_SUPPORTS, -1);
    default:
      zip_error_set(&source.error, ZIP_ER_OPNOTSUPP, 0);
      return -1;
  }
}

}  // namespace

struct ZipArchive::State {
  ~State() {
    if (archive != nullptr) zip_discard(archive);
    zip_error_fini(&source.error);
  }

  // Returns the status for a failure of libzip.
  absl::Status Failure(zip_error_t* error) const {
    if (source.last_errno == EFAULT) {
      return absl::ResourceExhaustedError(absl::StrCat(
          "shared memory ran out while ", name, " was read; enlarge /dev/shm or use more nodes"));
    }
    if (source.last_errno != 0)
      return ErrnoStatus(source.last_errno, absl::StrCat("cannot read ", name));
    if (source.was_truncated) {
      return absl::DataLossError(absl::StrCat(
          name, " shrank while it was read; make sure that no program writes it, and start again"));
    }
    const int code = zip_error_code_zip(error);
    const std::string why = zip_error_strerror(error);
    if (code == ZIP_ER_MEMORY)
      return absl::ResourceExhaustedError(absl::StrCat("cannot read ", name, ": ", why));
    if (code == ZIP_ER_COMPNOTSUPP || code == ZIP_ER_ENCRNOTSUPP || code == ZIP_ER_NOPASSWD) {
      return absl::UnimplementedError(
          absl::StrCat("cannot read ", name, ": ", why, "; save it again with numpy.savez"));
    }
    return absl::DataLossError(absl::StrCat(name, " is a damaged zip archive: ", Printable(why),
                                            "; copy it again, or save it again with numpy.savez"));
  }

  Source source;
  std::string name;
  zip_t* archive = nullptr;
  std::vector<Member> members;
  std::vector<zip_uint64_t> numbers;  // libzip's index of each member
};

struct ZipMemberReader::State {
  ~State() { zip_fclose(file); }

  ZipArchive::State* archive;
  zip_file_t* file;
  bool is_stored;
  Index read_bytes = 0;
};

ZipMemberReader::ZipMemberReader() = default;
ZipMemberReader::ZipMemberReader(ZipMemberReader&&) noexcept = default;
ZipMemberReader& ZipMemberReader::operator=(ZipMemberReader&&) noexcept = default;
ZipMemberReader::~ZipMemberReader() = default;

absl::StatusOr<Index> ZipMemberReader::Read(std::span<std::byte> to) {
  Index done_bytes = 0;
  while (done_bytes < static_cast<Index>(to.size())) {
    const std::span<std::byte> rest = to.subspan(static_cast<std::size_t>(done_bytes));
    const zip_int64_t got_bytes = zip_fread(
        state_->file, rest.data(),
        std::min<zip_uint64_t>(rest.size(), static_cast<zip_uint64_t>(kMaxTransferBytes)));
    if (got_bytes < 0) return state_->archive->Failure(zip_file_get_error(state_->file));
    if (got_bytes == 0) break;
    done_bytes += got_bytes;
  }
  state_->read_bytes += done_bytes;
  return done_bytes;
}

std::optional<Index> ZipMemberReader::StoredAt() const {
  const Index begin = state_->archive->source.position - state_->read_bytes;
  if (!state_->is_stored || begin < 0) return std::nullopt;
  return begin;
}

ZipArchive::ZipArchive() = default;
ZipArchive::ZipArchive(ZipArchive&&) noexcept = default;
ZipArchive& ZipArchive::operator=(ZipArchive&&) noexcept = default;
ZipArchive::~ZipArchive() = default;

absl::StatusOr<ZipArchive> ZipArchive::Open(int fd, Index size_bytes, const std::string& name) {
  ZipArchive archive;
  archive.state_ = std::make_unique<State>();
  State& state = *archive.state_;
  state.source.fd = fd;
  state.source.size_bytes = size_bytes;
  state.name = name;
  zip_error_init(&state.source.error);

  zip_error_t error;
  zip_error_init(&error);
  zip_source_t* const source = zip_source_function_create(&SourceCallback, &state.source, &error);
  if (source != nullptr) {
    state.archive = zip_open_from_source(source, ZIP_RDONLY, &error);
    if (state.archive == nullptr) zip_source_free(source);
  }
  if (state.archive == nullptr) {
    const absl::Status status = state.Failure(&error);
    zip_error_fini(&error);
    return status;
  }
  zip_error_fini(&error);

  std::unordered_map<std::string, std::size_t> positions;
  const zip_int64_t count = zip_get_num_entries(state.archive, 0);
  for (zip_int64_t i = 0; i < count; ++i) {
    zip_stat_t status;
    if (zip_stat_index(state.archive, static_cast<zip_uint64_t>(i), 0, &status) != 0)
      return state.Failure(zip_get_error(state.archive));
    constexpr zip_uint64_t kNeeded =
        ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_COMP_METHOD | ZIP_STAT_ENCRYPTION_METHOD;
    if ((status.valid & kNeeded) != kNeeded) {
      return absl::DataLossError(absl::StrCat(name,
                                              " is a damaged zip archive: its directory lacks the "
                                              "name, size or method of a member; copy it again"));
    }
    Member member = {status.name, CheckedCast<Index>(status.size).value_or(-1),
                     status.comp_method == ZIP_CM_STORE, status.encryption_method != ZIP_EM_NONE};
    if (!member.name.empty() && member.name.back() == '/') continue;
    const auto [found, is_new] = positions.try_emplace(member.name, state.members.size());
    if (is_new) {
      state.members.emplace_back();
      state.numbers.emplace_back();
    }
    state.members[found->second] = std::move(member);
    state.numbers[found->second] = static_cast<zip_uint64_t>(i);
  }
  return archive;
}

const std::vector<ZipArchive::Member>& ZipArchive::members() const { return state_->members; }

absl::StatusOr<ZipMemberReader> ZipArchive::Read(std::size_t position) const {
  zip_file_t* const file = zip_fopen_index(state_->archive, state_->numbers[position], 0);
  if (file == nullptr) return state_->Failure(zip_get_error(state_->archive));
  ZipMemberReader reader;
  reader.state_ = std::make_unique<ZipMemberReader::State>();
  reader.state_->archive = state_.get();
  reader.state_->file = file;
  const Member& member = state_->members[position];
  reader.state_->is_stored = member.is_stored && !member.is_encrypted;
  return reader;
}

}  // namespace mpaio
