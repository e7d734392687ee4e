// SPDX-License-Identifier: Apache-2.0
#include "mpaio/orchestration/run_statistics.h"

#include <cstddef>

namespace mpaio {

void RunStats::AddPass(const RunStats& pass) {
  if (jobs.empty() && ranks.empty()) {
    *this = pass;
    return;
  }
  seconds += pass.seconds;
  failed_job = pass.failed_job;
  lost_ranks.insert(lost_ranks.end(), pass.lost_ranks.begin(), pass.lost_ranks.end());
  quarantined.insert(quarantined.end(), pass.quarantined.begin(), pass.quarantined.end());
  for (std::size_t j = 0; j < pass.jobs.size() && j < jobs.size(); ++j) {
    jobs[j].chunks += pass.jobs[j].chunks;
    jobs[j].chunks_done += pass.jobs[j].chunks_done;
    jobs[j].chunks_delivered += pass.jobs[j].chunks_delivered;
    jobs[j].chunks_quarantined += pass.jobs[j].chunks_quarantined;
    jobs[j].chunks_resumed += pass.jobs[j].chunks_resumed;
    // A job without chunks was done before this pass.
    if (pass.jobs[j].chunks > 0) jobs[j].seconds += pass.jobs[j].seconds;
  }
  for (std::size_t r = 0; r < pass.ranks.size() && r < ranks.size(); ++r) {
    ranks[r].chunks += pass.ranks[r].chunks;
    ranks[r].rows += pass.ranks[r].rows;
    ranks[r].busy_seconds += pass.ranks[r].busy_seconds;
  }
}

}  // namespace mpaio
