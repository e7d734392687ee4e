// SPDX-License-Identifier: Apache-2.0
#include "mpaio/format/npy_writer.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>
#include <span>
#include <sstream>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "mpaio/array/dtype.h"
#include "mpaio/array/nd_view.h"
#include "mpaio/base/index.h"
#include "mpaio/format/array_file.h"
#include "mpaio/format/npy_header.h"

namespace mpaio {
namespace {

namespace fs = std::filesystem;

const DType kInt64 = DType::Of<std::int64_t>();

void ExpectRefused(const absl::Status& status, absl::StatusCode code, absl::string_view why) {
  EXPECT_EQ(status.code(), code) << status;
  const std::string message(status.message());
  EXPECT_NE(message.find(std::string(why)), std::string::npos)
      << message << "\n  does not say: " << why;
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

// An empty directory for each test; the tests also check which files are left in it.
class NpyWriterTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "/npy_writer_test.XXXXXX";
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
    const absl::Status status =
        WriteNpy(Path(name), NdView::Create(numbers.data(), kInt64, {count}).value());
    EXPECT_TRUE(status.ok()) << status;
    return Path(name);
  }

  std::string directory_;
};

// Pages that may not be accessed, so that system calls fail on them.
class NoMemory {
 public:
  NoMemory() : data_(::mmap(nullptr, kSizeBytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) {}
  ~NoMemory() { ::munmap(data_, kSizeBytes); }
  void* data() const { return data_; }
  static constexpr Index kSizeBytes = 65536;

 private:
  void* data_;
};

// Returns the data of the array in `file`.
std::string Load(const ArrayFile& file) {
  std::string data(static_cast<std::size_t>(file.size_bytes()), '?');
  const absl::Status status = file.LoadShare(0, 1, std::as_writable_bytes(std::span(data)));
  EXPECT_TRUE(status.ok()) << status;
  return data;
}

TEST_F(NpyWriterTest, WriteNpyWritesHeaderAndData) {
  const std::vector<double> numbers{1.5, -2, 3, 4, 5, 6};
  ASSERT_TRUE(
      WriteNpy(Path("a.npy"), NdView::Create(numbers.data(), DType::Of<double>(), {2, 3}).value())
          .ok());
  EXPECT_EQ(ReadText(Path("a.npy")),
            absl::StrCat(FormatNpyHeader(DType::Of<double>(), {2, 3}),
                         absl::string_view(reinterpret_cast<const char*>(numbers.data()), 48)));
  EXPECT_EQ(Names(), (std::set<std::string>{"a.npy"}));
}

TEST_F(NpyWriterTest, WriteNpyOfAnyShapeIsReadBack) {
  const std::string chars = "abcdefghijklmnopqrstuvwxyz";
  for (const std::vector<Index>& shape :
       std::vector<std::vector<Index>>{{}, {0}, {1}, {5}, {0, 3}, {5, 0}, {5, 1}, {1, 5}}) {
    const NdView array = NdView::Create(chars.data(), DType::Bytes(5), shape).value();
    ASSERT_TRUE(WriteNpy(Path("a.npy"), array).ok());
    const absl::StatusOr<ArrayFile> file = ArrayFile::Open(Path("a.npy"));
    ASSERT_TRUE(file.ok()) << file.status();
    EXPECT_EQ(file->shape(), shape);
    EXPECT_EQ(Load(*file), chars.substr(0, static_cast<std::size_t>(array.size_bytes())));
  }
}

TEST_F(NpyWriterTest, WriteNpyReplacesAFileAndKeepsItsPermissions) {
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

TEST_F(NpyWriterTest, WriteNpyLeavesAReaderOfTheOldFileAlone) {
  const absl::StatusOr<ArrayFile> old_file = ArrayFile::Open(WriteCounting("a.npy", 1000));
  ASSERT_TRUE(old_file.ok()) << old_file.status();
  WriteCounting("a.npy", 1);
  const std::string data = Load(*old_file);
  ASSERT_EQ(data.size(), 8000u);
  std::int64_t last = 0;
  std::memcpy(&last, data.data() + 7992, 8);
  EXPECT_EQ(last, 999);
}

TEST_F(NpyWriterTest, WriteNpyFollowsASymbolicLink) {
  fs::create_directory(Path("elsewhere"));
  WriteText(Path("elsewhere/real.npy"), "old");
  fs::create_symlink("elsewhere/real.npy", Path("link.npy"));
  WriteCounting("link.npy", 3);
  EXPECT_TRUE(fs::is_symlink(Path("link.npy")));
  EXPECT_TRUE(ArrayFile::Open(Path("elsewhere/real.npy")).ok());
}

TEST_F(NpyWriterTest, WriteNpyMakesTheFileThatASymbolicLinkNames) {
  fs::create_directory(Path("elsewhere"));
  fs::create_symlink("link_to_real.npy", Path("link.npy"));
  fs::create_symlink("elsewhere/real.npy", Path("link_to_real.npy"));
  EXPECT_TRUE(CheckWritable(Path("link.npy"), 100).ok());
  EXPECT_FALSE(fs::exists(Path("elsewhere/real.npy")));
  WriteCounting("link.npy", 3);
  EXPECT_TRUE(fs::is_symlink(Path("link.npy")));
  EXPECT_TRUE(fs::is_symlink(Path("link_to_real.npy")));
  EXPECT_EQ(ReadText(Path("elsewhere/real.npy")).size(), 152u);
  EXPECT_EQ(Names(), (std::set<std::string>{"elsewhere", "link.npy", "link_to_real.npy"}));

  const NdView nothing;
  fs::create_symlink(Path("none/a.npy"), Path("no_directory.npy"));
  ExpectRefused(WriteNpy(Path("no_directory.npy"), nothing), absl::StatusCode::kNotFound,
                "does not exist; create it first");
  fs::create_symlink("circle.npy", Path("circle.npy"));
  ExpectRefused(WriteNpy(Path("circle.npy"), nothing), absl::StatusCode::kInvalidArgument,
                "symbolic links");
}

TEST_F(NpyWriterTest, WriteNpyIntoTheWorkingDirectory) {
  const fs::path before = fs::current_path();
  fs::current_path(directory_);
  const std::int64_t number = 1;
  const absl::Status status = WriteNpy("a.npy", NdView::Create(&number, kInt64, {}).value());
  fs::current_path(before);
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(Names(), (std::set<std::string>{"a.npy"}));
}

TEST_F(NpyWriterTest, WriteNpyWithTheLongestName) {
  const std::string name = std::string(255 - 4, 'n') + ".npy";
  EXPECT_TRUE(ArrayFile::Open(WriteCounting(name, 3)).ok());
  EXPECT_EQ(Names(), (std::set<std::string>{name}));
}

TEST_F(NpyWriterTest, WriteNpyIgnoresTheFileOfADeadWriter) {
  const std::string left = absl::StrCat(".a.npy.tmp.", static_cast<Index>(::getpid()));
  WriteText(Path(left), "left");
  EXPECT_TRUE(ArrayFile::Open(WriteCounting("a.npy", 3)).ok());
  EXPECT_EQ(ReadText(Path(left)), "left");
  EXPECT_EQ(Names(), (std::set<std::string>{"a.npy", left}));
}

// The second half is written first, through the address.
TEST_F(NpyWriterTest, AnNpyFileIsWrittenInAnyOrderAndByOthers) {
  std::vector<std::int64_t> numbers(1000);
  for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<std::int64_t>(i);
  absl::StatusOr<NpyFile> file = NpyFile::Create(Path("a b.npy"), kInt64, {10, 100});
  ASSERT_TRUE(file.ok()) << file.status();
  {
    const absl::StatusOr<NpyFile> other = NpyFile::Attach(file->address());
    ASSERT_TRUE(other.ok()) << other.status();
    EXPECT_TRUE(other->Write(4000, reinterpret_cast<const std::byte*>(&numbers[500]), 4000).ok());
  }
  EXPECT_TRUE(file->Write(0, reinterpret_cast<const std::byte*>(&numbers[0]), 4000).ok());
  EXPECT_FALSE(fs::exists(Path("a b.npy")));
  ASSERT_TRUE(file->Commit().ok());
  EXPECT_EQ(Names(), (std::set<std::string>{"a b.npy"}));
  ASSERT_TRUE(
      WriteNpy(Path("b.npy"), NdView::Create(numbers.data(), kInt64, {10, 100}).value()).ok());
  EXPECT_EQ(ReadText(Path("a b.npy")), ReadText(Path("b.npy")));
}

TEST_F(NpyWriterTest, AnNpyFileThatIsNotWrittenHoldsZeros) {
  ASSERT_TRUE(NpyFile::Create(Path("a.npy"), kInt64, {5})->Commit().ok());
  const std::int64_t zeros[5] = {};
  ASSERT_TRUE(WriteNpy(Path("b.npy"), NdView::Create(zeros, kInt64, {5}).value()).ok());
  EXPECT_EQ(ReadText(Path("a.npy")), ReadText(Path("b.npy")));
}

TEST_F(NpyWriterTest, AnNpyFileThatIsNotCommittedLeavesTheOldFileAndNothingElse) {
  WriteText(Path("a.npy"), "old");
  {
    const absl::StatusOr<NpyFile> file = NpyFile::Create(Path("a.npy"), kInt64, {100});
    ASSERT_TRUE(file.ok()) << file.status();
    const std::int64_t number = 1;
    EXPECT_TRUE(file->Write(0, reinterpret_cast<const std::byte*>(&number), 8).ok());
  }
  EXPECT_EQ(ReadText(Path("a.npy")), "old");
  EXPECT_EQ(Names(), (std::set<std::string>{"a.npy"}));
}

// Returns the path that the message gives for the result.
std::string KeptFile(const absl::Status& status) {
  const std::string message(status.message());
  const std::string before = "the result is in ";
  const std::size_t begin = message.find(before);
  const std::size_t end = message.find(", whole: ");
  if (begin == std::string::npos || end == std::string::npos)
    return "no file is named by: " + message;
  return message.substr(begin + before.size(), end - begin - before.size());
}

TEST_F(NpyWriterTest, AnNpyFileThatCannotHaveItsNameIsKept) {
  const std::int64_t number = 7;
  ASSERT_TRUE(WriteNpy(Path("expected.npy"), NdView::Create(&number, kInt64, {1}).value()).ok());
  absl::StatusOr<NpyFile> file = NpyFile::Create(Path("a.npy"), kInt64, {1});
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_TRUE(file->Write(0, reinterpret_cast<const std::byte*>(&number), 8).ok());
  // Makes the rename impossible, as a mount during the run would.
  fs::create_directories(Path("a.npy/full"));
  const absl::Status status = file->Commit();
  EXPECT_FALSE(status.ok());
  const std::string kept = KeptFile(status);
  EXPECT_EQ(fs::path(kept).parent_path(), directory_) << status;
  EXPECT_EQ(ReadText(kept), ReadText(Path("expected.npy")));
}

TEST_F(NpyWriterTest, AnArrayWhoseDirectoryIsGoneIsKeptAmongTheTemporaryFiles) {
  const std::int64_t number = 7;
  const NdView array = NdView::Create(&number, kInt64, {1}).value();
  ASSERT_TRUE(WriteNpy(Path("expected.npy"), array).ok());
  fs::create_directory(Path("temporary"));
  const char* const before = std::getenv("TMPDIR");
  const std::string old = before == nullptr ? "" : before;
  ASSERT_EQ(::setenv("TMPDIR", Path("temporary").c_str(), 1), 0);
  fs::create_directory(Path("gone"));
  absl::StatusOr<NpyFile> file = NpyFile::Create(Path("gone/a.npy"), kInt64, {1});
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_TRUE(file->Write(0, reinterpret_cast<const std::byte*>(&number), 8).ok());
  fs::remove_all(Path("gone"));
  const absl::Status streamed = file->Commit();
  const absl::Status gathered =
      KeepNpy(Path("gone/b.npy"), array, WriteNpy(Path("gone/b.npy"), array));
  EXPECT_EQ(before == nullptr ? ::unsetenv("TMPDIR") : ::setenv("TMPDIR", old.c_str(), 1), 0);
  for (const absl::Status& status : {streamed, gathered}) {
    EXPECT_FALSE(status.ok());
    const std::string kept = KeptFile(status);
    EXPECT_EQ(kept.rfind(Path("temporary/"), 0), 0u) << status;
    EXPECT_EQ(ReadText(kept), ReadText(Path("expected.npy"))) << status;
  }
}

TEST_F(NpyWriterTest, AnNpyFileThatMayNotBeCommittedIsKept) {
  const std::int64_t number = 7;
  absl::StatusOr<NpyFile> file =
      WriteUncommitted(Path("a.npy"), NdView::Create(&number, kInt64, {1}).value());
  ASSERT_TRUE(file.ok()) << file.status();
  const absl::Status status = file->Keep(absl::AbortedError("another output failed"));
  EXPECT_EQ(status.code(), absl::StatusCode::kAborted);
  EXPECT_EQ(status.message().find("another output failed; "), 0u) << status;
  EXPECT_EQ(Names(), std::set<std::string>{fs::path(KeptFile(status)).filename()});
}

TEST_F(NpyWriterTest, AnAddressMustLeadToAFile) {
  std::string address;
  {
    const absl::StatusOr<NpyFile> file = NpyFile::Create(Path("a.npy"), kInt64, {100});
    ASSERT_TRUE(file.ok()) << file.status();
    address = file->address();
  }
  ExpectRefused(NpyFile::Attach(address).status(), absl::StatusCode::kNotFound,
                absl::StrCat("cannot write ", Path("a.npy")));
  ExpectRefused(NpyFile::Attach("nonsense").status(), absl::StatusCode::kInvalidArgument,
                "is not the address of a file");
}

TEST_F(NpyWriterTest, FailedWriteNpyLeavesTheOldFileAndNothingElse) {
  WriteText(Path("a.npy"), "old");
  const NoMemory nowhere;
  const NdView unreadable = NdView::Create(nowhere.data(), kInt64, {100}).value();
  const absl::Status status = WriteNpy(Path("a.npy"), unreadable);
  ExpectRefused(status, status.code(), absl::StrCat("cannot write ", Path("a.npy")));
  EXPECT_FALSE(status.ok());
  EXPECT_EQ(ReadText(Path("a.npy")), "old");
  EXPECT_EQ(Names(), (std::set<std::string>{"a.npy"}));
}

TEST_F(NpyWriterTest, WriteNpyRefusesArraysThatItCannotWrite) {
  using enum absl::StatusCode;
  ExpectRefused(WriteNpy(Path("a.npy"), NdView::Create(nullptr, kInt64, {3}).value()),
                kInvalidArgument, "int64 (3,) is not at hand");
  const std::int64_t pointer = 0;
  ExpectRefused(
      WriteNpy(Path("a.npy"), NdView::Create(&pointer, DType::Parse("O").value(), {1}).value()),
      kInvalidArgument, "Python objects");
  EXPECT_EQ(Names(), std::set<std::string>{});
}

TEST_F(NpyWriterTest, PathsThatCannotBeWritten) {
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

// While an OrdinaryUser lives, this process has the rights of an ordinary user.
class OrdinaryUser {
 public:
  // Makes the user the owner of `directory`, so that only its permissions can forbid access.
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

TEST_F(NpyWriterTest, PermissionsAreChecked) {
  using enum absl::StatusCode;
  // Not in the test's own directory: an ordinary user may have no access to it.
  std::string directory = (fs::temp_directory_path() / "npy_writer_test.XXXXXX").string();
  ASSERT_NE(::mkdtemp(directory.data()), nullptr);
  {
    const OrdinaryUser user(directory);
    if (!user.ok()) GTEST_SKIP() << "cannot become an ordinary user, and root may write everywhere";
    WriteText(directory + "/a.npy", "old");
    ASSERT_EQ(ReadText(directory + "/a.npy"), "old");
    fs::permissions(directory + "/a.npy", fs::perms::owner_read);
    ExpectRefused(CheckWritable(directory + "/a.npy", 100), kPermissionDenied, "cannot write over");
    fs::permissions(directory, fs::perms::owner_read | fs::perms::owner_exec);
    ExpectRefused(CheckWritable(directory + "/b.npy", 100), kPermissionDenied,
                  "cannot write to directory");
    // A writable file is written in place there.
    fs::permissions(directory + "/a.npy", fs::perms::owner_read | fs::perms::owner_write);
    bool is_in_place = false;
    const absl::Status writable = CheckWritable(directory + "/a.npy", 100, &is_in_place);
    EXPECT_TRUE(writable.ok()) << writable;
    EXPECT_TRUE(is_in_place);
    const std::int64_t number = 7;
    const absl::Status written =
        WriteNpy(directory + "/a.npy", NdView::Create(&number, kInt64, {1}).value());
    EXPECT_TRUE(written.ok()) << written;
    EXPECT_EQ(ReadText(directory + "/a.npy").size(), 136u);
    fs::permissions(directory, fs::perms::owner_all);
    fs::permissions(directory + "/a.npy", fs::perms::none);
    ExpectRefused(ArrayFile::Open(directory + "/a.npy").status(), kPermissionDenied,
                  directory + "/a.npy");
  }
  fs::remove_all(directory);
}

TEST_F(NpyWriterTest, WriteWholeReplacesAFileAndKeepsItsPermissions) {
  const std::string path = Path("results.json");
  ASSERT_TRUE(WriteWhole(path, "first").ok());
  EXPECT_EQ(ReadText(path), "first");
  ASSERT_EQ(::chmod(path.c_str(), 0640), 0);
  const std::string text(100000, 'x');
  ASSERT_TRUE(WriteWhole(path, text).ok());
  EXPECT_EQ(ReadText(path), text);
  struct stat status;
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0640u);
  ASSERT_TRUE(WriteWhole(path, "").ok());
  EXPECT_EQ(ReadText(path), "");
  EXPECT_EQ(Names(), std::set<std::string>{"results.json"});
  EXPECT_EQ(WriteWhole(Path("nowhere/results.json"), text).code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(WriteWhole("/dev/full", text).code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(NpyWriterTest, CheckWritableLeavesNothing) {
  EXPECT_TRUE(CheckWritable(Path("a.npy"), 1000).ok());
  EXPECT_EQ(Names(), std::set<std::string>{});
  WriteText(Path("a.npy"), "old");
  EXPECT_TRUE(CheckWritable(Path("a.npy"), 1000).ok());
  EXPECT_EQ(ReadText(Path("a.npy")), "old");
}

// Several files appear together or not at all: all are written and flushed before the first gets
// its name.
TEST_F(NpyWriterTest, AFlushedFileIsNotVisibleBeforeCommit) {
  WriteText(Path("a.npy"), "old");
  const std::int64_t number = 7;
  const NdView array = NdView::Create(&number, kInt64, {1}).value();
  {
    absl::StatusOr<NpyFile> file = WriteUncommitted(Path("a.npy"), array);
    ASSERT_TRUE(file.ok()) << file.status();
    EXPECT_TRUE(file->Flush().ok());
    EXPECT_EQ(ReadText(Path("a.npy")), "old");
  }
  EXPECT_EQ(Names(), std::set<std::string>{"a.npy"});
  EXPECT_EQ(ReadText(Path("a.npy")), "old");
  absl::StatusOr<NpyFile> file = WriteUncommitted(Path("a.npy"), array);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_TRUE(file->Flush().ok());
  EXPECT_TRUE(file->Commit().ok());
  EXPECT_EQ(Names(), std::set<std::string>{"a.npy"});
  EXPECT_EQ(ReadText(Path("a.npy")).size(), 136u);
  ExpectRefused(
      WriteUncommitted(Path("b.npy"), NdView::Create(nullptr, kInt64, {1}).value()).status(),
      absl::StatusCode::kInvalidArgument, "not at hand");
}

TEST_F(NpyWriterTest, AFullDiskIsReportedBeforeTheWork) {
  const absl::Status status = CheckWritable(Path("a.npy"), kMaxArrayBytes);
  ExpectRefused(
      status, absl::StatusCode::kResourceExhausted,
      absl::StrCat("it takes ", kMaxArrayBytes, " bytes, ", directory_, " has room for "));
}

TEST_F(NpyWriterTest, TheFileSizeLimitIsChecked) {
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
