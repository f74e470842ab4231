// The entries of ktlsd.h about codes, and about a session that is established.
#include <algorithm>
#include <cstring>
#include <span>
#include <string_view>

#include "base/error_codes.h"
#include "handshake/c/codes.h"
#include "handshake/c/engine.h"
#include "handshake/c/guard.h"
#include "handshake/c/ktlsd.h"
#include "handshake/crypto/digest.h"
#include "handshake/key_schedule.h"

namespace {

using ktlsd::ByteView;
using ktlsd::Code;
using ktlsd::Error;
using ktlsd::Fault;
using ktlsd::Ok;
using ktlsd::Status;
using namespace ktlsd::handshake;  // NOLINT(google-build-using-namespace)

// Bytes of an export: of SHA-256 there are no more (RFC 5869 section 2.3).
constexpr std::size_t kMaxExport = 255UL * 32;

int NumberOf(Fault fault) {
  switch (fault) {
    case Fault::kPeer:
      return KTLSD_FAULT_PEER;
    case Fault::kConfig:
      return KTLSD_FAULT_CONFIG;
    case Fault::kKernel:
      return KTLSD_FAULT_KERNEL;
    case Fault::kResource:
      return KTLSD_FAULT_RESOURCE;
    case Fault::kBug:
      break;
  }
  return KTLSD_FAULT_BUG;
}

// Points at what was agreed on, or at nothing.
void Give(const std::optional<ktlsd::Bytes>& value, const uint8_t** data,
          size_t* length) {
  *data = value ? value->data() : nullptr;
  *length = value ? value->size() : 0;
}

}  // namespace

extern "C" {

const char* ktlsd_code_name(int code) noexcept {
  const auto known = CodeOfNumber(code);
  if (code == KTLSD_OK || code == KTLSD_END) {
    return code == KTLSD_OK ? "ok" : "end";
  }
  return known ? ktlsd::Describe(*known).label.data() : "unknown";
}

int ktlsd_code_fault(int code) noexcept {
  const auto known = CodeOfNumber(code);
  if (code == KTLSD_OK || code == KTLSD_END) {
    return KTLSD_FAULT_NONE;
  }
  return known ? NumberOf(ktlsd::Describe(*known).fault) : KTLSD_FAULT_BUG;
}

int ktlsd_session_suite(const ktlsd_engine* engine, uint16_t* suite) noexcept {
  return Guarded([&]() -> Status {
    if (AnyNull(engine, suite)) {
      return kNullArgument;
    }
    ASSIGN_OR_RETURN(const Session* const session, engine->Finished());
    *suite = static_cast<uint16_t>(session->info.suite);
    return Ok{};
  });
}

int ktlsd_session_group(const ktlsd_engine* engine, uint16_t* group) noexcept {
  return Guarded([&]() -> Status {
    if (AnyNull(engine, group)) {
      return kNullArgument;
    }
    ASSIGN_OR_RETURN(const Session* const session, engine->Finished());
    *group = static_cast<uint16_t>(session->info.group);
    return Ok{};
  });
}

int ktlsd_session_alpn(const ktlsd_engine* engine, const uint8_t** protocol,
                       size_t* length) noexcept {
  return Guarded([&]() -> Status {
    if (AnyNull(engine, protocol, length)) {
      return kNullArgument;
    }
    ASSIGN_OR_RETURN(const Session* const session, engine->Finished());
    Give(session->info.alpn_protocol, protocol, length);
    return Ok{};
  });
}

int ktlsd_session_psk_identity(const ktlsd_engine* engine,
                               const uint8_t** identity,
                               size_t* length) noexcept {
  return Guarded([&]() -> Status {
    if (AnyNull(engine, identity, length)) {
      return kNullArgument;
    }
    ASSIGN_OR_RETURN(const Session* const session, engine->Finished());
    Give(session->info.psk_identity, identity, length);
    return Ok{};
  });
}

int ktlsd_session_peer_verified(const ktlsd_engine* engine,
                                int* verified) noexcept {
  return Guarded([&]() -> Status {
    if (AnyNull(engine, verified)) {
      return kNullArgument;
    }
    ASSIGN_OR_RETURN(const Session* const session, engine->Finished());
    *verified = session->info.peer_scheme ? 1 : 0;
    return Ok{};
  });
}

int ktlsd_session_export(const ktlsd_engine* engine, const void* label,
                         size_t label_length, const void* context,
                         size_t context_length, void* out,
                         size_t out_length) noexcept {
  const int code = Guarded([&]() -> Status {
    if (AnyNull(engine, label, context, out)) {
      return kNullArgument;
    }
    if (out_length > kMaxExport) {
      return Error{Code::kApiMisuse, "more than can be exported"};
    }
    ASSIGN_OR_RETURN(const Session* const session, engine->Finished());
    return ExportKeyingMaterial(
        HashOf(session->info.suite), session->exporter_master,
        std::string_view(static_cast<const char*>(label), label_length),
        ByteView(static_cast<const uint8_t*>(context), context_length),
        std::span(static_cast<uint8_t*>(out), out_length));
  });
  // Half of it may be there, or what the program had there before.
  if (code != KTLSD_OK && out != nullptr) {
    ::explicit_bzero(out, std::min(out_length, kMaxExport));
  }
  return code;
}

}  // extern "C"
