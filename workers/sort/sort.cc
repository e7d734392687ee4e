// SPDX-License-Identifier: Apache-2.0

// sort: see workers/order/sort_job.h.
#include "workers/order/sort_job.h"

namespace mpaio {
namespace {

MPAIO_REGISTER_WORKER({SortWorkerInfo(SortResult::kValues)});

}  // namespace
}  // namespace mpaio
