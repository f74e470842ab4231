// The entries of ktlsd.h about codes and configs, each with whatever arguments.
#include <array>

#include "handshake/c/fuzz/calls.h"
#include "handshake/testing/fuzz_world.h"

namespace ktlsd::handshake {
namespace {

void New(Calls& c, int (*make)(ktlsd_config**)) {
  ktlsd_config* made = nullptr;
  const int code = make(c.arguments.Maybe(&made));
  c.Note(code);
  Require((code == KTLSD_OK) == (made != nullptr));
  if (made != nullptr) {
    c.configs[c.Index()].reset(made);
  }
}

void Number(Calls& c, int (*set)(ktlsd_config*, int)) {
  ktlsd_config* const config = c.Config();
  c.Note(set(config, static_cast<int8_t>(c.arguments.Byte())));
}

void Text(Calls& c, int (*set)(ktlsd_config*, const char*)) {
  ktlsd_config* const config = c.Config();
  c.Note(set(config, c.arguments.Text()));
}

void Texts(Calls& c, int (*set)(ktlsd_config*, const char*, const char*)) {
  ktlsd_config* const config = c.Config();
  const char* const first = c.arguments.Text();
  c.Note(set(config, first, c.arguments.Text()));
}

void OneData(Calls& c, int (*set)(ktlsd_config*, const void*, size_t)) {
  ktlsd_config* const config = c.Config();
  const Data data = c.arguments.Any();
  c.Note(set(config, data.bytes, data.length));
}

void TwoData(Calls& c, int (*set)(ktlsd_config*, const void*, size_t,
                                  const void*, size_t)) {
  ktlsd_config* const config = c.Config();
  const Data first = c.arguments.Any();
  const Data second = c.arguments.Any();
  c.Note(set(config, first.bytes, first.length, second.bytes, second.length));
}

struct Numbers {
  explicit Numbers(Arguments& arguments) : count(arguments.Byte() % 8) {
    // Those that mean something are around here.
    static constexpr std::array<uint8_t, 6> kHigh = {0, 0x13, 4, 8, 9, 0x11};
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t high = kHigh[arguments.Byte() % kHigh.size()];
      values[i] = static_cast<uint16_t>(high << 8 | arguments.Byte());
    }
  }
  std::size_t count;
  std::array<uint16_t, 8> values{};
};

void List(Calls& c, int (*set)(ktlsd_config*, const uint16_t*, size_t)) {
  ktlsd_config* const config = c.Config();
  const Numbers numbers(c.arguments);
  c.Note(set(config, c.arguments.Maybe(numbers.values.data()), numbers.count));
}

void External(Calls& c, int (*set)(ktlsd_config*, const void*, size_t,
                                   const uint16_t*, size_t)) {
  ktlsd_config* const config = c.Config();
  const Data chain = c.arguments.Any();
  const Numbers schemes(c.arguments);
  c.Note(set(config, chain.bytes, chain.length,
             c.arguments.Maybe(schemes.values.data()), schemes.count));
}

constexpr std::array kCalls = {
    +[](Calls& c) {
      const auto code = static_cast<int>(c.arguments.Size());
      Require(ktlsd_code_name(code) != nullptr);
      Require(ktlsd_code_fault(code) >= KTLSD_FAULT_NONE);
    },
    +[](Calls& c) { New(c, ktlsd_config_new_client); },
    +[](Calls& c) { New(c, ktlsd_config_new_server); },
    +[](Calls& c) { ktlsd_config_free(c.configs[c.Index()].release()); },
    +[](Calls& c) { TwoData(c, ktlsd_config_set_certificate_pem); },
    +[](Calls& c) { TwoData(c, ktlsd_config_add_certificate_pem); },
    +[](Calls& c) { Texts(c, ktlsd_config_set_certificate_files); },
    +[](Calls& c) { Texts(c, ktlsd_config_add_certificate_files); },
    +[](Calls& c) { External(c, ktlsd_config_set_certificate_external); },
    +[](Calls& c) { External(c, ktlsd_config_add_certificate_external); },
    +[](Calls& c) {
      ktlsd_config* const config = c.Config();
      const std::size_t index = c.arguments.Byte() % 4;
      const Data data = c.arguments.Any();
      c.Note(ktlsd_config_set_ocsp_response(config, index, data.bytes,
                                            data.length));
    },
    +[](Calls& c) { OneData(c, ktlsd_config_set_trust_pem); },
    +[](Calls& c) { TwoData(c, ktlsd_config_set_trust_pem_crls); },
    +[](Calls& c) { Text(c, ktlsd_config_set_trust_files); },
    +[](Calls& c) { Texts(c, ktlsd_config_set_trust_files_crls); },
    +[](Calls& c) { c.Note(ktlsd_config_set_verifier_external(c.Config())); },
    +[](Calls& c) { Number(c, ktlsd_config_request_ocsp); },
    +[](Calls& c) { Number(c, ktlsd_config_set_profile); },
    +[](Calls& c) { Text(c, ktlsd_config_set_server_name); },
    +[](Calls& c) {
      ktlsd_config* const config = c.Config();
      const Data identity = c.arguments.Any();
      const Data key = c.arguments.Any();
      c.Note(ktlsd_config_add_psk(config, identity.bytes, identity.length,
                                  key.bytes, key.length,
                                  c.arguments.Byte() % 4));
    },
    +[](Calls& c) { OneData(c, ktlsd_config_add_alpn); },
    +[](Calls& c) { Number(c, ktlsd_config_require_alpn); },
    +[](Calls& c) { Number(c, ktlsd_config_set_client_auth); },
    +[](Calls& c) { Number(c, ktlsd_config_set_record_size_limit); },
    +[](Calls& c) { List(c, ktlsd_config_set_suites); },
    +[](Calls& c) { List(c, ktlsd_config_set_groups); },
};

}  // namespace

std::span<const Call> ConfigCalls() { return kCalls; }

}  // namespace ktlsd::handshake
