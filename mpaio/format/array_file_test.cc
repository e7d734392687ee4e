// SPDX-License-Identifier: Apache-2.0
#include "mpaio/format/array_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zip.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mpaio/array/dtype.h"
#include "mpaio/array/nd_view.h"
#include "mpaio/base/index.h"
#include "mpaio/base/status_macros.h"
#include "mpaio/format/array_source.h"
#include "mpaio/format/npy_file.h"
#include "mpaio/format/npy_header.h"
#include "mpaio/format/npy_writer.h"
#include "mpaio/host/file_io.h"
#include "mpaio/testing/random_bytes.h"
#include "mpaio/testing/status_matchers.h"
#include "mpaio/testing/temp_directory.h"

namespace mpaio {
namespace {

using enum absl::StatusCode;

const DType kInt64 = DType::Of<std::int64_t>();

std::string WriteText(const std::string& path, absl::string_view text) {
  std::ofstream out(path, std::ios::binary);
  out.write(text.data(), static_cast<std::streamsize>(text.size()));
  return path;
}

// 0, 1, ..., count - 1.
std::string Counting(Index count) {
  std::vector<std::int64_t> numbers(static_cast<std::size_t>(count));
  for (Index i = 0; i < count; ++i) numbers[static_cast<std::size_t>(i)] = i;
  return std::string(reinterpret_cast<const char*>(numbers.data()), numbers.size() * 8);
}

std::string CountingNpy(Index count) { return FormatNpyHeader(kInt64, {count}) + Counting(count); }

// The same header, for an array in Fortran order.
std::string FortranHeader(const DType& dtype, const std::vector<Index>& shape) {
  std::string header = FormatNpyHeader(dtype, shape);
  header.replace(header.find("False,"), 6, "True, ");
  return header;
}

// Opens a .npy that comes through `fd`, which stays open.
absl::StatusOr<ArrayFile> FromStream(int fd, const std::string& name) {
  MPAIO_ASSIGN_OR_RETURN(FileDescriptor duplicate, Duplicate(fd, name));
  MPAIO_ASSIGN_OR_RETURN(auto source, OpenNpyStream(std::move(duplicate), name));
  return ArrayFile(std::move(source));
}

struct ZipEntry {
  std::string name, contents;
};

std::string WriteZip(const std::string& path, const std::vector<ZipEntry>& entries, int method) {
  int error = 0;
  zip_t* const archive = zip_open(path.c_str(), ZIP_CREATE | ZIP_TRUNCATE, &error);
  EXPECT_NE(archive, nullptr);
  for (const auto& [name, contents] : entries) {
    zip_source_t* const source = zip_source_buffer(archive, contents.data(), contents.size(), 0);
    const zip_int64_t index = zip_file_add(archive, name.c_str(), source, ZIP_FL_ENC_UTF_8);
    EXPECT_GE(index, 0);
    EXPECT_EQ(zip_set_file_compression(archive, static_cast<zip_uint64_t>(index), method, 0), 0);
  }
  EXPECT_EQ(zip_close(archive), 0);
  return path;
}

// Memory that starts at a page boundary.
class Pages {
 public:
  explicit Pages(Index size_bytes)
      : size_bytes_(static_cast<std::size_t>(size_bytes)),
        data_(::mmap(nullptr, size_bytes_ + 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                     -1, 0)) {
    std::memset(data_, '?', size_bytes_);
  }
  ~Pages() { ::munmap(data_, size_bytes_ + 1); }
  std::span<std::byte> bytes() const { return {static_cast<std::byte*>(data_), size_bytes_}; }
  std::string text() const { return std::string(static_cast<const char*>(data_), size_bytes_); }

 private:
  std::size_t size_bytes_;
  void* data_;
};

// [begin, end) of each piece that was passed to BeforeWriting, by share.
using Pieces = std::vector<std::vector<std::pair<Index, Index>>>;

// Expects that the pieces of each share follow each other without gaps, and that the shares
// together cover the array exactly once.
void ExpectInOrder(const Pieces& by_share, Index size_bytes) {
  std::vector<std::pair<Index, Index>> shares;
  for (const auto& pieces : by_share) {
    for (std::size_t k = 1; k < pieces.size(); ++k)
      EXPECT_EQ(pieces[k].first, pieces[k - 1].second);
    if (!pieces.empty()) shares.emplace_back(pieces.front().first, pieces.back().second);
  }
  std::sort(shares.begin(), shares.end());
  Index end = 0;
  for (const auto& share : shares) {
    EXPECT_EQ(share.first, end);
    end = share.second;
  }
  EXPECT_EQ(end, size_bytes);
}

// Loads the array in `num_shares` shares, by as many concurrent threads.
absl::StatusOr<std::string> Load(const ArrayFile& file, int num_shares) {
  const Pages pages(file.size_bytes());
  Pieces pieces(static_cast<std::size_t>(num_shares));
  std::vector<absl::Status> statuses(static_cast<std::size_t>(num_shares));
  std::vector<std::thread> threads;
  for (int share = 0; share < num_shares; ++share) {
    threads.emplace_back([&, share] {
      ArrayFile::BeforeWriting record_piece;
      if (file.writes_in_order()) {
        record_piece = [&, share](std::span<std::byte> piece) {
          const Index begin = piece.data() - pages.bytes().data();
          pieces[static_cast<std::size_t>(share)].emplace_back(
              begin, begin + static_cast<Index>(piece.size()));
          return absl::OkStatus();
        };
      }
      statuses[static_cast<std::size_t>(share)] =
          file.LoadShare(share, num_shares, pages.bytes(), record_piece);
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const absl::Status& status : statuses) {
    if (!status.ok()) return status;
  }
  if (file.writes_in_order()) ExpectInOrder(pieces, file.size_bytes());
  return pages.text();
}

// Expects that `input` is an array of this type, shape and contents, in any number of shares.
void ExpectArray(const std::string& input, const DType& dtype, const std::vector<Index>& shape,
                 const std::string& data) {
  SCOPED_TRACE(input);
  const absl::StatusOr<ArrayFile> file = ArrayFile::Open(input);
  MPAIO_ASSERT_OK(file);
  EXPECT_EQ(file->dtype(), dtype);
  EXPECT_EQ(file->shape(), shape);
  EXPECT_EQ(file->size_bytes(), static_cast<Index>(data.size()));
  EXPECT_FALSE(file->is_stream());
  for (const int num_shares : {1, 2, 3, 7}) {
    const absl::StatusOr<std::string> loaded = Load(*file, num_shares);
    MPAIO_ASSERT_OK(loaded);
    EXPECT_TRUE(*loaded == data) << num_shares << " shares";
  }
}

class ArrayFileTest : public testing::Test {
 protected:
  std::string Path(absl::string_view name) const { return directory_.File(name); }
  std::string Write(absl::string_view name, absl::string_view text) const {
    return WriteText(Path(name), text);
  }

  TempDirectory directory_;
};

TEST_F(ArrayFileTest, ANpyFile) {
  for (const Index count : {0, 1, 511, 512, 513, 100000})
    ExpectArray(Write("a.npy", CountingNpy(count)), kInt64, {count}, Counting(count));
  const absl::StatusOr<ArrayFile> file = ArrayFile::Open(Write("a.npy", CountingNpy(1000)));
  MPAIO_ASSERT_OK(file);
  EXPECT_EQ(file->name(), Path("a.npy"));
  EXPECT_EQ(file->path(), Path("a.npy"));
  EXPECT_EQ(file->Describe(), "<i8 (1000,), 8000 bytes");
}

TEST_F(ArrayFileTest, BytesAreSwappedAcrossTheEndsOfSharesAndBlocks) {
  for (const char* descr :
       {">i2", ">f8", ">f16", ">c16", ">U5", "[('a', '>i4'), ('b', '|S3'), ('c', '>f8')]",
        "[('a', '>i4', (300000,)), ('b', '|S1')]"}) {
    const DType dtype = DType::Parse(descr).value();
    const Index count = dtype.itemsize_bytes() > 1000 ? 3 : 70001;
    const std::string data = RandomBytes(3, count * dtype.itemsize_bytes());
    std::string native = data;
    dtype.SwapBytes(reinterpret_cast<std::byte*>(native.data()), count);
    ExpectArray(Write("a.npy", FormatNpyHeader(dtype, {count}) + data), dtype.Native(), {count},
                native);
  }
}

// Shape (2, 3) in Fortran order: 0 2 4 / 1 3 5.
TEST_F(ArrayFileTest, FortranOrderBecomesCOrder) {
  ExpectArray(Write("a.npy", FortranHeader(DType::Bytes(1), {2, 3}) + "012345"), DType::Bytes(1),
              {2, 3}, "024135");
  ExpectArray(Write("b.npy", FortranHeader(DType::Parse(">u2").value(), {2, 2}) + "abcdefgh"),
              DType::Of<std::uint16_t>(), {2, 2}, "bafedchg");
  // Shapes for which both orders are the same.
  ExpectArray(Write("c.npy", FortranHeader(kInt64, {1, 5}) + Counting(5)), kInt64, {1, 5},
              Counting(5));
  ExpectArray(Write("d.npy", FortranHeader(kInt64, {0, 5})), kInt64, {0, 5}, "");
  const absl::StatusOr<ArrayFile> one = ArrayFile::Open(Path("a.npy"));
  const absl::StatusOr<ArrayFile> other =
      ArrayFile::Open(Write("e.npy", FormatNpyHeader(DType::Bytes(1), {2, 3}) + "012345"));
  EXPECT_NE(one->fingerprint(), other->fingerprint());
}

TEST_F(ArrayFileTest, ElementsWithoutBytes) {
  for (const char* descr : {"|S0", "<U0", "|V0", "[]", "[('a', '>U0')]"}) {
    const DType dtype = DType::Parse(descr).value();
    ExpectArray(Write("a.npy", FormatNpyHeader(dtype, {3, 2})), dtype.Native(), {3, 2}, "");
    ExpectArray(Write("b.npy", FortranHeader(dtype, {3, 2})), dtype.Native(), {3, 2}, "");
  }
}

TEST_F(ArrayFileTest, HeaderLongerThanTheFirstRead) {
  std::string text = "{'descr': '<i8', 'fortran_order': False, 'shape': (1,), }";
  text.resize(30000, ' ');
  const std::string start("\x93NUMPY\x01\x00\x30\x75", 10);  // 0x7530 is 30000
  const std::string npy = start + text + Counting(1);
  ExpectArray(Write("a.npy", npy), kInt64, {1}, Counting(1));
  ExpectArray(WriteZip(Path("a.npz"), {{"x.npy", npy}}, ZIP_CM_DEFLATE), kInt64, {1}, Counting(1));
}

TEST_F(ArrayFileTest, MembersOfArchives) {
  const std::string data = RandomBytes(5, 300000);
  const std::string fortran = FortranHeader(DType::Bytes(1), {2, 3}) + "012345";
  for (const int method : {ZIP_CM_STORE, ZIP_CM_DEFLATE}) {
    const std::string path =
        WriteZip(Path("a.npz"),
                 {{"numbers.npy", CountingNpy(1000)},
                  {"bytes.npy", FormatNpyHeader(DType::Bytes(3), {100000}) + data},
                  {"f.npy", fortran},
                  {"none.npy", CountingNpy(0)},
                  {"no_suffix", CountingNpy(2)}},
                 method);
    ExpectArray(path + ":numbers", kInt64, {1000}, Counting(1000));
    ExpectArray(path + ":numbers.npy", kInt64, {1000}, Counting(1000));
    ExpectArray(path + ":bytes", DType::Bytes(3), {100000}, data);
    ExpectArray(path + ":f", DType::Bytes(1), {2, 3}, "024135");
    ExpectArray(path + ":none", kInt64, {0}, "");
    ExpectArray(path + ":no_suffix", kInt64, {2}, Counting(2));
    EXPECT_THAT(ArrayFile::Open(path),
                StatusIs(kInvalidArgument,
                         absl::StrCat("a.npz has several arrays; say which, as in ", path,
                                      ":numbers; it has: numbers, bytes, f, none, no_suffix")));
    EXPECT_THAT(
        ArrayFile::Open(path + ":x"),
        StatusIs(kNotFound, "a.npz has no array x; it has: numbers, bytes, f, none, no_suffix"));
    EXPECT_EQ(ArrayFile::Open(path + ":f")->name(), path + ":f");
    EXPECT_EQ(ArrayFile::Open(path + ":f")->path(), path);
    const std::string one =
        WriteZip(Path("one"), {{"folder/", ""}, {"folder/x.npy", CountingNpy(3)}}, method);
    ExpectArray(one, kInt64, {3}, Counting(3));
    EXPECT_EQ(ArrayFile::Open(one)->name(), one + ":folder/x");
  }
  std::vector<ZipEntry> many;
  for (int i = 0; i < 100; ++i) many.push_back({absl::StrCat("arr_", i, ".npy"), CountingNpy(1)});
  EXPECT_THAT(ArrayFile::Open(WriteZip(Path("many.npz"), many, ZIP_CM_STORE)),
              StatusIs(kInvalidArgument, "arr_18, arr_19, and 80 more"));
}

// If Python's zipfile has appended to an archive, a name may occur twice, and the last member is
// the newest.
TEST_F(ArrayFileTest, TheLastMemberOfANameIsTaken) {
  for (const int method : {ZIP_CM_STORE, ZIP_CM_DEFLATE}) {
    // libzip refuses to write a name twice, so names are made equal afterwards.
    const auto write = [&](const std::string& name, const std::vector<ZipEntry>& entries) {
      const std::string path = WriteZip(Path(name), entries, method);
      std::string contents(std::filesystem::file_size(path), '\0');
      std::ifstream(path, std::ios::binary)
          .read(contents.data(), static_cast<std::streamsize>(contents.size()));
      for (std::size_t at = 0; (at = contents.find("other.npy", at)) != std::string::npos;)
        contents.replace(at, 5, "array");
      return Write(name, contents);
    };
    const std::string one =
        write("one.npz", {{"array.npy", CountingNpy(3)}, {"other.npy", CountingNpy(5)}});
    ExpectArray(one, kInt64, {5}, Counting(5));
    ExpectArray(one + ":array", kInt64, {5}, Counting(5));
    const std::string two = write("two.npz", {{"array.npy", CountingNpy(3)},
                                              {"rest.npy", CountingNpy(4)},
                                              {"other.npy", CountingNpy(5)}});
    ExpectArray(two + ":array.npy", kInt64, {5}, Counting(5));
    ExpectArray(two + ":rest", kInt64, {4}, Counting(4));
    EXPECT_THAT(ArrayFile::Open(two),
                StatusIs(kInvalidArgument, "two.npz:array; it has: array, rest"));
    EXPECT_THAT(ArrayFile::Open(two + ":x"),
                StatusIs(kNotFound, "no array x; it has: array, rest"));
  }
}

TEST_F(ArrayFileTest, AnExactNameTakesPrecedence) {
  const std::string path =
      WriteZip(Path("a.npz"),
               {{"x.npy", CountingNpy(3)}, {"x", CountingNpy(4)}, {"x.npy.npy", CountingNpy(5)}},
               ZIP_CM_STORE);
  ExpectArray(path + ":x", kInt64, {4}, Counting(4));
  ExpectArray(path + ":x.npy", kInt64, {3}, Counting(3));
  ExpectArray(path + ":x.npy.npy", kInt64, {5}, Counting(5));
  EXPECT_THAT(ArrayFile::Open(path), StatusIs(kInvalidArgument, "it has: x.npy, x, x.npy.npy"));
}

TEST_F(ArrayFileTest, ArchivesThatAreDamaged) {
  for (const int method : {ZIP_CM_STORE, ZIP_CM_DEFLATE}) {
    for (const bool fortran : {false, true}) {
      const std::string npy =
          (fortran ? FortranHeader(kInt64, {100, 100}) : FormatNpyHeader(kInt64, {100, 100})) +
          RandomBytes(4, 80000);
      const std::string path = WriteZip(Path("a.npz"), {{"x.npy", npy}}, method);
      std::string contents(std::filesystem::file_size(path), '\0');
      std::ifstream(path, std::ios::binary)
          .read(contents.data(), static_cast<std::streamsize>(contents.size()));
      for (const std::size_t size :
           {std::size_t{4}, std::size_t{50}, contents.size() / 2, contents.size() - 1})
        EXPECT_THAT(ArrayFile::Open(Write("cut.npz", contents.substr(0, size))),
                    StatusIs(kDataLoss, "damaged zip archive"));
      std::string other = contents;
      other[other.size() / 2] ^= 1;
      const absl::StatusOr<ArrayFile> file = ArrayFile::Open(Write("other.npz", other));
      MPAIO_ASSERT_OK(file);
      for (const int num_shares : {1, 2, 3})
        EXPECT_THAT(Load(*file, num_shares), StatusIs(kDataLoss, "damaged zip archive"));
    }
    EXPECT_THAT(ArrayFile::Open(WriteZip(Path("a.npz"), {{"x.npy", CountingNpy(3) + "x"}}, method)),
                StatusIs(kDataLoss, "x holds 1 bytes more than its header promises"));
    EXPECT_THAT(ArrayFile::Open(WriteZip(Path("a.npz"),
                                         {{"x.npy", CountingNpy(3).substr(0, 128 + 23)}}, method)),
                StatusIs(kDataLoss, "promises 24 bytes of data, the file holds 23"));
    EXPECT_THAT(ArrayFile::Open(WriteZip(Path("a.npz"), {{"x.npy", ""}}, method)),
                StatusIs(kInvalidArgument, "a.npz:x is not a .npy file: it is empty"));
    EXPECT_THAT(ArrayFile::Open(WriteZip(Path("a.npz"), {{"x.txt", "words"}}, method)),
                StatusIs(kInvalidArgument,
                         "a.npz:x.txt is not a .npy file but text, starting with 'words'"));
  }
  EXPECT_THAT(
      ArrayFile::Open(Write("empty.npz", std::string("PK\x05\x06", 4) + std::string(18, '\0'))),
      StatusIs(kInvalidArgument, "is an .npz without an array"));
  EXPECT_THAT(ArrayFile::Open(Write("a.npy", CountingNpy(3)) + ":x"),
              StatusIs(kInvalidArgument, "a.npy is not an .npz, so there is no x in it"));
}

TEST_F(ArrayFileTest, RawBytes) {
  const std::string path = Write("a:0.bin", Counting(60));
  for (const auto& [form, shape] :
       std::vector<std::pair<std::string, std::vector<Index>>>{{"raw:<i8:12x5:", {12, 5}},
                                                               {"raw:i8:-1x5:", {12, 5}},
                                                               {"raw:i8:2x-1x3:", {2, 10, 3}},
                                                               {"raw:i8:-1:", {60}},
                                                               {"raw:i8:", {60}},
                                                               {"raw:int64:-1x5:", {12, 5}},
                                                               {"raw:i8:60:", {60}}})
    ExpectArray(form + path, kInt64, shape, Counting(60));
  ExpectArray("raw:[('a:b', '<i8'), ('c', '|S8')]:" + path,
              DType::Parse("[('a:b', '<i8'), ('c', '|S8')]").value(), {30}, Counting(60));
  ExpectArray("raw:i8:" + Write("none", ""), kInt64, {0}, "");
  EXPECT_THAT(ArrayFile::Open("raw:i8:12x6:" + path),
              StatusIs(kInvalidArgument,
                       "holds 480 bytes, but int64 (12, 6) takes 576; check type and shape"));
  EXPECT_THAT(ArrayFile::Open("raw:i8:-1x7:" + path),
              StatusIs(kInvalidArgument, "not a multiple of the 56"));
  EXPECT_THAT(ArrayFile::Open("raw:integer:" + path),
              StatusIs(kInvalidArgument, "the form is raw:TYPE:SHAPE:FILE"));
  EXPECT_THAT(ArrayFile::Open("raw:i8:12x5:" + Path("gone")), StatusIs(kNotFound, "gone"));
  EXPECT_THAT(ArrayFile::Open("raw:i8:" + directory_.path()),
              StatusIs(kInvalidArgument, "is a directory"));
}

TEST_F(ArrayFileTest, AnExistingFileTakesPrecedence) {
  const std::filesystem::path before = std::filesystem::current_path();
  std::filesystem::current_path(directory_.path());
  Write("raw:i8:x", CountingNpy(3));
  Write("x", Counting(2));
  ExpectArray("raw:i8:x", kInt64, {3}, Counting(3));
  ExpectArray("raw:<i8:x", kInt64, {2}, Counting(2));
  WriteZip(Path("a:b.npz"), {{"c:d.npy", CountingNpy(4)}, {"e.npy", CountingNpy(5)}}, ZIP_CM_STORE);
  ExpectArray("a:b.npz:c:d", kInt64, {4}, Counting(4));
  ExpectArray("a:b.npz:e", kInt64, {5}, Counting(5));
  std::filesystem::create_directory("a");
  ExpectArray("a:b.npz:e", kInt64, {5}, Counting(5));
  Write("-", CountingNpy(6));
  ExpectArray("./-", kInt64, {6}, Counting(6));
  EXPECT_TRUE(ArrayFile::IsStandardInput("-"));
  EXPECT_TRUE(ArrayFile::IsStandardInput("raw:i8:3:-"));
  EXPECT_FALSE(ArrayFile::IsStandardInput("./-"));
  EXPECT_FALSE(ArrayFile::IsStandardInput("raw:i8:x"));
  std::filesystem::current_path(before);
}

// A pipe into which a thread writes `contents` in pieces.
class Pipe {
 public:
  explicit Pipe(std::string contents) {
    EXPECT_EQ(::pipe(fds_), 0);
    writer_ = std::thread([fd = fds_[1], contents = std::move(contents)] {
      for (std::size_t at = 0; at < contents.size();) {
        const ssize_t put =
            ::write(fd, contents.data() + at, std::min<std::size_t>(contents.size() - at, 777));
        if (put <= 0) break;
        at += static_cast<std::size_t>(put);
      }
      ::close(fd);
    });
  }
  ~Pipe() {
    char rest[4096];
    while (::read(fds_[0], rest, sizeof(rest)) > 0) continue;
    writer_.join();
    ::close(fds_[0]);
  }
  int fd() const { return fds_[0]; }

 private:
  int fds_[2];
  std::thread writer_;
};

TEST_F(ArrayFileTest, AStreamIsLoadedOnceByShareZero) {
  for (const int num_shares : {1, 3}) {
    const Pipe pipe(CountingNpy(10000));
    const absl::StatusOr<ArrayFile> file = FromStream(pipe.fd(), "the pipe");
    MPAIO_ASSERT_OK(file);
    EXPECT_TRUE(file->is_stream());
    EXPECT_EQ(file->name(), "the pipe");
    EXPECT_EQ(file->path(), "");
    EXPECT_EQ(file->shape(), std::vector<Index>{10000});
    const absl::StatusOr<std::string> loaded = Load(*file, num_shares);
    MPAIO_ASSERT_OK(loaded);
    EXPECT_TRUE(*loaded == Counting(10000));
    EXPECT_THAT(Load(*file, 1), StatusIs(kFailedPrecondition, "the pipe has been read already"));
  }
  const Pipe fortran(FortranHeader(DType::Bytes(1), {2, 3}) + "012345");
  EXPECT_EQ(Load(*FromStream(fortran.fd(), "the pipe"), 1).value(), "024135");
}

TEST_F(ArrayFileTest, StreamsOfAnotherLength) {
  const std::string npy = CountingNpy(1000);
  for (std::size_t size = 0; size < 128; ++size) {
    const Pipe pipe(npy.substr(0, size));
    EXPECT_THAT(FromStream(pipe.fd(), "the pipe"),
                size == 0 ? StatusIs(kInvalidArgument, "it is empty")
                          : StatusIs(kDataLoss, "the pipe is truncated"));
  }
  const Pipe cut(npy.substr(0, npy.size() - 1));
  EXPECT_THAT(
      Load(*FromStream(cut.fd(), "the pipe"), 1),
      StatusIs(
          kDataLoss,
          "the pipe is truncated: its header promises 8000 bytes of data, the file holds 7999"));
  const Pipe twice(npy + npy);
  EXPECT_THAT(Load(*FromStream(twice.fd(), "the pipe"), 1),
              StatusIs(kDataLoss, "holds at least 1 bytes more"));
  EXPECT_FALSE(FromStream(-1, "nothing").ok());
}

TEST_F(ArrayFileTest, AnArrayElsewhereHasNoBytesHere) {
  const absl::StatusOr<ArrayFile> file = ArrayFile::Elsewhere("standard input", kInt64, {1000});
  MPAIO_ASSERT_OK(file);
  EXPECT_TRUE(file->is_stream());
  EXPECT_EQ(file->size_bytes(), 8000);
  const Pages pages(8000);
  MPAIO_EXPECT_OK(file->LoadShare(1, 2, pages.bytes()));
  EXPECT_EQ(pages.text(), std::string(8000, '?'));
  EXPECT_THAT(file->LoadShare(0, 2, pages.bytes()),
              StatusIs(kFailedPrecondition, "arrives at another process"));
  EXPECT_THAT(ArrayFile::Elsewhere("x", kInt64, {Index{1} << 62}), StatusIs(kInvalidArgument));
}

TEST_F(ArrayFileTest, MovesTakeTheFileAlong) {
  absl::StatusOr<ArrayFile> opened = ArrayFile::Open(Write("a.npy", CountingNpy(3)));
  MPAIO_ASSERT_OK(opened);
  ArrayFile moved = *std::move(opened);
  ArrayFile assigned;
  assigned = std::move(moved);
  EXPECT_EQ(Load(assigned, 1).value(), Counting(3));
  EXPECT_EQ(assigned.name(), Path("a.npy"));
  // The file that was open before is closed: its descriptor is the next free one.
  const int lowest = ::dup(0);
  ::close(lowest);
  assigned = ArrayFile();
  const int now_lowest = ::dup(0);
  ::close(now_lowest);
  EXPECT_LT(now_lowest, lowest);
}

TEST_F(ArrayFileTest, FilesWithoutAnArrayAreRefused) {
  EXPECT_THAT(ArrayFile::Open(Path("none.npy")),
              StatusIs(kNotFound, absl::StrCat("there is no file ", Path("none.npy"))));
  EXPECT_THAT(ArrayFile::Open(Path("none.npz:x")), StatusIs(kNotFound, "none.npz:x"));
  EXPECT_THAT(ArrayFile::Open(""), StatusIs(kNotFound, "there is no file"));
  EXPECT_THAT(ArrayFile::Open(directory_.path()), StatusIs(kInvalidArgument, "is a directory"));
  EXPECT_THAT(ArrayFile::Open("/dev/null"), StatusIs(kInvalidArgument, "is a device"));
  ASSERT_EQ(::mkfifo(Path("pipe").c_str(), 0600), 0);
  EXPECT_THAT(ArrayFile::Open(Path("pipe")), StatusIs(kInvalidArgument, "is a pipe"));
  EXPECT_THAT(ArrayFile::Open(Write("empty.npy", "")), StatusIs(kInvalidArgument, "it is empty"));
  EXPECT_THAT(ArrayFile::Open(Write("text.npy", "hello")),
              StatusIs(kInvalidArgument, "not a .npy file"));
  EXPECT_THAT(ArrayFile::Open(Path("text.npy/a.npy")),
              StatusIs(kInvalidArgument, "Not a directory"));
  EXPECT_THAT(ArrayFile::Open(Path(std::string(300, 'a'))), StatusIs(kInvalidArgument, "too long"));
  std::filesystem::create_symlink(Path("loop"), Path("loop"));
  EXPECT_THAT(ArrayFile::Open(Path("loop")), StatusIs(kInvalidArgument, "symbolic links"));
}

TEST_F(ArrayFileTest, UnsupportedTypesAreRefusedBeforeTheSizeIsChecked) {
  const std::string header = FormatNpyHeader(DType::Parse("|O").value(), {1000});
  EXPECT_THAT(ArrayFile::Open(Write("a.npy", header)), StatusIs(kUnimplemented, "Python objects"));
}

TEST_F(ArrayFileTest, CutAtEveryByteIsTruncated) {
  const std::string whole = CountingNpy(3);
  ASSERT_EQ(whole.size(), 128u + 24u);
  for (std::size_t size = 1; size < whole.size(); ++size)
    EXPECT_THAT(ArrayFile::Open(Write("cut.npy", whole.substr(0, size))),
                StatusIs(kDataLoss, "is truncated: "));
  EXPECT_THAT(
      ArrayFile::Open(Path("cut.npy")),
      StatusIs(
          kDataLoss,
          absl::StrCat(Path("cut.npy"),
                       " is truncated: its header promises 24 bytes of data, the file holds 23; "
                       "copy it again")));
}

TEST_F(ArrayFileTest, MoreThanTheHeaderPromisesIsRefused) {
  EXPECT_THAT(
      ArrayFile::Open(Write("a.npy", CountingNpy(3) + "12345678")),
      StatusIs(kDataLoss,
               absl::StrCat(Path("a.npy"),
                            " holds 8 bytes more than its header promises: arrays may have been "
                            "appended to one file, or a longer file was written over in part; save "
                            "each array to a file of its own, with numpy.save")));
}

TEST_F(ArrayFileTest, ShrinkingWhileItIsReadIsDataLoss) {
  for (const bool fortran : {false, true}) {
    const std::string header =
        fortran ? FortranHeader(kInt64, {100, 10}) : FormatNpyHeader(kInt64, {100, 10});
    const absl::StatusOr<ArrayFile> file = ArrayFile::Open(Write("a.npy", header + Counting(1000)));
    MPAIO_ASSERT_OK(file);
    std::filesystem::resize_file(Path("a.npy"), 128 + 4000);
    EXPECT_THAT(Load(*file, 1),
                StatusIs(kDataLoss, "shrank while it was read: byte 4128 no longer exists"));
    EXPECT_THAT(Load(*file, 2), StatusIs(kDataLoss, "shrank while it was read"));
    std::filesystem::resize_file(Path("a.npy"), 10);
    EXPECT_THAT(Load(*file, 1), StatusIs(kDataLoss, "shrank while it was read"));
  }
  for (const int method : {ZIP_CM_STORE, ZIP_CM_DEFLATE}) {
    const std::string path = WriteZip(Path("a.npz"), {{"x.npy", CountingNpy(100000)}}, method);
    const absl::StatusOr<ArrayFile> file = ArrayFile::Open(path);
    MPAIO_ASSERT_OK(file);
    std::filesystem::resize_file(path, std::filesystem::file_size(path) / 2);
    EXPECT_THAT(Load(*file, 1), StatusIs(kDataLoss, "shrank while it was read"));
    EXPECT_THAT(Load(*file, 2), StatusIs(kDataLoss, "shrank while it was read"));
    // Another archive in its place, in the same file.
    std::filesystem::resize_file(path, 0);
    std::ofstream(path, std::ios::binary) << std::string("PK\x05\x06", 4) << std::string(18, '\0');
    EXPECT_FALSE(Load(*file, 1).ok());
  }
}

TEST_F(ArrayFileTest, ADestinationWithoutMemoryIsResourceExhausted) {
  constexpr Index kSizeBytes = 65536;
  const std::string npy = CountingNpy(kSizeBytes / 8);
  const absl::StatusOr<ArrayFile> file = ArrayFile::Open(Write("a.npy", npy));
  MPAIO_ASSERT_OK(file);
  void* const nowhere = ::mmap(nullptr, kSizeBytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(nowhere, MAP_FAILED);
  const std::span<std::byte> none(static_cast<std::byte*>(nowhere), kSizeBytes);
  EXPECT_THAT(file->LoadShare(0, 1, none), StatusIs(kResourceExhausted, "shared memory ran out"));
  const Pipe pipe(npy);
  EXPECT_THAT(FromStream(pipe.fd(), "the pipe")->LoadShare(0, 1, none),
              StatusIs(kResourceExhausted, "shared memory ran out"));
  ::munmap(nowhere, kSizeBytes);

  // As on a full tmpfs: the mapping is longer than the file behind it, and its second half cannot
  // get pages.
  const int fd = ::open(Write("half", std::string(kSizeBytes / 2, 'x')).c_str(), O_RDWR);
  void* const data = ::mmap(nullptr, kSizeBytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  ASSERT_NE(data, MAP_FAILED);
  EXPECT_THAT(file->LoadShare(0, 1, {static_cast<std::byte*>(data), kSizeBytes}),
              StatusIs(kResourceExhausted, "shared memory ran out"));
  ::munmap(data, kSizeBytes);
  ::close(fd);
}

TEST_F(ArrayFileTest, AnErrorBeforeWritingEndsTheLoading) {
  const std::string npy = CountingNpy(100'000);
  const Pipe pipe(npy.substr(0, 60'000));
  for (const bool is_stream : {false, true}) {
    const absl::StatusOr<ArrayFile> file =
        is_stream ? FromStream(pipe.fd(), "the pipe") : ArrayFile::Open(Write("a.npy", npy));
    MPAIO_ASSERT_OK(file);
    ASSERT_TRUE(file->writes_in_order());
    const Pages pages(file->size_bytes());
    int calls = 0;
    const auto refuse = [&](std::span<std::byte>) {
      ++calls;
      return absl::ResourceExhaustedError("no more");
    };
    EXPECT_THAT(file->LoadShare(0, 1, pages.bytes(), refuse),
                StatusIs(kResourceExhausted, "no more"));
    EXPECT_EQ(calls, 1);
    EXPECT_EQ(pages.text(), std::string(static_cast<std::size_t>(file->size_bytes()), '?'));
  }
}

TEST_F(ArrayFileTest, DifferentFilesHaveDifferentFingerprints) {
  const std::string npy = CountingNpy(1000);
  const std::uint64_t fingerprint = ArrayFile::Open(Write("a.npy", npy))->fingerprint();
  EXPECT_EQ(ArrayFile::Open(Write("b.npy", npy))->fingerprint(), fingerprint);
  std::string other = npy;
  other[200] ^= 1;
  EXPECT_NE(ArrayFile::Open(Write("b.npy", other))->fingerprint(), fingerprint);
  EXPECT_NE(ArrayFile::Open(Write("b.npy", CountingNpy(1001)))->fingerprint(), fingerprint);
}

TEST_F(ArrayFileTest, AReopenedFileIsTheSameOrRefused) {
  const std::string path = Write("a.npy", CountingNpy(1000));
  absl::StatusOr<ArrayFile> file = ArrayFile::Open(path);
  MPAIO_ASSERT_OK(file);
  file->CloseForNow();
  EXPECT_EQ(file->shape(), std::vector<Index>{1000});
  EXPECT_FALSE(Load(*file, 2).ok());
  // The second time the file is open already.
  for (int time = 0; time < 2; ++time) {
    MPAIO_EXPECT_OK(file->OpenAgain());
    const absl::StatusOr<std::string> loaded = Load(*file, 2);
    MPAIO_ASSERT_OK(loaded);
    EXPECT_TRUE(*loaded == Counting(1000));
  }
  file->CloseForNow();
  std::filesystem::rename(Write("b.npy", CountingNpy(1000)), path);
  EXPECT_THAT(file->OpenAgain(),
              StatusIs(absl::StatusCode::kDataLoss, "a.npy was replaced or written since"));
  std::filesystem::remove(path);
  EXPECT_THAT(file->OpenAgain(), StatusIs(absl::StatusCode::kNotFound, "there is no file"));
}

}  // namespace
}  // namespace mpaio
