// SPDX-License-Identifier: Apache-2.0

// quantile: see workers/order/quantile_job.h.
#include "workers/order/quantile_job.h"

namespace mpaio {
namespace {

MPAIO_REGISTER_WORKER({QuantileWorkerInfo(QuantileKind::kQuantile)});

}  // namespace
}  // namespace mpaio
