// SPDX-License-Identifier: Apache-2.0
#include "mpaio/orchestration/messages.h"

#include <cstring>

#include "mpaio/base/wire.h"

namespace mpaio {
namespace {

enum class Kind : std::uint8_t {
  kAssign = 1,
  kResults,
  kFailure,
  kIdle,
  kFinish,
  kSummary,
  kCrash
};

// The head in front of encoded results. It has a fixed size, because it is filled in last, and no
// padding, because every byte sent must be defined.
struct ResultsHead {
  Kind kind;
  std::uint8_t unused[3];
  std::int32_t job;
  ChunkRange chunks;
  double busy_seconds;
  Index tasks_done;
};
static_assert(sizeof(ResultsHead) == 40);

std::string Start(Kind kind) {
  std::string out;
  WireAppend(kind, &out);
  return out;
}

}  // namespace

std::string EncodeMessage(const AssignMessage& assign) {
  std::string out = Start(Kind::kAssign);
  WireAppend(static_cast<std::uint8_t>(assign.is_shared), &out);
  WireAppend(assign.assignment, &out);
  return out;
}

std::string EncodeMessage(const Failure& failure) {
  std::string out = Start(Kind::kFailure);
  WireAppend(failure.job, &out);
  WireAppend(failure.chunk, &out);
  EncodeStatus(failure.status, &out);
  return out;
}

std::string EncodeMessage(const ChunkCrash& crash) {
  std::string out = Start(Kind::kCrash);
  WireAppend(crash.job, &out);
  WireAppend(crash.chunk, &out);
  WireAppendBytes(crash.cause, &out);
  return out;
}

std::string EncodeMessage(const IdleMessage& idle) {
  std::string out = Start(Kind::kIdle);
  WireAppend(idle.tasks_done, &out);
  return out;
}

std::string EncodeMessage(const Finish& finish) {
  std::string out = Start(Kind::kFinish);
  EncodeStatus(finish.status, &out);
  return out;
}

std::string EncodeMessage(const SummaryMessage& summary) {
  std::string out = Start(Kind::kSummary);
  WireAppendBytes(summary.host, &out);
  WireAppend(summary.node, &out);
  WireAppend(summary.chunks, &out);
  WireAppend(summary.rows, &out);
  WireAppend(summary.busy_seconds, &out);
  return out;
}

std::string StartResults() { return std::string(sizeof(ResultsHead), '\0'); }

void EndResults(const Results& results, std::string* message) {
  const ResultsHead head{Kind::kResults,       {0, 0, 0},         results.job, results.chunks,
                         results.busy_seconds, results.tasks_done};
  std::memcpy(message->data(), &head, sizeof(head));
}

absl::StatusOr<AnyMessage> DecodeMessage(absl::string_view bytes) {
  const absl::Status damaged =
      absl::DataLossError("a message cannot be read: all ranks must run the same program");
  if (bytes.empty()) return damaged;
  Kind kind;
  std::memcpy(&kind, bytes.data(), sizeof(kind));
  WireReader reader(bytes.substr(sizeof(kind)));
  switch (kind) {
    case Kind::kAssign: {
      AssignMessage assign;
      std::uint8_t is_shared = 0;
      if (!reader.Read(&is_shared) || is_shared > 1 || !reader.Read(&assign.assignment) ||
          !reader.at_end())
        return damaged;
      assign.is_shared = is_shared != 0;
      return assign;
    }
    case Kind::kResults: {
      ResultsHead head;
      if (bytes.size() < sizeof(head)) return damaged;
      std::memcpy(&head, bytes.data(), sizeof(head));
      return Results{head.job, head.chunks, head.busy_seconds, head.tasks_done,
                     bytes.substr(sizeof(head))};
    }
    case Kind::kFailure: {
      Failure failure;
      if (!reader.Read(&failure.job) || !reader.Read(&failure.chunk) ||
          !DecodeStatus(&reader, &failure.status) || !reader.at_end()) {
        return damaged;
      }
      return failure;
    }
    case Kind::kCrash: {
      ChunkCrash crash;
      absl::string_view cause;
      if (!reader.Read(&crash.job) || !reader.Read(&crash.chunk) || !reader.ReadBytes(&cause) ||
          !reader.at_end())
        return damaged;
      crash.cause = std::string(cause);
      return crash;
    }
    case Kind::kIdle: {
      IdleMessage idle;
      if (!reader.Read(&idle.tasks_done) || !reader.at_end()) return damaged;
      return idle;
    }
    case Kind::kFinish: {
      Finish finish;
      if (!DecodeStatus(&reader, &finish.status) || !reader.at_end()) return damaged;
      return finish;
    }
    case Kind::kSummary: {
      SummaryMessage summary;
      absl::string_view host;
      if (!reader.ReadBytes(&host) || !reader.Read(&summary.node) ||
          !reader.Read(&summary.chunks) || !reader.Read(&summary.rows) ||
          !reader.Read(&summary.busy_seconds) || !reader.at_end()) {
        return damaged;
      }
      summary.host = std::string(host);
      return summary;
    }
  }
  return damaged;
}

}  // namespace mpaio
