// SPDX-License-Identifier: Apache-2.0
#include "mpaio/worker/sandbox_channel.h"

#include <chrono>
#include <cstdint>
#include <iostream>
#include <random>
#include <string>
#include <thread>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mpaio/testing/status_matchers.h"

namespace mpaio {
namespace {

using testing::HasSubstr;

constexpr std::size_t kAreaBytes = SandboxChannel::kAreaBytes;

TEST(SandboxChannelTest, BytesAreReadAsTheyWereWritten) {
  SandboxChannel channel;
  MPAIO_ASSERT_OK(channel.Reset());
  const std::uint64_t seed = std::random_device()();
  std::cout << "seed " << seed << "\n";
  std::mt19937_64 random(seed);
  // Some begin in the area and end in the file.
  std::string all;
  while (all.size() < 3 * kAreaBytes) {
    std::string bytes(random() % (kAreaBytes / 2), '\0');
    for (char& byte : bytes) byte = static_cast<char>(random());
    MPAIO_ASSERT_OK(channel.Write(all.size(), bytes));
    all += bytes;
  }
  EXPECT_TRUE(channel.Contains(0, all.size()));
  EXPECT_TRUE(channel.Contains(all.size(), 0));
  EXPECT_FALSE(channel.Contains(0, all.size() + 1));
  EXPECT_FALSE(channel.Contains(all.size() + 1, 0));
  for (int i = 0; i < 100; ++i) {
    const std::size_t position = random() % all.size();
    const std::size_t size = random() % (all.size() - position);
    std::string read = "before";
    MPAIO_ASSERT_OK(channel.Read(position, size, &read));
    ASSERT_TRUE(read == "before" + all.substr(position, size)) << position << " " << size;
  }
}

TEST(SandboxChannelTest, AnEmptiedFileHasNoResults) {
  SandboxChannel channel;
  MPAIO_ASSERT_OK(channel.Reset());
  MPAIO_ASSERT_OK(channel.Write(kAreaBytes, "beyond the area"));
  MPAIO_ASSERT_OK(channel.EmptyFile());
  EXPECT_FALSE(channel.Contains(kAreaBytes, 1));
  EXPECT_TRUE(channel.Contains(kAreaBytes, 0));
  std::string read;
  EXPECT_THAT(std::string(channel.Read(kAreaBytes, 1, &read).message()),
              HasSubstr("it ends too early"));
}

TEST(SandboxChannelTest, SizesThatOverflowAreNotContained) {
  SandboxChannel channel;
  MPAIO_ASSERT_OK(channel.Reset());
  EXPECT_FALSE(channel.Contains(1, SIZE_MAX));
  EXPECT_FALSE(channel.Contains(SIZE_MAX, 1));
}

TEST(SandboxChannelTest, ProgressIsPublishedInTurns) {
  SandboxChannel channel;
  MPAIO_ASSERT_OK(channel.Reset());
  SandboxBoard& board = channel.board();
  for (Index done = 1; done < 5; ++done) {
    board.Publish(done, 10, 2, 3);
    EXPECT_EQ(board.current, static_cast<std::uint64_t>(done));
    EXPECT_EQ(board.records[board.current % 2].done, done);
    // The other record is complete, too.
    EXPECT_EQ(board.records[(board.current + 1) % 2].done, done - 1);
  }
  MPAIO_ASSERT_OK(channel.Reset());
  EXPECT_EQ(board.current, 0u);
}

TEST(SandboxChannelTest, AnAnswerWakesTheParent) {
  SandboxChannel channel;
  MPAIO_ASSERT_OK(channel.Reset());
  for (std::uint32_t command = 1; command <= 100; ++command) {
    std::thread child([&] {
      channel.board().answers.store(command, std::memory_order_seq_cst);
      channel.WakeParent();
    });
    // Would exceed the time limit of the test if the answer could be missed.
    while (channel.board().answers.load() != command)
      channel.SleepUntilAnswered(command, -1, std::chrono::hours(1));
    child.join();
  }
}

}  // namespace
}  // namespace mpaio
