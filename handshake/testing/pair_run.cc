#include "handshake/testing/pair_run.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/session_keys.h"
#include "handshake/config.h"
#include "handshake/testing/changes.h"
#include "handshake/testing/fuzz_world.h"
#include "handshake/testing/local_peer.h"
#include "handshake/testing/sending_hook.h"

namespace ktlsd::handshake {
namespace {

void RequireSameInfo(const HandshakeInfo& a, const HandshakeInfo& b) {
  Require(a.suite == b.suite && a.group == b.group);
  Require(a.hello_retry == b.hello_retry);
  Require(a.certificate_requested == b.certificate_requested);
  Require(a.our_scheme == b.peer_scheme && a.peer_scheme == b.our_scheme);
  Require(a.alpn_protocol == b.alpn_protocol);
  Require(a.psk_identity == b.psk_identity && a.send_limit == b.send_limit);
}

void RequireSameKeys(Engine client, Engine server) {
  const auto ours = std::move(client).TakeSession();
  const auto theirs = std::move(server).TakeSession();
  Require(ours.ok() && theirs.ok());
  const SessionKeys& a = ours->session.keys;
  const SessionKeys& b = theirs->session.keys;
  Require(a.suite == b.suite && !a.send.traffic_secret.empty());
  Require(a.send.traffic_secret.Equals(b.receive.traffic_secret));
  Require(a.receive.traffic_secret.Equals(b.send.traffic_secret));
  Require(
      ours->session.exporter_master.Equals(theirs->session.exporter_master));
  RequireSameInfo(ours->session.info, theirs->session.info);
}

}  // namespace

PairRun RunPair(ByteView input) {
  const FuzzRun run;
  const Setups setups = run.FromBits(input.empty() ? 0 : input[0]);
  const std::vector<Change> changes =
      ReadChanges(input.subspan(std::min<std::size_t>(input.size(), 1)));
  ChangedWire to_server(/*to_server=*/true, changes);
  ChangedWire to_client(/*to_server=*/false, changes);
  ChangedMessages messages(changes);
  const SendingHook hook([&](Bytes& message) { messages.Pass(message); });

  Pair pair = Handshake(setups.client, setups.server,
                        {to_server.Hook(), to_client.Hook()});

  Require(pair.client.done() || pair.client.failure() != nullptr);
  Require(pair.server.done() || pair.server.failure() != nullptr);
  PairRun result{pair.client.done(), pair.server.done(), to_server.sent(),
                 to_client.sent()};
  const bool both_done = result.client_done && result.server_done;
  if (both_done) {
    Require(!messages.any_changed());
    Require(to_server.ReceiverMayBeDone() && to_client.ReceiverMayBeDone());
    RequireSameKeys(std::move(pair.client.engine()),
                    std::move(pair.server.engine()));
  }
  Require(both_done || !changes.empty());
  return result;
}

}  // namespace ktlsd::handshake
