// The entries of ktlsd.h that read the ClientHello an acceptor waits with.
#include "handshake/c/engine.h"
#include "handshake/c/guard.h"
#include "handshake/c/ktlsd.h"

namespace {

using ktlsd::Bytes;
using ktlsd::Ok;
using ktlsd::Status;
using namespace ktlsd::handshake;  // NOLINT(google-build-using-namespace)

// One number of a list of the hello; `pick(hello)` is the list.
template <typename Pick>
int HelloNumber(const ktlsd_engine* engine, std::size_t index, uint16_t* out,
                Pick&& pick) noexcept {
  int item = KTLSD_END;
  const int code = Guarded([&]() -> Status {
    if (AnyNull(engine, out)) {
      return kNullArgument;
    }
    ASSIGN_OR_RETURN(const NeedServerConfig need,
                     engine->Awaited<NeedServerConfig>());
    const auto& list = pick(*need.hello);
    if (index < list.size()) {
      *out = static_cast<uint16_t>(list[index]);
      item = KTLSD_OK;
    }
    return Ok{};
  });
  return code == KTLSD_OK ? item : code;
}

// One byte string of the hello: `pick(hello, index)` is it, or null behind the
// last.
template <typename Pick>
int HelloBytes(const ktlsd_engine* engine, std::size_t index,
               const uint8_t** data, size_t* length, Pick&& pick) noexcept {
  int item = KTLSD_END;
  const int code = Guarded([&]() -> Status {
    if (AnyNull(engine, data, length)) {
      return kNullArgument;
    }
    ASSIGN_OR_RETURN(const NeedServerConfig need,
                     engine->Awaited<NeedServerConfig>());
    if (const Bytes* bytes = pick(*need.hello, index)) {
      *data = bytes->data();
      *length = bytes->size();
      item = KTLSD_OK;
    }
    return Ok{};
  });
  return code == KTLSD_OK ? item : code;
}

}  // namespace

extern "C" {

int ktlsd_hello_server_name(const ktlsd_engine* engine, const char** name,
                            size_t* length) noexcept {
  bool sent = false;
  const int code = Guarded([&]() -> Status {
    if (AnyNull(engine, name, length)) {
      return kNullArgument;
    }
    ASSIGN_OR_RETURN(const NeedServerConfig need,
                     engine->Awaited<NeedServerConfig>());
    sent = need.hello->server_name.has_value();
    if (sent) {
      *name = need.hello->server_name->data();
      *length = need.hello->server_name->size();
    }
    return Ok{};
  });
  return code == KTLSD_OK && !sent ? KTLSD_END : code;
}

int ktlsd_hello_alpn(const ktlsd_engine* engine, size_t index,
                     const uint8_t** protocol, size_t* length) noexcept {
  return HelloBytes(
      engine, index, protocol, length,
      [](const ClientHello& hello, std::size_t i) -> const Bytes* {
        return i < hello.alpn_protocols.size() ? &hello.alpn_protocols[i]
                                               : nullptr;
      });
}

int ktlsd_hello_psk_identity(const ktlsd_engine* engine, size_t index,
                             const uint8_t** identity,
                             size_t* length) noexcept {
  return HelloBytes(
      engine, index, identity, length,
      [](const ClientHello& hello, std::size_t i) -> const Bytes* {
        const auto& psks = hello.pre_shared_keys;
        return psks && i < psks->identities.size()
                   ? &psks->identities[i].identity
                   : nullptr;
      });
}

int ktlsd_hello_status_request(const ktlsd_engine* engine,
                               int* asked) noexcept {
  return Guarded([&]() -> Status {
    if (AnyNull(engine, asked)) {
      return kNullArgument;
    }
    ASSIGN_OR_RETURN(const NeedServerConfig need,
                     engine->Awaited<NeedServerConfig>());
    *asked = need.hello->status_request ? 1 : 0;
    return Ok{};
  });
}

int ktlsd_hello_suite(const ktlsd_engine* engine, size_t index,
                      uint16_t* suite) noexcept {
  return HelloNumber(engine, index, suite,
                     [](const ClientHello& hello) -> const auto& {
                       return hello.cipher_suites;
                     });
}

int ktlsd_hello_group(const ktlsd_engine* engine, size_t index,
                      uint16_t* group) noexcept {
  return HelloNumber(engine, index, group,
                     [](const ClientHello& hello) -> const auto& {
                       return hello.supported_groups;
                     });
}

int ktlsd_hello_scheme(const ktlsd_engine* engine, size_t index,
                       uint16_t* scheme) noexcept {
  return HelloNumber(engine, index, scheme,
                     [](const ClientHello& hello) -> const auto& {
                       return hello.signature_algorithms;
                     });
}

}  // extern "C"
