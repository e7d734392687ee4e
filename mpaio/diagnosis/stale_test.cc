// SPDX-License-Identifier: Apache-2.0
#include "mpaio/diagnosis/stale.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mpaio/testing/temp_directory.h"

namespace mpaio {
namespace {

using testing::ElementsAre;
using testing::Gt;
using testing::IsEmpty;

// A machine whose only processes are those that a test makes. FindStale looks at it an hour after
// the files were made.
class StaleTest : public testing::Test {
 protected:
  StaleTest() {
    for (const char* folder : {"proc", "shm", "tmp"})
      std::filesystem::create_directory(root_.File(folder));
    sources_.proc = root_.File("proc");
    sources_.segment_directories = {root_.File("shm")};
    sources_.session_roots = {root_.File("tmp")};
    sources_.user = geteuid();
    sources_.host = "alpha.example.com";
    sources_.now = std::time(nullptr) + 3600;
  }

  std::string MakeFile(const std::string& name, const std::string& text = "x") {
    const std::filesystem::path path = root_.File(name);
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text;
    return path;
  }
  void MakeProcess(int pid, const std::string& maps) {
    std::filesystem::create_directories(root_.File(absl::StrCat("proc/", pid, "/fd")));
    MakeFile(absl::StrCat("proc/", pid, "/maps"), maps);
  }

  TempDirectory root_;
  StaleSources sources_;
};

TEST_F(StaleTest, FindsSegmentsThatNoProcessUses) {
  const std::string vader =
      MakeFile("shm/vader_segment.alpha.0.14570001.0", std::string(100'000, 'x'));
  const std::string sm = MakeFile("shm/sm_segment.alpha.0.1.0");
  const std::string osc = MakeFile("shm/osc_sm.alpha.1.0.3");
  MakeFile("shm/sem.other");
  MakeFile("shm/vader_segments");
  MakeProcess(17, "00400000-00452000 r-xp 00000000 08:02 0 \n");
  const Stale stale = FindStale(sources_);
  EXPECT_THAT(stale.segments, ElementsAre(osc, sm, vader));
  EXPECT_THAT(stale.segment_bytes, Gt(99'999));
  EXPECT_THAT(stale.session_directories, IsEmpty());
}

TEST_F(StaleTest, FilesInUseAreNotStale) {
  const std::string by_path = MakeFile("shm/vader_segment.alpha.0.1.0"),
                    by_inode = MakeFile("shm/vader_segment.alpha.0.1.1");
  const std::string open = MakeFile("shm/vader_segment.alpha.0.1.2"),
                    stale = MakeFile("shm/vader_segment.alpha.0.1.3");
  struct stat status;
  ASSERT_EQ(stat(by_inode.c_str(), &status), 0);
  MakeProcess(17, absl::StrCat("7f00-7f01 rw-s 00000000 00:00 7 ", by_path, "\n"));
  MakeProcess(18, absl::StrFormat("7f00-7f01 rw-s 00000000 %02x:%02x %d /another/name\n",
                                  major(status.st_dev), minor(status.st_dev), status.st_ino));
  std::filesystem::create_symlink(open, root_.File("proc/18/fd/3"));
  EXPECT_THAT(FindStale(sources_).segments, ElementsAre(stale));
}

TEST_F(StaleTest, NewFilesAreNotStale) {
  MakeFile("shm/vader_segment.alpha.0.1.0");
  std::filesystem::create_directories(root_.File("tmp/ompi.alpha.0/pid.99"));
  sources_.now = std::time(nullptr) + 30;
  EXPECT_THAT(FindStale(sources_).segments, IsEmpty());
  EXPECT_THAT(FindStale(sources_).session_directories, IsEmpty());
}

TEST_F(StaleTest, FilesOfOtherUsersOrHostsAreNotStale) {
  MakeFile("shm/vader_segment.beta.0.1.0");
  MakeFile("shm/vader_segment.alphabet.0.1.0");
  MakeFile("shm/vader_segment.alpha.0.1.0");
  MakeFile("tmp/ompi.beta.0/pid.99/contact.txt");
  EXPECT_EQ(FindStale(sources_).segments.size(), 1u);
  EXPECT_THAT(FindStale(sources_).session_directories, IsEmpty());
  sources_.user += 1;
  EXPECT_THAT(FindStale(sources_).segments, IsEmpty());
}

TEST_F(StaleTest, FindsSessionDirectoriesOfProcessesThatAreGone) {
  MakeProcess(17, "");
  MakeProcess(18, absl::StrCat("7f00-7f01 rw-s 00000000 00:00 7 ",
                               root_.File("tmp/ompi.alpha.0/jf.21/segment"), "\n"));
  MakeFile("tmp/ompi.alpha.0/pid.17/contact.txt");
  MakeFile("tmp/ompi.alpha.0/pid.99/contact.txt");
  MakeFile("tmp/ompi.alpha.0/jf.20/segment");
  MakeFile("tmp/ompi.alpha.0/jf.21/segment");
  MakeFile("tmp/prte.alpha.0/dvm.17/contact.txt");
  MakeFile("tmp/prte.alpha.0/dvm.99/contact.txt");
  MakeFile("tmp/prte.alpha.17.0/contact.txt");
  MakeFile("tmp/prte.alpha.99.0/contact.txt");
  MakeFile("tmp/pmix-17/a");
  MakeFile("tmp/pmix-99/a");
  MakeFile("tmp/other/pid.99/a");
  EXPECT_THAT(
      FindStale(sources_).session_directories,
      ElementsAre(root_.File("tmp/ompi.alpha.0/jf.20"), root_.File("tmp/ompi.alpha.0/pid.99"),
                  root_.File("tmp/pmix-99"), root_.File("tmp/prte.alpha.0/dvm.99"),
                  root_.File("tmp/prte.alpha.99.0")));
  EXPECT_THAT(FindStale(sources_).session_bytes, Gt(0));
}

TEST_F(StaleTest, NothingIsReportedIfAProcessCannotBeExamined) {
  MakeFile("shm/vader_segment.alpha.0.1.0");
  // proc/23/fd is a file instead of a folder, so the list of open files cannot be read.
  MakeProcess(23, "");
  std::filesystem::remove(root_.File("proc/23/fd"));
  MakeFile("proc/23/fd");
  EXPECT_THAT(FindStale(sources_).segments, IsEmpty());
  EXPECT_EQ(FindStale(sources_).unseen_process, 23);
  // PID 1 is not a rank.
  std::filesystem::rename(root_.File("proc/23"), root_.File("proc/1"));
  EXPECT_EQ(FindStale(sources_).segments.size(), 1u);
  EXPECT_EQ(FindStale(sources_).unseen_process, 0);
}

TEST_F(StaleTest, FoldersThatAreMissingHaveNothing) {
  sources_.segment_directories = {root_.File("missing")};
  sources_.session_roots = {root_.File("missing")};
  EXPECT_THAT(FindStale(sources_).segments, IsEmpty());
}

// In the real /proc.
TEST_F(StaleTest, FilesMappedByThisProcessAreInUse) {
  sources_.proc = "/proc";
  const std::string mapped = MakeFile("shm/vader_segment.alpha.0.1.0", std::string(4096, 'x')),
                    stale = MakeFile("shm/vader_segment.alpha.0.1.1");
  std::FILE* const file = std::fopen(mapped.c_str(), "r+");
  ASSERT_NE(file, nullptr);
  void* const memory = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fileno(file), 0);
  std::fclose(file);
  ASSERT_NE(memory, MAP_FAILED);
  const Stale found = FindStale(sources_);
  munmap(memory, 4096);
  if (found.unseen_process != 0)
    GTEST_SKIP() << "process " << found.unseen_process << " of this user cannot be examined";
  EXPECT_THAT(found.segments, ElementsAre(stale));
}

}  // namespace
}  // namespace mpaio
