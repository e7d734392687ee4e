// SPDX-License-Identifier: Apache-2.0
#include "mpaio/transport/faulty_transport.h"

#include <deque>
#include <random>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace mpaio {
namespace {

class FaultyTransport final : public Transport {
 public:
  FaultyTransport(std::unique_ptr<Transport> inner, FaultPlan plan)
      : inner_(std::move(inner)),
        plan_(std::move(plan)),
        random_(plan_.seed),
        held_(static_cast<std::size_t>(inner_->size())) {}

  int rank() const override { return inner_->rank(); }
  int size() const override { return inner_->size(); }
  Index unsent_bytes() const override { return inner_->unsent_bytes(); }
  void WaitForMessage(absl::Duration at_most) override {
    if (num_held_ == 0) inner_->WaitForMessage(at_most);
  }
  void WakeOne() override { inner_->WakeOne(); }
  void Abandon(int rank) override { inner_->Abandon(rank); }
  absl::Status Close() override { return inner_->Close(); }

  absl::Status Send(int to, std::string message) override {
    if (plan_.fail_send_at && sends_++ >= *plan_.fail_send_at)
      return absl::InternalError("the line was cut (send)");
    return inner_->Send(to, std::move(message));
  }

  absl::StatusOr<std::optional<Message>> Receive() override {
    if (plan_.fail_receive_at && receives_++ >= *plan_.fail_receive_at)
      return absl::InternalError("the line was cut (receive)");
    absl::StatusOr<std::optional<Message>> received = inner_->Receive();
    // Messages that are held have arrived before the error.
    if (!received.ok() && num_held_ == 0) return received.status();
    if (received.ok() && received->has_value()) {
      const std::optional<Message>& message = *received;
      const int copies = plan_.duplicate && plan_.duplicate(*message) ? 2 : 1;
      for (int k = 0; k < copies; ++k) held_[message->from].push_back(*message);
      num_held_ += copies;
    }
    // Each sender's messages stay in order; the next sender, and whether any message is delivered
    // now, are random.
    std::vector<std::size_t> senders;
    for (std::size_t from = 0; from < held_.size(); ++from) {
      if (!held_[from].empty()) senders.push_back(from);
    }
    if (senders.empty() || std::bernoulli_distribution(plan_.delay_chance)(random_))
      return std::optional<Message>();
    std::deque<Message>& queue = held_[senders[random_() % senders.size()]];
    std::optional<Message> next = std::move(queue.front());
    queue.pop_front();
    --num_held_;
    return next;
  }

 private:
  std::unique_ptr<Transport> inner_;
  FaultPlan plan_;
  std::mt19937_64 random_;
  std::vector<std::deque<Message>> held_;
  Index num_held_ = 0;
  Index sends_ = 0;
  Index receives_ = 0;
};

}  // namespace

std::unique_ptr<Transport> MakeFaultyTransport(std::unique_ptr<Transport> inner, FaultPlan plan) {
  return std::make_unique<FaultyTransport>(std::move(inner), std::move(plan));
}

}  // namespace mpaio
