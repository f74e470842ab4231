#include "handshake/server.h"

#include <algorithm>
#include <utility>

#include "handshake/negotiation.h"

namespace ktlsd::handshake {
namespace {

Error Illegal(std::string_view what) {
  return Error{Code::kIllegalParameter, what};
}

// The application secrets cover ClientHello to the server's Finished.
Result<Session> ApplicationKeys(HandshakeInfo info,
                                const Transcript& transcript,
                                ApplicationSchedule schedule) {
  ASSIGN_OR_RETURN(const HashValue hash, transcript.Current());
  ASSIGN_OR_RETURN(ApplicationSecrets secrets,
                   std::move(schedule).Derive(hash));
  SessionKeys keys{info.suite, DirectionKeys{std::move(secrets.traffic.server)},
                   DirectionKeys{std::move(secrets.traffic.client)},
                   info.send_limit};
  return Session{std::move(keys), std::move(info),
                 std::move(secrets.exporter_master)};
}

}  // namespace

Result<ServerProgress> FinishServerFlight(HandshakeInfo info,
                                          Transcript transcript,
                                          HandshakeKeys keys,
                                          Channel& channel) {
  RETURN_IF_ERROR(SendFinished(keys.server_finished, transcript, channel));
  ASSIGN_OR_RETURN(Session session, ApplicationKeys(std::move(info), transcript,
                                                    std::move(keys.schedule)));
  // From here on an alert of ours goes under the application keys: the client
  // has switched to them when it has seen our Finished.
  RETURN_IF_ERROR(channel.StartSealing(RecordSealer::CreateLater(
      session.keys.suite, session.keys.send.traffic_secret)));
  return ServerProgress{std::move(session), std::move(transcript),
                        std::move(keys.client_finished)};
}

Result<AwaitServerSignature::Next> AwaitServerSignature::Sign(
    ByteView signature, Channel& channel) && {
  RETURN_IF_ERROR(
      SendSignature(request_.scheme, signature, transcript_, channel));
  ASSIGN_OR_RETURN(ServerProgress progress,
                   FinishServerFlight(std::move(info_), std::move(transcript_),
                                      std::move(keys_), channel));
  if (client_auth_ == ClientAuth::kNone) {
    return Next(AwaitClientFinished(std::move(progress),
                                    ClientStanding(PeerAnonymousByPolicy())));
  }
  return Next(AwaitClientCertificate(client_auth_, std::move(progress)));
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
    ASSIGN_OR_RETURN(PeerProof proof,
                     TakeChain(certificate, /*ocsp_requested=*/false));
    return Next(AwaitClientProof(std::move(progress_), std::move(proof)));
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
  ASSIGN_OR_RETURN(proof_.transcript_hash, progress_.transcript.Current());
  RETURN_IF_ERROR(progress_.transcript.Add(message.whole));
  proof_.scheme = verify.scheme;
  proof_.signature = std::move(verify.signature);
  progress_.session.info.peer_scheme = verify.scheme;
  return AwaitClientVerdict(std::move(progress_), std::move(proof_));
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
                                 progress_.client_finished, hash,
                                 message.body));
  ASSIGN_OR_RETURN(Drained drained, channel.ProveDrained());
  return Completed{std::move(progress_.session), Finished(),
                   std::move(drained)};
}

}  // namespace ktlsd::handshake
