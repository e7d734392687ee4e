// SPDX-License-Identifier: Apache-2.0

// The channel between a supervisor and rank 0: how it is made, and what is said on it. Private to
// this package.
#ifndef MPAIO_SUPERVISION_SUPERVISOR_CHANNEL_H_
#define MPAIO_SUPERVISION_SUPERVISOR_CHANNEL_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace mpaio {

// In front of everything that a supervisor sends, so that strangers are not listened to.
inline constexpr std::size_t kTokenBytes = 32;

// The supervisor's first words, behind the token.
struct Hello {
  std::int32_t rank = 0;
};

// What waitpid() says of its rank: that it was stopped, or goes on; or, its last words, that it is
// gone.
struct Notice {
  std::int32_t wait_status = 0;
};

// What rank 0 sends, if anything: that the rank is to be killed.
inline constexpr char kKill = 'K';
// Or that it will make no MPI call any more.
inline constexpr char kEnd = 'E';

// Where rank 0 listens: a name for sockets of its host, and what it has of internet addresses.
struct ChannelAddress {
  std::string token;
  std::string local_name;
  struct Internet {
    std::string host;  // numeric, IPv4 or IPv6
    int port = 0;
  };
  std::vector<Internet> internet;
};

std::string EncodeAddress(const ChannelAddress& address);
absl::StatusOr<ChannelAddress> DecodeAddress(absl::string_view text);

// How long a host may be silent, though it is asked, until a channel to it ends with an error.
inline constexpr int kHostPatienceSeconds = 15;
// A channel that was accepted or called is asked from time to time whether the other host is still
// there. Nothing for one within a host.
void WatchHost(int channel);
// Whether a channel's error says just that its other host does not answer.
bool IsSilence(int error);

// Sockets that listen at a new address: of this host alone, or also for others. What is returned is
// theirs to close.
absl::StatusOr<ChannelAddress> OpenListeners(bool has_several_nodes, std::vector<int>* listeners);

// A socket connected to one of the address's, after the token and `hello` have been sent; -1 where
// none answers within `timeout_ms`.
int ConnectChannel(const ChannelAddress& address, const Hello& hello, int timeout_ms);

}  // namespace mpaio

#endif  // MPAIO_SUPERVISION_SUPERVISOR_CHANNEL_H_
