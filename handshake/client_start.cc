#include "handshake/client_start.h"

#include <algorithm>
#include <utility>

#include "handshake/config_check.h"
#include "handshake/crypto/signature.h"
#include "handshake/key_schedule.h"
#include "handshake/negotiation.h"
#include "handshake/proofs.h"

namespace ktlsd::handshake {
namespace {

Error Illegal(std::string_view what) {
  return Error{Code::kIllegalParameter, what};
}

// Of `suites`, those whose hash a PSK is for (RFC 8446 section 4.2.11).
std::vector<CipherSuite> SuitesFor(const std::vector<PskName>& psks,
                                   std::vector<CipherSuite> suites) {
  std::erase_if(suites, [&psks](CipherSuite suite) {
    return std::ranges::find(psks, HashOf(suite), &PskName::hash) == psks.end();
  });
  return suites;
}

// What a server needs to choose a certificate of its own.
void OfferCertificates(ClientHello& hello) {
  const auto schemes = HandshakeSchemes();
  hello.signature_algorithms.assign(schemes.begin(), schemes.end());
  const auto certificate_schemes = CertificateSchemes();
  hello.signature_algorithms_cert.assign(certificate_schemes.begin(),
                                         certificate_schemes.end());
}

}  // namespace

Result<ClientStart> StartClient(ClientConfig config, Channel& channel) {
  RETURN_IF_ERROR(CheckConfig(config));
  if (!config.psks.empty()) {
    config.suites = SuitesFor(config.psks, std::move(config.suites));
  }
  AwaitServerHello state(std::move(config));
  RETURN_IF_ERROR(state.PrepareHello());
  channel.AllowChangeCipherSpec();
  return std::move(state).Ready(channel);
}

Status AwaitServerHello::PrepareHello() {
  RETURN_IF_ERROR(FillRandom(hello_.random));
  if (config_.middlebox_compatibility) {
    hello_.legacy_session_id.resize(kMaxSessionId);
    RETURN_IF_ERROR(FillRandom(hello_.legacy_session_id));
  }
  hello_.cipher_suites = config_.suites;
  hello_.supported_groups = config_.groups;
  if (!config_.server_name.empty()) {
    hello_.server_name = config_.server_name;
  }
  hello_.alpn_protocols = config_.alpn_protocols;
  if (config_.record_size_limit) {
    hello_.record_size_limit = kFullRecordSizeLimit;
  }
  if (config_.psks.empty()) {
    OfferCertificates(hello_);
    hello_.status_request = config_.request_ocsp;
  } else {
    OfferPsks();
  }
  return AddShares(config_.share_groups);
}

// Offers config_.psks. Their binders are zeros, for the length of the hello,
// until AwaitOwnBinder has each.
void AwaitServerHello::OfferPsks() {
  hello_.psk_key_exchange_modes = {kPskDheKe};
  hello_.pre_shared_keys.emplace();
  for (const PskName& psk : config_.psks) {
    // Section 4.2.11: "For identities established externally, an
    // obfuscated_ticket_age of 0 SHOULD be used".
    hello_.pre_shared_keys->identities.push_back({psk.identity, 0});
    hello_.pre_shared_keys->binders.emplace_back(HashSize(psk.hash));
  }
}

Status AwaitServerHello::AddShares(const std::vector<NamedGroup>& groups) {
  hello_.key_shares.emplace();
  shares_.clear();
  for (const NamedGroup group : groups) {
    ASSIGN_OR_RETURN(KeyShare share, KeyShare::Generate(group));
    hello_.key_shares->push_back({group, share.TakePublicShare()});
    shares_.push_back(std::move(share));
  }
  return Ok{};
}

Result<ClientStart> AwaitServerHello::Ready(Channel& channel) && {
  ASSIGN_OR_RETURN(hello_bytes_, Serialize(hello_));
  if (hello_.pre_shared_keys) {
    ASSIGN_OR_RETURN(AwaitOwnBinder binder,
                     AwaitOwnBinder::Ask(std::move(*this), 0));
    return ClientStart(std::move(binder));
  }
  RETURN_IF_ERROR(SendHello(channel));
  return ClientStart(std::move(*this));
}

// Queues hello_bytes_.
Status AwaitServerHello::SendHello(Channel& channel) {
  channel.Send(hello_bytes_);
  if (retry_) {
    RETURN_IF_ERROR(retry_->transcript.Add(hello_bytes_));
  }
  return channel.Pack();
}

Result<AwaitOwnBinder> AwaitOwnBinder::Ask(AwaitServerHello hello,
                                           std::size_t index) {
  const OfferedPsks& offered = PsksOf(hello.hello_);
  const PskName& psk = hello.config_.psks[index];
  const ByteView truncated =
      ByteView(hello.hello_bytes_)
          .first(hello.hello_bytes_.size() - BindersSize(offered));
  PskBinderRequest request{psk.identity, psk.hash, {}};
  // Section 4.2.11.2: after a HelloRetryRequest it covers what was before, too.
  if (hello.retry_) {
    ASSIGN_OR_RETURN(request.transcript_hash,
                     hello.retry_->transcript.CurrentWith(truncated));
  } else {
    ASSIGN_OR_RETURN(request.transcript_hash, Hash(psk.hash, truncated));
  }
  return AwaitOwnBinder(std::move(hello), index, std::move(request));
}

Result<AwaitOwnBinder::Next> AwaitOwnBinder::Bind(const HashSecret& binder,
                                                  Channel& channel) && {
  if (binder.size() != HashSize(request_.hash)) {
    return Error{Code::kApiMisuse,
                 "a binder of another length than its hash has"};
  }
  std::vector<Bytes>& binders = PsksOf(hello_.hello_).binders;
  binders[index_] = ToSend(binder);
  if (index_ + 1 < binders.size()) {
    ASSIGN_OR_RETURN(AwaitOwnBinder next, Ask(std::move(hello_), index_ + 1));
    return Next(std::move(next));
  }
  ASSIGN_OR_RETURN(hello_.hello_bytes_, Serialize(hello_.hello_));
  RETURN_IF_ERROR(hello_.SendHello(channel));
  return Next(std::move(hello_));
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
  if (*answer.selected_version != kVersionTls13) {
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
         answer.is_retry) ||
        (type == static_cast<uint16_t>(ExtensionType::kPreSharedKey) &&
         !answer.is_retry && hello_.pre_shared_keys);
    if (!known) {
      return Error{Code::kUnsupportedExtension,
                   "an extension in the ServerHello that we did not offer"};
    }
  }
  return Ok{};
}

Status AwaitServerHello::CheckRetry(const ServerHello& retry) const {
  if (retry_) {
    return Error{Code::kUnexpectedMessage, "a second HelloRetryRequest"};
  }
  // Section 4.1.4: "if the HelloRetryRequest would not result in any change
  // in the ClientHello", it is illegal.
  if (!retry.key_share && !retry.cookie) {
    return Illegal("a HelloRetryRequest that asks for nothing");
  }
  if (retry.key_share && (!Contains(config_.groups, retry.key_share->group) ||
                          FindShare(hello_, retry.key_share->group))) {
    return Illegal(
        "the server asks for a share of a group that we did not "
        "offer, or did send");
  }
  return Ok{};
}

Result<AwaitServerHello::Next> AwaitServerHello::OnRetry(
    const ServerHello& retry, ByteView whole, Channel& channel) {
  RETURN_IF_ERROR(CheckRetry(retry));
  // As at a change of keys: what comes behind it answers no hello of ours.
  RETURN_IF_ERROR(channel.CheckRecordEnd());
  const HashAlgorithm hash = HashOf(retry.cipher_suite);
  ASSIGN_OR_RETURN(Transcript transcript, Transcript::Create(hash));
  RETURN_IF_ERROR(transcript.Add(hello_bytes_));
  RETURN_IF_ERROR(transcript.ReplaceByMessageHash());
  RETURN_IF_ERROR(transcript.Add(whole));
  retry_.emplace(Retry{retry.cipher_suite, std::move(transcript)});
  if (retry.key_share) {
    RETURN_IF_ERROR(AddShares({retry.key_share->group}));
  }
  hello_.cookie = retry.cookie;
  if (hello_.pre_shared_keys) {
    // Section 4.1.2: without the PSKs that do not fit the server's suite.
    std::erase_if(config_.psks,
                  [hash](const PskName& psk) { return psk.hash != hash; });
    OfferPsks();
  }
  if (config_.middlebox_compatibility) {
    RETURN_IF_ERROR(channel.SendChangeCipherSpecWithNext());
  }
  ASSIGN_OR_RETURN(ClientStart next, std::move(*this).Ready(channel));
  return std::visit([](auto& state) { return Next(std::move(state)); }, next);
}

// What the server must answer to PSKs (section 4.2.11): "If these values are
// not consistent, the client MUST abort the handshake with an
// "illegal_parameter" alert."
Status AwaitServerHello::CheckPsk(const ServerHello& answer) const {
  if (!answer.selected_psk) {
    return Error{Code::kNoCommonPsk, "the server chose none of our PSKs"};
  }
  if (*answer.selected_psk >= config_.psks.size()) {
    return Illegal("the server chose a PSK that we did not offer");
  }
  if (config_.psks[*answer.selected_psk].hash != HashOf(answer.cipher_suite)) {
    return Illegal("the server's suite does not fit the hash of the PSK");
  }
  if (!answer.key_share) {
    return Illegal("the server left out the key agreement");
  }
  return Ok{};
}

Result<SharedSecret> AwaitServerHello::Agree(const KeyShareEntry& theirs) {
  const auto ours = std::ranges::find(shares_, theirs.group, &KeyShare::group);
  if (ours == shares_.end()) {
    return Illegal("the server's key share is of a group we sent none for");
  }
  return std::move(*ours).Agree(theirs.key_exchange);
}

Result<AwaitServerHello::Next> AwaitServerHello::OnHello(
    const ServerHello& answer, ByteView whole, Channel& channel) {
  if (hello_.pre_shared_keys) {
    RETURN_IF_ERROR(CheckPsk(answer));
  }
  if (!answer.key_share) {
    return Error{Code::kMissingExtension, "a ServerHello without key_share"};
  }
  // Before a wait: what comes behind the hello must be under its keys.
  RETURN_IF_ERROR(channel.CheckRecordEnd());
  ASSIGN_OR_RETURN(SharedSecret ecdhe, Agree(*answer.key_share));

  HandshakeInfo info;
  info.suite = answer.cipher_suite;
  info.group = answer.key_share->group;
  info.hello_retry = retry_.has_value();
  if (!retry_) {
    ASSIGN_OR_RETURN(Transcript transcript,
                     Transcript::Create(HashOf(answer.cipher_suite)));
    RETURN_IF_ERROR(transcript.Add(hello_bytes_));
    retry_.emplace(Retry{answer.cipher_suite, std::move(transcript)});
  }
  Transcript transcript = std::move(retry_->transcript);
  RETURN_IF_ERROR(transcript.Add(whole));
  return Agreed(
      answer.selected_psk, std::move(ecdhe),
      ClientProgress{std::move(config_.certificates), std::move(hello_),
                     std::move(info), std::move(transcript),
                     config_.require_alpn, config_.must_show_certificate},
      channel);
}

// With the key agreement done: to the PSK's part of the secret, if there is
// one.
Result<AwaitServerHello::Next> AwaitServerHello::Agreed(
    std::optional<uint16_t> selected_psk, SharedSecret ecdhe,
    ClientProgress progress, Channel& channel) {
  if (selected_psk) {
    PskName& psk = config_.psks[*selected_psk];
    progress.info.psk_identity = psk.identity;
    return Next(AwaitClientPskSecret(
        std::move(progress),
        PskSecretRequest{std::move(psk.identity), psk.hash, std::move(ecdhe)}));
  }
  ASSIGN_OR_RETURN(
      HandshakeSchedule schedule,
      HandshakeSchedule::WithoutPsk(HashOf(progress.info.suite), ecdhe));
  ASSIGN_OR_RETURN(
      AwaitEncryptedExtensions next,
      AwaitEncryptedExtensions::Start(std::move(progress), std::move(schedule),
                                      std::nullopt, channel));
  return Next(std::move(next));
}

Result<AwaitEncryptedExtensions> AwaitClientPskSecret::Agree(
    HashSecret handshake_secret, Channel& channel) && {
  ASSIGN_OR_RETURN(HandshakeSchedule schedule,
                   HandshakeSchedule::FromSecret(request_.hash,
                                                 std::move(handshake_secret)));
  return AwaitEncryptedExtensions::Start(
      std::move(progress_), std::move(schedule), PskAgreed(), channel);
}

}  // namespace ktlsd::handshake
