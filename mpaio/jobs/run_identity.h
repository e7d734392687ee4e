// SPDX-License-Identifier: Apache-2.0

// The identity of a run: the jobs with all their parameters, the contents of their inputs, and the
// division of the inputs into chunks. A journal (mpaio/ledger/journal.h) contains it, so that its
// results are not reused in a different run.
#ifndef MPAIO_JOBS_RUN_IDENTITY_H_
#define MPAIO_JOBS_RUN_IDENTITY_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "mpaio/base/index.h"
#include "mpaio/chunk/data_iterator.h"
#include "mpaio/jobs/plan.h"

namespace mpaio {

// A file of at most kWholeDigestBytes is hashed as a whole. Of a longer file, kDigestBlocks blocks
// of kDigestBlockBytes are hashed, evenly spaced, including the first and the last bytes of the
// file. This takes a few milliseconds, whereas the array may be larger than the memory.
inline constexpr Index kWholeDigestBytes = Index{16} << 20;
inline constexpr Index kDigestBlocks = 64;
inline constexpr Index kDigestBlockBytes = Index{64} << 10;

// The state of a file at some time.
struct FileState {
  Index size_bytes = 0;
  std::int64_t mtime_ns = 0;  // last modification, in nanoseconds since 1970
  // XXH3, 128 bits, as 32 hexadecimal digits, of the hashed bytes followed by the file's length as
  // 8 bytes in little-endian order.
  std::string digest;
  bool is_whole = false;  // true if all bytes were hashed

  friend bool operator==(const FileState&, const FileState&) = default;
};

// Returns the current state of the file. Errors: those of OpenRegularFile; FailedPrecondition if
// the file is written meanwhile; DataLoss if the disk fails.
absl::StatusOr<FileState> ReadFileState(const std::string& path);

// The identity of a run as plain values. Text that is not UTF-8 has replacement characters in it.
struct RunIdentity {
  struct Job {
    std::string worker, input, output;  // as written
    // All parameters of the worker, in its order, including defaults.
    std::vector<std::pair<std::string, std::string>> parameters;
    // Number of chunks of the first pass. Unset until the caller has made the worker.
    std::optional<Index> chunks;

    friend bool operator==(const Job&, const Job&) = default;
  };
  struct Input {
    std::string name;  // as written
    std::string path;  // the file that contains it
    std::string dtype;
    std::vector<Index> shape;
    FileState file;

    friend bool operator==(const Input&, const Input&) = default;
  };

  std::string version;  // version of mpaio
  // The partition as given, and the number of processes that Partition::Auto() was made for: a
  // resumed run must use this number instead of its own.
  Partition partition = Partition::Auto();
  int parallelism = 1;
  std::vector<Job> jobs;
  std::vector<Input> inputs;  // each once, in the order of the jobs

  friend bool operator==(const RunIdentity&, const RunIdentity&) = default;
};

// Returns the identity of a run. Not collective: for rank 0. Opens the inputs and reads up to 16
// MiB of each. `parallelism` is that of JobContext's DataIterators. Leaves the numbers of chunks
// unset. Errors: those of ArrayFile::Open and ReadFileState, and
//   InvalidArgument     an input is standard input or not a regular file, so that it cannot be read
//                       a second time.
absl::StatusOr<RunIdentity> IdentityOf(const std::vector<PlannedJob>& plan, Partition partition,
                                       int parallelism);

// Returns a JSON object on one line.
std::string IdentityText(const RunIdentity& identity);

// Parses the result of IdentityText. Errors:
//   FailedPrecondition  another version of mpaio wrote it in another format.
//   DataLoss            the text is not an identity.
absl::StatusOr<RunIdentity> ParseIdentity(absl::string_view text);

// Checks that the run `now` may continue from the journal of the run `journal`. Errors:
// FailedPrecondition, which names the first difference and a remedy. Does not compare
// `parallelism`, nor the number of chunks of a job if one of the two lacks it. An input that
// differs only in its modification time is the same if all its bytes were hashed, but not if only
// samples were.
absl::Status CheckSameRun(const RunIdentity& journal, const RunIdentity& now);

}  // namespace mpaio

#endif  // MPAIO_JOBS_RUN_IDENTITY_H_
