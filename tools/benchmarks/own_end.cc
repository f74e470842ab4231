#include "tools/benchmarks/own_end.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>
#include <variant>

#include "agent/verifier/chain_memory.h"
#include "base/error_codes.h"
#include "base/overload.h"
#include "handshake/credential.h"
#include "handshake/engine.h"
#include "handshake/local_psks.h"
#include "handshake/peer_verifier.h"
#include "handshake/server_name.h"
#include "handshake/verdict_source.h"

namespace ktlsd::benchmarks {
namespace {

using handshake::BytesOf;
using handshake::Credential;
using handshake::Engine;
using handshake::TestCertificate;
using handshake::TrustStore;

constexpr agent::TrustId kTrust = 1;

// What all ends of one side share.
struct Side {
  Side(Role which, Contact how) : role(which), contact(how) {}

  Role role;
  Contact contact;
  handshake::ClientConfig client;
  handshake::ServerConfig server;
  std::optional<Credential> credential;
  std::optional<TrustStore> trust;
  handshake::PeerPolicy policy{};
  handshake::LocalPsks psks;
  agent::ChainMemory memory;

  Result<handshake::PeerVerified> Judge(const handshake::PeerProof& proof);
};

Result<handshake::PeerVerified> Side::Judge(const handshake::PeerProof& proof) {
  const auto judged = memory.Verify(kTrust, *trust, policy, proof);
  if (const auto* refusal = std::get_if<handshake::Refusal>(&judged.result)) {
    return refusal->error;
  }
  if (contact == Contact::kFirst) {
    memory.Forget(kTrust);
  }
  return handshake::VerdictSource::Accepted();
}

class OwnEnd final : public End {
 public:
  explicit OwnEnd(std::shared_ptr<Side> side)
      : side_(std::move(side)),
        engine_(side_->role == Role::kClient ? Engine::Client(side_->client)
                                             : Engine::Server()) {}

  void Go(ByteView input, Bytes& output) override {
    while (Step(input, output)) {
    }
  }
  bool done() const override {
    return std::holds_alternative<handshake::Done>(engine_.wait());
  }

 private:
  // False when it waits for the peer, or is over.
  bool Step(ByteView& input, Bytes& output);
  bool Feed(std::size_t wanted, ByteView& input);

  std::shared_ptr<Side> side_;
  Engine engine_;
};

bool OwnEnd::Feed(std::size_t wanted, ByteView& input) {
  const std::size_t size = std::min(wanted, input.size());
  if (size == 0) {
    return false;
  }
  engine_.Feed(input.first(size));
  input = input.subspan(size);
  return true;
}

bool OwnEnd::Step(ByteView& input, Bytes& output) {
  return std::visit(
      Overload{
          [&](handshake::HaveOutput) {
            const ByteView bytes = engine_.output();
            output.insert(output.end(), bytes.begin(), bytes.end());
            engine_.Written(bytes.size());
            return true;
          },
          [&](handshake::NeedInput need) { return Feed(need.bytes, input); },
          [&](handshake::NeedServerConfig) {
            engine_.Configure(side_->server);
            return true;
          },
          [&](const handshake::NeedSignature& need) {
            engine_.Sign(side_->credential->Sign(need.request.scheme,
                                                 need.request.signer,
                                                 need.request.transcript_hash));
            return true;
          },
          [&](handshake::NeedPeerVerdict need) {
            engine_.Judge(side_->Judge(*need.proof));
            return true;
          },
          [&](handshake::NeedPskChoice need) {
            engine_.ChoosePsk(side_->psks.Choose(*need.offered, *need.hashes));
            return true;
          },
          [&](handshake::NeedPskBinder need) {
            engine_.GivePskBinder(side_->psks.Binder(*need.request));
            return true;
          },
          [&](handshake::NeedPskVerdict need) {
            engine_.JudgePsk(side_->psks.Judge(*need.proof));
            return true;
          },
          [&](handshake::NeedPskSecret need) {
            engine_.GivePskSecret(side_->psks.HandshakeSecret(*need.request));
            return true;
          },
          [](handshake::Done) { return false; },
          [](const handshake::Failed& failed) -> bool {
            Fail(std::string(Describe(failed.error.code).label));
          },
      },
      engine_.wait());
}

Credential CredentialOf(const TestCertificate& end) {
  return Credential::FromPem(BytesOf(end.pem()), BytesOf(end.key_pem()))
      .value();
}

void SetCertificates(const Case& wanted, Side& side) {
  const Pki& pki = *wanted.pki;
  side.trust = TrustStore::FromPem(BytesOf(pki.root.pem()), {}).value();
  side.client.server_name = kServerName;
  if (side.role == Role::kServer) {
    side.policy = {Role::kClient, {}, handshake::kTestNow};
    side.credential = CredentialOf(pki.server);
    side.server.certificates = {side.credential->certificate()};
    side.server.client_auth = wanted.mutual ? handshake::ClientAuth::kRequire
                                            : handshake::ClientAuth::kNone;
    return;
  }
  side.policy = {Role::kServer,
                 {handshake::ServerName::Parse(kServerName).value()},
                 handshake::kTestNow};
  if (wanted.mutual) {
    side.credential = CredentialOf(pki.client);
    side.client.certificates = {side.credential->certificate()};
  }
}

}  // namespace

MakeEnd OwnEnds(const Case& wanted, Role role, Contact contact) {
  auto side = std::make_shared<Side>(role, contact);
  side->client.suites = side->server.suites = {wanted.suite};
  side->client.groups = side->server.groups = {wanted.group};
  side->client.share_groups = {wanted.group};
  if (wanted.pki) {
    SetCertificates(wanted, *side);
  } else {
    side->psks.Add(BytesOf(kPskIdentity), wanted.psk, HashOf(wanted.suite))
        .value();
    side->client.psks = side->psks.names();
    side->server.psk = handshake::PskPolicy::kRequire;
  }
  return [side] { return std::make_unique<OwnEnd>(side); };
}

}  // namespace ktlsd::benchmarks
