// SPDX-License-Identifier: Apache-2.0
#include "mpaio/format/npz_member.h"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "mpaio/array/python_literal.h"
#include "mpaio/base/index.h"
#include "mpaio/base/status_macros.h"
#include "mpaio/format/array_layout.h"
#include "mpaio/format/foreign_format.h"
#include "mpaio/format/npy_header.h"
#include "mpaio/format/read_some.h"
#include "mpaio/format/zip_archive.h"
#include "mpaio/host/file_io.h"

namespace mpaio {
namespace {

// The number of members that a message lists.
constexpr std::size_t kMaxNames = 20;
// The size of the buffer for a pass that only verifies the checksum.
constexpr Index kBlockBytes = Index{256} << 10;

using Members = std::vector<ZipArchive::Member>;

bool IsZip(const FormatInput& input) {
  return absl::StartsWith(input.first_bytes, absl::string_view("PK\x03\x04", 4)) ||
         // an archive without members
         absl::StartsWith(input.first_bytes, absl::string_view("PK\x05\x06", 4));
}

// Returns the position of the member `name`; members.size() if there is none.
std::size_t PositionOf(const Members& members, absl::string_view name) {
  const auto has_name = [name](const ZipArchive::Member& member) { return member.name == name; };
  return static_cast<std::size_t>(std::find_if(members.begin(), members.end(), has_name) -
                                  members.begin());
}

// Returns the shortest name by which FindMember() finds the member `name`.
absl::string_view ShortName(const Members& members, absl::string_view name) {
  const absl::string_view stripped = absl::StripSuffix(name, ".npy");
  return PositionOf(members, stripped) == members.size() ? stripped : name;
}

// Returns the status for an archive in which `wanted`, or the lack of it, chooses no member.
absl::Status NoChoice(const Members& members, const std::string& path,
                      const std::optional<std::string>& wanted) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < std::min(members.size(), kMaxNames); ++i)
    names.push_back(Printable(ShortName(members, members[i].name)));
  if (members.size() > kMaxNames)
    names.push_back(absl::StrCat("and ", members.size() - kMaxNames, " more"));
  const std::string list = absl::StrJoin(names, ", ");
  if (wanted.has_value())
    return absl::NotFoundError(
        absl::StrCat(path, " has no array ", Printable(*wanted), "; it has: ", list));
  return absl::InvalidArgumentError(absl::StrCat(path, " has several arrays; say which, as in ",
                                                 path, ":", names[0], "; it has: ", list));
}

// Returns the position of the member that `wanted` names, or of the only one without `wanted`. As
// in numpy, an exact match takes precedence over a match with ".npy" appended.
absl::StatusOr<std::size_t> FindMember(const Members& members, const std::string& path,
                                       const std::optional<std::string>& wanted) {
  if (members.empty())
    return absl::InvalidArgumentError(
        absl::StrCat(path, " is an .npz without an array; save one with numpy.savez"));
  std::vector<std::string> all_names;
  for (const ZipArchive::Member& member : members) all_names.push_back(member.name);
  if (const auto format = RecognizeForeignArchive(all_names); format.has_value())
    return ForeignFormatError(path, *format);
  if (!wanted.has_value() && members.size() == 1) return 0;
  if (wanted.has_value()) {
    for (const std::string& name : {*wanted, absl::StrCat(*wanted, ".npy")}) {
      if (const std::size_t position = PositionOf(members, name); position < members.size())
        return position;
    }
  }
  return NoChoice(members, path, wanted);
}

// The place of an array in an archive.
struct Place {
  std::size_t position = 0;  // of the member in ZipArchive::members()
  Index data_offset = 0;     // in the member, decompressed: the length of the header
  // The offset of the member in the file, if it is stored without compression.
  std::optional<Index> stored_at;
};

// A compressed member can only be read from its start, so by share 0. Any part of another one can
// be read from the file, as if it were a .npy file.
class NpzMember : public ArraySource {
 public:
  NpzMember(std::string name, InputFile file, const Place& place, ArrayLayout layout,
            absl::string_view first_bytes)
      : ArraySource(std::move(name), file.path(), std::move(layout), first_bytes),
        file_(std::move(file)),
        place_(place) {}

  absl::Status LoadShare(int share, int num_shares, std::span<std::byte> array,
                         const BeforeWriting& before_writing) const override;
  absl::StatusOr<std::unique_ptr<FileMapping>> Map(bool /*takes_lease*/) const override {
    return CannotBeMapped("it is in an archive");
  }
  void CloseForNow() override { file_.CloseForNow(); }
  absl::Status OpenAgain() override { return file_.OpenAgain(); }

 private:
  // Opens the member and skips its header. The archive must outlive the reader.
  absl::StatusOr<ZipMemberReader> OpenMember(ZipArchive* archive) const;
  absl::Status LoadSequentially(std::span<std::byte> array,
                                const BeforeWriting& before_writing) const;
  // Reads the whole member, only to verify its checksum.
  absl::Status Verify() const;

  InputFile file_;
  Place place_;
};

absl::Status NpzMember::LoadShare(int share, int num_shares, std::span<std::byte> array,
                                  const BeforeWriting& before_writing) const {
  if (!place_.stored_at.has_value())
    return share == 0 ? LoadSequentially(array, before_writing) : absl::OkStatus();
  // Reading a member in order verifies its checksum. Otherwise share 0 reads it once more.
  if (num_shares == 1 && !layout().is_fortran_order())
    return LoadSequentially(array, before_writing);
  const Index data_offset = *place_.stored_at + place_.data_offset;
  MPAIO_RETURN_IF_ERROR(layout().LoadShare(
      [&](Index offset_bytes, std::span<std::byte> to) {
        return file_.ReadSlice(name(), data_offset + offset_bytes, to);
      },
      share, num_shares, array, before_writing));
  return share == 0 ? Verify() : absl::OkStatus();
}

absl::StatusOr<ZipMemberReader> NpzMember::OpenMember(ZipArchive* archive) const {
  MPAIO_ASSIGN_OR_RETURN(*archive, ZipArchive::Open(file_.fd(), file_.size_bytes(), name()));
  // Another program may have written to the file in the meantime.
  if (place_.position >= archive->members().size())
    return TruncatedData(name(), layout().size_bytes(), 0);
  MPAIO_ASSIGN_OR_RETURN(ZipMemberReader reader, archive->Read(place_.position));
  std::string header(static_cast<std::size_t>(place_.data_offset), '\0');
  MPAIO_ASSIGN_OR_RETURN(const Index got_bytes, reader.Read(BytesOf(header)));
  if (got_bytes < place_.data_offset) return TruncatedData(name(), layout().size_bytes(), 0);
  return reader;
}

absl::Status NpzMember::LoadSequentially(std::span<std::byte> array,
                                         const BeforeWriting& before_writing) const {
  ZipArchive archive;
  MPAIO_ASSIGN_OR_RETURN(ZipMemberReader reader, OpenMember(&archive));
  return layout().LoadSequentially([&](std::span<std::byte> to) { return reader.Read(to); }, name(),
                                   array, before_writing);
}

absl::Status NpzMember::Verify() const {
  ZipArchive archive;
  MPAIO_ASSIGN_OR_RETURN(ZipMemberReader reader, OpenMember(&archive));
  std::vector<std::byte> buffer(static_cast<std::size_t>(kBlockBytes));
  while (true) {
    MPAIO_ASSIGN_OR_RETURN(const Index got_bytes, reader.Read(buffer));
    if (got_bytes == 0) return absl::OkStatus();
  }
}

// Returns the offset in the file of a member of `size_bytes` that is stored without compression,
// after its first bytes, `start`, have been read. Compares them with those at the offset that
// libzip gives, to make sure that it is right.
std::optional<Index> StoredAt(const ZipMemberReader& reader, const InputFile& file,
                              Index size_bytes, const std::string& start) {
  const std::optional<Index> at = reader.StoredAt();
  if (!at.has_value() || *at > file.size_bytes() - size_bytes) return std::nullopt;
  std::string found_there(start.size(), '\0');
  const Index got_bytes = ReadAt(file.fd(), BytesOf(found_there), *at);
  if (got_bytes != static_cast<Index>(start.size()) || found_there != start) return std::nullopt;
  return at;
}

absl::StatusOr<std::unique_ptr<ArraySource>> OpenNpz(FormatInput input) {
  const InputFile& file = input.file;
  MPAIO_ASSIGN_OR_RETURN(const ZipArchive archive,
                         ZipArchive::Open(file.fd(), file.size_bytes(), input.path));
  Place place;
  MPAIO_ASSIGN_OR_RETURN(place.position, FindMember(archive.members(), input.path, input.member));
  const ZipArchive::Member& member = archive.members()[place.position];
  if (!input.member.has_value())
    input.name = absl::StrCat(input.path, ":", Printable(absl::StripSuffix(member.name, ".npy")));
  if (member.is_encrypted) {
    return absl::UnimplementedError(absl::StrCat(
        input.name, " is encrypted, and mpaio cannot decrypt it; save it again with numpy.savez"));
  }
  MPAIO_ASSIGN_OR_RETURN(ZipMemberReader reader, archive.Read(place.position));
  const ReadSome read = [&reader](std::span<std::byte> to) { return reader.Read(to); };
  std::string start;
  MPAIO_RETURN_IF_ERROR(AppendUpTo(InputFile::kFirstBytes, read, &start));
  MPAIO_ASSIGN_OR_RETURN(const NpyHeader header, ReadNpyHeader(read, input.name, &start));
  place.data_offset = header.data_offset;
  place.stored_at = StoredAt(reader, file, member.size_bytes, start);
  MPAIO_RETURN_IF_ERROR(
      CheckDataSize(input.name, header.data_size_bytes, member.size_bytes - header.data_offset));
  MPAIO_ASSIGN_OR_RETURN(ArrayLayout layout,
                         ArrayLayout::Create(header.dtype, header.shape, header.fortran_order));
  const std::string identity = absl::StrCat(start, file.size_bytes());
  return std::make_unique<NpzMember>(std::move(input.name), std::move(input.file), place,
                                     std::move(layout), identity);
}

}  // namespace

ArrayFormat NpzFormat() { return {&IsZip, &OpenNpz}; }

}  // namespace mpaio
