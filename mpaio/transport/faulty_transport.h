// SPDX-License-Identifier: Apache-2.0

// A transport that injects planned faults, for tests of the layers above it.
#ifndef MPAIO_TRANSPORT_FAULTY_TRANSPORT_H_
#define MPAIO_TRANSPORT_FAULTY_TRANSPORT_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "mpaio/transport/transport.h"

namespace mpaio {

struct FaultPlan {
  // The chance with which each received message is delayed, so that later ones of other senders
  // overtake it. The order of one sender's messages is kept.
  double delay_chance = 0;
  std::uint64_t seed = 0;
  // The n-th call of Send (from 0) and every later one fail with Internal, as if the channel were
  // cut.
  std::optional<Index> fail_send_at;
  // The same for Receive.
  std::optional<Index> fail_receive_at;
  // Messages for which this returns true arrive twice.
  std::function<bool(const Message&)> duplicate;
};

// Takes ownership of `inner`. Calls that the plan does not affect pass through.
std::unique_ptr<Transport> MakeFaultyTransport(std::unique_ptr<Transport> inner, FaultPlan plan);

}  // namespace mpaio

#endif  // MPAIO_TRANSPORT_FAULTY_TRANSPORT_H_
