// SPDX-License-Identifier: Apache-2.0
#include "mpaio/worker/sandbox_child.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <iostream>
#include <utility>

#include "mpaio/worker/guard.h"

namespace mpaio {
namespace {

constexpr std::chrono::seconds kIdleSleep(1);
constexpr double kFastestGrowth = 4;

}  // namespace

SandboxChild::SandboxChild(const std::vector<WorkerBase*>& workers,
                           std::chrono::nanoseconds batch_time, bool spins, SandboxChannel* channel)
    : workers_(workers),
      batch_time_(batch_time),
      spins_(spins),
      channel_(*channel),
      batches_(workers.size(), 1) {}

void SandboxChild::Run(pid_t parent) {
  SandboxBoard& board = channel_.board();
  for (std::uint32_t answered = 0;; ++answered) {
    const auto commanded = [&] {
      return board.commands.load(std::memory_order_acquire) != answered;
    };
    if (spins_) SpinFor(commanded);
    for (;;) {
      const std::uint32_t heard = board.to_child.Heard();
      if (commanded()) break;
      board.to_child.Sleep(heard, kIdleSleep);
      if (getppid() != parent) _exit(0);
    }
    ExecuteCommand();
    std::fflush(stdout);
    std::cout.flush();
    board.answers.store(answered + 1, std::memory_order_seq_cst);
    channel_.WakeParent();
  }
}

void SandboxChild::ExecuteCommand() {
  Index done = 0;
  std::size_t bytes = 0;
  const absl::Status status = ProcessChunks(&done, &bytes);
  if (encoded_.capacity() > SandboxChannel::kKeptFileBytes) std::string().swap(encoded_);
  // If there is no memory for the text, only the code is reported.
  const std::string text(status.message());
  SandboxBoard& board = channel_.board();
  board.status_code = static_cast<int>(status.code());
  board.text_bytes =
      CallGuarded("Process", [&] { return channel_.Write(bytes, text); }).ok() ? text.size() : 0;
  board.Publish(done, bytes, 0, begun_ns_);
}

absl::Status SandboxChild::ProcessChunks(Index* done, std::size_t* bytes) {
  SandboxBoard& board = channel_.board();
  const WorkerBase& worker = *workers_[static_cast<std::size_t>(board.job)];
  Index& batch = batches_[static_cast<std::size_t>(board.job)];
  const ChunkId first = board.first;
  const Index count = board.count;
  bool one_at_a_time = false;
  absl::Status status;
  begun_ns_ = SandboxNowNs();
  while (*done < count && status.ok()) {
    const Index together = one_at_a_time ? 1 : std::min(batch, count - *done);
    board.Publish(*done, *bytes, together, begun_ns_);
    encoded_.clear();
    ChunksDone processed;
    absl::Status failure = CallGuarded("Process", [&]() -> absl::Status {
      processed = worker.ProcessChunks(first + *done, together, &encoded_);
      return channel_.Write(*bytes, encoded_);
    });
    if (!failure.ok()) {
      // It is unknown which of the chunks failed.
      if (together > 1) {
        one_at_a_time = true;
        begun_ns_ = SandboxNowNs();
        continue;
      }
      processed = {0, std::move(failure)};
      encoded_.clear();
    }
    *done += processed.done;
    *bytes += encoded_.size();
    status = std::move(processed.status);
    const std::int64_t now_ns = SandboxNowNs();
    // The number of chunks that fit in batch_time at this speed; in floating point, because the
    // product may be large.
    const double growth = static_cast<double>(batch_time_.count()) /
                          static_cast<double>(std::max<std::int64_t>(now_ns - begun_ns_, 1));
    batch = std::max<Index>(
        1, static_cast<Index>(static_cast<double>(together) * std::min(growth, kFastestGrowth)));
    begun_ns_ = now_ns;
  }
  return status;
}

}  // namespace mpaio
