#include "handshake/interop/driver.h"

#include <algorithm>
#include <fstream>
#include <iterator>

#include "base/clock.h"
#include "base/overload.h"
#include "handshake/server_name.h"
#include "handshake/verdict_source.h"

namespace ktlsd::handshake {
namespace {

Result<Bytes> ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    return Error{Code::kConfigUnusable, "cannot open a file"};
  }
  return Bytes(std::istreambuf_iterator<char>(file), {});
}

Result<std::vector<Credential>> ReadCredentials(const Options& options) {
  if (options.certificates.size() != options.keys.size()) {
    return Error{Code::kConfigUnusable, "not one key for each certificate"};
  }
  std::vector<Credential> all;
  for (std::size_t i = 0; i < options.keys.size(); ++i) {
    ASSIGN_OR_RETURN(const Bytes certificate,
                     ReadFile(options.certificates[i]));
    ASSIGN_OR_RETURN(const Bytes key, ReadFile(options.keys[i]));
    ASSIGN_OR_RETURN(Credential one, Credential::FromPem(certificate, key));
    all.push_back(std::move(one));
  }
  return all;
}

LocalCertificates PublicParts(const std::vector<Credential>& credentials) {
  LocalCertificates certificates;
  for (const Credential& credential : credentials) {
    certificates.push_back(credential.certificate());
  }
  return certificates;
}

// The content of the longest protected record of `stream`, with the byte of its
// type (RFC 8446 section 5.2), in bytes.
std::size_t LongestRecord(ByteView stream) {
  constexpr std::size_t kTag = 16;
  std::size_t longest = 0;
  while (stream.size() > kRecordHeaderSize) {
    const std::size_t length = std::size_t{stream[3]} << 8 | stream[4];
    if (stream[0] == static_cast<uint8_t>(ContentType::kApplicationData)) {
      longest = std::max(longest, length - kTag);
    }
    stream =
        stream.subspan(std::min(stream.size(), kRecordHeaderSize + length));
  }
  return longest;
}

}  // namespace

Result<Driver> Driver::Create(Options options) {
  std::optional<TrustStore> trust;
  if (options.psks.empty()) {
    ASSIGN_OR_RETURN(const Bytes authorities, ReadFile(options.authorities));
    ASSIGN_OR_RETURN(TrustStore store, TrustStore::FromPem(authorities, {}));
    trust = std::move(store);
  }
  ASSIGN_OR_RETURN(std::vector<Credential> ours, ReadCredentials(options));
  return Driver(std::move(options), std::move(trust), std::move(ours));
}

Result<Outcome> Driver::Handshake(LoopbackStream& stream) {
  Engine engine = MakeEngine();
  bool answered = true;
  while (answered) {
    ASSIGN_OR_RETURN(answered, Answer(engine, engine.wait(), stream));
  }
  ASSIGN_OR_RETURN(EstablishedSession established,
                   std::move(engine).TakeSession());
  return Outcome{std::move(established.session), peer_subject_,
                 LongestRecord(written_)};
}

Engine Driver::MakeEngine() const {
  if (options_.role == Role::kServer) {
    return Engine::Server();
  }
  ClientConfig config;
  config.server_name = options_.name;
  if (!options_.suites.empty()) {
    config.suites = options_.suites;
  }
  if (!options_.groups.empty()) {
    config.groups = options_.groups;
    config.share_groups = {options_.groups.front()};
  }
  if (!options_.share_groups.empty()) {
    config.share_groups = options_.share_groups;
  }
  config.certificates = PublicParts(ours_);
  config.psks = options_.psks.names();
  config.record_size_limit = options_.record_size_limit;
  return Engine::Client(std::move(config));
}

Result<bool> Driver::Answer(Engine& engine, const Wait& wait,
                            LoopbackStream& stream) {
  Status io = Ok{};
  bool waiting = true;
  std::visit(
      Overload{
          [&](HaveOutput) { io = Write(engine, stream); },
          [&](NeedInput need) { io = Read(engine, need.bytes, stream); },
          [&](NeedServerConfig) { engine.Configure(Configuration()); },
          [&](const NeedSignature& need) { engine.Sign(Sign(need.request)); },
          [&](NeedPeerVerdict need) { engine.Judge(Judge(*need.proof)); },
          [&](const NeedPskChoice& need) {
            engine.ChoosePsk(options_.psks.Choose(*need.offered, *need.hashes));
          },
          [&](const NeedPskBinder& need) {
            engine.GivePskBinder(options_.psks.Binder(*need.request));
          },
          [&](NeedPskVerdict need) {
            engine.JudgePsk(options_.psks.Judge(*need.proof));
          },
          [&](const NeedPskSecret& need) {
            engine.GivePskSecret(options_.psks.HandshakeSecret(*need.request));
          },
          [&](Done) { waiting = false; },
          [&](const Failed& failed) { io = failed.error; },
      },
      wait);
  RETURN_IF_ERROR(io);
  return waiting;
}

Status Driver::Read(Engine& engine, std::size_t limit, LoopbackStream& stream) {
  Bytes buffer(limit);
  const Result<std::size_t> count = stream.Read(buffer);
  if (!count.ok() && count.error().code != Code::kPeerReset) {
    return count.error();
  }
  if (!count.ok() || *count == 0) {
    engine.PeerClosed(/*reset=*/!count.ok());
  } else {
    engine.Feed(ByteView(buffer).first(*count));
  }
  return Ok{};
}

Status Driver::Write(Engine& engine, LoopbackStream& stream) {
  const ByteView output = engine.output();
  const Result<std::size_t> count = stream.Write(output);
  if (!count.ok()) {
    // The reason of a failure is worth more than that its alert got lost.
    return engine.failure() != nullptr ? engine.failure()->error
                                       : count.error();
  }
  written_.insert(written_.end(), output.begin(),
                  output.begin() + static_cast<std::ptrdiff_t>(*count));
  engine.Written(*count);
  return Ok{};
}

Result<ServerConfig> Driver::Configuration() const {
  ServerConfig config;
  if (!options_.psks.empty()) {
    config.psk = PskPolicy::kRequire;
  } else if (!ours_.empty()) {
    config.certificates = PublicParts(ours_);
  } else {
    return Error{Code::kNoCertificateConfigured, "a server without --key"};
  }
  if (!options_.suites.empty()) {
    config.suites = options_.suites;
  }
  if (!options_.groups.empty()) {
    config.groups = options_.groups;
  }
  config.client_auth = options_.client_auth;
  config.record_size_limit = options_.record_size_limit;
  return config;
}

Result<Bytes> Driver::Sign(const SignatureRequest& request) const {
  return ours_.at(request.certificate)
      .Sign(request.scheme, request.signer, request.transcript_hash);
}

Result<PeerVerified> Driver::Judge(const PeerProof& proof) {
  PeerPolicy policy{};
  policy.now = SystemClock().Today();
  policy.peer = Role::kClient;
  if (options_.role == Role::kClient) {
    policy.peer = Role::kServer;
    ASSIGN_OR_RETURN(const ServerName name, ServerName::Parse(options_.name));
    policy.names = {name};
  }
  const auto verdict = trust_->Verify(policy, proof);
  if (const auto* refusal = std::get_if<Refusal>(&verdict)) {
    return refusal->error;
  }
  peer_subject_ = std::get<VerifiedPeer>(verdict).subject;
  return VerdictSource::Accepted();
}

}  // namespace ktlsd::handshake
