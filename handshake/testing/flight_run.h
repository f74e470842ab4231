// A handshake between our client and our server in which the protected flight
// of one of them is changed as an input says: what server_flight_fuzz and
// client_flight_fuzz do with each input.
//
// An input is a byte of FuzzRun::FromBits(), then two numbers of two bytes and
// the rest: of the flight's messages, joined, so many bytes from the first
// number on are left out as the second one says, and the rest takes their
// place. Zeros and no rest leave the flight as it is, 0 and 65535 leave only
// the rest. What is sent is protected with the right keys.
//
// Layer:     handshake/testing.
// Threads:   one thread.
#pragma once

#include "base/bytes.h"
#include "handshake/wire.h"

namespace ktlsd::handshake {

// What came of an input.
struct FlightRun {
  bool accepted = false;  // both ends are done
  Bytes flight;           // as the sender meant it
};

// Stops the process (Require) unless exactly the flight as the sender meant it
// is accepted, and any other is refused as the sender's fault.
FlightRun RunFlight(Role sender, ByteView input);

}  // namespace ktlsd::handshake
