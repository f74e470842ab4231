#include "handshake/testing/local_peer.h"

#include <algorithm>
#include <utility>

#include "base/overload.h"
#include "handshake/verdict_source.h"

namespace ktlsd::handshake {
namespace {

// One direction of a connection.
class Pipe {
 public:
  Pipe(const OnTheWire& hook, std::size_t most) : hook_(hook), most_(most) {}

  // Takes all output of `from`, gives `to` what it wants. True if any moved.
  bool Move(LocalPeer& from, LocalPeer& to) {
    const bool taken = Take(from);
    return Give(to) || taken;
  }

 private:
  bool Take(LocalPeer& from) {
    const ByteView output = from.engine().output();
    if (output.empty()) {
      return false;
    }
    Bytes bytes(output.begin(), output.end());
    from.engine().Written(bytes.size());
    const std::size_t offset = offset_;
    offset_ += bytes.size();
    if (!cut_) {
      cut_ = hook_ && !hook_(offset, bytes);
      queue_.insert(queue_.end(), bytes.begin(), bytes.end());
    }
    from.Settle();
    return true;
  }

  bool Give(LocalPeer& to) {
    bool moved = false;
    while (!queue_.empty() && to.wants()) {
      const std::size_t size = std::min({queue_.size(), *to.wants(), most_});
      to.engine().Feed(ByteView(queue_).first(size));
      queue_.erase(queue_.begin(),
                   queue_.begin() + static_cast<std::ptrdiff_t>(size));
      to.Settle();
      moved = true;
    }
    return moved;
  }

  const OnTheWire& hook_;
  const std::size_t most_;
  std::size_t offset_ = 0;
  bool cut_ = false;
  Bytes queue_;
};

}  // namespace

LocalPeer LocalPeer::Client(LocalPeerSetup setup) {
  for (const Credential* credential : setup.credentials) {
    setup.client.certificates.push_back(credential->certificate());
  }
  if (setup.psks != nullptr) {
    setup.client.psks = setup.psks->names();
  }
  Engine engine = Engine::Client(setup.client);
  LocalPeer peer(std::move(engine), std::move(setup));
  peer.Settle();  // binders come before the first byte
  return peer;
}

LocalPeer LocalPeer::Server(LocalPeerSetup setup) {
  for (const Credential* credential : setup.credentials) {
    LocalCertificate certificate = *credential->certificate();
    certificate.ocsp_response = setup.ocsp_response;
    setup.server.certificates.push_back(std::move(certificate));
  }
  return LocalPeer(Engine::Server(), std::move(setup));
}

std::optional<std::size_t> LocalPeer::wants() const {
  const Wait wait = engine_.wait();
  const auto* need = std::get_if<NeedInput>(&wait);
  return need == nullptr ? std::nullopt : std::optional(need->bytes);
}

Result<PeerVerified> LocalPeer::Judge(const PeerProof& proof) const {
  if (setup_.trust == nullptr) {
    return Error{Code::kTrustStoreUnusable, "this test gave no trust store"};
  }
  const auto verdict = setup_.trust->Verify(setup_.policy, proof);
  if (const auto* refusal = std::get_if<Refusal>(&verdict)) {
    return refusal->error;
  }
  return VerdictSource::Accepted();
}

bool LocalPeer::Resolve() {
  return std::visit(
      Overload{
          [&](const NeedServerConfig&) {
            engine_.Configure(setup_.server);
            return true;
          },
          [&](const NeedSignature& need) {
            const SignatureRequest& request = need.request;
            engine_.Sign(setup_.credentials.at(request.certificate)
                             ->Sign(request.scheme, request.signer,
                                    request.transcript_hash));
            return true;
          },
          [&](const NeedPeerVerdict& need) {
            engine_.Judge(Judge(*need.proof));
            return true;
          },
          [&](const NeedPskChoice& need) {
            engine_.ChoosePsk(setup_.psks->Choose(*need.offered, *need.hashes));
            return true;
          },
          [&](const NeedPskBinder& need) {
            engine_.GivePskBinder(setup_.psks->Binder(*need.request));
            return true;
          },
          [&](NeedPskVerdict need) {
            engine_.JudgePsk(setup_.psks->Judge(*need.proof));
            return true;
          },
          [&](const NeedPskSecret& need) {
            engine_.GivePskSecret(setup_.psks->HandshakeSecret(*need.request));
            return true;
          },
          [&](const auto&) { return false; },
      },
      engine_.wait());
}

void LocalPeer::Settle() {
  while (Resolve()) {
  }
}

void Connect(LocalPeer& client, LocalPeer& server, const Wire& wire) {
  Pipe to_server(wire.to_server, wire.most);
  Pipe to_client(wire.to_client, wire.most);
  // Both move, whatever the first one did.
  while (static_cast<int>(to_server.Move(client, server)) +
             static_cast<int>(to_client.Move(server, client)) >
         0) {
  }
  for (LocalPeer* peer : {&client, &server}) {
    if (peer->wants()) {
      peer->engine().PeerClosed(/*reset=*/false);
    }
  }
}

}  // namespace ktlsd::handshake
