#include "mpaio/array/npy_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <limits>
#include <set>
#include <span>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "mpaio/array/dtype.h"
#include "mpaio/array/nd_view.h"
#include "mpaio/array/npy_header.h"
#include "mpaio/base/index.h"

namespace mpaio {
namespace {

namespace fs = std::filesystem;

constexpr DType kInt64 = DType::Of<std::int64_t>();

void ExpectRefused(const absl::Status& status, absl::StatusCode code, absl::string_view why) {
  EXPECT_EQ(status.code(), code) << status;
  const std::string message(status.message());
  EXPECT_NE(message.find(std::string(why)), std::string::npos) << message << "\n  does not say: " << why;
  EXPECT_EQ(message.find('\n'), std::string::npos) << message;
}

void WriteText(const std::string& path, absl::string_view text) {
  std::ofstream out(path, std::ios::binary);
  out.write(text.data(), static_cast<std::streamsize>(text.size()));
}

std::string ReadText(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

// An empty directory for each test; what is left in it is part of what is tested.
class NpyFileTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "/npy_file_test.XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    directory_ = name;
  }
  void TearDown() override { fs::remove_all(directory_); }

  std::string Path(absl::string_view name) const { return absl::StrCat(directory_, "/", name); }

  std::set<std::string> Names() const {
    std::set<std::string> names;
    for (const fs::directory_entry& entry : fs::directory_iterator(directory_))
      names.insert(entry.path().filename().string());
    return names;
  }

  // 0, 1, ..., count - 1 as int64, written to `name`.
  std::string WriteCounting(absl::string_view name, Index count) const {
    std::vector<std::int64_t> numbers(static_cast<std::size_t>(count));
    for (Index i = 0; i < count; ++i) numbers[static_cast<std::size_t>(i)] = i;
    const absl::Status status = WriteNpy(Path(name), NdView::Create(numbers.data(), kInt64, {count}).value());
    EXPECT_TRUE(status.ok()) << status;
    return Path(name);
  }

  std::string directory_;
};

std::span<std::byte> BytesOf(std::vector<std::int64_t>& numbers) {
  return std::as_writable_bytes(std::span(numbers));
}

// Pages that may not be touched, for the system calls to fail on.
class NoMemory {
 public:
  NoMemory() : data_(::mmap(nullptr, kSizeBytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) {}
  ~NoMemory() { ::munmap(data_, kSizeBytes); }
  void* data() const { return data_; }
  static constexpr Index kSizeBytes = 65536;

 private:
  void* data_;
};

TEST_F(NpyFileTest, ReadsSlices) {
  const absl::StatusOr<NpyFile> file = NpyFile::Open(WriteCounting("a.npy", 1000));
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->path(), Path("a.npy"));
  EXPECT_EQ(file->header().shape, (std::vector<Index>{1000}));
  EXPECT_EQ(file->header().dtype, kInt64);
  EXPECT_EQ(file->trailing_bytes(), 0);
  std::vector<std::int64_t> slice(3);
  ASSERT_TRUE(file->ReadInto(800, BytesOf(slice)).ok());
  EXPECT_EQ(slice, (std::vector<std::int64_t>{100, 101, 102}));
  ASSERT_TRUE(file->ReadInto(7976, BytesOf(slice)).ok());
  EXPECT_EQ(slice, (std::vector<std::int64_t>{997, 998, 999}));
  EXPECT_TRUE(file->ReadInto(8000, {}).ok());
}

TEST_F(NpyFileTest, SlicesByManyThreadsMakeTheWhole) {
  constexpr Index kCount = 100000, kThreads = 7;
  const absl::StatusOr<NpyFile> file = NpyFile::Open(WriteCounting("a.npy", kCount));
  ASSERT_TRUE(file.ok()) << file.status();
  std::vector<std::int64_t> numbers(kCount, -1);
  std::vector<absl::Status> statuses(kThreads);
  std::vector<std::thread> threads;
  for (Index t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      const Index begin = kCount * t / kThreads * 8, end = kCount * (t + 1) / kThreads * 8;
      statuses[static_cast<std::size_t>(t)] = file->ReadInto(
          begin,
          BytesOf(numbers).subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin)));
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const absl::Status& status : statuses) EXPECT_TRUE(status.ok()) << status;
  for (Index i = 0; i < kCount; ++i) ASSERT_EQ(numbers[static_cast<std::size_t>(i)], i);
}

TEST_F(NpyFileTest, SlicesOutsideTheDataAreRefused) {
  // Bytes after the data are no part of it.
  const std::string path = WriteCounting("a.npy", 10);
  WriteText(path, ReadText(path) + "trailing");
  const absl::StatusOr<NpyFile> file = NpyFile::Open(path);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->trailing_bytes(), 8);
  std::vector<std::int64_t> slice(2);
  constexpr Index kMax = std::numeric_limits<Index>::max();
  for (const Index offset : {Index{-1}, Index{65}, Index{80}, Index{81}, kMax, -kMax}) {
    ExpectRefused(file->ReadInto(offset, BytesOf(slice)), absl::StatusCode::kOutOfRange,
                  "not all within the 80 bytes of data");
  }
  EXPECT_TRUE(file->ReadInto(64, BytesOf(slice)).ok());
}

TEST_F(NpyFileTest, MovesTakeTheFileAlong) {
  absl::StatusOr<NpyFile> opened = NpyFile::Open(WriteCounting("a.npy", 3));
  ASSERT_TRUE(opened.ok()) << opened.status();
  NpyFile moved = *std::move(opened);
  NpyFile assigned;
  assigned = std::move(moved);
  std::vector<std::int64_t> numbers(3);
  ASSERT_TRUE(assigned.ReadInto(0, BytesOf(numbers)).ok());
  EXPECT_EQ(numbers, (std::vector<std::int64_t>{0, 1, 2}));
  EXPECT_EQ(assigned.path(), Path("a.npy"));
  // The file that was held is closed: its number is the next that is free.
  const int lowest = ::dup(0);
  ::close(lowest);
  assigned = NpyFile();
  const int now_lowest = ::dup(0);
  ::close(now_lowest);
  EXPECT_LT(now_lowest, lowest);
}

TEST_F(NpyFileTest, AnArrayWithoutElementsHasNoBytes) {
  const absl::StatusOr<NpyFile> file = NpyFile::Open(WriteCounting("a.npy", 0));
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->header().data_size_bytes, 0);
  EXPECT_TRUE(file->ReadInto(0, {}).ok());
}

TEST_F(NpyFileTest, WhatIsNoNpyFileIsRefused) {
  using enum absl::StatusCode;
  ExpectRefused(NpyFile::Open(Path("none.npy")).status(), kNotFound, Path("none.npy"));
  ExpectRefused(NpyFile::Open("").status(), kNotFound, "there is no file");
  ExpectRefused(NpyFile::Open(directory_).status(), kInvalidArgument, "is a directory");
  ExpectRefused(NpyFile::Open("/dev/null").status(), kInvalidArgument, "is a device");
  ASSERT_EQ(::mkfifo(Path("pipe").c_str(), 0600), 0);
  ExpectRefused(NpyFile::Open(Path("pipe")).status(), kInvalidArgument, "is a pipe");
  WriteText(Path("empty.npy"), "");
  ExpectRefused(NpyFile::Open(Path("empty.npy")).status(), kInvalidArgument, "it is empty");
  WriteText(Path("text.npy"), "hello");
  ExpectRefused(NpyFile::Open(Path("text.npy")).status(), kInvalidArgument, "not a .npy file");
  ExpectRefused(NpyFile::Open(Path("text.npy/a.npy")).status(), kInvalidArgument, "Not a directory");
  ExpectRefused(NpyFile::Open(Path(std::string(300, 'a'))).status(), kInvalidArgument, "too long");
  fs::create_symlink(Path("loop"), Path("loop"));
  ExpectRefused(NpyFile::Open(Path("loop")).status(), kInvalidArgument, "symbolic links");
}

TEST_F(NpyFileTest, WhatMpaioDoesNotTakeIsRefusedBeforeItsSizeIsLookedAt) {
  WriteText(Path("a.npy"), FormatNpyHeader(DType::Of<float>(), {1000}));
  ExpectRefused(NpyFile::Open(Path("a.npy")).status(), absl::StatusCode::kUnimplemented, "float32");
}

TEST_F(NpyFileTest, CutAtEveryByteIsTruncated) {
  const std::string whole = ReadText(WriteCounting("a.npy", 3));
  ASSERT_EQ(whole.size(), 128u + 24u);
  for (std::size_t size = 1; size < whole.size(); ++size) {
    WriteText(Path("cut.npy"), absl::string_view(whole).substr(0, size));
    ExpectRefused(NpyFile::Open(Path("cut.npy")).status(), absl::StatusCode::kDataLoss, "is truncated: ");
  }
  WriteText(Path("cut.npy"), absl::string_view(whole).substr(0, 128 + 23));
  ExpectRefused(
      NpyFile::Open(Path("cut.npy")).status(), absl::StatusCode::kDataLoss,
      absl::StrCat(Path("cut.npy"),
                   " is truncated: its header promises 24 bytes of data, the file holds 23; copy it again"));
}

TEST_F(NpyFileTest, HeaderLongerThanTheFirstRead) {
  std::string text = "{'descr': '<i8', 'fortran_order': False, 'shape': (1,), }";
  text.resize(30000, ' ');
  const std::string start("\x93NUMPY\x01\x00\x30\x75", 10);  // 0x7530 is 30000
  const std::int64_t number = 42;
  WriteText(Path("a.npy"),
            absl::StrCat(start, text, absl::string_view(reinterpret_cast<const char*>(&number), 8)));
  const absl::StatusOr<NpyFile> file = NpyFile::Open(Path("a.npy"));
  ASSERT_TRUE(file.ok()) << file.status();
  std::vector<std::int64_t> numbers(1);
  ASSERT_TRUE(file->ReadInto(0, BytesOf(numbers)).ok());
  EXPECT_EQ(numbers[0], 42);
}

TEST_F(NpyFileTest, ShrinkingWhileItIsReadIsDataLoss) {
  const std::string path = WriteCounting("a.npy", 1000);
  const absl::StatusOr<NpyFile> file = NpyFile::Open(path);
  ASSERT_TRUE(file.ok()) << file.status();
  fs::resize_file(path, 128 + 4000);
  std::vector<std::int64_t> numbers(1000);
  ExpectRefused(file->ReadInto(0, BytesOf(numbers)), absl::StatusCode::kDataLoss,
                "shrank while it was read: it ends at byte 4128");
  EXPECT_TRUE(file->ReadInto(0, BytesOf(numbers).first(4000)).ok());
}

TEST_F(NpyFileTest, ADestinationWithoutMemoryIsResourceExhausted) {
  const absl::StatusOr<NpyFile> file = NpyFile::Open(WriteCounting("a.npy", 100000));
  ASSERT_TRUE(file.ok()) << file.status();
  const NoMemory nowhere;
  ExpectRefused(file->ReadInto(0, {static_cast<std::byte*>(nowhere.data()), NoMemory::kSizeBytes}),
                absl::StatusCode::kResourceExhausted, "shared memory ran out");

  // As when a tmpfs is full: the mapping is longer than the file behind it, and its second half cannot be
  // given pages.
  const std::string path = Path("half");
  WriteText(path, std::string(NoMemory::kSizeBytes / 2, 'x'));
  const int fd = ::open(path.c_str(), O_RDWR);
  void* const data = ::mmap(nullptr, NoMemory::kSizeBytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  ASSERT_NE(data, MAP_FAILED);
  ExpectRefused(file->ReadInto(0, {static_cast<std::byte*>(data), NoMemory::kSizeBytes}),
                absl::StatusCode::kResourceExhausted, "shared memory ran out");
  ::munmap(data, NoMemory::kSizeBytes);
  ::close(fd);
}

TEST_F(NpyFileTest, WriteNpyWritesHeaderAndData) {
  const std::vector<double> numbers{1.5, -2, 3, 4, 5, 6};
  ASSERT_TRUE(
      WriteNpy(Path("a.npy"), NdView::Create(numbers.data(), DType::Of<double>(), {2, 3}).value()).ok());
  EXPECT_EQ(ReadText(Path("a.npy")),
            absl::StrCat(FormatNpyHeader(DType::Of<double>(), {2, 3}),
                         absl::string_view(reinterpret_cast<const char*>(numbers.data()), 48)));
  EXPECT_EQ(Names(), (std::set<std::string>{"a.npy"}));
}

TEST_F(NpyFileTest, WriteNpyOfAnyShapeIsReadBack) {
  const std::string chars = "abcdefghijklmnopqrstuvwxyz";
  for (const std::vector<Index>& shape :
       std::vector<std::vector<Index>>{{}, {0}, {1}, {5}, {0, 3}, {5, 0}, {5, 1}, {1, 5}}) {
    const NdView array = NdView::Create(chars.data(), DType::Bytes(5), shape).value();
    ASSERT_TRUE(WriteNpy(Path("a.npy"), array).ok());
    const absl::StatusOr<NpyFile> file = NpyFile::Open(Path("a.npy"));
    ASSERT_TRUE(file.ok()) << file.status();
    EXPECT_EQ(file->header().shape, shape);
    std::string data(static_cast<std::size_t>(array.size_bytes()), '?');
    ASSERT_TRUE(file->ReadInto(0, std::as_writable_bytes(std::span(data))).ok());
    EXPECT_EQ(data, chars.substr(0, data.size()));
  }
}

TEST_F(NpyFileTest, WriteNpyReplacesAFileAndKeepsItsPermissions) {
  WriteText(Path("a.npy"), "old");
  fs::permissions(Path("a.npy"), fs::perms::owner_read | fs::perms::owner_write);
  const std::string replaced = WriteCounting("a.npy", 3);
  EXPECT_EQ(ReadText(replaced).size(), 152u);
  EXPECT_EQ(fs::status(replaced).permissions(), fs::perms::owner_read | fs::perms::owner_write);

  const mode_t mask = ::umask(027);
  const std::string fresh = WriteCounting("b.npy", 3);
  ::umask(mask);
  EXPECT_EQ(static_cast<int>(fs::status(fresh).permissions()), 0640);
}

TEST_F(NpyFileTest, WriteNpyLeavesAReaderOfTheOldFileAlone) {
  const absl::StatusOr<NpyFile> old_file = NpyFile::Open(WriteCounting("a.npy", 1000));
  ASSERT_TRUE(old_file.ok()) << old_file.status();
  WriteCounting("a.npy", 1);
  std::vector<std::int64_t> numbers(1000);
  ASSERT_TRUE(old_file->ReadInto(0, BytesOf(numbers)).ok());
  EXPECT_EQ(numbers[999], 999);
}

TEST_F(NpyFileTest, WriteNpyFollowsASymbolicLink) {
  fs::create_directory(Path("elsewhere"));
  WriteText(Path("elsewhere/real.npy"), "old");
  fs::create_symlink("elsewhere/real.npy", Path("link.npy"));
  WriteCounting("link.npy", 3);
  EXPECT_TRUE(fs::is_symlink(Path("link.npy")));
  EXPECT_TRUE(NpyFile::Open(Path("elsewhere/real.npy")).ok());

  fs::create_symlink("nowhere.npy", Path("dangling.npy"));
  const NdView nothing;
  ExpectRefused(WriteNpy(Path("dangling.npy"), nothing), absl::StatusCode::kNotFound, "leads nowhere");
}

TEST_F(NpyFileTest, WriteNpyIntoTheWorkingDirectory) {
  const fs::path before = fs::current_path();
  fs::current_path(directory_);
  const std::int64_t number = 1;
  const absl::Status status = WriteNpy("a.npy", NdView::Create(&number, kInt64, {}).value());
  fs::current_path(before);
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(Names(), (std::set<std::string>{"a.npy"}));
}

TEST_F(NpyFileTest, WriteNpyWithTheLongestName) {
  const std::string name = std::string(255 - 4, 'n') + ".npy";
  EXPECT_TRUE(NpyFile::Open(WriteCounting(name, 3)).ok());
  EXPECT_EQ(Names(), (std::set<std::string>{name}));
}

TEST_F(NpyFileTest, WriteNpyBesideWhatADeadWriterLeft) {
  const std::string left = absl::StrCat(".a.npy.tmp.", static_cast<Index>(::getpid()));
  WriteText(Path(left), "left");
  EXPECT_TRUE(NpyFile::Open(WriteCounting("a.npy", 3)).ok());
  EXPECT_EQ(ReadText(Path(left)), "left");
  EXPECT_EQ(Names(), (std::set<std::string>{"a.npy", left}));
}

TEST_F(NpyFileTest, FailedWriteNpyLeavesTheOldFileAndNothingElse) {
  WriteText(Path("a.npy"), "old");
  const NoMemory nowhere;
  const NdView unreadable = NdView::Create(nowhere.data(), kInt64, {100}).value();
  const absl::Status status = WriteNpy(Path("a.npy"), unreadable);
  ExpectRefused(status, status.code(), absl::StrCat("cannot write ", Path("a.npy")));
  EXPECT_FALSE(status.ok());
  EXPECT_EQ(ReadText(Path("a.npy")), "old");
  EXPECT_EQ(Names(), (std::set<std::string>{"a.npy"}));
}

TEST_F(NpyFileTest, WriteNpyRefusesWhatItCannotWrite) {
  using enum absl::StatusCode;
  ExpectRefused(WriteNpy(Path("a.npy"), NdView::Create(nullptr, kInt64, {3}).value()), kInvalidArgument,
                "int64 (3,) is not at hand");
  const std::int64_t pointer = 0;
  ExpectRefused(WriteNpy(Path("a.npy"), NdView::Create(&pointer, DType::Parse("O").value(), {1}).value()),
                kInvalidArgument, "Python objects");
  EXPECT_EQ(Names(), std::set<std::string>{});
}

TEST_F(NpyFileTest, PlacesThatCannotBeWritten) {
  using enum absl::StatusCode;
  WriteText(Path("file"), "x");
  ASSERT_EQ(::mkfifo(Path("pipe").c_str(), 0600), 0);
  const std::set<std::string> before = Names();
  struct {
    std::string path;
    absl::StatusCode code;
    const char* why;
  } const cases[] = {
      {"", kInvalidArgument, "is empty"},
      {directory_, kInvalidArgument, "it is a directory"},
      {directory_ + "/", kInvalidArgument, "it is a directory"},
      {Path("pipe"), kInvalidArgument, "it is a pipe"},
      {"/dev/null", kInvalidArgument, "it is a device"},
      {Path("none/a.npy"), kNotFound, "does not exist; create it first"},
      {Path("none/"), kNotFound, "no such directory"},
      {Path("file/a.npy"), kInvalidArgument, "Not a directory"},
      {Path(std::string(256, 'n')), kInvalidArgument, "too long"},
  };
  const std::int64_t number = 1;
  const NdView array = NdView::Create(&number, kInt64, {1}).value();
  for (const auto& bad : cases) {
    SCOPED_TRACE(bad.path);
    ExpectRefused(CheckWritable(bad.path, 100), bad.code, bad.why);
    ExpectRefused(WriteNpy(bad.path, array), bad.code, bad.why);
  }
  EXPECT_EQ(Names(), before);
}

// While it lives, this process has the rights of an ordinary user.
class OrdinaryUser {
 public:
  // Gives `directory` to the user, so that only permissions stand in the way.
  explicit OrdinaryUser(const std::string& directory) : was_root_(::geteuid() == 0) {
    if (was_root_) ok_ = ::chown(directory.c_str(), kUser, kUser) == 0 && ::seteuid(kUser) == 0;
  }
  ~OrdinaryUser() {
    if (was_root_) {
      EXPECT_EQ(::seteuid(0), 0);
    }
  }
  bool ok() const { return ok_; }

 private:
  static constexpr uid_t kUser = 65534;
  bool was_root_;
  bool ok_ = true;
};

TEST_F(NpyFileTest, PermissionsAreChecked) {
  using enum absl::StatusCode;
  // Not in the test's own directory: an ordinary user may not get as far as that.
  std::string directory = (fs::temp_directory_path() / "npy_file_test.XXXXXX").string();
  ASSERT_NE(::mkdtemp(directory.data()), nullptr);
  {
    const OrdinaryUser user(directory);
    if (!user.ok()) GTEST_SKIP() << "there is only root here, who may write everywhere";
    WriteText(directory + "/a.npy", "old");
    ASSERT_EQ(ReadText(directory + "/a.npy"), "old");
    fs::permissions(directory + "/a.npy", fs::perms::owner_read);
    ExpectRefused(CheckWritable(directory + "/a.npy", 100), kPermissionDenied, "cannot write over");
    fs::permissions(directory, fs::perms::owner_read | fs::perms::owner_exec);
    ExpectRefused(CheckWritable(directory + "/b.npy", 100), kPermissionDenied, "cannot write to directory");
    fs::permissions(directory, fs::perms::owner_all);
    fs::permissions(directory + "/a.npy", fs::perms::none);
    ExpectRefused(NpyFile::Open(directory + "/a.npy").status(), kPermissionDenied, directory + "/a.npy");
  }
  fs::remove_all(directory);
}

TEST_F(NpyFileTest, CheckWritableLeavesNothing) {
  EXPECT_TRUE(CheckWritable(Path("a.npy"), 1000).ok());
  EXPECT_EQ(Names(), std::set<std::string>{});
  WriteText(Path("a.npy"), "old");
  EXPECT_TRUE(CheckWritable(Path("a.npy"), 1000).ok());
  EXPECT_EQ(ReadText(Path("a.npy")), "old");
}

TEST_F(NpyFileTest, NoRoomOnTheDiskIsToldBeforeTheWork) {
  const absl::Status status = CheckWritable(Path("a.npy"), kMaxArrayBytes);
  ExpectRefused(status, absl::StatusCode::kResourceExhausted,
                absl::StrCat("it takes ", kMaxArrayBytes, " bytes, ", directory_, " has room for "));
}

TEST_F(NpyFileTest, NoRoomUnderTheLimitOfAFilesSize) {
  struct rlimit old_limit;
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &old_limit), 0);
  const struct rlimit limit = {1000, old_limit.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
  const absl::Status enough = CheckWritable(Path("a.npy"), 1000);
  const absl::Status too_much = CheckWritable(Path("a.npy"), 1001);
  const std::vector<std::int64_t> numbers(1000);
  const absl::Status written =
      WriteNpy(Path("a.npy"), NdView::Create(numbers.data(), kInt64, {1000}).value());
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &old_limit), 0);
  EXPECT_TRUE(enough.ok()) << enough;
  ExpectRefused(too_much, absl::StatusCode::kResourceExhausted, "has room for 1000");
  ExpectRefused(written, absl::StatusCode::kResourceExhausted, "it takes 8128 bytes");
  EXPECT_EQ(Names(), std::set<std::string>{});
}

}  // namespace
}  // namespace mpaio
