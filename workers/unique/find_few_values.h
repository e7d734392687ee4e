// SPDX-License-Identifier: Apache-2.0

// The first pass of unique: the values of an array that has few.
#ifndef MPAIO_WORKERS_UNIQUE_FIND_FEW_VALUES_H_
#define MPAIO_WORKERS_UNIQUE_FIND_FEW_VALUES_H_

#include <memory>

#include "mpaio/base/index.h"
#include "mpaio/chunk/data_iterator.h"
#include "mpaio/worker/worker.h"
#include "workers/unique/unique_state.h"

namespace mpaio {

// Rank 0 can merge up to this many values, whatever the number of elements.
inline constexpr Index kFewValues = Index{1} << 16;

// Returns a worker that sets `few` or `are_many` of the state on rank 0.
std::unique_ptr<WorkerBase> FindFewValues(DataIterator chunks, std::shared_ptr<UniqueState> state);

}  // namespace mpaio

#endif  // MPAIO_WORKERS_UNIQUE_FIND_FEW_VALUES_H_
