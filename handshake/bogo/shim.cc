// The program that BoGo's runner starts for each of its tests: it connects to
// the runner, handshakes as the flags say, and echoes what the runner sends,
// each byte inverted. Exit status 0 is a success, 89 a flag that this shim does
// not have, anything else a failure whose reason is on stderr as
// ":CODE_OF_THE_ERROR_TABLE:".

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdio>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/alert.h"
#include "base/error_codes.h"
#include "base/key_access.h"
#include "handshake/bogo/flags.h"
#include "handshake/bogo/record_stream.h"
#include "handshake/bogo/socket.h"
#include "handshake/bogo/trial.h"
#include "handshake/config.h"
#include "handshake/crypto/digest.h"
#include "handshake/key_schedule.h"

namespace ktlsd::handshake {
namespace {

constexpr int kUnimplemented = 89;  // the runner's number

void PrintAlert(const char* what, uint8_t alert) {
  const std::string_view name = AlertName(alert);
  std::fprintf(stderr, "%s alert %.*s (%u)\n", what,
               static_cast<int>(name.size()), name.data(), alert);
}

void PrintError(const Error& error) {
  std::string label(Describe(error.code).label);
  std::ranges::transform(label, label.begin(),
                         [](unsigned char c) { return std::toupper(c); });
  std::fprintf(stderr, ":%s: %.*s\n", label.c_str(),
               static_cast<int>(error.what.size()), error.what.data());
  const Alert ours = Describe(error.code).alert;
  if (error.code == Code::kAlertReceived) {
    PrintAlert("received", error.alert);
  } else if (ours != Alert::kCloseNotify) {
    PrintAlert("sent", static_cast<uint8_t>(ours));
  }
}

// What BoGo knows how to compare: a length, little endian, then both secrets.
Status WriteSecrets(const SessionKeys& keys, RecordStream& stream) {
  const ByteView receive = keys.receive.traffic_secret.Reveal(KeyAccess());
  const ByteView send = keys.send.traffic_secret.Reveal(KeyAccess());
  Bytes message = {static_cast<uint8_t>(receive.size()), 0};
  message.insert(message.end(), receive.begin(), receive.end());
  message.insert(message.end(), send.begin(), send.end());
  return stream.Write(message);
}

Status WriteKeyingMaterial(const Flags& flags, const Session& session,
                           RecordStream& stream) {
  Bytes material(flags.export_keying_material);
  RETURN_IF_ERROR(ExportKeyingMaterial(
      HashOf(session.info.suite), session.exporter_master, flags.export_label,
      Bytes(flags.export_context.begin(), flags.export_context.end()),
      material));
  return stream.Write(material);
}

Status WriteDifferentSizes(RecordStream& stream) {
  for (const std::size_t size :
       {0, 1, 255, 256, 257, 16383, 16384, 16385, 32767, 32768, 32769}) {
    RETURN_IF_ERROR(stream.Write(Bytes(size, 0x42)));
  }
  return Ok{};
}

Status Echo(std::size_t read_size, RecordStream& stream) {
  Bytes buffer(read_size);
  while (true) {
    ASSIGN_OR_RETURN(const std::size_t count, stream.Read(buffer));
    if (count == 0) {
      return Ok{};
    }
    const std::span<uint8_t> data = std::span(buffer).first(count);
    std::ranges::transform(data, data.begin(), [](uint8_t byte) {
      return static_cast<uint8_t>(~byte);
    });
    RETURN_IF_ERROR(stream.Write(data));
  }
}

Status ShutDown(const Flags& flags, RecordStream& stream) {
  const Status sent = stream.SendAlert(Alert::kCloseNotify, /*fatal=*/false);
  if (!flags.check_close_notify) {
    return Ok{};  // the runner may have closed already
  }
  RETURN_IF_ERROR(sent);
  std::array<uint8_t, 1> byte;
  if (flags.shim_shuts_down) {
    ASSIGN_OR_RETURN(const std::size_t count, stream.Read(byte));
    if (count != 0) {
      return Error{Code::kUnexpectedMessage, "application data on shutdown"};
    }
  }
  if (!stream.saw_close_notify()) {
    return Error{Code::kPeerClosed, "without close_notify"};
  }
  return Ok{};
}

Result<RecordStream> StartStream(const Flags& flags, const Trial& trial,
                                 const Session& session, Socket& socket) {
  ASSIGN_OR_RETURN(
      RecordStream stream,
      RecordStream::Start(flags.server ? Role::kServer : Role::kClient,
                          session.keys, socket));
  const bool sends_ticket = flags.server && flags.resume_count != 0 &&
                            !flags.no_ticket && trial.peer_takes_tickets();
  if (sends_ticket) {
    constexpr uint16_t kEarlyDataSize = 14336;  // bytes; as BoringSSL's
    RETURN_IF_ERROR(
        stream.SendTicket(flags.enable_early_data ? kEarlyDataSize : 0));
  }
  return stream;
}

Status Exchange(const Flags& flags, const Session& session,
                RecordStream& stream) {
  if (flags.export_keying_material != 0) {
    RETURN_IF_ERROR(WriteKeyingMaterial(flags, session, stream));
  }
  if (flags.export_traffic_secrets) {
    RETURN_IF_ERROR(WriteSecrets(session.keys, stream));
  }
  if (flags.send_alert) {
    constexpr auto kDecompressionFailure = static_cast<Alert>(30);
    return stream.SendAlert(kDecompressionFailure, /*fatal=*/true);
  }
  if (flags.write_different_record_sizes) {
    RETURN_IF_ERROR(WriteDifferentSizes(stream));
  } else {
    if (flags.shim_writes_first) {
      constexpr std::string_view kFirst = "hello";  // the runner's word
      RETURN_IF_ERROR(stream.Write(Bytes(kFirst.begin(), kFirst.end())));
    }
    if (!flags.shim_shuts_down) {
      RETURN_IF_ERROR(Echo(flags.read_size, stream));
    }
  }
  return ShutDown(flags, stream);
}

Status Connect(const Flags& flags) {
  ASSIGN_OR_RETURN(Trial trial, Trial::Create(flags));
  ASSIGN_OR_RETURN(Socket socket, Socket::Connect(flags.port, flags.async));
  const Result<Session> session = trial.Handshake(socket);
  const auto exchange = [&]() -> Status {
    ASSIGN_OR_RETURN(RecordStream stream,
                     StartStream(flags, trial, *session, socket));
    return Exchange(flags, *session, stream);
  };
  const Status outcome = session.ok() ? exchange() : Status(session.error());
  socket.Finish();
  return outcome;
}

// What no flag of ours can make good: another version than TLS 1.3.
bool IsOtherVersion(const Flags& flags) {
  return flags.no_tls13 || flags.max_version < kVersionTls13 ||
         flags.expect_version.value_or(kVersionTls13) != kVersionTls13;
}

int Run(std::span<const char* const> arguments) {
  std::string unknown;
  const auto first = ParseFlags(arguments, /*resumed=*/false, unknown);
  const auto later = ParseFlags(arguments, /*resumed=*/true, unknown);
  if (!first || !later) {
    std::fprintf(stderr, "no flag %s\n", unknown.c_str());
    return kUnimplemented;
  }
  if (first->probe_handshaker) {
    std::puts("No");
    return 0;
  }
  if (IsOtherVersion(*first) || IsOtherVersion(*later)) {
    std::fputs("not TLS 1.3\n", stderr);
    return kUnimplemented;
  }
  for (unsigned i = 0; i <= first->resume_count; ++i) {
    const Status outcome = Connect(i == 0 ? *first : *later);
    if (!outcome.ok()) {
      PrintError(outcome.error());
      return 1;
    }
  }
  return 0;
}

}  // namespace
}  // namespace ktlsd::handshake

int main(int argc, char** argv) {
  const std::span<const char* const> arguments(argv,
                                               static_cast<std::size_t>(argc));
  return ktlsd::handshake::Run(arguments.subspan(1));
}
