// SPDX-License-Identifier: Apache-2.0
#include "mpaio/host/text_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "gtest/gtest.h"
#include "mpaio/testing/status_matchers.h"
#include "mpaio/testing/temp_directory.h"

namespace mpaio {
namespace {

TEST(TextFileTest, ReadsBackWrittenText) {
  const TempDirectory directory;
  const std::string path = directory.File("a.txt");
  for (const std::string& text :
       {std::string("one\ntwo\0three", 13), std::string(), std::string(300'000, 'x')}) {
    MPAIO_EXPECT_OK(WriteTextFile(path, text, "a text"));
    const absl::StatusOr<std::string> read = ReadTextFile(path, "a text");
    MPAIO_ASSERT_OK(read.status());
    EXPECT_TRUE(*read == text) << text.size();
    EXPECT_TRUE(TextOf(path) == text) << text.size();
  }
}

TEST(TextFileTest, FailuresAreReported) {
  const TempDirectory directory;
  EXPECT_THAT(WriteTextFile(directory.File("none/a.txt"), "x", "the list"),
              StatusIs(absl::StatusCode::kNotFound,
                       "cannot write the list to " + directory.File("none/a.txt")));
  EXPECT_THAT(
      ReadTextFile(directory.File("none"), "the list"),
      StatusIs(absl::StatusCode::kNotFound, "cannot read the list from " + directory.File("none")));
  EXPECT_FALSE(ReadTextFile(directory.path(), "the list").ok());
  EXPECT_EQ(TextOf(directory.path()), "");
  EXPECT_EQ(TextOf(directory.File("none")), "");
  EXPECT_THAT(WriteTextFile("/dev/full", "x", "the list"),
              StatusIs(absl::StatusCode::kResourceExhausted, "/dev/full"));
}

TEST(TextFileTest, EndlessAndTooLongFilesAreRefusedAtOnce) {
  const TempDirectory directory;
  for (const char* endless : {"/dev/zero", "/dev/urandom"}) {
    EXPECT_THAT(ReadTextFile(endless, "the list"),
                StatusIs(absl::StatusCode::kInvalidArgument, "it is not a regular file"));
  }
  const std::string pipe = directory.File("pipe");
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_THAT(ReadTextFile(pipe, "the list"),
              StatusIs(absl::StatusCode::kInvalidArgument, "it is not a regular file"));
  const std::string path = directory.File("long");
  MPAIO_ASSERT_OK(WriteTextFile(path, "x", "a text"));
  ASSERT_EQ(::truncate(path.c_str(), kMaxTextFileBytes + 1), 0);
  EXPECT_THAT(ReadTextFile(path, "the list"),
              StatusIs(absl::StatusCode::kInvalidArgument, "longer than 256 MiB"));
  EXPECT_EQ(TextOf(path), "");
}

TEST(NumberAfter, IsThatOfTheFirstLineWithTheKey) {
  const std::string text =
      "MemTotal:  9 kB\nMemAvailable:   123 kB\nMemAvailable: 5 kB\nnone\nbad x\n";
  EXPECT_EQ(NumberAfter(text, "MemAvailable:", 7), 123);
  EXPECT_EQ(NumberAfter(text, "MemAvailable", 7), 7);
  EXPECT_EQ(NumberAfter(text, "none", 7), 7);
  EXPECT_EQ(NumberAfter(text, "bad", 7), 7);
  EXPECT_EQ(NumberAfter("", "MemTotal:", 7), 7);
}

}  // namespace
}  // namespace mpaio
