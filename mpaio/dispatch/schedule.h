// SPDX-License-Identifier: Apache-2.0

// Dynamic loop self-scheduling as in the literature: how many of the remaining chunks the next
// request gets.
//
// With N chunks in all, R remaining, P processors:
//   static      blocks of N / P, one for each processor
//   dynamic     1 (self-scheduling: Tang and Yew, ICPP 1986)
//   guided      R / P (Polychronopoulos and Kuck, IEEE Trans. Computers C-36(12), 1987)
//   factoring   batches of P equal ranges, each batch half of the remaining chunks: R / (2 P), with
//               R at the batch's beginning (Hummel, Schonberg and Flynn, Comm. ACM 35(8), 1992,
//               with the factor 2)
//   trapezoid   falling linearly, from N / (2 P) to 1 (Tzen and Ni, IEEE Trans. Parallel and
//               Distributed Systems 4(1), 1993)
//   adaptive    w R / (2 P): factoring without batches, weighted by w, the processor's measured
//               speed relative to the mean of all (AWF-C: Carino and Banicescu, J. Supercomputing
//               44, 2008)
// Lengths are rounded up, trapezoid's decrement down. `auto` is mpaio's own schedule; see
// dispatcher.h.
//
// Worked example, N = 100, P = 2:
//   guided      50 25 13 6 3 2 1
//   factoring   25 25 13 13 6 6 3 3 2 2 1 1
//   trapezoid   25 22 19 16 13 5
#ifndef MPAIO_DISPATCH_SCHEDULE_H_
#define MPAIO_DISPATCH_SCHEDULE_H_

#include <string>
#include <vector>

#include "mpaio/base/index.h"

namespace mpaio {

enum class ScheduleKind { kAuto, kStatic, kDynamic, kGuided, kFactoring, kTrapezoid, kAdaptive };

// Returns "auto", "static", ..., in the order of ScheduleKind.
const std::vector<std::string>& ScheduleNames();

// The lengths of one job's ranges under a schedule other than kAuto.
class ScheduleRule {
 public:
  // Preconditions: num_chunks >= 0, processors >= 1.
  ScheduleRule(ScheduleKind kind, Index num_chunks, int processors);

  // Returns the length for the next request, in [1, remaining]; each call counts as a request that
  // is granted. `weight` is the processor's relative speed. Preconditions: remaining >= 1, weight >
  // 0.
  Index Next(Index remaining, double weight = 1);

 private:
  ScheduleKind kind_;
  Index num_chunks_;
  Index processors_;
  // Factoring: the ranges left in the batch, and their length.
  Index batch_ranges_ = 0;
  Index batch_length_ = 0;
  // Trapezoid: the next length, and how much shorter the one after it is.
  Index length_ = 0;
  Index decrement_ = 0;
};

}  // namespace mpaio

#endif  // MPAIO_DISPATCH_SCHEDULE_H_
