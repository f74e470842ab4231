// How a request is to be served.
//
// Scope:     from what the kernel asked and what is configured to what the
//            roles are told, and to what success will have to show.
// Layer:     agent/monitor.
// Threads:   pure functions.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "agent/ipc/wire_types.h"
#include "agent/keyring/psk_lookup.h"
#include "agent/monitor/settings.h"
#include "agent/monitor/socket_facts.h"
#include "agent/netlink/request.h"
#include "agent/upcall/consumer.h"
#include "base/error_codes.h"
#include "base/session_keys.h"
#include "handshake/wire.h"

namespace ktlsd::agent {

struct Refused {
  Code code{};
  std::string reason;
};

struct Plan {
  Side side{};
  std::string settings;          // the name of those that it was made of
  JobCredentials credentials{};  // none: none is shown
  TrustId trust = 0;             // 0: the peer is not looked at
  std::string server_name;       // of a client
  bool request_client_certificate = false;
  bool offer_sunrpc = false;
  bool require_sunrpc = false;
  bool record_size_limit = false;  // as the kernel has it: not of MakePlan
  bool watched = false;  // what becomes of the peer's certificate later counts
  // Of a client that shows a certificate: how long its server's is a key.
  std::optional<std::chrono::seconds> peer_key;
  std::vector<CipherSuite> suites;            // allowed, best first
  std::vector<handshake::NamedGroup> groups;  // the same; none: all there are
  // Read the credential of the request's own keys first.
  std::optional<CertificateSerials> own_keys;
  // With a PSK only: no credential, no trust.
  bool psk = false;
  std::vector<NamedPsk> psks;  // that a client offers, best first
  // The request is of another network namespace: no keyring of the host's is
  // for it. If its group has keyrings, a server's PSKs are in them alone.
  bool elsewhere = false;
  std::vector<std::string> keyrings;
  // A server that cannot serve: its worker only tells the client so.
  std::optional<Refused> refused;

  bool shows_certificate() const { return credentials[0] != 0; }
};

struct NotYet {};  // something that the request needs is being loaded
using Planning = std::variant<Plan, NotYet, Refused>;

// `netns` is the network namespace of the request, "" for the daemon's own; it
// alone says whose settings and keys may serve. `profile` is the one that was
// chosen for the request; `suites` are what the kernel takes, as we prefer
// them.
Planning MakePlan(const Request& request, Consumer consumer,
                  const SocketFacts& facts, const std::string& netns,
                  const Profile& profile,
                  const std::vector<CipherSuite>& suites);

}  // namespace ktlsd::agent
