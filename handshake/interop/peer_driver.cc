// Runs one handshake of ours against another implementation over the loopback
// device and prints what came of it, secrets included: a test program.
//
// Prints lines of "name=value": "port" as soon as a server listens, then
// "outcome=ok" with what was agreed on, or "outcome=failed" with the error.

#include <cstdio>
#include <string>
#include <string_view>
#include <utility>

#include "base/alert.h"
#include "base/error_codes.h"
#include "base/key_access.h"
#include "handshake/interop/application_data.h"
#include "handshake/interop/driver.h"
#include "handshake/interop/loopback_stream.h"
#include "handshake/interop/options.h"

namespace ktlsd::handshake {
namespace {

void Print(const char* name, std::string_view value) {
  std::printf("%s=%.*s\n", name, static_cast<int>(value.size()), value.data());
}

std::string Hex(const HashSecret& secret) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  for (const uint8_t byte : secret.Reveal(KeyAccess())) {
    hex += kDigits[byte >> 4];
    hex += kDigits[byte & 15];
  }
  return hex;
}

std::string_view NameOf(const std::optional<SignatureScheme>& scheme) {
  return scheme ? SchemeName(*scheme) : "none";
}

int PrintFailure(const Error& error) {
  Print("outcome", "failed");
  Print("error", Describe(error.code).label);
  Print("detail", error.what);
  if (error.code == Code::kAlertReceived) {
    Print("alert", AlertName(error.alert));
  }
  return 1;
}

void PrintOutcome(Role role, const Outcome& outcome) {
  const HandshakeInfo& info = outcome.session.info;
  const SessionKeys& keys = outcome.session.keys;
  const bool client = role == Role::kClient;
  Print("outcome", "ok");
  Print("suite", CipherSuiteName(info.suite));
  Print("group", GroupName(info.group));
  Print("hello_retry", info.hello_retry ? "yes" : "no");
  Print("our_scheme", NameOf(info.our_scheme));
  Print("peer_scheme", NameOf(info.peer_scheme));
  Print("peer_subject", outcome.peer_subject);
  Print("send_limit", std::to_string(info.send_limit.value_or(0)));
  Print("longest_record", std::to_string(outcome.longest_record));
  const Bytes psk = info.psk_identity.value_or(Bytes());
  Print("psk", std::string(psk.begin(), psk.end()));
  Print("resumption", "none");
  Print("client_secret",
        Hex((client ? keys.send : keys.receive).traffic_secret));
  Print("server_secret",
        Hex((client ? keys.receive : keys.send).traffic_secret));
}

Result<LoopbackStream> Open(const Options& options, Deadline deadline) {
  if (options.role == Role::kClient) {
    return LoopbackStream::Connect(options.port, deadline);
  }
  ASSIGN_OR_RETURN(LoopbackListener listener,
                   LoopbackListener::Create(options.port));
  Print("port", std::to_string(listener.port()));
  std::fflush(stdout);
  return listener.Accept(deadline);
}

Status ExchangeData(const Options& options, const SessionKeys& keys,
                    LoopbackStream& stream) {
  ASSIGN_OR_RETURN(ApplicationData data, ApplicationData::Start(keys, stream));
  if (!options.send.empty()) {
    RETURN_IF_ERROR(data.Send(options.send + "\n"));
  }
  if (!options.expect.empty()) {
    RETURN_IF_ERROR(data.AwaitText(options.expect));
  }
  return data.Close();
}

int Run(const Options& options) {
  const Deadline deadline = std::chrono::steady_clock::now() + options.timeout;
  Result<Driver> driver = Driver::Create(options);
  if (!driver.ok()) {
    return PrintFailure(driver.error());
  }
  Result<LoopbackStream> stream = Open(options, deadline);
  if (!stream.ok()) {
    return PrintFailure(stream.error());
  }
  const Result<Outcome> outcome = driver->Handshake(*stream);
  if (!outcome.ok()) {
    return PrintFailure(outcome.error());
  }
  const Status data = ExchangeData(options, outcome->session.keys, *stream);
  if (!data.ok()) {
    return PrintFailure(data.error());
  }
  PrintOutcome(options.role, *outcome);
  return 0;
}

}  // namespace
}  // namespace ktlsd::handshake

int main(int argc, char** argv) {
  const auto options = ktlsd::handshake::ParseOptions(argc, argv);
  if (!options) {
    std::fputs(ktlsd::handshake::kUsage, stderr);
    return 2;
  }
  return ktlsd::handshake::Run(*options);
}
