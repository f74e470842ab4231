#include "handshake/testing/flight_run.h"

#include <cstddef>

#include "base/error_codes.h"
#include "handshake/testing/changes.h"
#include "handshake/testing/fuzz_world.h"
#include "handshake/testing/local_peer.h"
#include "handshake/testing/sending_hook.h"

namespace ktlsd::handshake {
namespace {

class SplicedFlight {
 public:
  SplicedFlight(Role sender, ByteView input) : sender_(sender) {
    ByteReader reader(input);
    from_ = reader.U16().value_or(0);
    to_ = from_ + reader.U16().value_or(0);
    inserted_ = reader.rest();
  }

  // For a SendingHook.
  void Pass(Bytes& message) {
    const bool is_client = order_.IsClient(message);
    const auto type = static_cast<HandshakeType>(message[0]);
    if (is_client != (sender_ == Role::kClient) ||
        type == HandshakeType::kClientHello ||
        type == HandshakeType::kServerHello) {
      return;
    }
    Bytes changed;
    for (const uint8_t byte : message) {
      InsertIfDue(changed);
      if (meant_.size() < from_ || meant_.size() >= to_) {
        changed.push_back(byte);
      }
      meant_.push_back(byte);
    }
    if (type == HandshakeType::kFinished) {
      InsertIfDue(changed);  // behind the last one
    }
    sent_.insert(sent_.end(), changed.begin(), changed.end());
    message = changed;
  }

  const Bytes& meant() const { return meant_; }
  bool is_changed() const { return meant_ != sent_; }

 private:
  void InsertIfDue(Bytes& out) {
    if (meant_.size() == from_) {
      out.insert(out.end(), inserted_.begin(), inserted_.end());
      inserted_ = {};
    }
  }

  const Role sender_;
  std::size_t from_;
  std::size_t to_;
  ByteView inserted_;
  Sender order_;
  Bytes meant_;
  Bytes sent_;
};

}  // namespace

FlightRun RunFlight(Role sender, ByteView input) {
  const FuzzRun run;
  ByteReader reader(input);
  const Setups setups = run.FromBits(reader.U8().value_or(0));
  SplicedFlight flight(sender, reader.rest());
  const SendingHook hook([&](Bytes& message) { flight.Pass(message); });

  const Pair pair = Handshake(setups.client, setups.server);

  const bool accepted = pair.client.done() && pair.server.done();
  Require(accepted == !flight.is_changed());
  if (!accepted) {
    const LocalPeer& receiver =
        sender == Role::kClient ? pair.server : pair.client;
    Require(receiver.failure() != nullptr);
    Require(Describe(receiver.failure()->error.code).fault == Fault::kPeer);
  }
  return {accepted, flight.meant()};
}

}  // namespace ktlsd::handshake
