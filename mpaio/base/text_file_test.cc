#include "mpaio/base/text_file.h"

#include <string>

#include "gtest/gtest.h"
#include "mpaio/testing/status_matchers.h"
#include "mpaio/testing/temp_directory.h"

namespace mpaio {
namespace {

TEST(TextFileTest, WhatIsWrittenIsRead) {
  const TempDirectory directory;
  const std::string path = directory.File("a.txt");
  for (const std::string& text : {std::string("one\ntwo\0three", 13), std::string(), std::string(300'000, 'x')}) {
    MPAIO_EXPECT_OK(WriteTextFile(path, text, "a text"));
    const absl::StatusOr<std::string> read = ReadTextFile(path, "a text");
    MPAIO_ASSERT_OK(read.status());
    EXPECT_TRUE(*read == text) << text.size();
    EXPECT_TRUE(TextOf(path) == text) << text.size();
  }
}

TEST(TextFileTest, WhatCannotBeDoneIsSaid) {
  const TempDirectory directory;
  EXPECT_THAT(WriteTextFile(directory.File("none/a.txt"), "x", "the list"),
              StatusIs(absl::StatusCode::kNotFound, "cannot write the list to " + directory.File("none/a.txt")));
  EXPECT_THAT(ReadTextFile(directory.File("none"), "the list"),
              StatusIs(absl::StatusCode::kNotFound, "cannot read the list from " + directory.File("none")));
  EXPECT_FALSE(ReadTextFile(directory.path(), "the list").ok());
  EXPECT_EQ(TextOf(directory.path()), "");
  EXPECT_EQ(TextOf(directory.File("none")), "");
  EXPECT_THAT(WriteTextFile("/dev/full", "x", "the list"), StatusIs(absl::StatusCode::kResourceExhausted, "/dev/full"));
}

}  // namespace
}  // namespace mpaio
