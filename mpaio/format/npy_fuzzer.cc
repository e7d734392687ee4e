// SPDX-License-Identifier: Apache-2.0

// A fuzzer (libFuzzer) of the code that reads foreign data: headers, archives, arrays. The input is
// the contents of a file; it is read as a .npy or .npz from a file, as a .npy from a stream, and as
// the one member of an .npz. Check() tests what must hold for any input; the address sanitizer
// finds other errors. tools/fuzz builds and runs it.
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "mpaio/array/dtype.h"
#include "mpaio/array/nd_view.h"
#include "mpaio/base/index.h"
#include "mpaio/base/status_macros.h"
#include "mpaio/format/array_file.h"
#include "mpaio/format/array_source.h"
#include "mpaio/format/npy_file.h"
#include "mpaio/format/npy_header.h"
#include "mpaio/host/file_io.h"

namespace mpaio {
namespace {

// Larger arrays are not loaded: a compressed member may hold far more than the input.
constexpr Index kMaxLoadedBytes = Index{4} << 20;

[[noreturn]] void Fail(const char* what, const std::string& more) {
  std::fprintf(stderr, "npy_fuzzer: %s %s\n", what, more.c_str());
  std::abort();
}

void Check(bool condition, const char* what) {
  if (!condition) Fail(what, "");
}
void Check(bool condition, const char* what, const std::string& more) {
  if (!condition) Fail(what, more);
}

void CheckMessage(const absl::Status& status) {
  Check(!status.ok(), "a failure has the status OK");
  if (status.message().size() >= 8000) Fail("a message is too long:", status.ToString());
  const bool is_one_line =
      std::all_of(status.message().begin(), status.message().end(),
                  [](char c) { return static_cast<unsigned char>(c) >= 0x20; });
  if (!is_one_line) Fail("a message is not one printable line:", status.ToString());
}

// A file in memory that gets new contents for each input.
class MemoryFile {
 public:
  explicit MemoryFile(const char* name)
      : fd_(::memfd_create(name, 0)), path_(absl::StrCat("/proc/self/fd/", fd_)) {
    Check(fd_ >= 0, "memfd_create failed");
  }
  void Write(absl::string_view contents) {
    Check(::ftruncate(fd_, 0) == 0, "ftruncate failed");
    Check(
        ::pwrite(fd_, contents.data(), contents.size(), 0) == static_cast<ssize_t>(contents.size()),
        "pwrite failed");
    Check(::lseek(fd_, 0, SEEK_SET) == 0, "lseek failed");
  }
  int fd() const { return fd_; }
  const std::string& path() const { return path_; }

 private:
  int fd_;
  std::string path_;
};

// Opens a .npy that comes through `fd`, which stays open.
absl::StatusOr<ArrayFile> FromStream(int fd, const std::string& name) {
  MPAIO_ASSIGN_OR_RETURN(FileDescriptor duplicate, Duplicate(fd, name));
  MPAIO_ASSIGN_OR_RETURN(auto source, OpenNpyStream(std::move(duplicate), name));
  return ArrayFile(std::move(source));
}

absl::StatusOr<std::string> Load(const ArrayFile& file, int num_shares) {
  std::string array(static_cast<std::size_t>(file.size_bytes()), '\xA5');
  for (int share = num_shares; share-- > 0;) {
    if (absl::Status status =
            file.LoadShare(share, num_shares, std::as_writable_bytes(std::span(array)));
        !status.ok())
      return status;
  }
  return array;
}

void CheckType(const DType& dtype) {
  const std::string text = dtype.ToString();
  const absl::StatusOr<DType> again = DType::Parse(text);
  Check(again.ok(), "a type's text is not parsed:", text);
  Check(*again == dtype, "a type's text is parsed as another type:", text);
  Check(again->ToString() == text, "a type's text changes:", text);
  Check(!dtype.Native().is_swapped(), "a native type is swapped:", text);
  Check(dtype.Native().itemsize_bytes() == dtype.itemsize_bytes(),
        "a native type has another size:", text);
  Check(dtype.alignment_bytes() > 0 && dtype.itemsize_bytes() % dtype.alignment_bytes() == 0,
        "an alignment is wrong:", text);
  Check(!dtype.name().empty() && dtype.name().size() < 200, "a name is too long:", dtype.name());
}

void CheckHeader(absl::string_view input) {
  const absl::StatusOr<NpyHeader> header = ParseNpyHeader(input, "input");
  if (!header.ok()) return CheckMessage(header.status());
  CheckType(header->dtype);
  Check(header->data_offset <= static_cast<Index>(input.size()), "a header ends after the input");
  const std::string text = FormatNpyHeader(header->dtype, header->shape);
  Check(text.size() % 64 == 0, "a header's length is not a multiple of 64");
  const absl::StatusOr<NpyHeader> again = ParseNpyHeader(text, "again");
  Check(again.ok(), "a formatted header is not parsed:", text);
  Check(again->dtype == header->dtype && again->shape == header->shape,
        "a formatted header says something else:", text);
  Check(again->data_size_bytes == header->data_size_bytes,
        "a formatted header has other data:", text);
  Check(FormatNpyHeader(again->dtype, again->shape) == text, "a formatted header changes:", text);
}

// Returns the array of a file, if it is valid and not too large. It must be the same in one and in
// two shares.
absl::StatusOr<std::string> LoadFile(const std::string& input) {
  const absl::StatusOr<ArrayFile> file = ArrayFile::Open(input);
  if (!file.ok()) {
    CheckMessage(file.status());
    return file.status();
  }
  Check(!file->dtype().is_swapped() && !file->dtype().has_objects(),
        "an array is of a type that is not loaded");
  const absl::StatusOr<Index> size_bytes = ArraySizeBytes(file->dtype(), file->shape());
  Check(size_bytes.ok() && *size_bytes == file->size_bytes(),
        "an array's size is not that of its shape");
  Check(file->Describe().size() < 2000, "a description is too long");
  if (file->size_bytes() > kMaxLoadedBytes) return absl::ResourceExhaustedError("too large");
  const absl::StatusOr<std::string> whole = Load(*file, 1);
  const absl::StatusOr<std::string> halves = Load(*file, 2);
  if (!whole.ok()) CheckMessage(whole.status());
  if (!halves.ok()) CheckMessage(halves.status());
  // The converse need not hold: only a load in one share refuses a member that continues after its
  // array.
  if (whole.ok())
    Check(halves.ok() && *halves == *whole, "two shares make another array than a single one");
  return whole;
}

std::uint32_t Crc32(absl::string_view bytes) {
  static const std::array<std::uint32_t, 256> table = [] {
    std::array<std::uint32_t, 256> result;
    for (std::uint32_t i = 0; i < 256; ++i) {
      result[i] = i;
      for (int bit = 0; bit < 8; ++bit) result[i] = result[i] >> 1 ^ (result[i] & 1) * 0xEDB88320u;
    }
    return result;
  }();
  std::uint32_t crc = ~0u;
  for (const char c : bytes) crc = crc >> 8 ^ table[(crc ^ static_cast<unsigned char>(c)) & 0xFF];
  return ~crc;
}

// Returns an archive of one member, "x.npy", without compression.
std::string ZipOf(absl::string_view contents) {
  const auto number = [](std::uint64_t value, int bytes) {
    std::string text;
    for (int i = 0; i < bytes; ++i, value >>= 8) text.push_back(static_cast<char>(value & 0xFF));
    return text;
  };
  const std::string about = absl::StrCat(number(20, 2), number(0, 2), number(0, 2), number(0, 4),
                                         number(Crc32(contents), 4), number(contents.size(), 4),
                                         number(contents.size(), 4), number(5, 2), number(0, 2));
  const std::string local = absl::StrCat("PK\x03\x04", about, "x.npy");
  const std::string central =
      absl::StrCat("PK\x01\x02", number(20, 2), about, number(0, 14), "x.npy");
  const std::string end = absl::StrCat("PK\x05\x06", number(0, 4), number(1, 2), number(1, 2),
                                       number(central.size(), 4),
                                       number(local.size() + contents.size(), 4), number(0, 2));
  return absl::StrCat(local, contents, central, end);
}

void TestOne(absl::string_view input) {
  static MemoryFile& plain = *new MemoryFile("input");
  static MemoryFile& zipped = *new MemoryFile("zipped");
  CheckHeader(input);
  if (input.size() < 4096) {
    if (const absl::StatusOr<DType> dtype = DType::Parse(input); dtype.ok()) {
      CheckType(*dtype);
    } else {
      CheckMessage(dtype.status());
    }
  }

  plain.Write(input);
  const absl::StatusOr<std::string> array = LoadFile(plain.path());
  if (input.substr(0, 2) == "PK") {
    // Also select a member by name.
    (void)LoadFile(plain.path() + ":x");
    return;
  }

  const absl::StatusOr<ArrayFile> stream = FromStream(plain.fd(), "stream");
  if (array.ok()) {
    Check(stream.ok(), "a valid file is refused as a stream");
    const absl::StatusOr<std::string> streamed = Load(*stream, 2);
    Check(streamed.ok() && *streamed == *array, "a stream gives another array than the file");
  } else if (!stream.ok()) {
    CheckMessage(stream.status());
  } else if (stream->size_bytes() <= kMaxLoadedBytes) {
    Check(!Load(*stream, 1).ok(), "a stream is loaded, but the file is refused");
  }

  zipped.Write(ZipOf(input));
  const absl::StatusOr<std::string> member = LoadFile(zipped.path());
  if (member.ok() != array.ok()) {
    Fail("a file and the member of an archive differ:",
         absl::StrCat(array.status().ToString(), " / ", member.status().ToString()));
  }
  if (array.ok()) Check(*member == *array, "a member gives another array than the file");
}

}  // namespace
}  // namespace mpaio

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  mpaio::TestOne({reinterpret_cast<const char*>(data), size});
  return 0;
}
