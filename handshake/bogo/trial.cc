#include "handshake/bogo/trial.h"

#include <algorithm>
#include <fstream>
#include <iterator>

#include "base/overload.h"
#include "handshake/crypto/key_share.h"
#include "handshake/crypto/signature.h"
#include "handshake/verdict_source.h"
#include "handshake/wire.h"
#include "handshake/x509/certificate.h"
#include "handshake/x509/pem.h"
#include "handshake/x509/usage.h"

namespace ktlsd::handshake {
namespace {

Result<Bytes> ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    return Error{Code::kConfigUnusable, "cannot open a file"};
  }
  return Bytes(std::istreambuf_iterator<char>(file), {});
}

Error Unmet(std::string_view what) { return Error{Code::kInternal, what}; }

Bytes AsBytes(std::string_view text) { return {text.begin(), text.end()}; }

// The groups of the flag that this libcrypto has.
std::vector<NamedGroup> Groups(const std::vector<uint16_t>& curves) {
  std::vector<NamedGroup> groups;
  for (const uint16_t curve : curves) {
    if (IsSupported(static_cast<NamedGroup>(curve))) {
      groups.push_back(static_cast<NamedGroup>(curve));
    }
  }
  return groups;
}

// A client's suites, and a server's for a client that has none of them.
const std::vector<CipherSuite>& Suites() {
  static const std::vector<CipherSuite> suites = {
      CipherSuite::kAes128GcmSha256, CipherSuite::kAes256GcmSha384,
      CipherSuite::kChaCha20Poly1305Sha256, CipherSuite::kAes128CcmSha256};
  return suites;
}

// A server lets its client choose, as BoringSSL's does.
std::vector<CipherSuite> SuitesInOrderOf(const ClientHello& hello) {
  std::vector<CipherSuite> suites = hello.cipher_suites;
  std::erase_if(suites, [](CipherSuite suite) {
    return std::ranges::count(Suites(), suite) == 0;
  });
  return suites.empty() ? Suites() : suites;
}

// ALPN names in their wire form.
std::vector<Bytes> Protocols(const std::string& wire) {
  const Bytes bytes = AsBytes(wire);
  ByteReader reader(bytes);
  std::vector<Bytes> protocols;
  while (const auto name = reader.Prefixed8()) {
    protocols.emplace_back(name->begin(), name->end());
  }
  return protocols;
}

template <typename T>
bool Met(const std::optional<uint16_t>& expected, const T& actual) {
  return !expected || *expected == static_cast<uint16_t>(actual);
}

constexpr Error kOcspCallback = {Code::kOcspResponseInvalid,
                                 "the OCSP callback is to fail"};
constexpr Error kNoPsk = {Code::kInternal, "a PSK in a trial without any"};

}  // namespace

Result<Trial> Trial::Create(Flags flags) {
  std::optional<Credential> ours;
  if (!flags.cert_file.empty()) {
    const std::string& key =
        flags.key_file.empty() ? flags.cert_file : flags.key_file;
    ASSIGN_OR_RETURN(const Bytes certificate_pem, ReadFile(flags.cert_file));
    ASSIGN_OR_RETURN(const Bytes key_pem, ReadFile(key));
    ASSIGN_OR_RETURN(Credential credential,
                     Credential::FromPem(certificate_pem, key_pem));
    ours = std::move(credential);
  }
  return Trial(std::move(flags), std::move(ours));
}

Result<Session> Trial::Handshake(Socket& socket) {
  Engine engine = MakeEngine();
  bool answered = true;
  while (answered) {
    ASSIGN_OR_RETURN(answered, Answer(engine, engine.wait(), socket));
  }
  ASSIGN_OR_RETURN(EstablishedSession established,
                   std::move(engine).TakeSession());
  RETURN_IF_ERROR(CheckOutcome(established.session.info));
  return std::move(established.session);
}

Engine Trial::MakeEngine() const {
  if (flags_.server) {
    return Engine::Server();
  }
  ClientConfig config;
  config.server_name = flags_.host_name;
  config.suites = Suites();
  config.request_ocsp = flags_.enable_ocsp_stapling;
  config.alpn_protocols = Protocols(flags_.advertise_alpn);
  if (!flags_.curves.empty()) {
    config.groups = Groups(flags_.curves);
    config.share_groups.clear();
    if (!config.groups.empty()) {
      config.share_groups = {config.groups.front()};
    }
  }
  if (ours_) {
    config.certificates = {PublicPart()};
  }
  return Engine::Client(std::move(config));
}

LocalCertificate Trial::PublicPart() const {
  LocalCertificate certificate = *ours_->certificate();
  if (!flags_.decline_ocsp_callback) {
    certificate.ocsp_response = flags_.ocsp_response;
  }
  if (!flags_.signing_prefs.empty()) {
    certificate.schemes.clear();
    for (const uint16_t number : flags_.signing_prefs) {
      const auto scheme = static_cast<SignatureScheme>(number);
      if (std::ranges::count(ours_->schemes(), scheme) != 0) {
        certificate.schemes.push_back(scheme);
      }
    }
  }
  return certificate;
}

Result<bool> Trial::Answer(Engine& engine, const Wait& wait, Socket& socket) {
  Status io = Ok{};
  bool waiting = true;
  std::visit(
      Overload{
          [&](HaveOutput) { io = Write(engine, socket); },
          [&](NeedInput need) { io = Read(engine, need.bytes, socket); },
          [&](NeedServerConfig need) {
            engine.Configure(Configuration(*need.hello));
          },
          [&](const NeedSignature& need) { engine.Sign(Sign(need.request)); },
          [&](NeedPeerVerdict need) { engine.Judge(Judge(*need.proof)); },
          // The runner has no external PSKs, and no configuration here allows
          // one.
          [&](NeedPskChoice) { engine.ChoosePsk(kNoPsk); },
          [&](NeedPskBinder) { engine.GivePskBinder(kNoPsk); },
          [&](NeedPskVerdict) { engine.JudgePsk(kNoPsk); },
          [&](NeedPskSecret) { engine.GivePskSecret(kNoPsk); },
          [&](Done) { waiting = false; },
          [&](const Failed& failed) { io = failed.error; },
      },
      wait);
  RETURN_IF_ERROR(io);
  return waiting;
}

Status Trial::Read(Engine& engine, std::size_t limit, Socket& socket) {
  Bytes buffer(limit);
  const Result<std::size_t> count = socket.Read(buffer);
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

Status Trial::Write(Engine& engine, Socket& socket) {
  const Result<std::size_t> count = socket.Write(engine.output());
  if (!count.ok()) {
    // The reason of a failure is worth more than that its alert got lost.
    return engine.failure() != nullptr ? engine.failure()->error
                                       : count.error();
  }
  engine.Written(*count);
  return Ok{};
}

Status Trial::CheckHello(const ClientHello& hello) const {
  if (flags_.expect_server_name &&
      hello.server_name != flags_.expect_server_name) {
    return Unmet("not the server name that was expected");
  }
  if (flags_.expect_advertised_alpn &&
      hello.alpn_protocols != Protocols(*flags_.expect_advertised_alpn)) {
    return Unmet("not the protocols that were expected");
  }
  if (!flags_.expect_peer_verify_prefs.empty() &&
      !std::ranges::equal(
          hello.signature_algorithms, flags_.expect_peer_verify_prefs, {},
          [](auto scheme) { return static_cast<uint16_t>(scheme); })) {
    return Unmet("not the signature algorithms that were expected");
  }
  return Ok{};
}

// What the owner of a server may refuse a hello for.
Status Trial::CheckCallbacks() const {
  if (flags_.fail_early_callback) {
    return Error{Code::kNoCommonSignatureScheme,
                 "a callback refuses the hello"};
  }
  if (flags_.fail_callback) {
    return Error{Code::kConfigUnusable, "a callback refuses the hello"};
  }
  if (flags_.fail_ocsp_callback) {
    return kOcspCallback;
  }
  if (flags_.reject_alpn) {
    return Error{Code::kNoApplicationProtocol, "every protocol is refused"};
  }
  return Ok{};
}

Result<ServerConfig> Trial::Configuration(const ClientHello& hello) {
  peer_takes_tickets_ =
      std::ranges::count(hello.psk_key_exchange_modes, kPskDheKe) != 0;
  RETURN_IF_ERROR(CheckHello(hello));
  RETURN_IF_ERROR(CheckCallbacks());
  if (!ours_) {
    return Error{Code::kNoCertificateConfigured, "a server without a key"};
  }
  ServerConfig config;
  config.certificates = {PublicPart()};
  config.suites = SuitesInOrderOf(hello);
  if (!flags_.curves.empty()) {
    config.groups = Groups(flags_.curves);
  }
  if (!flags_.select_alpn.empty()) {
    config.alpn_protocols = {AsBytes(flags_.select_alpn)};
  } else if (flags_.select_empty_alpn) {
    config.alpn_protocols = {Bytes()};
  }
  config.certificate_authorities = flags_.client_authorities;
  if (flags_.require_any_client_certificate) {
    config.client_auth = ClientAuth::kRequire;
  } else if (flags_.verify_peer) {
    config.client_auth = ClientAuth::kRequest;
  }
  return config;
}

Result<Bytes> Trial::Sign(const SignatureRequest& request) const {
  if (!ours_) {
    return Error{Code::kInternal, "asked to sign without a key"};
  }
  return ours_->Sign(request.scheme, request.signer, request.transcript_hash);
}

// The runner's certificates are their own issuers and may be of any age, so
// the path is not verified; the proof of the key is.
Result<PeerVerified> Trial::Judge(const PeerProof& proof) {
  if (!flags_.verify_prefs.empty() &&
      std::ranges::count(flags_.verify_prefs,
                         static_cast<uint16_t>(proof.scheme)) == 0) {
    return Error{Code::kIllegalParameter, "a scheme that is not wanted"};
  }
  ASSIGN_OR_RETURN(const X509Ptr leaf,
                   ParseDerCertificate(proof.chain.front()));
  RETURN_IF_ERROR(CheckSigningAllowed(leaf.get()));
  const Role signer = flags_.server ? Role::kClient : Role::kServer;
  RETURN_IF_ERROR(
      CheckCertificateVerify(X509_get0_pubkey(leaf.get()), proof.scheme, signer,
                             proof.transcript_hash, proof.signature));
  const bool must_verify =
      flags_.server || flags_.verify_peer || flags_.custom_verify;
  if (flags_.verify_fail && must_verify) {
    return Error{Code::kCertificateInvalid, "verification is to fail"};
  }
  if (flags_.fail_ocsp_callback) {
    return kOcspCallback;
  }
  peer_chain_ = proof.chain;
  peer_ocsp_response_ = proof.ocsp_response;
  return VerdictSource::Accepted();
}

Status Trial::CheckOutcome(const HandshakeInfo& info) const {
  const auto alpn = [&]() -> std::string {
    return info.alpn_protocol ? std::string(info.alpn_protocol->begin(),
                                            info.alpn_protocol->end())
                              : std::string();
  };
  if (flags_.expect_alpn && alpn() != *flags_.expect_alpn) {
    return Unmet("not the protocol that was expected");
  }
  if (!Met(flags_.expect_version, kVersionTls13) ||
      !Met(flags_.expect_curve_id, info.group) ||
      !Met(flags_.expect_cipher, info.suite)) {
    return Unmet("not the version, group or suite that was expected");
  }
  if (flags_.expect_hrr && *flags_.expect_hrr != info.hello_retry) {
    return Unmet("a HelloRetryRequest that was not expected, or none");
  }
  return CheckPeer(info);
}

Status Trial::CheckPeer(const HandshakeInfo& info) const {
  if (flags_.expect_peer_signature_algorithm &&
      (!info.peer_scheme ||
       !Met(flags_.expect_peer_signature_algorithm, *info.peer_scheme))) {
    return Unmet("not the signature that was expected");
  }
  if (flags_.expect_ocsp_response &&
      peer_ocsp_response_ != flags_.expect_ocsp_response) {
    return Unmet("not the OCSP response that was expected");
  }
  if (!flags_.expect_peer_cert_file.empty()) {
    ASSIGN_OR_RETURN(const Bytes pem, ReadFile(flags_.expect_peer_cert_file));
    ASSIGN_OR_RETURN(
        const std::vector<Bytes> expected,
        PemBlocksAmongOthers(pem, "CERTIFICATE", Code::kConfigUnusable));
    if (peer_chain_ != expected) {
      return Unmet("not the certificates that were expected");
    }
  }
  return Ok{};
}

}  // namespace ktlsd::handshake
