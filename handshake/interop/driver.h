// One handshake of ours over a loopback connection, with the key and the trust
// store in the same process, and one exchange of application data.
//
// Layer:     handshake/interop: tests only.
#pragma once

#include <string>
#include <utility>
#include <variant>

#include "base/result.h"
#include "base/session_keys.h"
#include "handshake/config.h"
#include "handshake/credential.h"
#include "handshake/engine.h"
#include "handshake/interop/loopback_stream.h"
#include "handshake/interop/options.h"
#include "handshake/peer_verifier.h"

namespace ktlsd::handshake {

// What came out of a handshake.
struct Outcome {
  Session session;
  std::string peer_subject;  // empty: the peer showed no certificate
  // The content and type of our longest protected record, in bytes.
  std::size_t longest_record = 0;
};

class Driver {
 public:
  // Reads the files that `options` names.
  static Result<Driver> Create(Options options);

  // Handshakes over `stream` and returns once the session is established.
  Result<Outcome> Handshake(LoopbackStream& stream);

 private:
  Driver(Options options, std::optional<TrustStore> trust,
         std::vector<Credential> ours)
      : options_(std::move(options)),
        trust_(std::move(trust)),
        ours_(std::move(ours)) {}

  Engine MakeEngine() const;
  // Answers one wait; false when there is none to answer any more.
  Result<bool> Answer(Engine& engine, const Wait& wait, LoopbackStream& stream);
  Status Read(Engine& engine, std::size_t limit, LoopbackStream& stream);
  Status Write(Engine& engine, LoopbackStream& stream);
  Result<ServerConfig> Configuration() const;
  Result<Bytes> Sign(const SignatureRequest& request) const;
  Result<PeerVerified> Judge(const PeerProof& proof);

  Options options_;
  std::optional<TrustStore> trust_;  // none with PSKs
  std::vector<Credential> ours_;     // best first
  std::string peer_subject_;
  Bytes written_;  // all that the handshake sent
};

}  // namespace ktlsd::handshake
