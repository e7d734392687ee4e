// SPDX-License-Identifier: Apache-2.0
#include "mpaio/executor/rank_consensus.h"

#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "mpaio/base/status_macros.h"
#include "mpaio/base/wire.h"

namespace mpaio {
namespace {

// The kind of a message, so that different calls on different ranks are detected.
constexpr char kAgreement = 'A';
constexpr char kBroadcast = 'B';

// Rank 0 polls for deaths this often, because it may be waiting for a dead rank.
constexpr absl::Duration kLongestWait = absl::Milliseconds(5);

constexpr char kDamaged[] =
    "a status from another rank arrived damaged: all ranks must run the same program";

absl::Status NotTheSame() {
  return absl::InternalError(
      "the ranks do not make the same calls: all ranks must run the same program on the same "
      "input");
}

}  // namespace

absl::StatusOr<std::string> RankConsensus::Receive(char kind) {
  for (;;) {
    MPAIO_ASSIGN_OR_RETURN(std::optional<Message> message, transport_->Receive());
    if (!message) {
      transport_->WaitForMessage(kLongestWait);
      continue;
    }
    std::string bytes = std::move(message->bytes);
    if (absl::string_view(bytes).substr(0, 1) != absl::string_view(&kind, 1)) return NotTheSame();
    bytes.erase(0, 1);
    return bytes;
  }
}

absl::Status RankConsensus::Send(char kind, absl::string_view bytes) {
  for (int rank = 1; rank < transport_->size(); ++rank) {
    if (is_lost_(rank)) continue;
    MPAIO_RETURN_IF_ERROR(transport_->Send(rank, absl::StrCat(absl::string_view(&kind, 1), bytes)));
  }
  // Rank 0 may end its process after this call, so its messages must have left.
  while (transport_->unsent_bytes() > 0) {
    poll_lost_ranks_();
    MPAIO_ASSIGN_OR_RETURN(std::optional<Message> message, transport_->Receive());
    if (message) early_.push_back(*std::move(message));
    if (transport_->unsent_bytes() > 0) transport_->WaitForMessage(kLongestWait);
  }
  return absl::OkStatus();
}

absl::Status RankConsensus::Agree(const absl::Status& mine) {
  absl::Status agreed;
  if (broken_.ok()) broken_ = TryAgree(mine, &agreed);
  return broken_.ok() ? agreed : broken_;
}

absl::Status RankConsensus::Broadcast(std::string* bytes) {
  if (broken_.ok()) broken_ = TryBroadcast(bytes);
  return broken_;
}

absl::Status RankConsensus::TryAgree(const absl::Status& mine, absl::Status* agreed) {
  std::string bytes;
  if (transport_->rank() != 0) {
    bytes.push_back(kAgreement);
    EncodeStatus(mine, &bytes);
    MPAIO_RETURN_IF_ERROR(transport_->Send(0, std::move(bytes)));
    MPAIO_ASSIGN_OR_RETURN(bytes, Receive(kAgreement));
    WireReader reader(bytes);
    return DecodeStatus(&reader, agreed) ? absl::OkStatus() : absl::InternalError(kDamaged);
  }
  std::vector<std::optional<absl::Status>> statuses(static_cast<std::size_t>(transport_->size()));
  statuses[0] = mine;
  // Messages of ranks that are already lost belong to an earlier call, which has ended without
  // these ranks.
  std::vector<bool> was_lost;
  for (int rank = 0; rank < transport_->size(); ++rank)
    was_lost.push_back(rank != 0 && is_lost_(rank));
  for (;;) {
    // Deaths are polled before messages are received, so that a message that a rank sent before it
    // died counts.
    poll_lost_ranks_();
    for (;;) {
      std::optional<Message> message;
      if (early_.empty()) {
        MPAIO_ASSIGN_OR_RETURN(message, transport_->Receive());
        if (!message) break;
      } else {
        message = std::move(early_.front());
        early_.pop_front();
      }
      if (was_lost[static_cast<std::size_t>(message->from)]) continue;
      WireReader reader(absl::string_view(message->bytes).substr(message->bytes.empty() ? 0 : 1));
      std::optional<absl::Status>& of_rank = statuses[static_cast<std::size_t>(message->from)];
      absl::Status status;
      if (of_rank || message->bytes.empty() || message->bytes.front() != kAgreement)
        return NotTheSame();
      if (!DecodeStatus(&reader, &status)) return absl::InternalError(kDamaged);
      of_rank = status;
    }
    bool all_received = true;
    for (int rank = 1; rank < transport_->size(); ++rank)
      all_received &= statuses[static_cast<std::size_t>(rank)].has_value() || is_lost_(rank);
    if (all_received) break;
    transport_->WaitForMessage(kLongestWait);
  }
  *agreed = absl::OkStatus();
  for (const std::optional<absl::Status>& status : statuses) {
    if (agreed->ok() && status) *agreed = *status;
  }
  EncodeStatus(*agreed, &bytes);
  return Send(kAgreement, bytes);
}

absl::Status RankConsensus::TryBroadcast(std::string* bytes) {
  if (transport_->rank() == 0) return Send(kBroadcast, *bytes);
  MPAIO_ASSIGN_OR_RETURN(*bytes, Receive(kBroadcast));
  return absl::OkStatus();
}

}  // namespace mpaio
