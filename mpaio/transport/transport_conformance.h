// SPDX-License-Identifier: Apache-2.0

// What transport.h promises, as tests that every implementation is held to.
#ifndef MPAIO_TRANSPORT_TRANSPORT_CONFORMANCE_H_
#define MPAIO_TRANSPORT_TRANSPORT_CONFORMANCE_H_

#include <functional>
#include <string>

#include "mpaio/base/index.h"
#include "mpaio/transport/transport.h"

namespace mpaio {

struct TransportPool {
  // Makes a new pool, runs the body on every rank of it, each with its end, and returns when all
  // have ended it. Under mpirun it does so for this process's rank, and every process calls it.
  std::function<void(const std::function<void(Transport&)>& body)> run;
  // The size of the largest message tried.
  Index large_bytes = Index{40} << 20;
  // The size of those that are sent both ways at once, many of them.
  Index flood_bytes = Index{1} << 20;
};

// Registers one test SUITE.<check> for each promise. Called before RUN_ALL_TESTS(), for instance by
// the initializer of a global.
void RegisterTransportConformance(const std::string& suite, const TransportPool& pool);

}  // namespace mpaio

#endif  // MPAIO_TRANSPORT_TRANSPORT_CONFORMANCE_H_
