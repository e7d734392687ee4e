// SPDX-License-Identifier: Apache-2.0

// The statistics of a run: each fact once, for all who show or store it.
#ifndef MPAIO_ORCHESTRATION_RUN_STATISTICS_H_
#define MPAIO_ORCHESTRATION_RUN_STATISTICS_H_

#include <string>
#include <vector>

#include "mpaio/base/index.h"
#include "mpaio/chunk/data_iterator.h"
#include "mpaio/supervision/lost_rank.h"

namespace mpaio {

// The progress of a job. Rows and chunks are counted when their results have arrived at rank 0.
struct JobStats {
  std::string worker;  // its name
  Index rows = 0;
  Index row_bytes = 0;
  Index chunks = 0;
  Index rows_done = 0;
  Index chunks_done = 0;
  Index chunks_delivered = 0;
  // Quarantined chunks: neither done nor delivered.
  Index chunks_quarantined = 0;
  // The part of chunks_done that an earlier run processed.
  Index chunks_resumed = 0;
  // Time from the start of the run to the job's last delivery; 0 until then.
  double seconds = 0;
};

// The work of one rank.
struct RankStats {
  int rank = 0;
  int node = 0;
  std::string host;  // its name; empty if the rank was lost
  Index chunks = 0;
  Index rows = 0;
  double busy_seconds = 0;  // spent in processing
};

// A chunk that was given up because it killed or hung every process that ran it.
struct QuarantinedChunk {
  int job = 0;
  ChunkId chunk = 0;
  RowRange rows;
  int attempts = 0;
  std::string cause;  // of the last attempt, with its rank
};

// The statistics of a run, on rank 0. The jobs are current at any time; the rest is complete when
// the run has ended.
struct RunStats {
  // Idle ranks may steal: a chunk may be processed by another rank than it was assigned to.
  bool allows_stealing = false;
  double seconds = 0;
  std::vector<JobStats> jobs;
  std::vector<RankStats> ranks;
  // The job whose chunk or callback failed and so ended the run, or else the first job with a
  // quarantined chunk; -1 if there is none.
  int failed_job = -1;
  std::vector<LostRank> lost_ranks;
  std::vector<QuarantinedChunk> quarantined;

  // Adds the next pass of the same jobs on the same ranks. The totals of work and time grow; the
  // number of a job's rows stays that of the first pass, because a further pass over the same rows
  // adds none; failed_job becomes that of `pass`. To empty statistics, `pass` is copied.
  void AddPass(const RunStats& pass);
};

}  // namespace mpaio

#endif  // MPAIO_ORCHESTRATION_RUN_STATISTICS_H_
