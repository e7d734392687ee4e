// SPDX-License-Identifier: Apache-2.0

// What ties a journal (mpaio/ledger/journal.h) to its run: the jobs, with all their parameters,
// what their inputs hold, and how these are divided into chunks. Chunks of another run would be no
// good to this one.
#ifndef MPAIO_CLI_RUN_IDENTITY_H_
#define MPAIO_CLI_RUN_IDENTITY_H_

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
#include "mpaio/cli/command_line.h"
#include "mpaio/cli/plan.h"

namespace mpaio {

// A file up to this length is digested as a whole; of a longer one, so many blocks of so many bytes
// are, at even distances, the first and the last bytes of the file among them. That takes some
// milliseconds, as the array itself may be larger than the memory.
inline constexpr Index kWholeDigestBytes = Index{16} << 20;
inline constexpr Index kDigestBlocks = 64;
inline constexpr Index kDigestBlockBytes = Index{64} << 10;

// What a file was at some time.
struct FileState {
  Index size_bytes = 0;
  std::int64_t mtime_ns = 0;  // of the last change, since 1970
  // XXH3, 128 bits, in 32 hexadecimal digits: of the bytes digested, and behind them the file's
  // length as 8 bytes, the lowest first.
  std::string digest;
  bool is_whole = false;  // whether all bytes were digested

  friend bool operator==(const FileState&, const FileState&) = default;
};

// Errors: as OpenRegularFile, and FailedPrecondition where it is written meanwhile, DataLoss where
// the disk fails.
absl::StatusOr<FileState> ReadFileState(const std::string& path);

// What a run is of, as plain values. Text that is not UTF-8 has replacement characters in it.
struct RunIdentity {
  struct Job {
    std::string worker, input, output;  // as they were written
    // All that the worker takes, in its order, defaults included.
    std::vector<std::pair<std::string, std::string>> parameters;
    // Of its first pass. Nothing until the worker has been made: whoever makes it sets it.
    std::optional<Index> chunks;

    friend bool operator==(const Job&, const Job&) = default;
  };
  struct Input {
    std::string name;  // as it was written
    std::string path;  // the file that it is in
    std::string dtype;
    std::vector<Index> shape;
    FileState file;

    friend bool operator==(const Input&, const Input&) = default;
  };

  std::string version;  // of mpaio
  // As it was given, and the number of processes that Partition::Auto() was made for: a run that
  // goes on must use this one, and not its own.
  Partition partition = Partition::Auto();
  int parallelism = 1;
  std::vector<Job> jobs;
  std::vector<Input> inputs;  // each once, in the order of the jobs

  friend bool operator==(const RunIdentity&, const RunIdentity&) = default;
};

// For one process, rank 0; opens the inputs and reads some MiB of each. `parallelism` is that of
// JobContext's DataIterators. Jobs' numbers of chunks are left out.
//   InvalidArgument     an input is standard input or anything else that is no regular file, and
//                       cannot be had a second time.
//   as ArrayFile::Open and ReadFileState
absl::StatusOr<RunIdentity> IdentityOf(const std::vector<PlannedJob>& plan, const CommandLine& line,
                                       int parallelism);

// A JSON object, on one line.
std::string IdentityText(const RunIdentity& identity);

// Reads what IdentityText wrote.
//   FailedPrecondition  another version of mpaio wrote it, and it is of another form.
//   DataLoss            it is no such text.
absl::StatusOr<RunIdentity> ParseIdentity(absl::string_view text);

// Whether the run `now` may go on with the journal of the run `journal`. FailedPrecondition names
// the first difference, and what can be done. Not compared are `parallelism`, and numbers of chunks
// that one of them does not have. An input whose time of change alone is another is the same if all
// its bytes were digested; not if only samples were.
absl::Status CheckSameRun(const RunIdentity& journal, const RunIdentity& now);

}  // namespace mpaio

#endif  // MPAIO_CLI_RUN_IDENTITY_H_
