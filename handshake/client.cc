#include "handshake/client.h"

#include <algorithm>
#include <utility>

#include "handshake/negotiation.h"

namespace ktlsd::handshake {
namespace {

Error Illegal(std::string_view what) {
  return Error{Code::kIllegalParameter, what};
}

// Sends a Finished under `secret` over all of `transcript`. What may follow, an
// alert, goes under the application key: the server has switched to it then.
Status SendFinished(const HashSecret& secret, const SessionKeys& keys,
                    Transcript& transcript, Channel& channel) {
  ASSIGN_OR_RETURN(const HashValue hash, transcript.Current());
  ASSIGN_OR_RETURN(const Bytes finished,
                   MakeFinished(transcript.algorithm(), secret, hash));
  channel.Send(finished);
  ASSIGN_OR_RETURN(RecordSealer sealer,
                   RecordSealer::Create(keys.suite, keys.send.traffic_secret));
  return channel.StartSealing(std::move(sealer));
}

// RFC 8446 section 4.2: an answer only to what was offered.
Status CheckEncryptedExtensions(const EncryptedExtensions& answer,
                                const ClientHello& offer) {
  for (const uint16_t type : answer.extension_types) {
    const bool offered =
        type == static_cast<uint16_t>(ExtensionType::kSupportedGroups) ||
        (type == static_cast<uint16_t>(ExtensionType::kServerName) &&
         offer.server_name) ||
        (type == static_cast<uint16_t>(ExtensionType::kAlpn) &&
         !offer.alpn_protocols.empty());
    if (!offered) {
      return Error{Code::kUnsupportedExtension,
                   "the server answers an extension we did not offer"};
    }
  }
  if (answer.alpn_protocol &&
      !Contains(offer.alpn_protocols, *answer.alpn_protocol)) {
    return Illegal("the server chose a protocol we did not offer");
  }
  return Ok{};
}

Status CheckConfig(const ClientConfig& config) {
  if (config.suites.empty() || config.groups.empty() ||
      config.share_groups.empty()) {
    return Error{Code::kApiMisuse, "no suite, group or key share to offer"};
  }
  for (const NamedGroup group : config.share_groups) {
    if (!Contains(config.groups, group)) {
      return Error{Code::kApiMisuse, "a share of a group that is not offered"};
    }
  }
  return Ok{};
}

}  // namespace

Result<AwaitServerHello> StartClient(ClientConfig config, Channel& channel) {
  RETURN_IF_ERROR(CheckConfig(config));
  AwaitServerHello state;
  ClientHello& hello = state.hello_;
  RETURN_IF_ERROR(FillRandom(hello.random));
  if (config.middlebox_compatibility) {
    hello.legacy_session_id.resize(kMaxSessionId);
    RETURN_IF_ERROR(FillRandom(hello.legacy_session_id));
  }
  hello.cipher_suites = config.suites;
  hello.supported_groups = config.groups;
  const auto schemes = HandshakeSchemes();
  hello.signature_algorithms.assign(schemes.begin(), schemes.end());
  const auto certificate_schemes = CertificateSchemes();
  hello.signature_algorithms_cert.assign(certificate_schemes.begin(),
                                         certificate_schemes.end());
  if (!config.server_name.empty()) {
    hello.server_name = config.server_name;
  }
  hello.alpn_protocols = config.alpn_protocols;
  state.config_ = std::move(config);
  RETURN_IF_ERROR(state.AddShares(state.config_.share_groups));
  channel.AllowChangeCipherSpec();
  RETURN_IF_ERROR(state.SendHello(channel));
  return state;
}

Status AwaitServerHello::AddShares(const std::vector<NamedGroup>& groups) {
  hello_.key_shares.emplace();
  shares_.clear();
  for (const NamedGroup group : groups) {
    ASSIGN_OR_RETURN(KeyShare share, KeyShare::Generate(group));
    hello_.key_shares->push_back({group, share.public_share()});
    shares_.push_back(std::move(share));
  }
  return Ok{};
}

Status AwaitServerHello::SendHello(Channel& channel) {
  ASSIGN_OR_RETURN(hello_bytes_, Serialize(hello_));
  channel.Send(hello_bytes_);
  return channel.Pack();
}

Result<AwaitServerHello::Next> AwaitServerHello::Receive(
    const HandshakeMessage& message, Channel& channel) && {
  RETURN_IF_ERROR(Expect(HandshakeType::kServerHello, message));
  ASSIGN_OR_RETURN(const ServerHello answer, ParseServerHello(message.body));
  RETURN_IF_ERROR(CheckAnswer(answer));
  return answer.is_retry ? OnRetry(answer, message.whole, channel)
                         : OnHello(answer, message.whole, channel);
}

// The checks that ServerHello and HelloRetryRequest have in common (RFC 8446
// sections 4.1.3, 4.1.4, 4.2.1).
Status AwaitServerHello::CheckAnswer(const ServerHello& answer) const {
  if (!answer.selected_version) {
    return Error{Code::kProtocolVersion, "the server does not speak TLS 1.3"};
  }
  if (*answer.selected_version != kVersionTls13 ||
      answer.legacy_version != kVersionTls12) {
    return Illegal("the server chose a version we did not offer");
  }
  if (!SameBytes(answer.legacy_session_id_echo, hello_.legacy_session_id)) {
    return Illegal("the session id is not ours");
  }
  if (!Contains(hello_.cipher_suites, answer.cipher_suite)) {
    return Illegal("the server chose a suite we did not offer");
  }
  if (retry_ && retry_->suite != answer.cipher_suite) {
    return Illegal("the suite changed after HelloRetryRequest");
  }
  for (const uint16_t type : answer.extension_types) {
    const bool known =
        type == static_cast<uint16_t>(ExtensionType::kSupportedVersions) ||
        type == static_cast<uint16_t>(ExtensionType::kKeyShare) ||
        (type == static_cast<uint16_t>(ExtensionType::kCookie) &&
         answer.is_retry);
    if (!known) {
      return Error{Code::kUnsupportedExtension,
                   "an extension in the ServerHello that we did not offer"};
    }
  }
  return Ok{};
}

Result<AwaitServerHello::Next> AwaitServerHello::OnRetry(
    const ServerHello& retry, ByteView whole, Channel& channel) {
  if (retry_) {
    return Error{Code::kUnexpectedMessage, "a second HelloRetryRequest"};
  }
  // The server has nothing to say before our second hello.
  RETURN_IF_ERROR(channel.CheckRecordEnd());
  // Section 4.1.4: "if the HelloRetryRequest would not result in any change
  // in the ClientHello", it is illegal.
  if (!retry.key_share && !retry.cookie) {
    return Illegal("a HelloRetryRequest that asks for nothing");
  }
  ASSIGN_OR_RETURN(Transcript transcript,
                   Transcript::Create(HashOf(retry.cipher_suite)));
  RETURN_IF_ERROR(transcript.Add(hello_bytes_));
  RETURN_IF_ERROR(transcript.ReplaceByMessageHash());
  RETURN_IF_ERROR(transcript.Add(whole));
  if (retry.key_share) {
    const NamedGroup group = retry.key_share->group;
    if (!Contains(config_.groups, group) || FindShare(hello_, group)) {
      return Illegal(
          "the server asks for a share of a group that we did not "
          "offer, or did send");
    }
    RETURN_IF_ERROR(AddShares({group}));
  }
  hello_.cookie = retry.cookie;
  if (config_.middlebox_compatibility) {
    RETURN_IF_ERROR(channel.SendChangeCipherSpec());
  }
  RETURN_IF_ERROR(SendHello(channel));
  RETURN_IF_ERROR(transcript.Add(hello_bytes_));
  retry_.emplace(Retry{retry.cipher_suite, std::move(transcript)});
  return Next(std::move(*this));
}

Result<KeyShare> AwaitServerHello::TakeShare(NamedGroup group) {
  const auto share = std::ranges::find(shares_, group, &KeyShare::group);
  if (share == shares_.end()) {
    return Illegal("the server's key share is of a group we sent none for");
  }
  return std::move(*share);
}

Result<AwaitServerHello::Next> AwaitServerHello::OnHello(
    const ServerHello& answer, ByteView whole, Channel& channel) {
  if (!answer.key_share) {
    return Error{Code::kMissingExtension, "a ServerHello without key_share"};
  }
  ASSIGN_OR_RETURN(KeyShare share, TakeShare(answer.key_share->group));
  ASSIGN_OR_RETURN(const SharedSecret ecdhe,
                   std::move(share).Agree(answer.key_share->key_exchange));

  const HashAlgorithm algorithm = HashOf(answer.cipher_suite);
  HandshakeInfo info;
  info.suite = answer.cipher_suite;
  info.group = answer.key_share->group;
  info.hello_retry = retry_.has_value();
  if (!retry_) {
    ASSIGN_OR_RETURN(Transcript transcript, Transcript::Create(algorithm));
    RETURN_IF_ERROR(transcript.Add(hello_bytes_));
    retry_.emplace(Retry{answer.cipher_suite, std::move(transcript)});
  }
  Transcript transcript = std::move(retry_->transcript);
  RETURN_IF_ERROR(transcript.Add(whole));
  ASSIGN_OR_RETURN(const HashValue hello_hash, transcript.Current());

  ASSIGN_OR_RETURN(EarlySchedule early, EarlySchedule::WithoutPsk(algorithm));
  ASSIGN_OR_RETURN(HandshakeSchedule schedule, std::move(early).Advance(ecdhe));
  ASSIGN_OR_RETURN(TrafficSecrets secrets, schedule.Traffic(hello_hash));
  ASSIGN_OR_RETURN(RecordOpener opener,
                   RecordOpener::Create(info.suite, secrets.server));
  RETURN_IF_ERROR(channel.StartOpening(std::move(opener)));
  // Section D.4: the dummy change_cipher_spec goes before the second flight;
  // a retried client has sent its own.
  if (config_.middlebox_compatibility && !info.hello_retry) {
    RETURN_IF_ERROR(channel.SendChangeCipherSpec());
  }
  ASSIGN_OR_RETURN(RecordSealer sealer,
                   RecordSealer::Create(info.suite, secrets.client));
  RETURN_IF_ERROR(channel.StartSealing(std::move(sealer)));
  return Next(AwaitEncryptedExtensions(
      ClientProgress{std::move(config_.certificate), std::move(hello_), info,
                     std::move(transcript)},
      std::move(schedule), std::move(secrets)));
}

Result<AwaitServerCertificate> AwaitEncryptedExtensions::Receive(
    const HandshakeMessage& message) && {
  RETURN_IF_ERROR(Expect(HandshakeType::kEncryptedExtensions, message));
  ASSIGN_OR_RETURN(EncryptedExtensions answer,
                   ParseEncryptedExtensions(message.body));
  RETURN_IF_ERROR(CheckEncryptedExtensions(answer, progress_.offer));
  progress_.info.alpn_protocol = std::move(answer.alpn_protocol);
  RETURN_IF_ERROR(progress_.transcript.Add(message.whole));
  return AwaitServerCertificate(std::move(progress_), std::move(schedule_),
                                std::move(secrets_));
}

Result<AwaitServerCertificate::Next> AwaitServerCertificate::Receive(
    const HandshakeMessage& message) && {
  if (message.type == HandshakeType::kCertificateRequest && !request_) {
    return OnRequest(message);
  }
  RETURN_IF_ERROR(Expect(HandshakeType::kCertificate, message));
  ASSIGN_OR_RETURN(Certificate certificate, ParseCertificate(message.body));
  if (!certificate.context.empty()) {
    return Illegal("a server's certificate with a request context");
  }
  // Section 4.4.2.4: an empty certificate of the server is decode_error.
  if (certificate.entries.empty()) {
    return Error{Code::kDecodeError, "the server sent no certificate"};
  }
  ASSIGN_OR_RETURN(std::vector<Bytes> chain, TakeChain(certificate));
  RETURN_IF_ERROR(progress_.transcript.Add(message.whole));
  return Next(AwaitServerProof(std::move(progress_), std::move(schedule_),
                               std::move(secrets_), std::move(request_),
                               std::move(chain)));
}

Result<AwaitServerCertificate::Next> AwaitServerCertificate::OnRequest(
    const HandshakeMessage& message) {
  ASSIGN_OR_RETURN(CertificateRequest request,
                   ParseCertificateRequest(message.body));
  // Section 4.3.2: the context is empty but for post-handshake requests.
  if (!request.context.empty()) {
    return Illegal("a CertificateRequest with a context");
  }
  RETURN_IF_ERROR(progress_.transcript.Add(message.whole));
  request_ = std::move(request);
  return Next(std::move(*this));
}

Result<AwaitServerVerdict> AwaitServerProof::Receive(
    const HandshakeMessage& message) && {
  RETURN_IF_ERROR(Expect(HandshakeType::kCertificateVerify, message));
  ASSIGN_OR_RETURN(CertificateVerify verify,
                   ParseCertificateVerify(message.body));
  if (!Contains(progress_.offer.signature_algorithms, verify.scheme)) {
    return Illegal("the server signed with a scheme we did not offer");
  }
  ASSIGN_OR_RETURN(const HashValue hash, progress_.transcript.Current());
  RETURN_IF_ERROR(progress_.transcript.Add(message.whole));
  progress_.info.peer_scheme = verify.scheme;
  return AwaitServerVerdict(std::move(progress_), std::move(schedule_),
                            std::move(secrets_), std::move(request_),
                            PeerProof{std::move(chain_), verify.scheme, hash,
                                      std::move(verify.signature)});
}

AwaitServerFinished AwaitServerVerdict::Accept(PeerVerified verified) && {
  return AwaitServerFinished(std::move(progress_), std::move(schedule_),
                             std::move(secrets_), std::move(request_),
                             std::move(verified));
}

Result<AwaitServerFinished::Next> AwaitServerFinished::Receive(
    const HandshakeMessage& message, Channel& channel) && {
  RETURN_IF_ERROR(CheckFinished(message));
  ASSIGN_OR_RETURN(Drained drained, channel.ProveDrained());
  ASSIGN_OR_RETURN(Session session, Keys());

  const std::optional<SignatureScheme> scheme = ChooseScheme();
  session.info.our_scheme = scheme;
  session.info.certificate_requested = request_.has_value();
  if (!scheme) {
    progress_.certificate.reset();  // not shown when we cannot sign for it
  }
  if (request_) {
    RETURN_IF_ERROR(SendCertificate(channel));
  }
  if (!scheme) {
    RETURN_IF_ERROR(SendFinished(secrets_.client, session.keys,
                                 progress_.transcript, channel));
    return Next(Completed{std::move(session), Finished(), std::move(drained)});
  }
  ASSIGN_OR_RETURN(const HashValue hash, progress_.transcript.Current());
  return Next(AwaitClientSignature(
      std::move(progress_.transcript), std::move(secrets_.client),
      SignatureRequest{*scheme, Role::kClient, hash},
      Completed{std::move(session), Finished(), std::move(drained)}));
}

Status AwaitServerFinished::CheckFinished(const HandshakeMessage& message) {
  RETURN_IF_ERROR(Expect(HandshakeType::kFinished, message));
  ASSIGN_OR_RETURN(const HashValue hash, progress_.transcript.Current());
  RETURN_IF_ERROR(VerifyFinished(progress_.transcript.algorithm(),
                                 secrets_.server, hash, message.body));
  return progress_.transcript.Add(message.whole);
}

// The application secrets cover ClientHello to the server's Finished.
Result<Session> AwaitServerFinished::Keys() {
  ASSIGN_OR_RETURN(const HashValue hash, progress_.transcript.Current());
  ASSIGN_OR_RETURN(const ApplicationSchedule application,
                   std::move(schedule_).Advance());
  ASSIGN_OR_RETURN(TrafficSecrets secrets, application.Traffic(hash));
  return Session{SessionKeys{progress_.info.suite,
                             DirectionKeys{std::move(secrets.client)},
                             DirectionKeys{std::move(secrets.server)}},
                 progress_.info};
}

// Our best scheme that the server takes; none without a request, a
// certificate, or a common scheme (then we send an empty Certificate).
std::optional<SignatureScheme> AwaitServerFinished::ChooseScheme() const {
  if (!request_ || !progress_.certificate) {
    return std::nullopt;
  }
  return FirstCommon(progress_.certificate->schemes,
                     request_->signature_algorithms);
}

Status AwaitServerFinished::SendCertificate(Channel& channel) {
  ASSIGN_OR_RETURN(
      const Bytes message,
      SerializeChain(progress_.certificate ? &*progress_.certificate
                                           : nullptr));
  RETURN_IF_ERROR(progress_.transcript.Add(message));
  channel.Send(message);
  return Ok{};
}

Result<Completed> AwaitClientSignature::Sign(ByteView signature,
                                             Channel& channel) && {
  ASSIGN_OR_RETURN(
      const Bytes verify,
      Serialize(CertificateVerify{request_.scheme,
                                  Bytes(signature.begin(), signature.end())}));
  RETURN_IF_ERROR(transcript_.Add(verify));
  channel.Send(verify);
  RETURN_IF_ERROR(SendFinished(client_secret_, completed_.session.keys,
                               transcript_, channel));
  return std::move(completed_);
}

}  // namespace ktlsd::handshake
