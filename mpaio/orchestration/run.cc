// SPDX-License-Identifier: Apache-2.0
#include "mpaio/orchestration/run.h"

#include <algorithm>
#include <chrono>

#include "mpaio/orchestration/run_impl.h"

namespace mpaio {
namespace {
// The longest time that rank 0 sleeps before it checks its state again. A message wakes it earlier
// (Transport::WaitForMessage), but the death of a rank does not.
constexpr absl::Duration kLongestWait = absl::Milliseconds(5);
}  // namespace

Run::Run(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Run::Run(Run&&) noexcept = default;

Run& Run::operator=(Run&& other) noexcept {
  if (this != &other) {
    Run ended(std::move(*this));  // ends the run that this handle held
    impl_ = std::move(other.impl_);
  }
  return *this;
}

Run::~Run() {
  if (impl_ == nullptr) return;
  if (!impl_->is_done()) Cancel();
  Wait().IgnoreError();
}

bool Run::Poll() {
  if (!impl_->is_done()) impl_->coordinator().Round(/*deliver=*/true);
  if (!impl_->is_done()) return true;
  impl_->Settle();
  return false;
}

std::optional<Delivered> Run::Next() {
  while (!impl_->is_done()) {
    impl_->coordinator().PumpMessages();
    if (std::optional<DeliveredResult> result = impl_->coordinator().DeliverOne()) {
      return Delivered{result->job, result->chunk, result->encoded};
    }
    if (!impl_->coordinator().Round(/*deliver=*/false)) impl_->coordinator().Wait(kLongestWait);
  }
  impl_->Settle();
  return std::nullopt;
}

Run::ResultRange Run::Results() { return ResultRange(this); }

bool Run::WaitFor(absl::Duration at_most) {
  const auto start = std::chrono::steady_clock::now();
  while (!impl_->is_done()) {
    const bool did_something = impl_->coordinator().Round(/*deliver=*/true);
    if (impl_->is_done()) break;
    const absl::Duration left =
        at_most - absl::FromChrono(std::chrono::steady_clock::now() - start);
    if (left <= absl::ZeroDuration()) return false;
    if (!did_something) impl_->coordinator().Wait(std::min(left, kLongestWait));
  }
  impl_->Settle();
  return true;
}

absl::Status Run::Wait() {
  while (!WaitFor(absl::Hours(1))) {
  }
  return impl_->status();
}

void Run::Cancel() {
  if (impl_->has_coordinator()) impl_->coordinator().Cancel();
}

const RunStats& Run::stats() const { return impl_->stats(); }

bool Run::is_broken() const { return impl_->is_broken(); }

}  // namespace mpaio
