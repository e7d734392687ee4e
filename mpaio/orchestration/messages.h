// SPDX-License-Identifier: Apache-2.0

// The messages between rank 0 and the worker ranks during a run.
//
//   rank 0 -> worker
//     AssignMessage    an assignment
//     Finish           once: no more work; answer with SummaryMessage
//   worker -> rank 0
//     Results, Failure, ChunkCrash   as chunks are processed
//     IdleMessage      the worker has nothing left to do
//     SummaryMessage   once, its last message of the run
#ifndef MPAIO_ORCHESTRATION_MESSAGES_H_
#define MPAIO_ORCHESTRATION_MESSAGES_H_

#include <string>
#include <variant>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "mpaio/base/index.h"
#include "mpaio/dispatch/assignment.h"
#include "mpaio/orchestration/run_statistics.h"
#include "mpaio/worker/chunk_crash.h"

namespace mpaio {

// Assigns chunks to a worker rank.
struct AssignMessage {
  Assignment assignment;
  // Idle ranks of its node may steal from the assignment (StealBoard).
  bool is_shared = false;
};

// The results of consecutive chunks of one job.
struct Results {
  std::int32_t job = 0;
  ChunkRange chunks;
  double busy_seconds = 0;
  // The number of AssignMessages that this rank has completed.
  Index assignments_done = 0;
  // For each chunk, in order, an 8-byte length and the encoded result, as WireAppendBytes writes
  // them. A view into the message. DecodeMessage does not check it.
  absl::string_view encoded;
};

// A chunk that could not be processed.
struct Failure {
  std::int32_t job = 0;
  ChunkId chunk = 0;
  absl::Status status;
};

// Reports completed AssignMessages that no Results report, because other ranks stole their last
// chunks.
struct IdleMessage {
  // As in Results.
  Index assignments_done = 0;
};

struct Finish {
  // The status of the run, which every rank returns.
  absl::Status status;
};

// The work of a rank in the run.
struct SummaryMessage {
  // The rank's number does not travel: it is that of the sender.
  RankStats stats;
};

using AnyMessage =
    std::variant<AssignMessage, Results, Failure, ChunkCrash, IdleMessage, Finish, SummaryMessage>;

std::string EncodeMessage(const AssignMessage& assign);
std::string EncodeMessage(const Failure& failure);
std::string EncodeMessage(const ChunkCrash& crash);
std::string EncodeMessage(const IdleMessage& idle);
std::string EncodeMessage(const Finish& finish);
std::string EncodeMessage(const SummaryMessage& summary);

// A Results message is built in place: StartResults returns its head, after which encoded results
// are appended; EndResults fills in the head.
std::string StartResults();
void EndResults(const Results& head, std::string* message);

// Decodes a message. `bytes` must outlive the returned value. Errors: DataLoss if `bytes` is not a
// message, which means that the ranks run different programs. Job and chunk numbers are not
// checked.
absl::StatusOr<AnyMessage> DecodeMessage(absl::string_view bytes);

}  // namespace mpaio

#endif  // MPAIO_ORCHESTRATION_MESSAGES_H_
