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
  Index assignments_done;
};
static_assert(sizeof(ResultsHead) == 40);

std::string Start(Kind kind) {
  std::string out;
  WireAppend(kind, &out);
  return out;
}

// Each reads the rest of a message. Returns false if it is damaged.

bool Read(WireReader& reader, AssignMessage* assign) {
  std::uint8_t is_shared = 0;
  if (!reader.Read(&is_shared) || is_shared > 1 || !reader.Read(&assign->assignment)) return false;
  assign->is_shared = is_shared != 0;
  return true;
}

bool Read(WireReader& reader, Failure* failure) {
  return reader.Read(&failure->job) && reader.Read(&failure->chunk) &&
         DecodeStatus(&reader, &failure->status);
}

bool Read(WireReader& reader, ChunkCrash* crash) {
  absl::string_view cause;
  if (!reader.Read(&crash->job) || !reader.Read(&crash->chunk) || !reader.ReadBytes(&cause))
    return false;
  crash->cause = std::string(cause);
  return true;
}

bool Read(WireReader& reader, IdleMessage* idle) { return reader.Read(&idle->assignments_done); }

bool Read(WireReader& reader, Finish* finish) { return DecodeStatus(&reader, &finish->status); }

bool Read(WireReader& reader, SummaryMessage* summary) {
  RankStats& stats = summary->stats;
  absl::string_view host;
  if (!reader.ReadBytes(&host) || !reader.Read(&stats.node) || !reader.Read(&stats.chunks) ||
      !reader.Read(&stats.rows) || !reader.Read(&stats.busy_seconds))
    return false;
  stats.host = std::string(host);
  return true;
}

absl::Status Damaged() {
  return absl::DataLossError("a message cannot be read: all ranks must run the same program");
}

// Decodes the message of type T whose kind has been read.
template <typename T>
absl::StatusOr<AnyMessage> Decoded(WireReader& reader) {
  T message;
  if (!Read(reader, &message) || !reader.at_end()) return Damaged();
  return message;
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
  WireAppend(idle.assignments_done, &out);
  return out;
}

std::string EncodeMessage(const Finish& finish) {
  std::string out = Start(Kind::kFinish);
  EncodeStatus(finish.status, &out);
  return out;
}

std::string EncodeMessage(const SummaryMessage& summary) {
  std::string out = Start(Kind::kSummary);
  WireAppendBytes(summary.stats.host, &out);
  WireAppend(summary.stats.node, &out);
  WireAppend(summary.stats.chunks, &out);
  WireAppend(summary.stats.rows, &out);
  WireAppend(summary.stats.busy_seconds, &out);
  return out;
}

std::string StartResults() { return std::string(sizeof(ResultsHead), '\0'); }

void EndResults(const Results& results, std::string* message) {
  const ResultsHead head{Kind::kResults,       {0, 0, 0},
                         results.job,          results.chunks,
                         results.busy_seconds, results.assignments_done};
  std::memcpy(message->data(), &head, sizeof(head));
}

absl::StatusOr<AnyMessage> DecodeMessage(absl::string_view bytes) {
  if (bytes.empty()) return Damaged();
  Kind kind;
  std::memcpy(&kind, bytes.data(), sizeof(kind));
  WireReader reader(bytes.substr(sizeof(kind)));
  switch (kind) {
    case Kind::kAssign:
      return Decoded<AssignMessage>(reader);
    case Kind::kResults: {
      ResultsHead head;
      if (bytes.size() < sizeof(head)) return Damaged();
      std::memcpy(&head, bytes.data(), sizeof(head));
      return Results{head.job, head.chunks, head.busy_seconds, head.assignments_done,
                     bytes.substr(sizeof(head))};
    }
    case Kind::kFailure:
      return Decoded<Failure>(reader);
    case Kind::kCrash:
      return Decoded<ChunkCrash>(reader);
    case Kind::kIdle:
      return Decoded<IdleMessage>(reader);
    case Kind::kFinish:
      return Decoded<Finish>(reader);
    case Kind::kSummary:
      return Decoded<SummaryMessage>(reader);
  }
  return Damaged();
}

}  // namespace mpaio
