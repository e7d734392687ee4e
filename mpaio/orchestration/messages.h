// SPDX-License-Identifier: Apache-2.0

// The messages between rank 0 and the worker ranks during a run.
//
//   rank 0 -> worker
//     AssignMessage    an assignment
//     Finish           once: no more work; answer with SummaryMessage
//   worker -> rank 0
//     Results, Failure, ChunkCrash   as chunks are processed
//     IdleMessage      it has nothing left to do
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
#include "mpaio/worker/chunk_crash.h"

namespace mpaio {

// What a worker rank is to process.
struct AssignMessage {
  Assignment assignment;
  // Whether idle ranks of its node may take of it (StealBoard).
  bool is_shared = false;
};

// The results of consecutive chunks of one job.
struct Results {
  std::int32_t job = 0;
  ChunkRange chunks;
  double busy_seconds = 0;
  // How many Orders this rank is done with.
  Index tasks_done = 0;
  // For each chunk in order an 8-byte length and its encoded result, as WireAppendBytes writes
  // them. Points into the message.
  absl::string_view encoded;
};

// A chunk that could not be processed.
struct Failure {
  std::int32_t job = 0;
  ChunkId chunk = 0;
  absl::Status status;
};

// That a rank is done with so many Orders, where no Results say so: others have taken what was left
// of them.
struct IdleMessage {
  Index tasks_done = 0;
};

struct Finish {
  // How the run ended, so that every rank can say so.
  absl::Status status;
};

// What a rank did in the run.
struct SummaryMessage {
  std::string host;
  std::int32_t node = 0;
  Index chunks = 0;
  Index rows = 0;
  double busy_seconds = 0;
};

using AnyMessage =
    std::variant<AssignMessage, Results, Failure, ChunkCrash, IdleMessage, Finish, SummaryMessage>;

std::string EncodeMessage(const AssignMessage& order);
std::string EncodeMessage(const Failure& failure);
std::string EncodeMessage(const ChunkCrash& crash);
std::string EncodeMessage(const IdleMessage& idle);
std::string EncodeMessage(const Finish& finish);
std::string EncodeMessage(const SummaryMessage& summary);

// Results are put together in place: StartResults gives the head of a message, behind which encoded
// results are appended; EndResults fills in the head.
std::string StartResults();
void EndResults(const Results& head, std::string* message);

// `bytes` must outlive what is returned. DataLoss where it is no message: the ranks then run
// different programs.
absl::StatusOr<AnyMessage> DecodeMessage(absl::string_view bytes);

}  // namespace mpaio

#endif  // MPAIO_ORCHESTRATION_MESSAGES_H_
