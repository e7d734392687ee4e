// Shared arrays in pools that need no MPI.
#include "mpaio/window/shared_array.h"

#include <functional>

#include "absl/strings/str_cat.h"
#include "mpaio/executor/executor_conformance.h"
#include "mpaio/executor/inline_executor.h"
#include "mpaio/executor/thread_pool_executor.h"
#include "mpaio/window/shared_array_checks.h"

namespace mpaio {
namespace {

const bool kRegistered = [] {
  RegisterSharedArrayChecks("SharedArrayInline",
                            [](const std::function<void(Executor&)>& body) { body(*MakeInlineExecutor()); });
  struct Pool {
    int ranks, nodes;
  };
  for (const Pool pool : {Pool{1, 1}, Pool{2, 1}, Pool{3, 2}, Pool{4, 1}, Pool{4, 2}}) {
    ThreadPoolOptions options;
    options.num_nodes = pool.nodes;
    RegisterSharedArrayChecks(absl::StrCat("SharedArrayOnThreads", pool.ranks, "Nodes", pool.nodes),
                              [pool, options](const std::function<void(Executor&)>& body) {
                                RunOnThreads(pool.ranks, options, body);
                              });
  }
  return true;
}();

}  // namespace
}  // namespace mpaio
