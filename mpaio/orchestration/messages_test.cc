// SPDX-License-Identifier: Apache-2.0
#include "mpaio/orchestration/messages.h"

#include <cstdint>
#include <iostream>
#include <random>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "mpaio/base/wire.h"

namespace mpaio {
namespace {

constexpr std::int64_t kLarge = std::int64_t{1} << 40;

std::string ResultsMessage() {
  std::string message = StartResults();
  WireAppendBytes("first", &message);
  WireAppendBytes("", &message);
  Results head;
  head.job = 3;
  head.chunks = {kLarge, kLarge + 2};
  head.busy_seconds = 0.25;
  EndResults(head, &message);
  return message;
}

TEST(MessagesTest, AssignMessage) {
  for (const bool is_shared : {false, true}) {
    const Assignment assignment{2, 5, {kLarge, kLarge + 7}};
    const std::string bytes = EncodeMessage(AssignMessage{assignment, is_shared});
    const absl::StatusOr<AnyMessage> decoded = DecodeMessage(bytes);
    ASSERT_TRUE(decoded.ok()) << decoded.status();
    EXPECT_EQ(std::get<AssignMessage>(*decoded).assignment, assignment);
    EXPECT_EQ(std::get<AssignMessage>(*decoded).is_shared, is_shared);
  }
}

TEST(MessagesTest, ResultsPointIntoTheMessage) {
  const std::string bytes = ResultsMessage();
  const absl::StatusOr<AnyMessage> decoded = DecodeMessage(bytes);
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  const Results& results = std::get<Results>(*decoded);
  EXPECT_EQ(results.job, 3);
  EXPECT_EQ(results.chunks, (ChunkRange{kLarge, kLarge + 2}));
  EXPECT_EQ(results.busy_seconds, 0.25);
  EXPECT_EQ(results.encoded.data() + results.encoded.size(), bytes.data() + bytes.size());
  WireReader reader(results.encoded);
  absl::string_view first, second;
  ASSERT_TRUE(reader.ReadBytes(&first) && reader.ReadBytes(&second) && reader.at_end());
  EXPECT_EQ(first, "first");
  EXPECT_EQ(second, "");
}

TEST(MessagesTest, ResultsOfNothing) {
  std::string bytes = StartResults();
  EndResults(Results{}, &bytes);
  const absl::StatusOr<AnyMessage> decoded = DecodeMessage(bytes);
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(std::get<Results>(*decoded).encoded, "");
}

TEST(MessagesTest, Failure) {
  const std::string bytes = EncodeMessage(Failure{1, kLarge, absl::OutOfRangeError("too large")});
  const absl::StatusOr<AnyMessage> decoded = DecodeMessage(bytes);
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  const Failure& failure = std::get<Failure>(*decoded);
  EXPECT_EQ(failure.job, 1);
  EXPECT_EQ(failure.chunk, kLarge);
  EXPECT_EQ(failure.status, absl::OutOfRangeError("too large"));
}

TEST(MessagesTest, FinishWithAnyStatus) {
  for (const absl::Status& status :
       {absl::OkStatus(), absl::CancelledError(""), absl::InternalError(std::string(5000, 'x'))}) {
    const std::string bytes = EncodeMessage(Finish{status});
    const absl::StatusOr<AnyMessage> decoded = DecodeMessage(bytes);
    ASSERT_TRUE(decoded.ok()) << decoded.status();
    EXPECT_EQ(std::get<Finish>(*decoded).status, status);
  }
}

TEST(MessagesTest, SummaryMessage) {
  const std::string bytes =
      EncodeMessage(SummaryMessage{{0, 4, "node-17.example", kLarge, kLarge * 3, 1e-9}});
  const absl::StatusOr<AnyMessage> decoded = DecodeMessage(bytes);
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  const RankStats& summary = std::get<SummaryMessage>(*decoded).stats;
  EXPECT_EQ(summary.host, "node-17.example");
  EXPECT_EQ(summary.node, 4);
  EXPECT_EQ(summary.chunks, kLarge);
  EXPECT_EQ(summary.rows, kLarge * 3);
  EXPECT_EQ(summary.busy_seconds, 1e-9);
}

TEST(MessagesTest, ChunkCrash) {
  const absl::StatusOr<AnyMessage> decoded = DecodeMessage(
      EncodeMessage(ChunkCrash{3, Index{1} << 40, "was killed by signal 11 (SIGSEGV)"}));
  ASSERT_TRUE(decoded.ok() && std::holds_alternative<ChunkCrash>(*decoded));
  const ChunkCrash& report = std::get<ChunkCrash>(*decoded);
  EXPECT_EQ(report.job, 3);
  EXPECT_EQ(report.chunk, Index{1} << 40);
  EXPECT_EQ(report.cause, "was killed by signal 11 (SIGSEGV)");
}

std::vector<std::string> OneOfEach() {
  return {EncodeMessage(AssignMessage{{2, 5, {1, 8}}, true}),
          ResultsMessage(),
          EncodeMessage(Failure{1, 17, absl::AbortedError("why")}),
          EncodeMessage(IdleMessage{7}),
          EncodeMessage(ChunkCrash{1, 17, "was killed"}),
          EncodeMessage(Finish{absl::AbortedError("why")}),
          EncodeMessage(SummaryMessage{{0, 1, "host", 2, 3, 0.5}})};
}

TEST(MessagesTest, CutAtEveryByteIsAnError) {
  for (const std::string& whole : OneOfEach()) {
    const bool is_results = whole == ResultsMessage();
    for (std::size_t cut = 0; cut < whole.size(); ++cut) {
      // A copy of exact size, so that the address sanitizer detects reads past its end.
      const std::vector<char> part(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(cut));
      const absl::StatusOr<AnyMessage> decoded = DecodeMessage({part.data(), part.size()});
      if (is_results && cut >= StartResults().size()) {
        // Only reading the results shows that they are incomplete.
        ASSERT_TRUE(decoded.ok()) << decoded.status();
        WireReader reader(std::get<Results>(*decoded).encoded);
        absl::string_view bytes;
        EXPECT_FALSE(reader.ReadBytes(&bytes) && reader.ReadBytes(&bytes)) << cut;
      } else {
        EXPECT_EQ(decoded.status().code(), absl::StatusCode::kDataLoss) << cut;
      }
    }
  }
}

TEST(MessagesTest, OneByteTooManyIsAnError) {
  for (const std::string& whole : OneOfEach()) {
    if (whole == ResultsMessage()) continue;
    EXPECT_EQ(DecodeMessage(whole + '\0').status().code(), absl::StatusCode::kDataLoss)
        << int{whole[0]};
  }
}

TEST(MessagesTest, OtherBytesAreAnError) {
  ASSERT_EQ(OneOfEach().size(), std::variant_size_v<AnyMessage>);
  for (const int kind : {0, 6, 77, 255}) {
    EXPECT_EQ(DecodeMessage(std::string(100, static_cast<char>(kind))).status().code(),
              absl::StatusCode::kDataLoss)
        << kind;
  }
  const std::uint32_t seed = std::random_device{}();
  std::cout << "seed " << seed << "\n";
  std::mt19937 random(seed);
  for (int k = 0; k < 5000; ++k) {
    std::string bytes(random() % 80, '\0');
    for (char& byte : bytes) byte = static_cast<char>(random());
    // Every kind, and some that do not exist.
    if (!bytes.empty()) bytes[0] = static_cast<char>(random() % (OneOfEach().size() + 2));
    const absl::StatusOr<AnyMessage> decoded = DecodeMessage(bytes);
    EXPECT_TRUE(decoded.ok() || decoded.status().code() == absl::StatusCode::kDataLoss);
  }
}

}  // namespace
}  // namespace mpaio
