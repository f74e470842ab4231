// The command line that BoGo's runner gives its shim.
//
// Layer:     handshake/bogo: tests only.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "handshake/config.h"
#include "handshake/wire.h"

namespace ktlsd::handshake {

// What one connection is to do and to expect. Names are the runner's.
struct Flags {
  uint16_t port = 0;
  unsigned resume_count = 0;  // connections after the first
  bool server = false;
  bool async = false;  // one byte a read and a write
  bool no_ticket = false;
  bool enable_early_data = false;  // a server's tickets allow it
  std::string key_file;
  std::string cert_file;
  std::string host_name;
  std::vector<uint16_t> curves;
  std::vector<uint16_t> signing_prefs;
  std::vector<uint16_t> verify_prefs;
  bool require_any_client_certificate = false;
  bool verify_peer = false;
  bool custom_verify = false;  // else a client that need not verify goes on
  bool verify_fail = false;
  std::string advertise_alpn;  // wire form: length-prefixed names
  std::string select_alpn;
  bool select_empty_alpn = false;
  bool reject_alpn = false;
  bool fail_early_callback = false;
  bool fail_callback = false;  // any other of the server's that is to fail
  std::vector<Bytes> client_authorities;  // DER names
  bool enable_ocsp_stapling = false;
  std::optional<Bytes> ocsp_response;
  bool fail_ocsp_callback = false;
  bool decline_ocsp_callback = false;

  bool shim_writes_first = false;
  bool shim_shuts_down = false;
  bool check_close_notify = false;
  bool send_alert = false;
  bool export_traffic_secrets = false;
  unsigned export_keying_material = 0;  // bytes
  std::string export_label;
  std::string export_context;
  bool write_different_record_sizes = false;
  uint16_t read_size = 512;  // bytes

  std::optional<std::string> expect_alpn;
  std::optional<std::string> expect_advertised_alpn;
  std::optional<std::string> expect_server_name;
  std::string expect_peer_cert_file;
  std::optional<uint16_t> expect_peer_signature_algorithm;
  std::vector<uint16_t> expect_peer_verify_prefs;
  std::optional<Bytes> expect_ocsp_response;
  std::optional<uint16_t> expect_curve_id;
  std::optional<uint16_t> expect_cipher;
  std::optional<uint16_t> expect_version;
  bool expect_session_miss = false;
  std::optional<bool> expect_hrr;
  uint16_t max_version = kVersionTls13;
  bool no_tls13 = false;
  bool probe_handshaker = false;  // only asks whether there is one
};

// The flags of the first connection, or of the later ones for `resumed`.
// Nothing when one is not known, lacks its value or has one that does not
// parse; its name is then in `unknown`.
std::optional<Flags> ParseFlags(std::span<const char* const> arguments,
                                bool resumed, std::string& unknown);

}  // namespace ktlsd::handshake
