// SPDX-License-Identifier: Apache-2.0

// Tests of the contract in transport.h for every implementation.
#ifndef MPAIO_TRANSPORT_TRANSPORT_CONFORMANCE_H_
#define MPAIO_TRANSPORT_TRANSPORT_CONFORMANCE_H_

#include <functional>
#include <string>

#include "mpaio/base/index.h"
#include "mpaio/transport/transport.h"

namespace mpaio {

struct TransportPool {
  // Makes a new pool, runs `body` on every rank, each with its end, and returns when all ranks have
  // finished it. Under mpirun every process calls it, and it runs `body` for this process's rank.
  std::function<void(const std::function<void(Transport&)>& body)> run;
  // Size of the largest message tried.
  Index large_bytes = Index{40} << 20;
  // Size of each message where many are sent in both directions at once.
  Index flood_bytes = Index{1} << 20;
};

// Registers one test, `suite`.<check>, for each promise of the contract. Called before
// RUN_ALL_TESTS(), for instance by the initializer of a global.
void RegisterTransportConformance(const std::string& suite, const TransportPool& pool);

}  // namespace mpaio

#endif  // MPAIO_TRANSPORT_TRANSPORT_CONFORMANCE_H_
