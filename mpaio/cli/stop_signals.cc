#include "mpaio/cli/stop_signals.h"

namespace mpaio {
namespace {

volatile sig_atomic_t the_signal = 0;

void Heed(int number) {
  if (the_signal != 0) {
    signal(number, SIG_DFL);
    raise(number);  // delivered when this handler returns
    return;
  }
  the_signal = number;
}

}  // namespace

StopSignals::StopSignals(bool is_heeded) {
  struct sigaction action = {};
  action.sa_handler = is_heeded ? Heed : SIG_IGN;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, &before_int_);
  sigaction(SIGTERM, &action, &before_term_);
}

StopSignals::~StopSignals() {
  sigaction(SIGINT, &before_int_, nullptr);
  sigaction(SIGTERM, &before_term_, nullptr);
}

int StopSignals::received() { return the_signal; }

}  // namespace mpaio
