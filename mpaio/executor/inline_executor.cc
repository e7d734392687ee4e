// SPDX-License-Identifier: Apache-2.0
#include "mpaio/executor/inline_executor.h"

#include <cstdlib>
#include <utility>

#include "mpaio/executor/anonymous_memory.h"
#include "mpaio/transport/in_process_transport.h"

namespace mpaio {
namespace {

class InlineExecutor final : public Executor {
 public:
  explicit InlineExecutor(HugePages huge_pages)
      : transport_(std::move(MakeInProcessTransports(1).front())), memories_(huge_pages) {}

  int rank() const override { return 0; }
  int size() const override { return 1; }
  int node() const override { return 0; }
  int num_nodes() const override { return 1; }
  int node_rank() const override { return 0; }
  int node_size() const override { return 1; }
  int node_of(int) const override { return 0; }
  std::string host() const override { return HostName(); }
  bool orchestrator_works() const override { return true; }
  bool can_isolate() const override { return true; }
  Transport& transport() override { return *transport_; }
  std::byte* control() override { return nullptr; }
  using Executor::Allocate;
  absl::StatusOr<SharedMemory*> Allocate(Index size_bytes, PagePolicy page_policy) override {
    return memories_.Allocate(size_bytes, page_policy);
  }
  absl::Status Agree(const absl::Status& mine) override { return mine; }
  absl::Status Broadcast(std::string*) override { return absl::OkStatus(); }
  [[noreturn]] void Abort(int exit_status) override { std::_Exit(exit_status); }
  absl::Status Close() override {
    memories_.Clear();
    return transport_->Close();
  }

 private:
  std::unique_ptr<Transport> transport_;
  AnonymousMemories memories_;
};

}  // namespace

std::unique_ptr<Executor> MakeInlineExecutor(HugePages huge_pages) {
  return std::make_unique<InlineExecutor>(huge_pages);
}

}  // namespace mpaio
