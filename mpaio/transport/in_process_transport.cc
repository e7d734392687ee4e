// SPDX-License-Identifier: Apache-2.0
#include "mpaio/transport/in_process_transport.h"

#include <algorithm>
#include <atomic>
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
  bool is_woken = false;
  // A hint for WakeOne, read without the mutex.
  std::atomic<bool> has_sleeper{false};
};

struct Star {
  Star(int size, bool rank_0_works)
      : inboxes(static_cast<std::size_t>(size)), rank_0_works(rank_0_works) {}
  std::vector<Inbox> inboxes;  // by rank
  const bool rank_0_works;
  std::atomic<bool> is_closed{false};
};

class InProcessTransport final : public Transport {
 public:
  InProcessTransport(std::shared_ptr<Star> star, int rank) : star_(std::move(star)), rank_(rank) {}

  int rank() const override { return rank_; }
  int size() const override { return static_cast<int>(star_->inboxes.size()); }

  absl::Status Send(int to, std::string message) override {
    if (to < 0 || to >= size() || to == rank_ || (rank_ != 0 && to != 0)) {
      return absl::InvalidArgumentError(
          absl::StrCat("rank ", rank_, " has no channel to rank ", to));
    }
    if (std::find(dead_.begin(), dead_.end(), to) != dead_.end()) return absl::OkStatus();
    Inbox& inbox = star_->inboxes[static_cast<std::size_t>(to)];
    {
      std::lock_guard lock(inbox.mutex);
      inbox.messages.push_back({rank_, std::move(message)});
    }
    inbox.arrived.notify_one();
    return absl::OkStatus();
  }

  absl::StatusOr<std::optional<Message>> Receive() override {
    Inbox& inbox = OwnInbox();
    std::lock_guard lock(inbox.mutex);
    if ((rank_ == 0 || inbox.messages.empty()) && star_->is_closed.load(std::memory_order_relaxed))
      return absl::CancelledError("rank 0 has closed the pool");
    if (inbox.messages.empty()) return std::optional<Message>();
    std::optional<Message> message = std::move(inbox.messages.front());
    inbox.messages.pop_front();
    return message;
  }

  // A message is in the receiver's queue as soon as it is sent.
  Index unsent_bytes() const override { return 0; }

  void WaitForMessage(absl::Duration at_most) override {
    Inbox& inbox = OwnInbox();
    // Adding an infinite duration to the current time would overflow.
    const absl::Duration bounded = std::min(at_most, absl::Hours(1));
    std::unique_lock lock(inbox.mutex);
    inbox.has_sleeper.store(true, std::memory_order_relaxed);
    inbox.arrived.wait_for(lock, absl::ToChronoNanoseconds(bounded), [&] {
      return !inbox.messages.empty() || inbox.is_woken ||
             star_->is_closed.load(std::memory_order_relaxed);
    });
    inbox.has_sleeper.store(false, std::memory_order_relaxed);
    inbox.is_woken = false;
  }

  void WakeOne() override {
    const std::size_t size = star_->inboxes.size();
    for (std::size_t k = 1; k <= size; ++k) {
      const std::size_t rank = (last_woken_ + k) % size;
      if (rank == 0 && !star_->rank_0_works) continue;
      Inbox& inbox = star_->inboxes[rank];
      if (!inbox.has_sleeper.load(std::memory_order_relaxed)) continue;
      {
        const std::lock_guard lock(inbox.mutex);
        if (!inbox.has_sleeper.load(std::memory_order_relaxed) || inbox.is_woken) continue;
        inbox.is_woken = true;
      }
      last_woken_ = rank;
      return inbox.arrived.notify_one();
    }
  }

  void Abandon(int rank) override {
    if (std::find(dead_.begin(), dead_.end(), rank) == dead_.end()) dead_.push_back(rank);
  }

  absl::Status Close() override {
    if (rank_ != 0) return absl::OkStatus();
    star_->is_closed.store(true, std::memory_order_relaxed);
    for (Inbox& inbox : star_->inboxes) {
      // A rank that has just found the star open is asleep once the mutex can be had.
      { const std::lock_guard lock(inbox.mutex); }
      inbox.arrived.notify_all();
    }
    return absl::OkStatus();
  }

 private:
  Inbox& OwnInbox() { return star_->inboxes[static_cast<std::size_t>(rank_)]; }

  std::shared_ptr<Star> star_;
  int rank_;
  std::vector<int> dead_;
  std::size_t last_woken_ = 0;
};

}  // namespace

std::vector<std::unique_ptr<Transport>> MakeInProcessTransports(int size, bool rank_0_works) {
  auto star = std::make_shared<Star>(size, rank_0_works);
  std::vector<std::unique_ptr<Transport>> ends;
  for (int rank = 0; rank < size; ++rank)
    ends.push_back(std::make_unique<InProcessTransport>(star, rank));
  return ends;
}

}  // namespace mpaio
