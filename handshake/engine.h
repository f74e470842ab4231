// One handshake, driven by its owner: bytes in, bytes out, and a typed reason
// why it waits. This is the seam between protocol and I/O.
//
//   Engine engine = Engine::Client(config);
//   for (;;) {
//     std::visit(Overload{
//       [&](HaveOutput)        { write engine.output(); engine.Written(n); },
//       [&](NeedInput need)    { read at most need.bytes; engine.Feed(...); },
//       [&](NeedServerConfig w){ engine.Configure(choose(*w.hello)); },
//       [&](NeedSignature w)   { engine.Sign(signature of w.request); },
//       [&](NeedPeerVerdict w) { engine.Judge(verdict on *w.proof); },
//       [&](NeedPskChoice w)   { engine.ChoosePsk(one of *w.offered); },
//       [&](NeedPskBinder w)   { engine.GivePskBinder(for *w.request); },
//       [&](NeedPskVerdict w)  { engine.JudgePsk(verdict on *w.proof); },
//       [&](NeedPskSecret w)   { engine.GivePskSecret(for *w.request); },
//       [&](Done)              { ... std::move(engine).TakeSession(); },
//       [&](Failed failed)     { ... },
//     }, engine.wait());
//   }
//
// Scope:     no I/O, no clock, no file, no global; nothing blocks. The states
//            themselves are in client_start.h, client.h, server_start.h and
//            server.h; what is computed from a PSK is in psk.h.
// Layer:     handshake.
// Threads:   thread-compatible; one handshake, one Engine.
// Design:    docs/design/own-core.md
#pragma once

#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "base/alert.h"
#include "base/bytes.h"
#include "base/result.h"
#include "base/session_keys.h"
#include "handshake/channel.h"
#include "handshake/client.h"
#include "handshake/client_start.h"
#include "handshake/config.h"
#include "handshake/crypto/digest.h"
#include "handshake/proofs.h"
#include "handshake/psk_wait.h"
#include "handshake/server.h"
#include "handshake/server_start.h"
#include "handshake/states.h"

namespace ktlsd::handshake {

// Write output() to the socket and tell Written(). Comes before every other
// wait, after a failure too: an alert is among the bytes.
struct HaveOutput {};
// Read 1 to `bytes` bytes, never more: the rest of the stream is the kernel's.
struct NeedInput {
  std::size_t bytes;
};
// Server: choose the configuration. The hello lives until Configure().
struct NeedServerConfig {
  const ClientHello* hello;
};
// Sign with the key of our certificate.
struct NeedSignature {
  SignatureRequest request;
};
// Have the peer's certificate and signature verified. The proof lives until
// Judge().
struct NeedPeerVerdict {
  const PeerProof* proof;
};
// Server: choose one of the PSKs that the client offers, for one of `hashes`
// (of the suites in common, best first), or none. Both live until ChoosePsk().
struct NeedPskChoice {
  const OfferedPsks* offered;
  const std::vector<HashAlgorithm>* hashes;
};
// Client: compute a binder with the PSK. The request lives until
// GivePskBinder().
struct NeedPskBinder {
  const PskBinderRequest* request;
};
// Server: is the client's binder that of the PSK? The proof lives until
// JudgePsk().
struct NeedPskVerdict {
  const PskProof* proof;
};
// Compute the Handshake Secret with the PSK. The request lives until
// GivePskSecret().
struct NeedPskSecret {
  const PskSecretRequest* request;
};
// Finished, all output written: TakeSession().
struct Done {};
// Over. `alert_sent` is what the peer was told, if anything.
struct Failed {
  Error error;
  std::optional<Alert> alert_sent;
};

using Wait =
    std::variant<HaveOutput, NeedInput, NeedServerConfig, NeedSignature,
                 NeedPeerVerdict, NeedPskChoice, NeedPskBinder, NeedPskVerdict,
                 NeedPskSecret, Done, Failed>;

// What ktls/ needs, with its proofs.
struct EstablishedSession {
  Session session;
  Finished finished;
  Drained drained;
  Flushed flushed;
};

class Engine {
 public:
  // A configuration that cannot be used shows as Failed in wait(), and nothing
  // is sent. No memory is kNoMemory, here and in the answers below.
  static Engine Client(ClientConfig config);
  static Engine Server();

  // HaveOutput comes first, but for NeedSignature: what is there to be written
  // then and what the signature adds are one flight. In two pieces the peer
  // would wake twice, and TCP hold the second back until the first is
  // acknowledged.
  Wait wait() const;

  ByteView output() const { return channel_.output().pending(); }
  void Written(std::size_t count) { channel_.Written(count); }

  // The failure, once there is one, while its alert may still be in output().
  const Failed* failure() const { return std::get_if<Failed>(&state_); }

  // What was agreed on so far, also after a failure.
  const HandshakeInfo& info() const { return info_; }

  // Answers to the waits. An answer that was not waited for is a bug of the
  // caller and fails the handshake with kApiMisuse. An Error as the answer
  // (the signer is gone, the verifier refused) fails it with that error.
  void Feed(ByteView bytes);
  void Configure(Result<ServerConfig> config);
  void Sign(Result<Bytes> signature);
  void Judge(Result<PeerVerified> verdict);
  void ChoosePsk(Result<std::optional<PskChoice>> choice);
  void GivePskBinder(Result<HashSecret> binder);
  void JudgePsk(Result<PskVerified> verdict);
  void GivePskSecret(Result<HashSecret> handshake_secret);

  // Client by PSK, once Done, whose server does not speak first: there are
  // bytes in the socket already. NeedInput follows and then Done again, with
  // tickets forgotten and their records counted in the session; anything else
  // there fails. For every other session kApiMisuse.
  void ReadTicket();

  // The stream ended: FIN (`reset` false) or RST. Also: the caller gives up.
  void PeerClosed(bool reset);
  void Abort(const Error& error);

  // Requires wait() to be Done; else kApiMisuse. Once: the engine sends nothing
  // any more.
  Result<EstablishedSession> TakeSession() &&;

 private:
  using State =
      std::variant<Failed, Completed, AwaitOwnBinder, AwaitServerHello,
                   AwaitClientPskSecret, AwaitEncryptedExtensions,
                   AwaitServerCertificate, AwaitServerProof, AwaitServerVerdict,
                   AwaitServerFinished, AwaitClientSignature, AwaitTicket,
                   AwaitClientHello, AwaitServerConfig, AwaitPskChoice,
                   AwaitSecondHello, AwaitPeerBinder, AwaitServerPskSecret,
                   AwaitServerSignature, AwaitClientCertificate,
                   AwaitClientProof, AwaitClientVerdict, AwaitClientFinished>;

  explicit Engine(State state) : state_(std::move(state)) {}

  Wait WaitBehindOutput() const;

  template <typename T>
  void Enter(Result<T> next);
  template <typename Answer, typename Transition>
  void Give(Result<Answer> answer, Transition transition);
  template <typename Step>
  void Guarded(Step step);
  void Fail(const Error& error);
  void RunOutOfMemory();
  void TakeMessages();
  bool TakeMessage();

  void NoteInfo();

  Channel channel_;
  State state_;
  HandshakeInfo info_;
  bool client_ = false;
};

}  // namespace ktlsd::handshake
