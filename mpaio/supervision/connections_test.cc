// SPDX-License-Identifier: Apache-2.0
#include "mpaio/supervision/connections.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mpaio {
namespace {

using testing::Contains;
using testing::IsEmpty;
using testing::Not;
using testing::UnorderedElementsAre;

// Closes its sockets at the end of the test.
class ConnectionsTest : public testing::Test {
 protected:
  ~ConnectionsTest() override {
    for (const int fd : fds_) close(fd);
  }

  int Keep(int fd) {
    EXPECT_GE(fd, 0);
    fds_.push_back(fd);
    return fd;
  }
  // Returns a socket bound to 127.0.0.`host`.
  int Socket(std::uint32_t host) {
    const int fd = Keep(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(0x7f000000 + host);
    EXPECT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    return fd;
  }
  int Listener(std::uint32_t host) {
    const int fd = Socket(host);
    EXPECT_EQ(listen(fd, 8), 0);
    return fd;
  }
  // Returns both ends of a connection.
  std::vector<int> Connection(std::uint32_t from, int listener) {
    const int caller = Socket(from);
    sockaddr_in address = {};
    socklen_t length = sizeof(address);
    EXPECT_EQ(getsockname(listener, reinterpret_cast<sockaddr*>(&address), &length), 0);
    EXPECT_EQ(connect(caller, reinterpret_cast<sockaddr*>(&address), length), 0);
    return {caller, Keep(accept(listener, nullptr, nullptr))};
  }
  void Pair(int type, int ends[2]) {
    ASSERT_EQ(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends), 0);
    Keep(ends[0]);
    Keep(ends[1]);
  }

  std::vector<int> fds_;
};

TEST_F(ConnectionsTest, TwoDifferentAddressesMeanAnotherHost) {
  int pair[2];
  Pair(SOCK_STREAM, pair);
  const int listener = Listener(2);
  EXPECT_THAT(ConnectionsToOtherHosts(), IsEmpty()) << "listeners and local sockets do not count";
  Connection(2, listener);
  EXPECT_THAT(ConnectionsToOtherHosts(), IsEmpty()) << "both ends have the same address";
  const std::vector<int> ends = Connection(1, listener);
  EXPECT_THAT(ConnectionsToOtherHosts(), UnorderedElementsAre(ends[0], ends[1]));
}

TEST_F(ConnectionsTest, ComparesTheAddressOfTheOtherEnd) {
  const int listener = Listener(2);
  const std::vector<int> ends = Connection(1, listener);
  EXPECT_TRUE(LeadsTo(ends[0], {"::1", "127.0.0.2"}));
  EXPECT_FALSE(LeadsTo(ends[0], {"127.0.0.1"}));
  EXPECT_TRUE(LeadsTo(ends[1], {"127.0.0.1"}));
  EXPECT_FALSE(LeadsTo(ends[1], {}));
  EXPECT_FALSE(LeadsTo(listener, {"127.0.0.2"}));
}

TEST_F(ConnectionsTest, AReceivedDescriptorIsUsable) {
  int ends[2];
  Pair(SOCK_SEQPACKET, ends);
  const std::vector<int> connection = Connection(1, Listener(2));
  EXPECT_TRUE(SendMessage(ends[0], "address", {}));
  EXPECT_TRUE(SendMessage(ends[0], "C", {connection[0]}));
  ReceivedMessage message = ReceiveMessage(ends[1], 100);
  EXPECT_EQ(message.bytes, "address");
  EXPECT_THAT(message.descriptors, IsEmpty());
  message = ReceiveMessage(ends[1], 100);
  EXPECT_EQ(message.bytes, "C");
  ASSERT_EQ(message.descriptors.size(), 1u);
  EXPECT_THAT(connection, Not(Contains(Keep(message.descriptors[0]))))
      << "it is another descriptor, of the same connection";
  shutdown(connection[0], SHUT_RD);
  EXPECT_EQ(write(message.descriptors[0], "x", 1), 1);
  char byte = 0;
  EXPECT_EQ(read(connection[1], &byte, 1), 1);
  EXPECT_EQ(byte, 'x');
}

TEST_F(ConnectionsTest, SendsAtMostTheLimit) {
  int ends[2];
  Pair(SOCK_SEQPACKET, ends);
  EXPECT_TRUE(SendMessage(ends[0], "C", std::vector<int>(kMostDescriptors + 10, ends[0])));
  const ReceivedMessage message = ReceiveMessage(ends[1], 100);
  for (const int fd : message.descriptors) Keep(fd);
  EXPECT_EQ(message.descriptors.size(), kMostDescriptors);
}

TEST_F(ConnectionsTest, TheEndOfTheStreamIsEmpty) {
  int ends[2];
  Pair(SOCK_SEQPACKET, ends);
  shutdown(ends[0], SHUT_WR);
  EXPECT_EQ(ReceiveMessage(ends[1], 100).bytes, "");
  EXPECT_FALSE(SendMessage(ends[0], "C", {}));
  EXPECT_EQ(ReceiveMessage(-1, 100).bytes, "");
}

}  // namespace
}  // namespace mpaio
