// The entries of ktlsd.h that drive an engine and answer its waits.
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "handshake/c/codes.h"
#include "handshake/c/engine.h"
#include "handshake/c/guard.h"
#include "handshake/c/ktlsd.h"

namespace {

using ktlsd::Bytes;
using ktlsd::ByteView;
using ktlsd::Code;
using ktlsd::Error;
using ktlsd::Ok;
using ktlsd::Result;
using ktlsd::Status;
using namespace ktlsd::handshake;  // NOLINT(google-build-using-namespace)

// What CalendarTime, which counts nanoseconds, can hold.
constexpr int64_t kMaxSeconds = 9223372036;

}  // namespace

extern "C" {

int ktlsd_engine_new(const ktlsd_config* config, ktlsd_engine** out) noexcept {
  return Guarded([&]() -> Status {
    if (AnyNull(config, out)) {
      return kNullArgument;
    }
    RETURN_IF_ERROR(config->Check());
    *out = std::make_unique<ktlsd_engine>(config).release();
    return Ok{};
  });
}

int ktlsd_engine_new_acceptor(ktlsd_engine** out) noexcept {
  return Guarded([&]() -> Status {
    if (AnyNull(out)) {
      return kNullArgument;
    }
    *out = std::make_unique<ktlsd_engine>(nullptr).release();
    return Ok{};
  });
}

void ktlsd_engine_free(ktlsd_engine* engine) noexcept {
  const std::unique_ptr<ktlsd_engine> owner(engine);
}

int ktlsd_engine_step(ktlsd_engine* engine, int* wait, size_t* bytes) noexcept {
  return GuardedEngine(engine, [&]() -> Status {
    if (AnyNull(engine, wait, bytes)) {
      return kNullArgument;
    }
    ASSIGN_OR_RETURN(const ktlsd_engine::Step step, engine->Advance());
    *wait = step.wait;
    *bytes = step.bytes;
    return Ok{};
  });
}

int ktlsd_engine_output(const ktlsd_engine* engine, const uint8_t** data,
                        size_t* length) noexcept {
  return Guarded([&]() -> Status {
    if (AnyNull(engine, data, length)) {
      return kNullArgument;
    }
    RETURN_IF_ERROR(engine->Awaited<HaveOutput>());
    const ByteView output = engine->core->output();
    *data = output.data();
    *length = output.size();
    return Ok{};
  });
}

int ktlsd_engine_written(ktlsd_engine* engine, size_t count) noexcept {
  return GuardedEngine(engine, [&]() -> Status {
    if (AnyNull(engine)) {
      return kNullArgument;
    }
    RETURN_IF_ERROR(engine->Awaited<HaveOutput>());
    if (count > engine->core->output().size()) {
      return Error{Code::kApiMisuse, "more written than there was"};
    }
    engine->core->Written(count);
    return Ok{};
  });
}

int ktlsd_engine_feed(ktlsd_engine* engine, const void* data,
                      size_t length) noexcept {
  return GuardedEngine(engine, [&]() -> Status {
    if (AnyNull(engine, data)) {
      return kNullArgument;
    }
    ASSIGN_OR_RETURN(const NeedInput need, engine->Awaited<NeedInput>());
    if (length == 0 || length > need.bytes) {
      return Error{Code::kApiMisuse, "no bytes, or more than were wanted"};
    }
    engine->core->Feed(ByteView(static_cast<const uint8_t*>(data), length));
    return Ok{};
  });
}

int ktlsd_engine_peer_closed(ktlsd_engine* engine, int reset) noexcept {
  return GuardedEngine(engine, [&]() -> Status {
    if (AnyNull(engine)) {
      return kNullArgument;
    }
    ASSIGN_OR_RETURN(Engine* const core, engine->Running());
    core->PeerClosed(reset != 0);
    return Ok{};
  });
}

int ktlsd_engine_set_time(ktlsd_engine* engine, int64_t seconds) noexcept {
  return Guarded([&]() -> Status {
    if (AnyNull(engine)) {
      return kNullArgument;
    }
    if (seconds < 0 || seconds > kMaxSeconds) {
      return Error{Code::kApiMisuse, "not a time before the year 2262"};
    }
    engine->today = ktlsd::CalendarTime(std::chrono::seconds(seconds));
    return Ok{};
  });
}

int ktlsd_engine_error_text(const ktlsd_engine* engine,
                            const char** text) noexcept {
  return Guarded([&]() -> Status {
    if (AnyNull(engine, text)) {
      return kNullArgument;
    }
    // Literals: they end with a NUL (base/result.h).
    *text = engine->failure ? engine->failure->what.data() : "";
    return Ok{};
  });
}

int ktlsd_engine_peer_alert(const ktlsd_engine* engine,
                            uint8_t* alert) noexcept {
  bool received = false;
  const int code = Guarded([&]() -> Status {
    if (AnyNull(engine, alert)) {
      return kNullArgument;
    }
    received = engine->failure && engine->failure->code == Code::kAlertReceived;
    if (received) {
      *alert = engine->failure->alert;
    }
    return Ok{};
  });
  return code == KTLSD_OK && !received ? KTLSD_END : code;
}

int ktlsd_engine_configure(ktlsd_engine* engine,
                           const ktlsd_config* config) noexcept {
  return GuardedEngine(engine, [&]() -> Status {
    if (AnyNull(engine, config)) {
      return kNullArgument;
    }
    return engine->Configure(*config);
  });
}

int ktlsd_engine_to_sign(const ktlsd_engine* engine, size_t* certificate,
                         uint16_t* scheme, const uint8_t** content,
                         size_t* length) noexcept {
  return Guarded([&]() -> Status {
    if (AnyNull(engine, certificate, scheme, content, length)) {
      return kNullArgument;
    }
    ASSIGN_OR_RETURN(const NeedSignature need,
                     engine->Awaited<NeedSignature>());
    if (engine->to_sign.empty()) {
      return Error{Code::kApiMisuse, "step first"};
    }
    *certificate = need.request.certificate;
    *scheme = static_cast<uint16_t>(need.request.scheme);
    *content = engine->to_sign.data();
    *length = engine->to_sign.size();
    return Ok{};
  });
}

int ktlsd_engine_sign(ktlsd_engine* engine, const void* signature,
                      size_t length) noexcept {
  return GuardedEngine(engine, [&]() -> Status {
    if (AnyNull(engine, signature)) {
      return kNullArgument;
    }
    RETURN_IF_ERROR(engine->Awaited<NeedSignature>());
    if (length == 0 || length > kMaxOtherMessage) {
      return Error{Code::kApiMisuse, "no signature has this length"};
    }
    const ByteView bytes(static_cast<const uint8_t*>(signature), length);
    engine->core->Sign(Bytes(bytes.begin(), bytes.end()));
    return Ok{};
  });
}

int ktlsd_engine_accept_peer(ktlsd_engine* engine) noexcept {
  return GuardedEngine(engine, [&]() -> Status {
    if (AnyNull(engine)) {
      return kNullArgument;
    }
    return engine->AcceptPeer();
  });
}

int ktlsd_engine_refuse_peer(ktlsd_engine* engine, int code) noexcept {
  return GuardedEngine(engine, [&]() -> Status {
    if (AnyNull(engine)) {
      return kNullArgument;
    }
    RETURN_IF_ERROR(engine->Awaited<NeedPeerVerdict>());
    const std::optional<Code> reason = CodeOfNumber(code);
    if (!reason || code < KTLSD_CERTIFICATE_REQUIRED ||
        code > KTLSD_OCSP_RESPONSE_MISSING) {
      return Error{Code::kApiMisuse, "no reason to refuse a certificate"};
    }
    engine->core->Judge(Error{*reason, "the program refused the peer"});
    return Ok{};
  });
}

int ktlsd_engine_peer_certificate(const ktlsd_engine* engine, size_t index,
                                  const uint8_t** der,
                                  size_t* length) noexcept {
  int item = KTLSD_END;
  const int code = Guarded([&]() -> Status {
    if (AnyNull(engine, der, length)) {
      return kNullArgument;
    }
    if (index < engine->peer_chain.size()) {
      *der = engine->peer_chain[index].data();
      *length = engine->peer_chain[index].size();
      item = KTLSD_OK;
    }
    return Ok{};
  });
  return code == KTLSD_OK ? item : code;
}

int ktlsd_engine_peer_ocsp_response(const ktlsd_engine* engine,
                                    const uint8_t** der,
                                    size_t* length) noexcept {
  bool sent = false;
  const int code = Guarded([&]() -> Status {
    if (AnyNull(engine, der, length)) {
      return kNullArgument;
    }
    sent = engine->peer_ocsp_response.has_value();
    if (sent) {
      *der = engine->peer_ocsp_response->data();
      *length = engine->peer_ocsp_response->size();
    }
    return Ok{};
  });
  return code == KTLSD_OK && !sent ? KTLSD_END : code;
}

int ktlsd_engine_peer_subject(const ktlsd_engine* engine,
                              const char** subject) noexcept {
  return Guarded([&]() -> Status {
    if (AnyNull(engine, subject)) {
      return kNullArgument;
    }
    *subject = engine->peer_subject.c_str();
    return Ok{};
  });
}

}  // extern "C"
