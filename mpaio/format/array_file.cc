// SPDX-License-Identifier: Apache-2.0
#include "mpaio/format/array_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <functional>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "mpaio/array/byte_order.h"
#include "mpaio/array/descr.h"
#include "mpaio/array/nd_view.h"
#include "mpaio/array/python_literal.h"
#include "mpaio/array/shape.h"
#include "mpaio/base/status_macros.h"
#include "mpaio/format/array_parts.h"
#include "mpaio/format/foreign_format.h"
#include "mpaio/format/fortran_order.h"
#include "mpaio/format/npy_header.h"
#include "mpaio/format/zip_archive.h"
#include "mpaio/host/file_io.h"
#include "mpaio/host/file_mapping.h"

namespace mpaio {
namespace {

// The alignment of the data in numpy's files, which is also guaranteed for arrays in memory.
constexpr Index kArrayAlignmentBytes = 64;
// Enough for the header of any simple type, and for its first elements.
constexpr Index kFirstReadBytes = 4096;
// The size of a block that is read and then swapped, or prepared and then written, while it is
// still in the cache.
constexpr Index kBlockBytes = Index{256} << 10;
// Bounds on the size of a single read in Fortran order, of files and of streams.
constexpr Index kMaxTileBytes = Index{4} << 20;
constexpr Index kMinTileBytes = Index{64} << 10;
// The number of members that a message lists.
constexpr std::size_t kMaxNames = 20;

constexpr char kStandardInputName[] = "standard input";

std::span<std::byte> BytesOf(std::string& text) { return std::as_writable_bytes(std::span(text)); }

// FNV-1a: the result is the same on every node, and no other property is needed.
std::uint64_t Hash(absl::string_view bytes, std::uint64_t hash) {
  for (const char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return hash;
}

absl::Status Truncated(const std::string& name, Index promised_bytes, Index held_bytes) {
  return absl::DataLossError(absl::StrCat(name, " is truncated: its header promises ",
                                          promised_bytes, " bytes of data, the file holds ",
                                          held_bytes, "; copy it again"));
}

// `how_many` is "8" or "at least 1".
absl::Status Trailing(const std::string& name, absl::string_view how_many) {
  return absl::DataLossError(absl::StrCat(
      name, " holds ", how_many,
      " bytes more than its header promises: arrays may have been appended to one file, or a "
      "longer "
      "file was written over in part; save each array to a file of its own, with numpy.save"));
}

// Reads the next to.size() bytes of a source, or fewer only at its end. Returns how many it read.
using ReadSome = std::function<absl::StatusOr<Index>(std::span<std::byte> to)>;

// Reads the header of a source: first `first_bytes` bytes, then the rest of the header if there is
// one. `*start` receives all bytes that were read, which may be more than the header.
absl::StatusOr<NpyHeader> ReadHeader(const ReadSome& read, Index first_bytes,
                                     const std::string& name, std::string* start) {
  const auto read_up_to = [&](Index size_bytes) -> absl::Status {
    const std::size_t old_size = start->size();
    start->resize(static_cast<std::size_t>(size_bytes));
    MPAIO_ASSIGN_OR_RETURN(const Index got_bytes, read(BytesOf(*start).subspan(old_size)));
    start->resize(old_size + static_cast<std::size_t>(got_bytes));
    return absl::OkStatus();
  };
  MPAIO_RETURN_IF_ERROR(read_up_to(first_bytes));
  MPAIO_ASSIGN_OR_RETURN(const Index header_bytes, NpyHeaderSizeBytes(*start, name));
  if (header_bytes > static_cast<Index>(start->size()))
    MPAIO_RETURN_IF_ERROR(read_up_to(header_bytes));
  MPAIO_ASSIGN_OR_RETURN(NpyHeader header, ParseNpyHeader(*start, name));
  MPAIO_RETURN_IF_ERROR(CheckSupported(header, name));
  return header;
}

bool IsZip(absl::string_view start) {
  return absl::StartsWith(start, absl::string_view("PK\x03\x04", 4)) ||
         absl::StartsWith(start, absl::string_view("PK\x05\x06", 4));  // an archive without members
}

absl::Status Foreign(const std::string& name, const ForeignFormat& format) {
  return absl::InvalidArgumentError(
      absl::StrCat(name, " is not a .npy or .npz file but ", format.what, ": ", format.advice));
}

// Returns the position of the member `name`; members.size() if there is none.
std::size_t PositionOf(const std::vector<ZipArchive::Member>& members, absl::string_view name) {
  const auto has_name = [name](const ZipArchive::Member& member) { return member.name == name; };
  return static_cast<std::size_t>(std::find_if(members.begin(), members.end(), has_name) -
                                  members.begin());
}

// Returns the shortest name by which FindMember() finds the member `name`.
absl::string_view ShortName(const std::vector<ZipArchive::Member>& members,
                            absl::string_view name) {
  const absl::string_view stripped = absl::StripSuffix(name, ".npy");
  return PositionOf(members, stripped) == members.size() ? stripped : name;
}

// Returns the position of the member that `wanted` names, or of the only one if `wanted` is null.
// As in numpy, an exact match takes precedence over a match with ".npy" appended.
absl::StatusOr<std::size_t> FindMember(const std::vector<ZipArchive::Member>& members,
                                       const std::string& path, const std::string* wanted) {
  if (members.empty())
    return absl::InvalidArgumentError(
        absl::StrCat(path, " is an .npz without an array; save one with numpy.savez"));
  std::vector<std::string> all_names;
  for (const ZipArchive::Member& member : members) all_names.push_back(member.name);
  if (const auto format = RecognizeForeignArchive(all_names); format.has_value())
    return Foreign(path, *format);
  if (wanted != nullptr) {
    for (const std::string& name : {*wanted, absl::StrCat(*wanted, ".npy")}) {
      if (const std::size_t position = PositionOf(members, name); position < members.size())
        return position;
    }
  }
  if (wanted == nullptr && members.size() == 1) return 0;
  std::vector<std::string> names;
  for (std::size_t i = 0; i < std::min(members.size(), kMaxNames); ++i)
    names.push_back(Printable(ShortName(members, members[i].name)));
  if (members.size() > kMaxNames)
    names.push_back(absl::StrCat("and ", members.size() - kMaxNames, " more"));
  const std::string list = absl::StrJoin(names, ", ");
  if (wanted != nullptr)
    return absl::NotFoundError(
        absl::StrCat(path, " has no array ", Printable(*wanted), "; it has: ", list));
  return absl::InvalidArgumentError(absl::StrCat(path, " has several arrays; say which, as in ",
                                                 path, ":", names[0], "; it has: ", list));
}

// Parses "1000x3", "-1x3", "1000"; nullopt if the text does not have this form.
std::optional<std::vector<Index>> ParseRawShape(absl::string_view text) {
  std::vector<Index> shape;
  for (const absl::string_view part : absl::StrSplit(text, 'x')) {
    Index extent = 0;
    if (part != "-1") {
      if (part.empty() || !std::all_of(part.begin(), part.end(), absl::ascii_isdigit))
        return std::nullopt;
      if (!absl::SimpleAtoi(part, &extent)) return std::nullopt;
    } else {
      extent = -1;
    }
    shape.push_back(extent);
  }
  return shape;
}

absl::StatusOr<FileDescriptor> TakeStandardInput() {
  static std::atomic<bool> taken = false;
  if (::fcntl(STDIN_FILENO, F_GETFD) < 0)
    return absl::InvalidArgumentError("standard input is closed; give the name of a file");
  if (::isatty(STDIN_FILENO) == 1)
    return absl::InvalidArgumentError(
        "standard input is a terminal; send an array to it, or give the name of a file");
  if (taken.exchange(true)) {
    return absl::FailedPreconditionError(
        "standard input has been read already, and holds only one array; save the others to files");
  }
  return Duplicate(STDIN_FILENO, kStandardInputName);
}

}  // namespace

struct ArrayFile::State {
  enum class Source {
    kSlices,     // a file: any process can read any part
    kMember,     // a compressed member of an archive: each process can read it from its start
    kStream,     // can be read once
    kElsewhere,  // only another process can read it
  };

  // Sets the properties of the loaded array; the arguments are those of the array in the file.
  absl::Status SetArray(const DType& of_file, std::vector<Index> array_shape, bool fortran_order) {
    MPAIO_ASSIGN_OR_RETURN(size_bytes, ArraySizeBytes(of_file, array_shape));
    file_dtype = of_file;
    dtype = of_file.Native();
    shape = std::move(array_shape);
    swapper = ByteSwapper(of_file);
    is_fortran_order = fortran_order && size_bytes > 0 && !OrderIsImmaterial(shape);
    fingerprint = Hash(is_fortran_order ? "F" : "C", fingerprint);
    return absl::OkStatus();
  }

  absl::StatusOr<Index> ReadSomeOfStream(std::span<std::byte> to) const {
    const Index got_bytes = ReadNext(fd.get(), to);
    if (got_bytes < 0)
      return ReadFailure(static_cast<int>(-got_bytes), name, static_cast<Index>(to.size()));
    return got_bytes;
  }

  // Returns the file's first kFirstReadBytes bytes, or the whole file.
  absl::StatusOr<std::string> ReadFirstBytes() const {
    std::string start(static_cast<std::size_t>(kFirstReadBytes), '\0');
    const Index got_bytes = ReadAt(fd.get(), BytesOf(start), 0);
    if (got_bytes < 0) return ReadFailure(static_cast<int>(-got_bytes), name, kFirstReadBytes);
    start.resize(static_cast<std::size_t>(got_bytes));
    return start;
  }

  // Fills `to` from the data, `offset_bytes` after its start.
  absl::Status ReadSlice(Index offset_bytes, std::span<std::byte> to) const {
    return ReadWhole(fd.get(), name, to, data_offset + offset_bytes);
  }

  absl::Status LoadSlices(int share, int num_shares, std::span<std::byte> array,
                          const BeforeWriting& before_writing) const;
  absl::Status LoadInOrder(const ReadSome& read, std::span<std::byte> array,
                           const BeforeWriting& before_writing) const;
  absl::Status LoadStream(std::span<std::byte> array, const BeforeWriting& before_writing) const;
  // Opens the member and skips its header. The archive must outlive the reader.
  absl::StatusOr<ZipMemberReader> OpenMember(ZipArchive* archive) const;
  absl::Status LoadMember(std::span<std::byte> array, const BeforeWriting& before_writing) const;
  absl::Status VerifyMember() const;

  Source source = Source::kSlices;
  std::string name;
  std::string path;
  FileDescriptor fd;  // none while the file is closed
  struct stat when_closed = {};
  Index file_size_bytes = 0;
  std::uint64_t fingerprint = 0xcbf29ce484222325;
  DType file_dtype, dtype;
  std::vector<Index> shape;
  Index size_bytes = 0;
  bool is_fortran_order = false;
  ByteSwapper swapper;
  Index data_offset = 0;  // in the file; unused for a compressed member
  // For an archive: the position of the member, and the offset of the data within it.
  std::optional<std::size_t> member;
  Index member_data_offset = 0;
  mutable std::atomic<bool> stream_was_loaded = false;
};

ArrayFile::ArrayFile() : state_(std::make_unique<State>()) {}
ArrayFile::ArrayFile(std::unique_ptr<State> state) : state_(std::move(state)) {}
ArrayFile::ArrayFile(ArrayFile&&) noexcept = default;
ArrayFile& ArrayFile::operator=(ArrayFile&&) noexcept = default;
ArrayFile::~ArrayFile() = default;

const std::string& ArrayFile::name() const { return state_->name; }
const std::string& ArrayFile::path() const { return state_->path; }
const DType& ArrayFile::dtype() const { return state_->dtype; }
const std::vector<Index>& ArrayFile::shape() const { return state_->shape; }
Index ArrayFile::size_bytes() const { return state_->size_bytes; }
std::uint64_t ArrayFile::fingerprint() const { return state_->fingerprint; }

void ArrayFile::CloseForNow() {
  const bool is_file =
      state_->source == State::Source::kSlices || state_->source == State::Source::kMember;
  if (is_file && ::fstat(state_->fd.get(), &state_->when_closed) == 0)
    state_->fd = FileDescriptor();
}

absl::Status ArrayFile::OpenAgain() {
  const bool is_file =
      state_->source == State::Source::kSlices || state_->source == State::Source::kMember;
  if (!is_file || state_->fd.get() >= 0) return absl::OkStatus();
  MPAIO_ASSIGN_OR_RETURN(mpaio::OpenFile file, OpenRegularFile(state_->path));
  struct stat now;
  if (::fstat(file.fd.get(), &now) != 0)
    return ErrnoStatus(errno, absl::StrCat("cannot open ", state_->path));
  const struct stat& then = state_->when_closed;
  if (now.st_dev != then.st_dev || now.st_ino != then.st_ino || now.st_size != then.st_size ||
      now.st_mtim.tv_sec != then.st_mtim.tv_sec || now.st_mtim.tv_nsec != then.st_mtim.tv_nsec) {
    return absl::DataLossError(
        absl::StrCat(state_->path,
                     " was replaced or written since it was opened; make sure that no "
                     "program writes it, and start again"));
  }
  state_->fd = std::move(file.fd);
  return absl::OkStatus();
}

bool ArrayFile::writes_in_order() const { return !state_->is_fortran_order; }
bool ArrayFile::is_stream() const {
  return state_->source == State::Source::kStream || state_->source == State::Source::kElsewhere;
}

bool ArrayFile::IsStandardInput(const std::string& input) {
  if (input == "-") return true;
  struct stat status;
  return absl::StartsWith(input, "raw:") && absl::EndsWith(input, ":-") &&
         ::stat(input.c_str(), &status) != 0;
}

std::string ArrayFile::Describe() const {
  const DType& dtype = state_->file_dtype;
  return absl::StrCat(dtype.is_structured() ? dtype.name() : dtype.ToString(), " ",
                      ShapeToString(state_->shape), ", ", state_->size_bytes, " bytes");
}

absl::StatusOr<ArrayFile> ArrayFile::Open(const std::string& input) {
  if (input == "-") {
    MPAIO_ASSIGN_OR_RETURN(FileDescriptor fd, TakeStandardInput());
    return ReadStream(std::move(fd), kStandardInputName);
  }
  struct stat status;
  if (::stat(input.c_str(), &status) == 0) return OpenFile(input, nullptr, input);
  if (absl::StartsWith(input, "raw:")) return OpenRaw(input);
  for (std::size_t colon = input.find(':'); colon != std::string::npos;
       colon = input.find(':', colon + 1)) {
    const std::string path = input.substr(0, colon);
    if (::stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) continue;
    const std::string member = input.substr(colon + 1);
    return OpenFile(path, &member, input);
  }
  return OpenFile(input, nullptr, input);  // reports why there is no such file
}

absl::StatusOr<ArrayFile> ArrayFile::OpenFile(const std::string& path, const std::string* member,
                                              const std::string& name) {
  auto state = std::make_unique<State>();
  state->name = name;
  state->path = path;
  if (const auto format = RecognizeForeignDirectory(path); format.has_value())
    return Foreign(path, *format);
  MPAIO_ASSIGN_OR_RETURN(mpaio::OpenFile file, OpenRegularFile(path));
  state->fd = std::move(file.fd);
  state->file_size_bytes = file.size_bytes;

  MPAIO_ASSIGN_OR_RETURN(std::string start, state->ReadFirstBytes());
  const bool is_zip = IsZip(start);
  if (!is_zip && member != nullptr) {
    if (const auto format = RecognizeForeignFile(start); format.has_value())
      return Foreign(path, *format);
    return absl::InvalidArgumentError(absl::StrCat(path, " is not an .npz, so there is no ",
                                                   Printable(*member), " in it; give ", path,
                                                   " alone"));
  }
  start.clear();
  Index held_bytes = 0;
  NpyHeader header;
  if (!is_zip) {
    Index position = 0;
    const ReadSome read = [&](std::span<std::byte> to) -> absl::StatusOr<Index> {
      const Index got_bytes = ReadAt(state->fd.get(), to, position);
      if (got_bytes < 0)
        return ReadFailure(static_cast<int>(-got_bytes), name, static_cast<Index>(to.size()));
      position += got_bytes;
      return got_bytes;
    };
    MPAIO_ASSIGN_OR_RETURN(header, ReadHeader(read, kFirstReadBytes, name, &start));
    state->data_offset = header.data_offset;
    held_bytes = state->file_size_bytes - header.data_offset;
  } else {
    MPAIO_ASSIGN_OR_RETURN(const ZipArchive archive,
                           ZipArchive::Open(state->fd.get(), state->file_size_bytes, path));
    MPAIO_ASSIGN_OR_RETURN(const std::size_t position, FindMember(archive.members(), path, member));
    const ZipArchive::Member& found = archive.members()[position];
    if (member == nullptr)
      state->name = absl::StrCat(path, ":", Printable(absl::StripSuffix(found.name, ".npy")));
    if (found.is_encrypted) {
      return absl::UnimplementedError(absl::StrCat(
          state->name,
          " is encrypted, and mpaio cannot decrypt it; save it again with numpy.savez"));
    }
    MPAIO_ASSIGN_OR_RETURN(ZipMemberReader reader, archive.Read(position));
    const ReadSome read = [&reader](std::span<std::byte> to) { return reader.Read(to); };
    MPAIO_ASSIGN_OR_RETURN(header, ReadHeader(read, kFirstReadBytes, state->name, &start));
    held_bytes = found.size_bytes - header.data_offset;
    state->member = position;
    state->member_data_offset = header.data_offset;
    state->source = State::Source::kMember;
    // A member without compression can be read like a file. Compare its first bytes to make sure
    // that they are at the offset that libzip gives.
    if (const std::optional<Index> at = reader.StoredAt();
        at.has_value() && *at <= state->file_size_bytes - found.size_bytes) {
      std::string found_there(start.size(), '\0');
      if (ReadAt(state->fd.get(), BytesOf(found_there), *at) ==
              static_cast<Index>(found_there.size()) &&
          found_there == start) {
        state->source = State::Source::kSlices;
        state->data_offset = *at + header.data_offset;
      }
    }
  }
  if (held_bytes < header.data_size_bytes)
    return Truncated(state->name, header.data_size_bytes, std::max<Index>(held_bytes, 0));
  if (held_bytes > header.data_size_bytes)
    return Trailing(state->name, absl::StrCat(held_bytes - header.data_size_bytes));
  state->fingerprint = Hash(absl::StrCat(start, state->file_size_bytes), state->fingerprint);
  MPAIO_RETURN_IF_ERROR(
      state->SetArray(header.dtype, std::move(header.shape), header.fortran_order));
  return ArrayFile(std::move(state));
}

absl::StatusOr<ArrayFile> ArrayFile::OpenRaw(const std::string& input) {
  constexpr absl::string_view kForm =
      "; the form is raw:TYPE:SHAPE:FILE, as in raw:<f8:1000x3:a.bin";
  const auto wrong = [&](absl::string_view what) {
    return absl::InvalidArgumentError(absl::StrCat(Printable(input), ": ", what, kForm));
  };
  absl::string_view rest = absl::StripPrefix(absl::string_view(input), "raw:");
  const absl::string_view whole = rest;
  if (absl::StartsWith(rest, "[")) {  // a list of fields may contain colons
    PythonLiteralReader reader(rest);
    if (const absl::StatusOr<Descr> descr = ReadDescr(reader); !descr.ok())
      return wrong(descr.status().message());
    rest.remove_prefix(reader.position());
  } else {
    rest.remove_prefix(std::min(rest.find(':'), rest.size()));
  }
  const absl::StatusOr<DType> dtype = DType::Parse(whole.substr(0, whole.size() - rest.size()));
  if (!dtype.ok()) return wrong(dtype.status().message());
  if (dtype->has_objects()) return wrong("Python objects have no meaning in a file");
  if (!absl::ConsumePrefix(&rest, ":")) return wrong("there is no file after the type");

  std::vector<Index> shape = {-1};
  if (const std::size_t colon = rest.find(':'); colon != absl::string_view::npos) {
    if (const auto given = ParseRawShape(rest.substr(0, colon)); given.has_value()) {
      shape = *given;
      rest.remove_prefix(colon + 1);
    }
  }
  const std::string path(rest);
  if (path.empty()) return wrong("there is no file after the type");
  const auto open_axes = std::count(shape.begin(), shape.end(), -1);
  if (open_axes > 1) return wrong("only one extent may be -1");

  auto state = std::make_unique<State>();
  state->name = path;
  const bool is_stream = path == "-";
  if (is_stream) {
    if (open_axes > 0)
      return wrong("the length of standard input is not known in advance: give the whole shape");
    MPAIO_ASSIGN_OR_RETURN(state->fd, TakeStandardInput());
    state->source = State::Source::kStream;
    state->name = kStandardInputName;
  } else {
    state->path = path;
    MPAIO_ASSIGN_OR_RETURN(mpaio::OpenFile file, OpenRegularFile(path));
    state->fd = std::move(file.fd);
    state->file_size_bytes = file.size_bytes;
  }
  std::string start, format_hint;
  if (!is_stream) {
    MPAIO_ASSIGN_OR_RETURN(start, state->ReadFirstBytes());
    // Raw numbers may begin like another format by chance, so the format is only a hint in the
    // errors below.
    if (const auto format = RecognizeSignature(start); format.has_value())
      format_hint = absl::StrCat("; it seems to be ", format->what, ": ", format->advice);
  }
  if (open_axes > 0) {
    const auto axis = std::find(shape.begin(), shape.end(), -1);
    *axis = 1;
    const absl::StatusOr<Index> one_bytes = ArraySizeBytes(*dtype, shape);
    if (!one_bytes.ok()) return wrong(one_bytes.status().message());
    if (*one_bytes == 0)
      return wrong("elements without bytes cannot be counted: give the whole shape");
    if (state->file_size_bytes % *one_bytes != 0) {
      return absl::InvalidArgumentError(absl::StrCat(
          path, " holds ", state->file_size_bytes, " bytes, not a multiple of the ", *one_bytes,
          " that one index of the axis -1 takes; check type and shape", format_hint));
    }
    *axis = state->file_size_bytes / *one_bytes;
  }
  if (const absl::Status status = state->SetArray(*dtype, std::move(shape), false); !status.ok())
    return wrong(status.message());
  if (!is_stream && state->size_bytes != state->file_size_bytes) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, " holds ", state->file_size_bytes, " bytes, but ", dtype->name(), " ",
                     ShapeToString(state->shape), " takes ", state->size_bytes,
                     "; check type and shape", format_hint));
  }
  if (!is_stream) state->fingerprint = Hash(start, state->fingerprint);
  return ArrayFile(std::move(state));
}

absl::StatusOr<ArrayFile> ArrayFile::FromStream(int fd, const std::string& name) {
  MPAIO_ASSIGN_OR_RETURN(FileDescriptor duplicate, Duplicate(fd, name));
  return ReadStream(std::move(duplicate), name);
}

absl::StatusOr<ArrayFile> ArrayFile::ReadStream(FileDescriptor fd, const std::string& name) {
  auto state = std::make_unique<State>();
  state->name = name;
  state->source = State::Source::kStream;
  state->fd = std::move(fd);
  std::string start;
  const ReadSome read = [&state](std::span<std::byte> to) { return state->ReadSomeOfStream(to); };
  // Reads no more than the header, so that the data stays in the pipe.
  MPAIO_ASSIGN_OR_RETURN(NpyHeader header, ReadHeader(read, kNpyPrefixBytes, name, &start));
  state->fingerprint = Hash(start, state->fingerprint);
  MPAIO_RETURN_IF_ERROR(
      state->SetArray(header.dtype, std::move(header.shape), header.fortran_order));
  return ArrayFile(std::move(state));
}

absl::StatusOr<ArrayFile> ArrayFile::Elsewhere(const std::string& name, DType dtype,
                                               std::vector<Index> shape) {
  auto state = std::make_unique<State>();
  state->name = name;
  state->source = State::Source::kElsewhere;
  MPAIO_RETURN_IF_ERROR(state->SetArray(dtype, std::move(shape), false));
  return ArrayFile(std::move(state));
}

absl::StatusOr<std::unique_ptr<FileMapping>> ArrayFile::Map(bool takes_lease) const {
  const char* why = nullptr;
  if (is_stream())
    why = "it comes through a pipe";
  else if (state_->member.has_value())
    why = "it is in an archive";
  else if (state_->size_bytes == 0)
    why = "it has no elements";
  else if (state_->is_fortran_order)
    why = "it is in Fortran order";
  else if (!state_->swapper.swaps_nothing())
    why = "its elements are in another machine's byte order";
  else if (state_->data_offset % kArrayAlignmentBytes != 0)
    why = "its elements are not aligned";
  if (why != nullptr)
    return absl::UnimplementedError(absl::StrCat(state_->name, " cannot be mapped: ", why));
  return FileMapping::Create(state_->fd.get(), state_->name, state_->data_offset,
                             state_->size_bytes, takes_lease);
}

absl::StatusOr<std::unique_ptr<ArrayParts>> ArrayFile::Parts() const {
  if (state_->source != State::Source::kSlices || state_->member.has_value() ||
      state_->is_fortran_order) {
    return absl::UnimplementedError(absl::StrCat(state_->name, " cannot be read in parts"));
  }
  return ArrayParts::Create(state_->fd.get(), state_->name, state_->data_offset, state_->size_bytes,
                            state_->swapper);
}

absl::Status ArrayFile::LoadShare(int share, int num_shares, std::span<std::byte> array,
                                  const BeforeWriting& before_writing) const {
  const bool is_first = share == 0;
  switch (state_->source) {
    case State::Source::kSlices:
      // Reading a member in order verifies its checksum. Otherwise share 0 reads it once more.
      if (state_->member.has_value() && num_shares == 1 && !state_->is_fortran_order)
        return state_->LoadMember(array, before_writing);
      MPAIO_RETURN_IF_ERROR(state_->LoadSlices(share, num_shares, array, before_writing));
      return is_first && state_->member.has_value() ? state_->VerifyMember() : absl::OkStatus();
    case State::Source::kMember:
      return is_first ? state_->LoadMember(array, before_writing) : absl::OkStatus();
    case State::Source::kStream:
      return is_first ? state_->LoadStream(array, before_writing) : absl::OkStatus();
    case State::Source::kElsewhere:
      break;
  }
  if (!is_first || state_->size_bytes == 0) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat(state_->name, " arrives at another process; its bytes are loaded there"));
}

absl::Status ArrayFile::State::LoadSlices(int share, int num_shares, std::span<std::byte> array,
                                          const BeforeWriting& before_writing) const {
  if (is_fortran_order) {
    const Index tile_bytes =
        std::clamp(size_bytes / (Index{4} * num_shares), kMinTileBytes, kMaxTileBytes);
    const FortranTiles tiles(shape, dtype.itemsize_bytes(), tile_bytes,
                             FortranTiles::Reading::kAnywhere);
    return tiles.Load(
        tiles.num_tiles() * share / num_shares, tiles.num_tiles() * (share + 1) / num_shares,
        [this](Index offset_bytes, std::span<std::byte> to) { return ReadSlice(offset_bytes, to); },
        swapper, array.data());
  }
  // Shares are whole pages, so that no two ranks touch the same page, and never cut a unit that
  // must be swapped as a whole.
  const Index page_bytes = ::sysconf(_SC_PAGESIZE);
  const Index pages = CeilDivide(size_bytes, page_bytes);
  const Index unit_bytes = swapper.unit_bytes();
  const auto bound = [&](int shares) {
    const Index bytes = std::min(size_bytes, pages * shares / num_shares * page_bytes);
    return bytes - bytes % unit_bytes;
  };
  const Index begin = bound(share), end = bound(share + 1);
  const Index block_bytes = swapper.swaps_nothing() && !before_writing
                                ? end - begin
                                : CeilDivide(kBlockBytes, unit_bytes) * unit_bytes;
  for (Index at = begin; at < end; at += block_bytes) {
    const std::span<std::byte> block = array.subspan(
        static_cast<std::size_t>(at), static_cast<std::size_t>(std::min(block_bytes, end - at)));
    if (before_writing) MPAIO_RETURN_IF_ERROR(before_writing(block));
    MPAIO_RETURN_IF_ERROR(ReadSlice(at, block));
    swapper.Swap(block.data(), static_cast<Index>(block.size()));
  }
  return absl::OkStatus();
}

// Loads the whole array through `read`.
absl::Status ArrayFile::State::LoadInOrder(const ReadSome& read, std::span<std::byte> array,
                                           const BeforeWriting& before_writing) const {
  Index done_bytes = 0;
  const auto read_all = [&](std::span<std::byte> to) -> absl::Status {
    MPAIO_ASSIGN_OR_RETURN(const Index got_bytes, read(to));
    done_bytes += got_bytes;
    return got_bytes == static_cast<Index>(to.size()) ? absl::OkStatus()
                                                      : Truncated(name, size_bytes, done_bytes);
  };
  if (is_fortran_order) {
    const FortranTiles tiles(shape, dtype.itemsize_bytes(), kMaxTileBytes,
                             FortranTiles::Reading::kSequential);
    return tiles.Load(
        0, tiles.num_tiles(), [&](Index, std::span<std::byte> to) { return read_all(to); }, swapper,
        array.data());
  }
  const Index block_bytes = CeilDivide(kBlockBytes, swapper.unit_bytes()) * swapper.unit_bytes();
  for (Index at = 0; at < size_bytes; at += block_bytes) {
    const std::span<std::byte> block =
        array.subspan(static_cast<std::size_t>(at),
                      static_cast<std::size_t>(std::min(block_bytes, size_bytes - at)));
    if (before_writing) MPAIO_RETURN_IF_ERROR(before_writing(block));
    MPAIO_RETURN_IF_ERROR(read_all(block));
    swapper.Swap(block.data(), static_cast<Index>(block.size()));
  }
  return absl::OkStatus();
}

absl::Status ArrayFile::State::LoadStream(std::span<std::byte> array,
                                          const BeforeWriting& before_writing) const {
  if (stream_was_loaded.exchange(true)) {
    return absl::FailedPreconditionError(absl::StrCat(
        name, " has been read already; save the array to a file to load it several times"));
  }
  const ReadSome read = [this](std::span<std::byte> to) { return ReadSomeOfStream(to); };
  MPAIO_RETURN_IF_ERROR(LoadInOrder(read, array, before_writing));
  std::byte more[1];
  MPAIO_ASSIGN_OR_RETURN(const Index more_bytes, read(more));
  return more_bytes == 0 ? absl::OkStatus() : Trailing(name, "at least 1");
}

absl::StatusOr<ZipMemberReader> ArrayFile::State::OpenMember(ZipArchive* archive) const {
  MPAIO_ASSIGN_OR_RETURN(*archive, ZipArchive::Open(fd.get(), file_size_bytes, name));
  // Another program may have written to the file in the meantime.
  if (*member >= archive->members().size()) return Truncated(name, size_bytes, 0);
  MPAIO_ASSIGN_OR_RETURN(ZipMemberReader reader, archive->Read(*member));
  std::string header(static_cast<std::size_t>(member_data_offset), '\0');
  MPAIO_ASSIGN_OR_RETURN(const Index got_bytes, reader.Read(BytesOf(header)));
  if (got_bytes < member_data_offset) return Truncated(name, size_bytes, 0);
  return reader;
}

absl::Status ArrayFile::State::LoadMember(std::span<std::byte> array,
                                          const BeforeWriting& before_writing) const {
  ZipArchive archive;
  MPAIO_ASSIGN_OR_RETURN(ZipMemberReader reader, OpenMember(&archive));
  const ReadSome read = [&reader](std::span<std::byte> to) { return reader.Read(to); };
  MPAIO_RETURN_IF_ERROR(LoadInOrder(read, array, before_writing));
  std::byte more[1];
  MPAIO_ASSIGN_OR_RETURN(const Index more_bytes, read(more));
  return more_bytes == 0 ? absl::OkStatus() : Trailing(name, "at least 1");
}

// Reads the whole member, only to verify its checksum.
absl::Status ArrayFile::State::VerifyMember() const {
  ZipArchive archive;
  MPAIO_ASSIGN_OR_RETURN(ZipMemberReader reader, OpenMember(&archive));
  std::vector<std::byte> buffer(static_cast<std::size_t>(kBlockBytes));
  while (true) {
    MPAIO_ASSIGN_OR_RETURN(const Index got_bytes, reader.Read(buffer));
    if (got_bytes == 0) return absl::OkStatus();
  }
}

}  // namespace mpaio
