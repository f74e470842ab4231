#include "handshake/bogo/flags.h"

#include <charconv>
#include <map>
#include <set>
#include <system_error>
#include <variant>

#include "base/overload.h"

namespace ktlsd::handshake {
namespace {

using Field =
    std::variant<bool Flags::*, std::string Flags::*, uint16_t Flags::*,
                 unsigned Flags::*, std::vector<uint16_t> Flags::*,
                 std::optional<uint16_t> Flags::*,
                 std::optional<std::string> Flags::*>;

const std::map<std::string_view, Field>& Fields() {
  static const std::map<std::string_view, Field> fields = {
      {"-port", &Flags::port},
      {"-resume-count", &Flags::resume_count},
      {"-server", &Flags::server},
      {"-async", &Flags::async},
      {"-key-file", &Flags::key_file},
      {"-cert-file", &Flags::cert_file},
      {"-host-name", &Flags::host_name},
      {"-curves", &Flags::curves},
      {"-signing-prefs", &Flags::signing_prefs},
      {"-verify-prefs", &Flags::verify_prefs},
      {"-require-any-client-certificate",
       &Flags::require_any_client_certificate},
      {"-verify-peer", &Flags::verify_peer},
      {"-verify-fail", &Flags::verify_fail},
      {"-advertise-alpn", &Flags::advertise_alpn},
      {"-select-alpn", &Flags::select_alpn},
      {"-reject-alpn", &Flags::reject_alpn},
      {"-fail-early-callback", &Flags::fail_callback},
      {"-fail-ddos-callback", &Flags::fail_callback},
      {"-fail-cert-callback", &Flags::fail_callback},
      {"-shim-writes-first", &Flags::shim_writes_first},
      {"-shim-shuts-down", &Flags::shim_shuts_down},
      {"-check-close-notify", &Flags::check_close_notify},
      {"-send-alert", &Flags::send_alert},
      {"-export-traffic-secrets", &Flags::export_traffic_secrets},
      {"-write-different-record-sizes", &Flags::write_different_record_sizes},
      {"-read-size", &Flags::read_size},
      {"-expect-alpn", &Flags::expect_alpn},
      {"-expect-advertised-alpn", &Flags::expect_advertised_alpn},
      {"-expect-server-name", &Flags::expect_server_name},
      {"-expect-peer-cert-file", &Flags::expect_peer_cert_file},
      {"-expect-peer-signature-algorithm",
       &Flags::expect_peer_signature_algorithm},
      {"-expect-peer-verify-pref", &Flags::expect_peer_verify_prefs},
      {"-expect-curve-id", &Flags::expect_curve_id},
      {"-expect-cipher", &Flags::expect_cipher},
      {"-expect-cipher-aes", &Flags::expect_cipher},
      {"-expect-version", &Flags::expect_version},
      {"-expect-session-miss", &Flags::expect_session_miss},
      {"-max-version", &Flags::max_version},
      {"-no-tls13", &Flags::no_tls13},
      {"-is-handshaker-supported", &Flags::probe_handshaker},
  };
  return fields;
}

// Asked for and always so here, or about other versions of the protocol.
const std::set<std::string_view>& Granted() {
  static const std::set<std::string_view> granted = {
      "-no-tls12",
      "-no-tls11",
      "-no-tls1",
      "-no-ticket",
      "-decline-alpn",
      "-use-early-callback",
      "-install-ddos-callback",
      "-use-old-client-cert-callback",
      "-use-custom-verify-callback",
      "-expect-verify-result",
      "-implicit-handshake",
      "-no-op-extra-handshake",
      "-handshake-twice",
      "-peek-then-read",
      "-expect-no-session",
      "-expect-no-session-id",
      "-server-preference",
      "-enforce-rsa-key-usage",
      "-expect-extended-master-secret",
      "-expect-secure-renegotiation",
      "-expect-no-secure-renegotiation",
      "-renegotiate-freely",
      "-renegotiate-once",
      "-renegotiate-ignore",
      "-renegotiate-explicit",
      "-forbid-renegotiation-after-handshake"};
  return granted;
}

// The same with a value.
const std::set<std::string_view>& GrantedWithValue() {
  static const std::set<std::string_view> granted = {
      "-min-version", "-expect-early-data-reason", "-expect-cipher-no-aes"};
  return granted;
}

template <typename Integer>
bool ReadInteger(std::string_view text, Integer& out) {
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && end == text.data() + text.size();
}

bool Store(Flags& flags, const Field& field, std::string_view value) {
  return std::visit(
      Overload{
          [&](bool Flags::* member) { return flags.*member = true; },
          [&](std::string Flags::* member) {
            flags.*member = value;
            return true;
          },
          [&](std::optional<std::string> Flags::* member) {
            flags.*member = std::string(value);
            return true;
          },
          [&](uint16_t Flags::* member) {
            return ReadInteger(value, flags.*member);
          },
          [&](unsigned Flags::* member) {
            return ReadInteger(value, flags.*member);
          },
          [&](std::optional<uint16_t> Flags::* member) {
            return ReadInteger(value, (flags.*member).emplace());
          },
          [&](std::vector<uint16_t> Flags::* member) {
            return ReadInteger(value, (flags.*member).emplace_back());
          },
      },
      field);
}

// Cuts "-on-resume-x" to "-x"; false when the flag is for another connection.
bool IsMeant(std::string& name, bool resumed) {
  for (const std::string_view prefix :
       {"-on-shim", "-on-initial", "-on-resume"}) {
    if (name.starts_with(std::string(prefix) + "-")) {
      name.erase(0, prefix.size());
      return prefix == "-on-shim" || (prefix == "-on-resume") == resumed;
    }
  }
  return true;
}

}  // namespace

std::optional<Flags> ParseFlags(std::span<const char* const> arguments,
                                bool resumed, std::string& unknown) {
  Flags flags;
  while (!arguments.empty()) {
    std::string name = arguments.front();
    unknown = name;
    arguments = arguments.subspan(1);
    const bool meant = IsMeant(name, resumed);
    if (name == "-expect-hrr" || name == "-expect-no-hrr") {
      if (meant) {
        flags.expect_hrr = name == "-expect-hrr";
      }
      continue;
    }
    if (Granted().contains(name)) {
      continue;
    }
    const auto field = Fields().find(name);
    const bool known = field != Fields().end();
    if (!known && !GrantedWithValue().contains(name)) {
      return std::nullopt;
    }
    std::string_view value;
    if (!known || !std::holds_alternative<bool Flags::*>(field->second)) {
      if (arguments.empty()) {
        return std::nullopt;
      }
      value = arguments.front();
      arguments = arguments.subspan(1);
    }
    if (known && meant && !Store(flags, field->second, value)) {
      return std::nullopt;
    }
  }
  unknown.clear();
  return flags;
}

}  // namespace ktlsd::handshake
