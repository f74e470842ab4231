// A man in the middle who can open and protect every record: changes handshake
// messages between the engine that sends them and their protection.
//
// Scope:     while a SendingHook lives, all that the engines of this process
//            send goes through it. Whoever links this target gets the hook by
//            the linker (--wrap of Channel::Send): the library is as it is in
//            a product, and has no hook. Only targets for tests can see this.
// Layer:     handshake/testing.
// Threads:   one thread.
#pragma once

#include <functional>

#include "base/bytes.h"

namespace ktlsd::handshake {

class SendingHook {
 public:
  // Gets each whole message, header included, and may put anything in its
  // place: a changed one, several, or nothing. The sender does not know:
  // its transcript has what it meant to send.
  using Change = std::function<void(Bytes& message)>;

  // One at a time.
  explicit SendingHook(Change change);
  SendingHook(const SendingHook&) = delete;
  SendingHook& operator=(const SendingHook&) = delete;
  ~SendingHook();
};

}  // namespace ktlsd::handshake
