// SPDX-License-Identifier: Apache-2.0

// Wrappers of all MPI functions that mpaio calls. Linked into a program, they take precedence over
// MPI's functions and forward to them through PMPI, except for one call that is made to fail.
//
//   MPAIO_FAIL=MPI_Bcast:2:1     The second call of MPI_Bcast on rank 1 returns an error ("*" for
//                                the rank: on each rank). In a failing collective call the rank
//                                still takes part in the operation, because the test is about
//                                mpaio's reaction and not about MPI's. MPI_Init_thread is the
//                                exception: the operation is omitted, because the other ranks do
//                                not wait there for a rank that has ended. Several entries, for
//                                different functions, are separated by commas.
//   MPAIO_CALLS_DIRECTORY=DIR    Each rank writes a file failed_RANK_FUNCTION to DIR when it makes
//                                a call fail and, when it exits normally, a file calls_RANK with
//                                the number of calls of each function. Rank 0 writes PMIx's name
//                                of the job to a file "job".
//   MPAIO_UNSUPERVISED=1         Disables supervision (supervision.h): then windows are freed, and
//                                MPI_Finalize is called.
#include <mpi.h>
#include <stdlib.h>

#include <cstdio>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "mpaio/supervision/supervision.h"

namespace {

std::string Variable(const char* name) {
  const char* const value = getenv(name);
  return value == nullptr ? "" : value;
}

class Calls {
 public:
  Calls() : directory_(Variable("MPAIO_CALLS_DIRECTORY")), rank_(Variable("OMPI_COMM_WORLD_RANK")) {
    if (rank_ == "0") Write("job", Variable("PMIX_NAMESPACE"));
    for (const auto& failing : absl::StrSplit(Variable("MPAIO_FAIL"), ',', absl::SkipEmpty())) {
      const std::vector<std::string> words = absl::StrSplit(failing, ':');
      int call = 0;
      if (words.size() != 3 || !absl::SimpleAtoi(words[1], &call)) abort();
      if (words[2] == "*" || words[2] == rank_) fails_at_[words[0]] = call;
    }
  }
  ~Calls() {
    std::string text;
    for (const auto& [name, count] : counts_) text += name + " " + std::to_string(count) + "\n";
    Write("calls_" + rank_, text);
  }

  // Counts the call. Returns true if it must fail.
  bool Fails(const char* name) {
    const int count = ++counts_[name];
    const auto fails_at = fails_at_.find(name);
    if (fails_at == fails_at_.end() || fails_at->second != count) return false;
    Write("failed_" + rank_ + "_" + name, "");
    return true;
  }

 private:
  void Write(const std::string& name, const std::string& text) const {
    if (directory_.empty()) return;
    std::FILE* const file = std::fopen((directory_ + "/" + name).c_str(), "w");
    if (file == nullptr || std::fputs(text.c_str(), file) < 0 || std::fclose(file) != 0) abort();
  }

  const std::string directory_;
  const std::string rank_;
  std::map<std::string, int> fails_at_;
  std::map<std::string, int> counts_;
};

bool Fails(const char* name) {
  static Calls calls;
  return calls.Fails(name);
}

}  // namespace

// Fails without calling MPI.
#define FAILS_INSTEAD(name, parameters, arguments) \
  int name parameters { return Fails(#name) ? MPI_ERR_OTHER : P##name arguments; }
// Fails after calling MPI: for collective calls, because the other ranks wait in them.
#define FAILS_AFTERWARDS(name, parameters, arguments) \
  int name parameters {                               \
    const bool fails = Fails(#name);                  \
    const int code = P##name arguments;               \
    return fails ? MPI_ERR_OTHER : code;              \
  }

extern "C" {

int MPI_Init_thread(int* argc, char*** argv, int required, int* provided) {
  if (Fails("MPI_Init_thread")) return MPI_ERR_OTHER;
  const int code = PMPI_Init_thread(argc, argv, required, provided);
  if (!Variable("MPAIO_UNSUPERVISED").empty()) mpaio::Supervision::Disable();
  return code;
}
FAILS_AFTERWARDS(MPI_Finalize, (), ())

FAILS_INSTEAD(MPI_Comm_rank, (MPI_Comm comm, int* rank), (comm, rank))
FAILS_INSTEAD(MPI_Comm_size, (MPI_Comm comm, int* size), (comm, size))
FAILS_INSTEAD(MPI_Comm_set_errhandler, (MPI_Comm comm, MPI_Errhandler handler), (comm, handler))
FAILS_AFTERWARDS(MPI_Comm_dup, (MPI_Comm comm, MPI_Comm* copy), (comm, copy))
FAILS_AFTERWARDS(MPI_Comm_split_type,
                 (MPI_Comm comm, int type, int key, MPI_Info info, MPI_Comm* part),
                 (comm, type, key, info, part))
FAILS_AFTERWARDS(MPI_Comm_free, (MPI_Comm * comm), (comm))

FAILS_AFTERWARDS(MPI_Barrier, (MPI_Comm comm), (comm))
FAILS_AFTERWARDS(MPI_Bcast, (void* data, int count, MPI_Datatype type, int root, MPI_Comm comm),
                 (data, count, type, root, comm))
FAILS_AFTERWARDS(MPI_Allreduce,
                 (const void* from, void* to, int count, MPI_Datatype type, MPI_Op op,
                  MPI_Comm comm),
                 (from, to, count, type, op, comm))
FAILS_AFTERWARDS(MPI_Allgather,
                 (const void* from, int count, MPI_Datatype type, void* to, int to_count,
                  MPI_Datatype to_type, MPI_Comm comm),
                 (from, count, type, to, to_count, to_type, comm))

FAILS_INSTEAD(MPI_Isend,
              (const void* data, int count, MPI_Datatype type, int to, int tag, MPI_Comm comm,
               MPI_Request* request),
              (data, count, type, to, tag, comm, request))
FAILS_INSTEAD(MPI_Irecv,
              (void* data, int count, MPI_Datatype type, int from, int tag, MPI_Comm comm,
               MPI_Request* request),
              (data, count, type, from, tag, comm, request))
FAILS_INSTEAD(MPI_Testsome,
              (int count, MPI_Request requests[], int* completed, int indices[],
               MPI_Status statuses[]),
              (count, requests, completed, indices, statuses))
FAILS_INSTEAD(MPI_Test, (MPI_Request * request, int* is_done, MPI_Status* status),
              (request, is_done, status))
FAILS_INSTEAD(MPI_Get_count, (const MPI_Status* status, MPI_Datatype type, int* count),
              (status, type, count))
FAILS_INSTEAD(MPI_Cancel, (MPI_Request * request), (request))
FAILS_INSTEAD(MPI_Request_free, (MPI_Request * request), (request))

FAILS_AFTERWARDS(MPI_Win_allocate_shared,
                 (MPI_Aint size, int unit, MPI_Info info, MPI_Comm comm, void* base,
                  MPI_Win* window),
                 (size, unit, info, comm, base, window))
FAILS_AFTERWARDS(MPI_Win_free, (MPI_Win * window), (window))
FAILS_INSTEAD(MPI_Win_set_errhandler, (MPI_Win window, MPI_Errhandler handler), (window, handler))
FAILS_INSTEAD(MPI_Win_shared_query,
              (MPI_Win window, int rank, MPI_Aint* size, int* unit, void* base),
              (window, rank, size, unit, base))
FAILS_INSTEAD(MPI_Win_lock_all, (int assertion, MPI_Win window), (assertion, window))
FAILS_INSTEAD(MPI_Win_unlock_all, (MPI_Win window), (window))
FAILS_INSTEAD(MPI_Win_sync, (MPI_Win window), (window))

}  // extern "C"
