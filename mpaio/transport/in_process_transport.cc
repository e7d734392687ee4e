// SPDX-License-Identifier: Apache-2.0
#include "mpaio/transport/in_process_transport.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <utility>

#include "absl/strings/str_cat.h"

namespace mpaio {
namespace {

struct Inbox {
  std::mutex mutex;
  std::condition_variable arrived;
  std::deque<Message> messages;
};

class InProcessTransport final : public Transport {
 public:
  InProcessTransport(std::shared_ptr<std::vector<Inbox>> inboxes, int rank)
      : inboxes_(std::move(inboxes)), rank_(rank) {}

  int rank() const override { return rank_; }
  int size() const override { return static_cast<int>(inboxes_->size()); }

  absl::Status Send(int to, std::string message) override {
    if (to < 0 || to >= size() || to == rank_ || (rank_ != 0 && to != 0)) {
      return absl::InvalidArgumentError(
          absl::StrCat("rank ", rank_, " has no channel to rank ", to));
    }
    if (std::find(dead_.begin(), dead_.end(), to) != dead_.end()) return absl::OkStatus();
    Inbox& inbox = (*inboxes_)[to];
    {
      std::lock_guard lock(inbox.mutex);
      inbox.messages.push_back({rank_, std::move(message)});
    }
    inbox.arrived.notify_one();
    return absl::OkStatus();
  }

  absl::StatusOr<std::optional<Message>> Receive() override {
    Inbox& inbox = (*inboxes_)[rank_];
    std::lock_guard lock(inbox.mutex);
    if (inbox.messages.empty()) return std::optional<Message>();
    std::optional<Message> message = std::move(inbox.messages.front());
    inbox.messages.pop_front();
    return message;
  }

  // A message is in the receiver's queue as soon as it is sent.
  Index unsent_bytes() const override { return 0; }

  void WaitForMessage(absl::Duration at_most) override {
    Inbox& inbox = (*inboxes_)[rank_];
    // Adding an infinite duration to the current time would overflow.
    const absl::Duration bounded = std::min(at_most, absl::Hours(1));
    std::unique_lock lock(inbox.mutex);
    inbox.arrived.wait_for(lock, absl::ToChronoNanoseconds(bounded),
                           [&] { return !inbox.messages.empty(); });
  }

  void Abandon(int rank) override {
    if (std::find(dead_.begin(), dead_.end(), rank) == dead_.end()) dead_.push_back(rank);
  }

  absl::Status Close() override { return absl::OkStatus(); }

 private:
  std::shared_ptr<std::vector<Inbox>> inboxes_;
  int rank_;
  std::vector<int> dead_;
};

}  // namespace

std::vector<std::unique_ptr<Transport>> MakeInProcessTransports(int size) {
  auto inboxes = std::make_shared<std::vector<Inbox>>(static_cast<std::size_t>(size));
  std::vector<std::unique_ptr<Transport>> ends;
  for (int rank = 0; rank < size; ++rank)
    ends.push_back(std::make_unique<InProcessTransport>(inboxes, rank));
  return ends;
}

}  // namespace mpaio
