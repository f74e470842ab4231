// What a sequence of calls of ktlsd.h is made of: arguments, read from the
// fuzzer's bytes, and the objects that the calls are about.
//
// Scope:     two engines that are each other's peer, an acceptor, and three
//            configs, each there or NULL. Bytes that are given to the library
//            have their exact size, so that the address sanitizer sees a read
//            beyond.
// Layer:     handshake/c, fuzzing only.
// Threads:   one.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/owned_fd.h"
#include "handshake/c/ktlsd.h"
#include "handshake/c/testing/c_pair.h"

namespace ktlsd::handshake {

// Configs that a handshake can succeed with, made once.
struct UsualConfigs {
  UsualConfigs();

  CPki pki;
  std::string crl;
  Bytes ocsp_response;
  std::array<ConfigPtr, 3> clients;  // by certificate, by PSK, own verifier
  std::array<ConfigPtr, 3> servers;  // mutual, by PSK, own signer
};
const UsualConfigs& Usual();

struct Data {
  const void* bytes;
  std::size_t length;
};

// The rest of the input. Beyond its end all bytes are 0.
class Arguments {
 public:
  explicit Arguments(ByteView input) : rest_(input) {}

  bool empty() const { return rest_.empty(); }
  uint8_t Byte();
  std::size_t Size();  // small, or up to 64 KiB
  Data Any();          // a text of the usual configs, or bytes of the input
  const char* Text();  // a name or a path
  // `pointer`, or seldom NULL.
  template <typename T>
  T* Maybe(T* pointer) {
    return Byte() == 0xff ? nullptr : pointer;
  }

 private:
  Data Keep(ByteView bytes);

  ByteView rest_;
  std::vector<std::unique_ptr<uint8_t[]>> kept_;
};

struct Calls {
  explicit Calls(ByteView input) : arguments(input) {}

  std::size_t Index() { return arguments.Byte() % 3; }
  ktlsd_config* Config() { return configs[Index()].get(); }
  ktlsd_engine* Engine() { return engines[Index()].get(); }
  // One of the program's configs, or a usual one.
  const ktlsd_config* AnyConfig();
  // The end of a connection that the first two engines share, or no socket.
  int Socket();

  // What was returned: a code that a caller of this kind can get.
  void Note(int code);
  void Replace(std::size_t index, int code, ktlsd_engine* engine);
  // Steps an engine, and holds it to what ktlsd.h says of waits.
  void Step();
  // Bytes from one of the first two engines, and to the other.
  void Send();
  void Receive();
  // Lets the first two engines handshake until they cannot go on.
  void Finish();
  // Two engines that are done have agreed.
  void RequireAgreement() const;

  Arguments arguments;
  std::array<ConfigPtr, 3> configs;
  std::array<EnginePtr, 3> engines;
  std::array<int, 3> failures{};    // of a step; KTLSD_OK: none yet
  std::array<Bytes, 2> on_the_way;  // from each of the first two
  std::array<OwnedFd, 2> sockets;   // connected to each other, once used
};

// The entries, one of which a byte of the input chooses.
using Call = void (*)(Calls&);
std::span<const Call> ConfigCalls();
std::span<const Call> EngineCalls();

}  // namespace ktlsd::handshake
