#include "handshake/server_start.h"

#include <algorithm>
#include <utility>

#include "handshake/config_check.h"
#include "handshake/crypto/key_share.h"
#include "handshake/crypto/signature.h"
#include "handshake/key_schedule.h"
#include "handshake/negotiation.h"
#include "handshake/proofs.h"

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

// Which extensions must come together, RFC 8446 section 9.2.
Status CheckHello(const ClientHello& hello) {
  if (!hello.offers_tls13) {
    return Error{Code::kProtocolVersion, "the client does not offer TLS 1.3"};
  }
  if (hello.signature_algorithms.empty() && !hello.pre_shared_keys) {
    return Error{Code::kMissingExtension,
                 "a ClientHello without signature_algorithms"};
  }
  // Section 4.2.9: "servers MUST abort the handshake".
  if (hello.pre_shared_keys && hello.psk_key_exchange_modes.empty()) {
    return Error{Code::kMissingExtension,
                 "a PSK without psk_key_exchange_modes"};
  }
  const bool psk_alone = hello.pre_shared_keys &&
                         hello.supported_groups.empty() && !hello.key_shares;
  if (psk_alone) {
    return Error{Code::kNoCommonPsk,
                 "the client offers PSKs without a key agreement"};
  }
  if (hello.supported_groups.empty() || !hello.key_shares) {
    return Error{Code::kMissingExtension,
                 "a ClientHello without supported_groups and key_share"};
  }
  return CheckShares(*hello.key_shares, hello.supported_groups);
}

bool OffersUsablePsk(const ClientHello& hello) {
  return hello.pre_shared_keys &&
         Contains(hello.psk_key_exchange_modes, kPskDheKe);
}

HandshakeInfo InfoOf(const ServerChoice& choice, bool retried) {
  HandshakeInfo info;
  info.suite = choice.suite;
  info.group = choice.group;
  info.hello_retry = retried;
  info.alpn_protocol = choice.alpn_protocol;
  info.send_limit = SendLimit(choice.record_size_limit);
  if (choice.psk) {
    info.psk_identity = choice.psk->identity;
  } else {
    info.certificate_requested = choice.config.client_auth != ClientAuth::kNone;
    info.our_scheme = choice.signing.scheme;
  }
  return info;
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
  RETURN_IF_ERROR(SendHandshake(retry, transcript, channel));
  // Section D.4: "immediately after its first handshake message", when the
  // client sent a session id.
  if (!hello.legacy_session_id.empty()) {
    return channel.SendChangeCipherSpec();
  }
  return channel.Pack();
}

Result<ServerHello> HelloFor(const ServerChoice& choice,
                             const ClientHello& hello, Bytes share) {
  ServerHello answer;
  RETURN_IF_ERROR(FillRandom(answer.random));
  answer.legacy_session_id_echo = hello.legacy_session_id;
  answer.cipher_suite = choice.suite;
  answer.selected_version = kVersionTls13;
  answer.key_share = KeyShareEntry{choice.group, std::move(share)};
  return answer;
}

// Queues the ServerHello and switches both directions to the handshake keys.
Result<HandshakeKeys> SendServerHello(const ServerHello& answer, bool retried,
                                      HandshakeSchedule schedule,
                                      Transcript& transcript,
                                      Channel& channel) {
  RETURN_IF_ERROR(SendHandshake(answer, transcript, channel));
  if (!retried && !answer.legacy_session_id_echo.empty()) {
    RETURN_IF_ERROR(channel.SendChangeCipherSpec());
  }
  ASSIGN_OR_RETURN(const HashValue hello_hash, transcript.Current());
  ASSIGN_OR_RETURN(HandshakeSecrets secrets,
                   std::move(schedule).Derive(hello_hash));
  ASSIGN_OR_RETURN(
      HashSecret client_finished,
      StartOpening(answer.cipher_suite, secrets.traffic.client, channel));
  ASSIGN_OR_RETURN(
      HashSecret server_finished,
      StartSealing(answer.cipher_suite, secrets.traffic.server, channel));
  return HandshakeKeys{std::move(secrets.next), std::move(client_finished),
                       std::move(server_finished)};
}

Status SendExtensions(const ServerChoice& choice, Transcript& transcript,
                      Channel& channel) {
  EncryptedExtensions extensions;
  extensions.alpn_protocol = choice.alpn_protocol;
  if (choice.record_size_limit) {
    extensions.record_size_limit = kFullRecordSizeLimit;
    // RFC 8449 section 4: it binds the protected records of the handshake too.
    channel.LimitContent(
        SendLimit(choice.record_size_limit).value_or(kMaxPlaintext));
  }
  return SendHandshake(extensions, transcript, channel);
}

// CertificateRequest where wanted, Certificate.
Status SendCertificates(const ServerChoice& choice, Transcript& transcript,
                        Channel& channel) {
  if (choice.config.client_auth != ClientAuth::kNone) {
    CertificateRequest request;
    const auto schemes = HandshakeSchemes();
    request.signature_algorithms.assign(schemes.begin(), schemes.end());
    const auto certificate_schemes = CertificateSchemes();
    request.signature_algorithms_cert.assign(certificate_schemes.begin(),
                                             certificate_schemes.end());
    request.certificate_authorities = choice.config.certificate_authorities;
    RETURN_IF_ERROR(SendHandshake(request, transcript, channel));
  }
  return SendChain(&*choice.config.certificates[choice.signing.certificate],
                   choice.staple, transcript, channel);
}

}  // namespace

// The ways from a decision to the next state.
class ServerAnswer {
 public:
  // To the first hello: a retry, or what its authentication needs.
  static Result<ServerStart> First(ServerChoice choice, ReceivedHello received,
                                   Channel& channel) {
    ASSIGN_OR_RETURN(Transcript transcript,
                     Transcript::Create(HashOf(choice.suite)));
    if (FindShare(received.hello, choice.group) != nullptr) {
      ASSIGN_OR_RETURN(
          auto next, Agreed(std::move(choice), std::move(received),
                            /*retried=*/false, std::move(transcript), channel));
      return std::visit(
          [](auto& state) { return ServerStart(std::move(state)); }, next);
    }
    // As at a change of keys: a second hello cannot come before our retry.
    RETURN_IF_ERROR(channel.CheckRecordEnd());
    RETURN_IF_ERROR(transcript.Add(received.bytes));
    RETURN_IF_ERROR(transcript.ReplaceByMessageHash());
    RETURN_IF_ERROR(SendRetry(choice, received.hello, transcript, channel));
    return ServerStart(AwaitSecondHello(std::move(choice), received.hello,
                                        std::move(transcript)));
  }

  // To a hello with a share of the chosen group; `transcript` covers what was
  // before it.
  static Result<AwaitSecondHello::Next> Agreed(ServerChoice choice,
                                               ReceivedHello received,
                                               bool retried,
                                               Transcript transcript,
                                               Channel& channel) {
    // Before anything is sent: the client may not have the keys for our alert.
    RETURN_IF_ERROR(channel.CheckRecordEnd());
    if (choice.psk) {
      const PskName psk = *choice.psk;
      return WithPsk(std::move(choice), psk, std::move(received), retried,
                     std::move(transcript));
    }
    RETURN_IF_ERROR(transcript.Add(received.bytes));
    return WithCertificate(choice, received.hello, retried,
                           std::move(transcript), channel);
  }

 private:
  static Result<AwaitSecondHello::Next> WithPsk(ServerChoice choice,
                                                const PskName& psk,
                                                ReceivedHello received,
                                                bool retried,
                                                Transcript transcript) {
    // Looked up by all its bytes: a second hello may leave out others.
    const OfferedPsks& offered = PsksOf(received.hello);
    const auto found = std::ranges::find(offered.identities, psk.identity,
                                         &PskIdentity::identity);
    if (found == offered.identities.end()) {
      return Error{Code::kUnknownPskIdentity,
                   "the chosen PSK is not in the second ClientHello"};
    }
    const auto index =
        static_cast<std::size_t>(found - offered.identities.begin());
    const Bytes& binder = offered.binders[index];
    if (binder.size() != HashSize(psk.hash)) {
      return Error{Code::kBadPskBinder,
                   "the client's binder is of another hash than the PSK"};
    }
    ASSIGN_OR_RETURN(
        const HashValue hash,
        transcript.CurrentWith(
            ByteView(received.bytes).first(offered.truncated_size)));
    PskProof proof{{psk.identity, psk.hash, hash}, binder};
    return AwaitSecondHello::Next(
        AwaitPeerBinder(std::move(choice), std::move(received), index, retried,
                        std::move(transcript), std::move(proof)));
  }

  static Result<AwaitSecondHello::Next> WithCertificate(
      const ServerChoice& choice, const ClientHello& hello, bool retried,
      Transcript transcript, Channel& channel) {
    const KeyShareEntry* share = FindShare(hello, choice.group);
    ASSIGN_OR_RETURN(KeyAgreement agreement,
                     Answer(choice.group, share->key_exchange));
    ASSIGN_OR_RETURN(
        const ServerHello answer,
        HelloFor(choice, hello, std::move(agreement.public_share)));
    ASSIGN_OR_RETURN(HandshakeSchedule schedule,
                     HandshakeSchedule::WithoutPsk(transcript.algorithm(),
                                                   agreement.secret));
    ASSIGN_OR_RETURN(HandshakeKeys keys,
                     SendServerHello(answer, retried, std::move(schedule),
                                     transcript, channel));
    RETURN_IF_ERROR(SendExtensions(choice, transcript, channel));
    RETURN_IF_ERROR(SendCertificates(choice, transcript, channel));
    ASSIGN_OR_RETURN(const HashValue hash, transcript.Current());
    return AwaitSecondHello::Next(AwaitServerSignature(
        choice.config.client_auth, InfoOf(choice, retried),
        std::move(transcript), std::move(keys),
        SignatureRequest{choice.signing.scheme, Role::kServer, hash,
                         choice.signing.certificate}));
  }
};

Result<AwaitServerConfig> AwaitClientHello::Receive(
    const HandshakeMessage& message, Channel& channel) && {
  RETURN_IF_ERROR(Expect(HandshakeType::kClientHello, message));
  ASSIGN_OR_RETURN(ClientHello hello, ParseClientHello(message.body));
  RETURN_IF_ERROR(CheckHello(hello));
  channel.AllowChangeCipherSpec();
  if (hello.early_data) {
    channel.AllowEarlyData();
  }
  return AwaitServerConfig(
      {std::move(hello), Bytes(message.whole.begin(), message.whole.end())});
}

Result<AwaitServerConfig::Next> AwaitServerConfig::Configure(
    ServerConfig config, Channel& channel) && {
  RETURN_IF_ERROR(CheckConfig(config));
  const bool usable = OffersUsablePsk(received_.hello);
  if (config.psk == PskPolicy::kRequire && !usable) {
    return Error{Code::kNoCommonPsk,
                 "the client offers no PSK with a key agreement"};
  }
  if (config.psk != PskPolicy::kIgnore && usable) {
    std::vector<HashAlgorithm> hashes = HashesInCommon(config, received_.hello);
    if (hashes.empty()) {
      return NoCommonSuite();
    }
    return Next(AwaitPskChoice(std::move(config), std::move(received_),
                               std::move(hashes)));
  }
  ASSIGN_OR_RETURN(
      ServerChoice choice,
      ChooseAnswer(std::move(config), received_.hello, std::nullopt));
  ASSIGN_OR_RETURN(
      ServerStart next,
      ServerAnswer::First(std::move(choice), std::move(received_), channel));
  return std::visit([](auto& state) { return Next(std::move(state)); }, next);
}

Result<AwaitPskChoice::Next> AwaitPskChoice::Choose(
    const std::optional<PskChoice>& choice, Channel& channel) && {
  std::optional<PskName> psk;
  if (choice) {
    const auto& identities = offered().identities;
    if (choice->index >= identities.size()) {
      return Error{Code::kApiMisuse, "a PSK that the client did not offer"};
    }
    psk = PskName{identities[choice->index].identity, choice->hash};
  } else if (config_.psk == PskPolicy::kRequire) {
    return Error{Code::kUnknownPskIdentity,
                 "no PSK is offered that we have for a suite in common"};
  }
  ASSIGN_OR_RETURN(
      ServerChoice chosen,
      ChooseAnswer(std::move(config_), received_.hello, std::move(psk)));
  return ServerAnswer::First(std::move(chosen), std::move(received_), channel);
}

Result<AwaitSecondHello::Next> AwaitSecondHello::Receive(
    const HandshakeMessage& message, Channel& channel) && {
  RETURN_IF_ERROR(Expect(HandshakeType::kClientHello, message));
  ASSIGN_OR_RETURN(ClientHello hello, ParseClientHello(message.body));
  RETURN_IF_ERROR(Check(hello));
  // Section 4.2.10: after a retry, early data ends with the second hello.
  channel.EndEarlyData();
  return ServerAnswer::Agreed(
      std::move(choice_),
      {std::move(hello), Bytes(message.whole.begin(), message.whole.end())},
      /*retried=*/true, std::move(transcript_), channel);
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
  // Section 4.1.2 lets a client change its PSKs and leave some out.
  if (hello.pre_shared_keys && !had_psks_) {
    return Illegal("PSKs that the first ClientHello did not offer");
  }
  if (choice_.psk && !hello.pre_shared_keys) {
    return Error{Code::kUnknownPskIdentity,
                 "the second ClientHello offers no PSK"};
  }
  return Ok{};
}

Result<AwaitServerPskSecret> AwaitPeerBinder::Accept(
    PskVerified /*verified*/) && {
  const ClientHello& hello = received_.hello;
  RETURN_IF_ERROR(transcript_.Add(received_.bytes));
  const KeyShareEntry* share = FindShare(hello, choice_.group);
  ASSIGN_OR_RETURN(KeyAgreement agreement,
                   Answer(choice_.group, share->key_exchange));
  ASSIGN_OR_RETURN(ServerHello answer,
                   HelloFor(choice_, hello, std::move(agreement.public_share)));
  answer.selected_psk = static_cast<uint16_t>(index_);
  HandshakeInfo info = InfoOf(choice_, retried_);
  return AwaitServerPskSecret(
      std::move(choice_), std::move(info), std::move(answer),
      std::move(transcript_),
      PskSecretRequest{std::move(proof_.claim.identity), proof_.claim.hash,
                       std::move(agreement.secret)});
}

Result<AwaitClientFinished> AwaitServerPskSecret::Agree(
    HashSecret handshake_secret, Channel& channel) && {
  ASSIGN_OR_RETURN(HandshakeSchedule schedule,
                   HandshakeSchedule::FromSecret(request_.hash,
                                                 std::move(handshake_secret)));
  ASSIGN_OR_RETURN(HandshakeKeys keys,
                   SendServerHello(answer_, info_.hello_retry,
                                   std::move(schedule), transcript_, channel));
  RETURN_IF_ERROR(SendExtensions(choice_, transcript_, channel));
  ASSIGN_OR_RETURN(ServerProgress progress,
                   FinishServerFlight(std::move(info_), std::move(transcript_),
                                      std::move(keys), channel));
  return AwaitClientFinished(std::move(progress), ClientStanding(PskAgreed()));
}

}  // namespace ktlsd::handshake
