// SPDX-License-Identifier: Apache-2.0

// argsort: see workers/order/sort_job.h.
#include "workers/order/sort_job.h"

namespace mpaio {
namespace {

MPAIO_REGISTER_WORKER({SortWorkerInfo(SortResult::kIndices)});

}  // namespace
}  // namespace mpaio
