// SPDX-License-Identifier: Apache-2.0

// A transport that misbehaves in stated ways, for tests of what stands above it.
#ifndef MPAIO_TRANSPORT_FAULTY_TRANSPORT_H_
#define MPAIO_TRANSPORT_FAULTY_TRANSPORT_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "mpaio/transport/transport.h"

namespace mpaio {

struct FaultPlan {
  // Each message received is held back, and later ones of other senders overtake it, with this
  // chance (the order of one sender's stays).
  double delay_chance = 0;
  std::uint64_t seed = 0;
  // The n-th call of Send (from 0) fails with Internal, and so does every later one: the line is
  // cut.
  std::optional<Index> fail_send_at;
  // The same for Receive.
  std::optional<Index> fail_receive_at;
  // Messages for which this holds arrive twice.
  std::function<bool(const Message&)> duplicate;
};

// `inner` is owned. Everything the plan does not name passes through.
std::unique_ptr<Transport> MakeFaultyTransport(std::unique_ptr<Transport> inner, FaultPlan plan);

}  // namespace mpaio

#endif  // MPAIO_TRANSPORT_FAULTY_TRANSPORT_H_
