#include "handshake/testing/sending_hook.h"

#include <utility>

#include "handshake/channel.h"

namespace ktlsd::handshake {
namespace {

SendingHook::Change& Current() {
  static SendingHook::Change current;
  return current;
}

}  // namespace

// What the linker makes of Channel::Send(ByteView) for --wrap: the method, and
// what is called in its stead. `this` is a method's first argument.
void RealSend(Channel* channel, ByteView message) asm(
    "__real__ZN5ktlsd9handshake7Channel4SendESt4spanIKhLm18446744073709551615E"
    "E");
void HookedSend(Channel* channel, ByteView message) asm(
    "__wrap__ZN5ktlsd9handshake7Channel4SendESt4spanIKhLm18446744073709551615E"
    "E");

void HookedSend(Channel* channel, ByteView message) {
  Bytes changed(message.begin(), message.end());
  if (Current()) {
    Current()(changed);
  }
  RealSend(channel, changed);
}

SendingHook::SendingHook(Change change) { Current() = std::move(change); }

SendingHook::~SendingHook() { Current() = nullptr; }

}  // namespace ktlsd::handshake
