#include "handshake/bogo/flags.h"

#include <openssl/evp.h>

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
                 std::optional<std::string> Flags::*,
                 std::optional<Bytes> Flags::*, std::vector<Bytes> Flags::*>;

using FieldTable = std::map<std::string_view, Field>;

// What the handshake is to be like.
const FieldTable& OfHandshake() {
  static const FieldTable table = {
      {"-server", &Flags::server},
      {"-key-file", &Flags::key_file},
      {"-cert-file", &Flags::cert_file},
      {"-host-name", &Flags::host_name},
      {"-curves", &Flags::curves},
      {"-signing-prefs", &Flags::signing_prefs},
      {"-verify-prefs", &Flags::verify_prefs},
      {"-require-any-client-certificate",
       &Flags::require_any_client_certificate},
      {"-verify-peer", &Flags::verify_peer},
      {"-use-custom-verify-callback", &Flags::custom_verify},
      {"-verify-fail", &Flags::verify_fail},
      {"-advertise-alpn", &Flags::advertise_alpn},
      {"-select-alpn", &Flags::select_alpn},
      {"-select-empty-alpn", &Flags::select_empty_alpn},
      {"-reject-alpn", &Flags::reject_alpn},
      {"-use-client-ca-list", &Flags::client_authorities},
      {"-enable-ocsp-stapling", &Flags::enable_ocsp_stapling},
      {"-ocsp-response", &Flags::ocsp_response},
      {"-fail-ocsp-callback", &Flags::fail_ocsp_callback},
      {"-decline-ocsp-callback", &Flags::decline_ocsp_callback},
      {"-fail-early-callback", &Flags::fail_early_callback},
      {"-fail-ddos-callback", &Flags::fail_callback},
      {"-fail-cert-callback", &Flags::fail_callback},
  };
  return table;
}

// What is done over the connection, and how.
const FieldTable& OfConnection() {
  static const FieldTable table = {
      {"-port", &Flags::port},
      {"-resume-count", &Flags::resume_count},
      {"-async", &Flags::async},
      {"-no-ticket", &Flags::no_ticket},
      {"-enable-early-data", &Flags::enable_early_data},
      {"-shim-writes-first", &Flags::shim_writes_first},
      {"-shim-shuts-down", &Flags::shim_shuts_down},
      {"-check-close-notify", &Flags::check_close_notify},
      {"-send-alert", &Flags::send_alert},
      {"-export-traffic-secrets", &Flags::export_traffic_secrets},
      {"-export-keying-material", &Flags::export_keying_material},
      {"-export-label", &Flags::export_label},
      {"-export-context", &Flags::export_context},
      {"-write-different-record-sizes", &Flags::write_different_record_sizes},
      {"-read-size", &Flags::read_size},
      {"-max-version", &Flags::max_version},
      {"-no-tls13", &Flags::no_tls13},
      {"-is-handshaker-supported", &Flags::probe_handshaker},
  };
  return table;
}

// What must turn out.
const FieldTable& Expected() {
  static const FieldTable table = {
      {"-expect-alpn", &Flags::expect_alpn},
      {"-expect-advertised-alpn", &Flags::expect_advertised_alpn},
      {"-expect-server-name", &Flags::expect_server_name},
      {"-expect-peer-cert-file", &Flags::expect_peer_cert_file},
      {"-expect-peer-signature-algorithm",
       &Flags::expect_peer_signature_algorithm},
      {"-expect-peer-verify-pref", &Flags::expect_peer_verify_prefs},
      {"-expect-ocsp-response", &Flags::expect_ocsp_response},
      {"-expect-curve-id", &Flags::expect_curve_id},
      {"-expect-cipher", &Flags::expect_cipher},
      {"-expect-cipher-aes", &Flags::expect_cipher},
      {"-expect-version", &Flags::expect_version},
      {"-expect-session-miss", &Flags::expect_session_miss},
  };
  return table;
}

const Field* FindField(std::string_view name) {
  for (const FieldTable* table :
       {&OfHandshake(), &OfConnection(), &Expected()}) {
    if (const auto found = table->find(name); found != table->end()) {
      return &found->second;
    }
  }
  return nullptr;
}

// Asked for and always so here, or about other versions of the protocol.
// Nothing is resumed or accepted early; an exporter without a context is the
// same as with an empty one; certificate timestamps are neither asked for nor
// sent.
const std::set<std::string_view>& Granted() {
  static const std::set<std::string_view> granted = {
      "-no-tls12",
      "-no-tls11",
      "-no-tls1",
      "-decline-alpn",
      "-use-early-callback",
      "-install-ddos-callback",
      "-use-old-client-cert-callback",
      "-use-ocsp-callback",
      "-set-ocsp-in-callback",
      "-use-export-context",
      "-enable-signed-cert-timestamps",
      "-reverify-on-resume",
      "-expect-verify-result",
      "-implicit-handshake",
      "-no-op-extra-handshake",
      "-handshake-twice",
      "-peek-then-read",
      "-expect-no-session",
      "-expect-no-session-id",
      "-expect-reject-early-data",
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
      "-min-version", "-expect-early-data-reason", "-expect-cipher-no-aes",
      "-signed-cert-timestamps",
      // PSKs and cipher suites of TLS 1.2.
      "-psk", "-psk-identity", "-cipher"};
  return granted;
}

template <typename Integer>
bool ReadInteger(std::string_view text, Integer& out) {
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && end == text.data() + text.size();
}

std::optional<Bytes> ReadBase64(std::string_view text) {
  Bytes out(text.size() / 4 * 3);
  const int count =
      EVP_DecodeBlock(out.data(), reinterpret_cast<const uint8_t*>(text.data()),
                      static_cast<int>(text.size()));
  if (count < 0) {
    return std::nullopt;
  }
  // The decoder counts the zeros that padding stands for.
  const int padding = text.ends_with("==") ? 2 : (text.ends_with('=') ? 1 : 0);
  out.resize(static_cast<std::size_t>(count - padding));
  return out;
}

// Hexadecimal values with commas between them, or "<EMPTY>".
std::optional<std::vector<Bytes>> ReadHexList(std::string_view text) {
  std::vector<Bytes> values;
  if (text == "<EMPTY>") {
    return values;
  }
  values.emplace_back();
  while (!text.empty()) {
    if (text.starts_with(',')) {
      values.emplace_back();
      text.remove_prefix(1);
      continue;
    }
    uint8_t byte = 0;
    const std::string_view digits = text.substr(0, 2);
    const auto [end, error] = std::from_chars(
        digits.data(), digits.data() + digits.size(), byte, /*base=*/16);
    if (error != std::errc() || end != digits.data() + 2) {
      return std::nullopt;
    }
    values.back().push_back(byte);
    text.remove_prefix(2);
  }
  return values;
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
          [&](std::optional<Bytes> Flags::* member) {
            flags.*member = ReadBase64(value);
            return (flags.*member).has_value();
          },
          [&](std::vector<Bytes> Flags::* member) {
            auto list = ReadHexList(value);
            flags.*member = list.value_or(std::vector<Bytes>());
            return list.has_value();
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
    const Field* field = FindField(name);
    if (field == nullptr && !GrantedWithValue().contains(name)) {
      return std::nullopt;
    }
    std::string_view value;
    if (field == nullptr || !std::holds_alternative<bool Flags::*>(*field)) {
      if (arguments.empty()) {
        return std::nullopt;
      }
      value = arguments.front();
      arguments = arguments.subspan(1);
    }
    if (field != nullptr && meant && !Store(flags, *field, value)) {
      return std::nullopt;
    }
  }
  unknown.clear();
  return flags;
}

}  // namespace ktlsd::handshake
