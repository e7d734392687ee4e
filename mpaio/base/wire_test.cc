// SPDX-License-Identifier: Apache-2.0
#include "mpaio/base/wire.h"

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "gtest/gtest.h"

namespace mpaio {
namespace {

TEST(Wire, ReadsBackWhatWasAppended) {
  std::string bytes;
  WireAppend<std::int64_t>(-5, &bytes);
  WireAppendBytes("abc", &bytes);
  WireAppendBytes("", &bytes);
  WireReader reader(bytes);
  std::int64_t number = 0;
  absl::string_view text, empty;
  EXPECT_TRUE(reader.Read(&number) && reader.ReadBytes(&text) && reader.ReadBytes(&empty));
  EXPECT_EQ(number, -5);
  EXPECT_EQ(text, "abc");
  EXPECT_EQ(empty, "");
  EXPECT_TRUE(reader.at_end());
}

TEST(Wire, CutAtEveryByteFailsAndStaysFailed) {
  std::string bytes;
  WireAppend<std::int64_t>(7, &bytes);
  WireAppendBytes("abc", &bytes);
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
    WireReader reader(absl::string_view(bytes).substr(0, cut));
    std::int64_t number = 0;
    absl::string_view text;
    EXPECT_FALSE(reader.Read(&number) && reader.ReadBytes(&text)) << cut;
    EXPECT_FALSE(reader.ok());
    char byte;
    EXPECT_FALSE(reader.Read(&byte));
  }
}

TEST(Wire, LengthBeyondTheMessageIsRefused) {
  std::string bytes;
  WireAppend<std::uint64_t>(~std::uint64_t{0}, &bytes);
  bytes += "abc";
  WireReader reader(bytes);
  absl::string_view text;
  EXPECT_FALSE(reader.ReadBytes(&text));
}

TEST(StatusOnTheWire, KeepsCodeAndMessage) {
  for (const absl::Status& status : {absl::OkStatus(), absl::InvalidArgumentError("chunk 17: bad"),
                                     absl::ResourceExhaustedError("")}) {
    std::string bytes;
    EncodeStatus(status, &bytes);
    WireReader reader(bytes);
    absl::Status read = absl::UnknownError("unset");
    ASSERT_TRUE(DecodeStatus(&reader, &read));
    EXPECT_EQ(read, status);
    EXPECT_TRUE(reader.at_end());
  }
}

}  // namespace
}  // namespace mpaio
