#include "handshake/server.h"

#include <algorithm>
#include <utility>

#include "handshake/crypto/key_share.h"
#include "handshake/negotiation.h"

namespace ktlsd::handshake {
namespace {

Error Illegal(std::string_view what) {
  return Error{Code::kIllegalParameter, what};
}

// Section 4.2.8: each share is of a group in supported_groups. A hello has room
// for thousands of both, so the groups are sorted first.
Status CheckShares(const std::vector<KeyShareEntry>& shares,
                   std::vector<NamedGroup> listed) {
  std::ranges::sort(listed);
  for (const KeyShareEntry& share : shares) {
    if (!std::ranges::binary_search(listed, share.group)) {
      return Illegal("a key share of a group that the client does not list");
    }
  }
  return Ok{};
}

// What RFC 8446 section 9.2 wants of a hello for a handshake without PSK.
Status CheckHello(const ClientHello& hello) {
  if (!hello.offers_tls13) {
    return Error{Code::kProtocolVersion, "the client does not offer TLS 1.3"};
  }
  if (hello.signature_algorithms.empty()) {
    return Error{Code::kMissingExtension,
                 "a ClientHello without signature_algorithms"};
  }
  if (hello.supported_groups.empty() || !hello.key_shares) {
    return Error{Code::kMissingExtension,
                 "a ClientHello without supported_groups and key_share"};
  }
  // Section 4.2.9: "servers MUST abort the handshake".
  if (hello.pre_shared_keys && hello.psk_key_exchange_modes.empty()) {
    return Error{Code::kMissingExtension,
                 "a PSK without psk_key_exchange_modes"};
  }
  return CheckShares(*hello.key_shares, hello.supported_groups);
}

// Our best group that a share came for; else our best that needs a retry.
std::optional<NamedGroup> ChooseGroup(const ServerConfig& config,
                                      const ClientHello& hello) {
  for (const NamedGroup group : config.groups) {
    if (FindShare(hello, group) != nullptr) {
      return group;
    }
  }
  return FirstCommon(config.groups, hello.supported_groups);
}

Result<std::optional<Bytes>> ChooseProtocol(const ServerConfig& config,
                                            const ClientHello& hello) {
  if (config.alpn_protocols.empty() || hello.alpn_protocols.empty()) {
    return std::optional<Bytes>();
  }
  std::optional<Bytes> common =
      FirstCommon(config.alpn_protocols, hello.alpn_protocols);
  if (!common) {
    return Error{Code::kNoApplicationProtocol,
                 "the client offers no protocol of ours"};
  }
  return common;
}

Result<ServerChoice> Choose(ServerConfig config, const ClientHello& hello) {
  if (config.certificate.chain.empty()) {
    return Error{Code::kNoCertificateConfigured,
                 "no certificate for this server"};
  }
  const auto suite = FirstCommon(config.suites, hello.cipher_suites);
  if (!suite) {
    return Error{Code::kNoCommonCipherSuite, "no cipher suite in common"};
  }
  const auto group = ChooseGroup(config, hello);
  if (!group) {
    return Error{Code::kNoCommonGroup, "no group in common"};
  }
  const auto scheme =
      FirstCommon(config.certificate.schemes, hello.signature_algorithms);
  if (!scheme) {
    return Error{Code::kNoCommonSignatureScheme,
                 "the client takes no signature of our certificate's kind"};
  }
  ASSIGN_OR_RETURN(std::optional<Bytes> protocol,
                   ChooseProtocol(config, hello));
  return ServerChoice{std::move(config), *suite, *group, *scheme,
                      std::move(protocol)};
}

// Queues `message` and adds it to the transcript.
Status SendHandshake(Result<Bytes> message, Transcript& transcript,
                     Channel& channel) {
  if (!message.ok()) {
    return message.error();
  }
  RETURN_IF_ERROR(transcript.Add(*message));
  channel.Send(*message);
  return Ok{};
}

Status SendRetry(const ServerChoice& choice, const ClientHello& hello,
                 Transcript& transcript, Channel& channel) {
  ServerHello retry;
  retry.is_retry = true;
  retry.random = kHelloRetryRequestRandom;
  retry.legacy_session_id_echo = hello.legacy_session_id;
  retry.cipher_suite = choice.suite;
  retry.selected_version = kVersionTls13;
  retry.key_share = KeyShareEntry{choice.group, {}};
  RETURN_IF_ERROR(SendHandshake(Serialize(retry), transcript, channel));
  // Section D.4: "immediately after its first handshake message", when the
  // client sent a session id.
  if (!hello.legacy_session_id.empty()) {
    return channel.SendChangeCipherSpec();
  }
  return channel.Pack();
}

Status SendServerHello(const ServerChoice& choice, const ClientHello& hello,
                       bool retried, Bytes share, Transcript& transcript,
                       Channel& channel) {
  ServerHello answer;
  RETURN_IF_ERROR(FillRandom(answer.random));
  answer.legacy_session_id_echo = hello.legacy_session_id;
  answer.cipher_suite = choice.suite;
  answer.selected_version = kVersionTls13;
  answer.key_share = KeyShareEntry{choice.group, std::move(share)};
  RETURN_IF_ERROR(SendHandshake(Serialize(answer), transcript, channel));
  if (!retried && !hello.legacy_session_id.empty()) {
    return channel.SendChangeCipherSpec();
  }
  return Ok{};
}

// EncryptedExtensions, CertificateRequest where wanted, Certificate.
Status SendCertificates(const ServerChoice& choice, Transcript& transcript,
                        Channel& channel) {
  EncryptedExtensions extensions;
  extensions.alpn_protocol = choice.alpn_protocol;
  RETURN_IF_ERROR(SendHandshake(Serialize(extensions), transcript, channel));
  if (choice.config.client_auth != ClientAuth::kNone) {
    CertificateRequest request;
    const auto schemes = HandshakeSchemes();
    request.signature_algorithms.assign(schemes.begin(), schemes.end());
    const auto certificate_schemes = CertificateSchemes();
    request.signature_algorithms_cert.assign(certificate_schemes.begin(),
                                             certificate_schemes.end());
    RETURN_IF_ERROR(SendHandshake(Serialize(request), transcript, channel));
  }
  return SendHandshake(SerializeChain(&choice.config.certificate), transcript,
                       channel);
}

}  // namespace

Result<AwaitServerConfig> AwaitClientHello::Receive(
    const HandshakeMessage& message, Channel& channel) && {
  RETURN_IF_ERROR(Expect(HandshakeType::kClientHello, message));
  ASSIGN_OR_RETURN(ClientHello hello, ParseClientHello(message.body));
  RETURN_IF_ERROR(CheckHello(hello));
  channel.AllowChangeCipherSpec();
  if (hello.early_data) {
    channel.AllowEarlyData();
  }
  return AwaitServerConfig(std::move(hello),
                           Bytes(message.whole.begin(), message.whole.end()));
}

Result<AwaitServerConfig::Next> AwaitServerConfig::Configure(
    ServerConfig config, Channel& channel) && {
  ASSIGN_OR_RETURN(ServerChoice choice, Choose(std::move(config), hello_));
  ASSIGN_OR_RETURN(Transcript transcript,
                   Transcript::Create(HashOf(choice.suite)));
  RETURN_IF_ERROR(transcript.Add(hello_bytes_));
  if (FindShare(hello_, choice.group) != nullptr) {
    ASSIGN_OR_RETURN(AwaitServerSignature next,
                     AwaitServerSignature::Answer(
                         std::move(choice), hello_,
                         /*retried=*/false, std::move(transcript), channel));
    return Next(std::move(next));
  }
  // The client could not know yet what its second hello is to say.
  RETURN_IF_ERROR(channel.CheckRecordEnd());
  RETURN_IF_ERROR(transcript.ReplaceByMessageHash());
  RETURN_IF_ERROR(SendRetry(choice, hello_, transcript, channel));
  return Next(AwaitSecondHello(std::move(choice), std::move(hello_.unchanging),
                               std::move(transcript)));
}

Result<AwaitServerSignature> AwaitSecondHello::Receive(
    const HandshakeMessage& message, Channel& channel) && {
  RETURN_IF_ERROR(Expect(HandshakeType::kClientHello, message));
  ASSIGN_OR_RETURN(const ClientHello hello, ParseClientHello(message.body));
  RETURN_IF_ERROR(Check(hello));
  // Section 4.2.10: after a retry, early data ends with the second hello.
  channel.EndEarlyData();
  RETURN_IF_ERROR(transcript_.Add(message.whole));
  return AwaitServerSignature::Answer(std::move(choice_), hello,
                                      /*retried=*/true, std::move(transcript_),
                                      channel);
}

Status AwaitSecondHello::Check(const ClientHello& hello) const {
  if (!SameBytes(hello.unchanging, unchanging_)) {
    return Illegal("the second ClientHello is not the first one again");
  }
  if (hello.early_data) {
    return Illegal("early_data in the second ClientHello");
  }
  if (!hello.key_shares || hello.key_shares->size() != 1 ||
      hello.key_shares->front().group != choice_.group) {
    return Illegal("not the one key share that was asked for");
  }
  if (hello.cookie) {
    return Illegal("a cookie that we did not send");
  }
  return Ok{};
}

Result<AwaitServerSignature> AwaitServerSignature::Answer(
    ServerChoice choice, const ClientHello& hello, bool retried,
    Transcript transcript, Channel& channel) {
  // Before anything is sent: the client may not have the keys for our alert.
  RETURN_IF_ERROR(channel.CheckRecordEnd());
  const KeyShareEntry* share = FindShare(hello, choice.group);
  ASSIGN_OR_RETURN(KeyAgreement agreement,
                   handshake::Answer(choice.group, share->key_exchange));
  RETURN_IF_ERROR(SendServerHello(choice, hello, retried,
                                  std::move(agreement.public_share), transcript,
                                  channel));
  ASSIGN_OR_RETURN(const HashValue hello_hash, transcript.Current());
  ASSIGN_OR_RETURN(EarlySchedule early,
                   EarlySchedule::WithoutPsk(transcript.algorithm()));
  ASSIGN_OR_RETURN(HandshakeSchedule schedule,
                   std::move(early).Advance(agreement.secret));
  ASSIGN_OR_RETURN(TrafficSecrets secrets, schedule.Traffic(hello_hash));
  ASSIGN_OR_RETURN(RecordOpener opener,
                   RecordOpener::Create(choice.suite, secrets.client));
  RETURN_IF_ERROR(channel.StartOpening(std::move(opener)));
  ASSIGN_OR_RETURN(RecordSealer sealer,
                   RecordSealer::Create(choice.suite, secrets.server));
  RETURN_IF_ERROR(channel.StartSealing(std::move(sealer)));
  RETURN_IF_ERROR(SendCertificates(choice, transcript, channel));

  ASSIGN_OR_RETURN(const HashValue hash, transcript.Current());
  const SignatureRequest request{choice.scheme, Role::kServer, hash};
  HandshakeInfo info;
  info.suite = choice.suite;
  info.group = choice.group;
  info.hello_retry = retried;
  info.certificate_requested = choice.config.client_auth != ClientAuth::kNone;
  info.our_scheme = choice.scheme;
  info.alpn_protocol = std::move(choice.alpn_protocol);
  return AwaitServerSignature(choice.config.client_auth, std::move(info),
                              std::move(transcript), std::move(schedule),
                              std::move(secrets), request);
}

Result<AwaitServerSignature::Next> AwaitServerSignature::Sign(
    ByteView signature, Channel& channel) && {
  RETURN_IF_ERROR(SendProofs(signature, channel));
  ASSIGN_OR_RETURN(Session session, Keys());
  // From here on an alert of ours goes under the application keys: the client
  // has switched to them when it has seen our Finished.
  ASSIGN_OR_RETURN(RecordSealer sealer,
                   RecordSealer::Create(session.keys.suite,
                                        session.keys.send.traffic_secret));
  RETURN_IF_ERROR(channel.StartSealing(std::move(sealer)));
  ServerProgress progress{std::move(session), std::move(transcript_),
                          std::move(secrets_.client)};
  if (client_auth_ == ClientAuth::kNone) {
    return Next(AwaitClientFinished(std::move(progress),
                                    ClientStanding(PeerAnonymousByPolicy())));
  }
  return Next(AwaitClientCertificate(client_auth_, std::move(progress)));
}

Status AwaitServerSignature::SendProofs(ByteView signature, Channel& channel) {
  RETURN_IF_ERROR(SendHandshake(
      Serialize(CertificateVerify{request_.scheme,
                                  Bytes(signature.begin(), signature.end())}),
      transcript_, channel));
  ASSIGN_OR_RETURN(const HashValue hash, transcript_.Current());
  return SendHandshake(
      MakeFinished(transcript_.algorithm(), secrets_.server, hash), transcript_,
      channel);
}

// The application secrets cover ClientHello to the server's Finished.
Result<Session> AwaitServerSignature::Keys() {
  ASSIGN_OR_RETURN(const HashValue hash, transcript_.Current());
  ASSIGN_OR_RETURN(const ApplicationSchedule application,
                   std::move(schedule_).Advance());
  ASSIGN_OR_RETURN(TrafficSecrets secrets, application.Traffic(hash));
  return Session{
      SessionKeys{info_.suite, DirectionKeys{std::move(secrets.server)},
                  DirectionKeys{std::move(secrets.client)}},
      std::move(info_)};
}

Result<AwaitClientCertificate::Next> AwaitClientCertificate::Receive(
    const HandshakeMessage& message) && {
  RETURN_IF_ERROR(Expect(HandshakeType::kCertificate, message));
  ASSIGN_OR_RETURN(Certificate certificate, ParseCertificate(message.body));
  if (!certificate.context.empty()) {
    return Illegal("not the context of our CertificateRequest");
  }
  RETURN_IF_ERROR(progress_.transcript.Add(message.whole));
  if (!certificate.entries.empty()) {
    ASSIGN_OR_RETURN(std::vector<Bytes> chain, TakeChain(certificate));
    return Next(AwaitClientProof(std::move(progress_), std::move(chain)));
  }
  if (client_auth_ == ClientAuth::kRequire) {
    return Error{Code::kCertificateRequired, "the client has no certificate"};
  }
  return Next(AwaitClientFinished(std::move(progress_),
                                  ClientStanding(PeerAnonymousByPolicy())));
}

Result<AwaitClientVerdict> AwaitClientProof::Receive(
    const HandshakeMessage& message) && {
  RETURN_IF_ERROR(Expect(HandshakeType::kCertificateVerify, message));
  ASSIGN_OR_RETURN(CertificateVerify verify,
                   ParseCertificateVerify(message.body));
  if (std::ranges::find(HandshakeSchemes(), verify.scheme) ==
      HandshakeSchemes().end()) {
    return Illegal("the client signed with a scheme we did not ask for");
  }
  ASSIGN_OR_RETURN(const HashValue hash, progress_.transcript.Current());
  RETURN_IF_ERROR(progress_.transcript.Add(message.whole));
  progress_.session.info.peer_scheme = verify.scheme;
  return AwaitClientVerdict(std::move(progress_),
                            PeerProof{std::move(chain_), verify.scheme, hash,
                                      std::move(verify.signature)});
}

AwaitClientFinished AwaitClientVerdict::Accept(PeerVerified verified) && {
  return AwaitClientFinished(std::move(progress_),
                             ClientStanding(std::move(verified)));
}

Result<Completed> AwaitClientFinished::Receive(const HandshakeMessage& message,
                                               const Channel& channel) && {
  RETURN_IF_ERROR(Expect(HandshakeType::kFinished, message));
  ASSIGN_OR_RETURN(const HashValue hash, progress_.transcript.Current());
  RETURN_IF_ERROR(VerifyFinished(progress_.transcript.algorithm(),
                                 progress_.client_secret, hash, message.body));
  ASSIGN_OR_RETURN(Drained drained, channel.ProveDrained());
  return Completed{std::move(progress_.session), Finished(),
                   std::move(drained)};
}

}  // namespace ktlsd::handshake
