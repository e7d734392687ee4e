// SPDX-License-Identifier: Apache-2.0

// A process's connections to other hosts, and how another process gets hold of them. Private to
// this package.
#ifndef MPAIO_SUPERVISION_CONNECTIONS_H_
#define MPAIO_SUPERVISION_CONNECTIONS_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace mpaio {

// More cannot be sent at once (unix(7), SCM_RIGHTS).
inline constexpr std::size_t kMostDescriptors = 250;

// The descriptors of this process's TCP connections whose two ends have different addresses;
// kMostDescriptors at most.
std::vector<int> ConnectionsToOtherHosts();

// Whether a TCP connection's other end has one of these addresses (numeric, IPv4 or IPv6).
bool LeadsTo(int connection, const std::vector<std::string>& hosts);

// Sends `bytes`, which are not empty, over a socket of this machine as one message, and with them
// `descriptors`. False where that cannot be done.
bool SendMessage(int socket, absl::string_view bytes, const std::vector<int>& descriptors);

// The next such message: up to `most_bytes` of it, and the descriptors, which are this process's
// from here on. Nothing of either at the end, or for an error.
struct ReceivedMessage {
  std::string bytes;
  std::vector<int> descriptors;
};
ReceivedMessage ReceiveMessage(int socket, std::size_t most_bytes);

}  // namespace mpaio

#endif  // MPAIO_SUPERVISION_CONNECTIONS_H_
