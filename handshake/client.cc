#include "handshake/client.h"

#include <algorithm>
#include <utility>

#include "handshake/certificate_choice.h"
#include "handshake/negotiation.h"

namespace ktlsd::handshake {
namespace {

Error Illegal(std::string_view what) {
  return Error{Code::kIllegalParameter, what};
}

// Sends our last message. The server has switched keys when it has that: what
// may follow, an alert, goes under the application key.
Status SendLast(const HashSecret& finished_key, const SessionKeys& keys,
                Transcript& transcript, Channel& channel) {
  RETURN_IF_ERROR(SendFinished(finished_key, transcript, channel));
  return channel.StartSealing(
      RecordSealer::CreateLater(keys.suite, keys.send.traffic_secret));
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
         !offer.alpn_protocols.empty()) ||
        (type == static_cast<uint16_t>(ExtensionType::kRecordSizeLimit) &&
         offer.record_size_limit);
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

}  // namespace

Result<AwaitEncryptedExtensions> AwaitEncryptedExtensions::Start(
    ClientProgress progress, HandshakeSchedule schedule,
    std::optional<PskAgreed> psk, Channel& channel) {
  ASSIGN_OR_RETURN(const HashValue hello_hash, progress.transcript.Current());
  ASSIGN_OR_RETURN(HandshakeSecrets secrets,
                   std::move(schedule).Derive(hello_hash));
  const CipherSuite suite = progress.info.suite;
  ASSIGN_OR_RETURN(HashSecret server_finished,
                   StartOpening(suite, secrets.traffic.server, channel));
  // Section D.4: the dummy change_cipher_spec goes before the second flight;
  // a retried client has sent its own.
  const bool compatible = !progress.offer.legacy_session_id.empty();
  if (compatible && !progress.info.hello_retry) {
    RETURN_IF_ERROR(channel.SendChangeCipherSpecWithNext());
  }
  ASSIGN_OR_RETURN(HashSecret client_finished,
                   StartSealing(suite, secrets.traffic.client, channel));
  return AwaitEncryptedExtensions(
      std::move(progress),
      HandshakeKeys{std::move(secrets.next), std::move(client_finished),
                    std::move(server_finished)},
      std::move(psk));
}

Result<AwaitEncryptedExtensions::Next> AwaitEncryptedExtensions::Receive(
    const HandshakeMessage& message, Channel& channel) && {
  RETURN_IF_ERROR(Expect(HandshakeType::kEncryptedExtensions, message));
  ASSIGN_OR_RETURN(EncryptedExtensions answer,
                   ParseEncryptedExtensions(message.body));
  RETURN_IF_ERROR(CheckEncryptedExtensions(answer, progress_.offer));
  progress_.info.alpn_protocol = std::move(answer.alpn_protocol);
  if (progress_.require_alpn && !progress_.info.alpn_protocol) {
    return Error{Code::kNoApplicationProtocol,
                 "the server chose no protocol of ours"};
  }
  progress_.info.send_limit = SendLimit(answer.record_size_limit);
  // RFC 8449 section 4: it binds the protected records of the handshake too.
  channel.LimitContent(progress_.info.send_limit.value_or(kMaxPlaintext));
  RETURN_IF_ERROR(progress_.transcript.Add(message.whole));
  if (psk_) {
    return Next(AwaitServerFinished(std::move(progress_), std::move(keys_),
                                    std::nullopt, *std::move(psk_)));
  }
  return Next(AwaitServerCertificate(std::move(progress_), std::move(keys_)));
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
  ASSIGN_OR_RETURN(PeerProof proof,
                   TakeChain(certificate, progress_.offer.status_request));
  RETURN_IF_ERROR(progress_.transcript.Add(message.whole));
  return Next(AwaitServerProof(std::move(progress_), std::move(keys_),
                               std::move(request_), std::move(proof)));
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
  ASSIGN_OR_RETURN(proof_.transcript_hash, progress_.transcript.Current());
  RETURN_IF_ERROR(progress_.transcript.Add(message.whole));
  proof_.scheme = verify.scheme;
  proof_.signature = std::move(verify.signature);
  progress_.info.peer_scheme = verify.scheme;
  return AwaitServerVerdict(std::move(progress_), std::move(keys_),
                            std::move(request_), std::move(proof_));
}

AwaitServerFinished AwaitServerVerdict::Accept(PeerVerified verified) && {
  return AwaitServerFinished(std::move(progress_), std::move(keys_),
                             std::move(request_), std::move(verified));
}

Result<AwaitServerFinished::Next> AwaitServerFinished::Receive(
    const HandshakeMessage& message, Channel& channel) && {
  RETURN_IF_ERROR(CheckFinished(message));
  ASSIGN_OR_RETURN(Drained drained, channel.ProveDrained());
  ASSIGN_OR_RETURN(Session session, Keys());

  ASSIGN_OR_RETURN(const std::optional<SigningChoice> choice, Choose());
  session.info.certificate_requested = request_.has_value();
  if (request_) {
    RETURN_IF_ERROR(SendChain(
        choice ? &*progress_.certificates[choice->certificate] : nullptr,
        request_->status_request, progress_.transcript, channel));
  }
  if (!choice) {
    RETURN_IF_ERROR(SendLast(keys_.client_finished, session.keys,
                             progress_.transcript, channel));
    return Next(Completed{std::move(session), Finished(), std::move(drained)});
  }
  session.info.our_scheme = choice->scheme;
  ASSIGN_OR_RETURN(const HashValue hash, progress_.transcript.Current());
  return Next(AwaitClientSignature(
      std::move(progress_.transcript), std::move(keys_.client_finished),
      SignatureRequest{choice->scheme, Role::kClient, hash,
                       choice->certificate},
      Completed{std::move(session), Finished(), std::move(drained)}));
}

Status AwaitServerFinished::CheckFinished(const HandshakeMessage& message) {
  RETURN_IF_ERROR(Expect(HandshakeType::kFinished, message));
  ASSIGN_OR_RETURN(const HashValue hash, progress_.transcript.Current());
  RETURN_IF_ERROR(VerifyFinished(progress_.transcript.algorithm(),
                                 keys_.server_finished, hash, message.body));
  return progress_.transcript.Add(message.whole);
}

// The application secrets cover ClientHello to the server's Finished.
Result<Session> AwaitServerFinished::Keys() {
  ASSIGN_OR_RETURN(const HashValue hash, progress_.transcript.Current());
  ASSIGN_OR_RETURN(ApplicationSecrets secrets,
                   std::move(keys_.schedule).Derive(hash));
  return Session{SessionKeys{progress_.info.suite,
                             DirectionKeys{std::move(secrets.traffic.client)},
                             DirectionKeys{std::move(secrets.traffic.server)},
                             progress_.info.send_limit},
                 progress_.info, std::move(secrets.exporter_master)};
}

// Nothing without a request, or without a certificate that it allows: then we
// send an empty Certificate, or end the handshake here, as a server that takes
// it would believe the connection made.
Result<std::optional<SigningChoice>> AwaitServerFinished::Choose() const {
  std::optional<SigningChoice> choice;
  if (request_) {
    ASSIGN_OR_RETURN(choice, ChooseCertificate(progress_.certificates,
                                               *request_, Role::kClient));
  }
  if (!choice && progress_.must_show_certificate) {
    return Error{Code::kCertificateRequired,
                 request_ ? "our certificate is none that the server asks for"
                          : "the server did not ask for our certificate"};
  }
  return choice;
}

Result<AwaitTicket> AwaitTicket::Begin(Completed completed, Channel& channel) {
  const SessionKeys& keys = completed.session.keys;
  if (keys.receive.next_record == 0) {
    ASSIGN_OR_RETURN(
        RecordOpener opener,
        RecordOpener::Create(keys.suite, keys.receive.traffic_secret));
    RETURN_IF_ERROR(channel.StartOpening(std::move(opener)));
  }
  return AwaitTicket(std::move(completed));
}

Result<AwaitTicket::Next> AwaitTicket::Receive(const HandshakeMessage& message,
                                               Channel& channel) && {
  RETURN_IF_ERROR(Expect(HandshakeType::kNewSessionTicket, message));
  Result<Drained> drained = channel.ProveDrained();
  if (!drained.ok()) {
    return Next(std::move(*this));  // there are more in the record
  }
  completed_.drained = std::move(drained).value();
  completed_.session.keys.receive.next_record = channel.records_opened();
  return Next(std::move(completed_));
}

Result<Completed> AwaitClientSignature::Sign(ByteView signature,
                                             Channel& channel) && {
  RETURN_IF_ERROR(
      SendSignature(request_.scheme, signature, transcript_, channel));
  RETURN_IF_ERROR(
      SendLast(finished_key_, completed_.session.keys, transcript_, channel));
  return std::move(completed_);
}

}  // namespace ktlsd::handshake
