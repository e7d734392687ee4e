// SPDX-License-Identifier: Apache-2.0
#include "mpaio/orchestration/worker_loop.h"

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "absl/time/time.h"
#include "mpaio/base/status_macros.h"
#include "mpaio/orchestration/chunk_runner.h"
#include "mpaio/orchestration/messages.h"
#include "mpaio/transport/transport.h"

namespace mpaio {
namespace {
// How long chunks are processed before messages are received again.
constexpr std::chrono::microseconds kSlice(100);
constexpr Index kMaxUnsentBytes = 64 << 20;
constexpr absl::Duration kLongestWait = absl::Milliseconds(10);

// Sends the last message of this rank. Errors: those of the transport.
absl::Status SendSummary(Executor& executor, const ChunkRunner& runner) {
  Transport& transport = executor.transport();
  SummaryMessage summary;
  summary.stats = {executor.rank(), executor.node(), executor.host(),
                   runner.chunks(), runner.rows(),   runner.busy_seconds()};
  MPAIO_RETURN_IF_ERROR(transport.Send(0, EncodeMessage(summary)));
  // The run lasts until rank 0 has the summary.
  while (transport.unsent_bytes() > 0) {
    MPAIO_RETURN_IF_ERROR(transport.Receive().status());
    if (transport.unsent_bytes() > 0) transport.WaitForMessage(kLongestWait);
  }
  return absl::OkStatus();
}

// Processes chunks until rank 0 ends the run, and stores the run's status in `*end`. Returns an
// error if this rank cannot communicate with rank 0.
absl::Status ServeUntilEnd(Executor& executor, const std::vector<WorkerBase*>& workers,
                           const RunOptions& options, std::optional<absl::Status>* end) {
  Transport& transport = executor.transport();
  ChunkRunner runner(workers, BoardOf(executor, workers));
  runner.set_input_guards(executor.input_guards());
  runner.set_wake([&transport] { transport.WakeOne(); });
  const auto receive_messages = [&]() -> absl::Status {
    while (!*end) {
      MPAIO_ASSIGN_OR_RETURN(std::optional<Message> message, transport.Receive());
      if (!message) break;
      MPAIO_ASSIGN_OR_RETURN(const AnyMessage decoded, DecodeMessage(message->bytes));
      if (const auto* assign = std::get_if<AssignMessage>(&decoded)) {
        runner.Enqueue(assign->assignment, assign->is_shared);
      } else if (const auto* finish = std::get_if<Finish>(&decoded)) {
        *end = finish->status;
      }
    }
    return absl::OkStatus();
  };
  // An isolated chunk is abandoned as soon as the run is over.
  absl::Status receive_status;
  if (executor.can_isolate()) {
    runner.Isolate(options, [&] {
      receive_status.Update(receive_messages());
      return end->has_value() || !receive_status.ok();
    });
  }
  std::vector<std::string> messages;
  while (!*end) {
    MPAIO_RETURN_IF_ERROR(receive_status);
    MPAIO_RETURN_IF_ERROR(receive_messages());
    if (*end) break;
    if (transport.unsent_bytes() > kMaxUnsentBytes) {
      transport.WaitForMessage(kLongestWait);
      continue;
    }
    if (runner.is_idle() && !runner.Steal()) {
      if (std::optional<std::string> idle = runner.ReportIdle())
        MPAIO_RETURN_IF_ERROR(transport.Send(0, *std::move(idle)));
      transport.WaitForMessage(runner.has_skipped_small_steal()
                                   ? absl::FromChrono(ChunkRunner::kSmallStealDelay)
                                   : kLongestWait);
      continue;
    }
    messages.clear();
    runner.Step(kSlice, &messages);
    for (std::string& message : messages)
      MPAIO_RETURN_IF_ERROR(transport.Send(0, std::move(message)));
  }
  runner.Clear();
  return SendSummary(executor, runner);
}

}  // namespace

WorkerLoopOutcome RunWorkerLoop(Executor& executor, const std::vector<WorkerBase*>& workers,
                                const RunOptions& options) {
  std::optional<absl::Status> end;
  absl::Status status = ServeUntilEnd(executor, workers, options, &end);
  if (!status.ok()) return {std::move(status), /*is_broken=*/true};
  return {*std::move(end), /*is_broken=*/false};
}

}  // namespace mpaio
