// Runs one handshake of libktlsd against another implementation over the
// loopback device, prints keying material of the session, and waits until the
// peer has closed: a test program that prints secrets.
//
//   export_driver client PORT AUTHORITIES NAME SUITE LABEL BYTES
//   export_driver server CHAIN KEY SUITE LABEL BYTES
//
// Prints lines of "name=value": "port" as soon as a server listens, then
// "exported" in hexadecimal, or "error".
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/bytes.h"
#include "base/error_codes.h"
#include "base/fn_deleter.h"
#include "base/result.h"
#include "handshake/c/ktlsd.h"
#include "handshake/interop/loopback_stream.h"

namespace ktlsd::handshake {
namespace {

using ConfigPtr = std::unique_ptr<ktlsd_config, FnDeleter<ktlsd_config_free>>;
using EnginePtr = std::unique_ptr<ktlsd_engine, FnDeleter<ktlsd_engine_free>>;

constexpr std::chrono::seconds kTimeout{20};

struct Plan {
  bool server = false;
  std::span<char* const> parameters;  // of the role alone
  uint16_t suite = 0;
  std::string label;
  std::size_t bytes = 0;
};

int Fail(const char* what, std::string_view why) {
  std::printf("error=%s: %.*s\n", what, static_cast<int>(why.size()),
              why.data());
  return 1;
}

ConfigPtr Configure(const Plan& plan) {
  ktlsd_config* raw = nullptr;
  if ((plan.server ? ktlsd_config_new_server(&raw)
                   : ktlsd_config_new_client(&raw)) != KTLSD_OK) {
    return nullptr;
  }
  ConfigPtr config(raw);
  const auto parameters = plan.parameters;
  const bool usable =
      plan.server
          ? ktlsd_config_set_certificate_files(raw, parameters[0],
                                               parameters[1]) == KTLSD_OK
          : ktlsd_config_set_trust_files(raw, parameters[1]) == KTLSD_OK &&
                ktlsd_config_set_server_name(raw, parameters[2]) == KTLSD_OK;
  return usable && ktlsd_config_set_suites(raw, &plan.suite, 1) == KTLSD_OK
             ? std::move(config)
             : nullptr;
}

Result<LoopbackStream> Open(const Plan& plan) {
  const Deadline deadline = std::chrono::steady_clock::now() + kTimeout;
  if (!plan.server) {
    const auto port = std::strtoul(plan.parameters[0], nullptr, 10);
    return LoopbackStream::Connect(static_cast<uint16_t>(port), deadline);
  }
  ASSIGN_OR_RETURN(LoopbackListener listener, LoopbackListener::Create(0));
  std::printf("port=%u\n", unsigned{listener.port()});
  std::fflush(stdout);
  return listener.Accept(deadline);
}

Status Write(ktlsd_engine* engine, LoopbackStream& stream) {
  const uint8_t* data = nullptr;
  std::size_t length = 0;
  ktlsd_engine_output(engine, &data, &length);
  ASSIGN_OR_RETURN(const std::size_t count,
                   stream.Write(ByteView(data, length)));
  ktlsd_engine_written(engine, count);
  return Ok{};
}

Status Read(ktlsd_engine* engine, std::size_t limit, LoopbackStream& stream) {
  Bytes buffer(limit);
  ASSIGN_OR_RETURN(const std::size_t count, stream.Read(buffer));
  if (count == 0) {
    ktlsd_engine_peer_closed(engine, /*reset=*/0);
  } else {
    ktlsd_engine_feed(engine, buffer.data(), count);
  }
  return Ok{};
}

// A number of ktlsd_codes.h; errors are the stream's.
Result<int> Handshake(ktlsd_engine* engine, LoopbackStream& stream) {
  for (;;) {
    int wait = 0;
    std::size_t bytes = 0;
    const int code = ktlsd_engine_step(engine, &wait, &bytes);
    if (code != KTLSD_OK || wait == KTLSD_DONE) {
      return code;
    }
    RETURN_IF_ERROR(wait == KTLSD_WANT_WRITE ? Write(engine, stream)
                                             : Read(engine, bytes, stream));
  }
}

// Ours must not close first: a reset would take away what the peer has not
// read yet.
void AwaitEnd(LoopbackStream& stream) {
  Bytes buffer(1024);
  Result<std::size_t> count = stream.Read(buffer);
  while (count.ok() && *count > 0) {
    count = stream.Read(buffer);
  }
}

int Run(const Plan& plan) {
  const ConfigPtr config = Configure(plan);
  ktlsd_engine* raw = nullptr;
  if (!config || ktlsd_engine_new(config.get(), &raw) != KTLSD_OK) {
    return Fail("set-up", "files or numbers that cannot be used");
  }
  const EnginePtr engine(raw);
  Result<LoopbackStream> stream = Open(plan);
  if (!stream.ok()) {
    return Fail("connection", Describe(stream.error().code).label);
  }
  const Result<int> code = Handshake(raw, *stream);
  if (!code.ok()) {
    return Fail("stream", Describe(code.error().code).label);
  }
  Bytes exported(plan.bytes);
  const int last =
      *code != KTLSD_OK
          ? *code
          : ktlsd_session_export(raw, plan.label.data(), plan.label.size(), "",
                                 0, exported.data(), exported.size());
  if (last != KTLSD_OK) {
    return Fail("handshake", ktlsd_code_name(last));
  }
  std::printf("exported=");
  for (const uint8_t byte : exported) {
    std::printf("%02X", unsigned{byte});
  }
  std::printf("\n");
  std::fflush(stdout);
  AwaitEnd(*stream);
  return 0;
}

}  // namespace
}  // namespace ktlsd::handshake

int main(int argc, char** argv) {
  const std::span<char*> arguments(argv, static_cast<std::size_t>(argc));
  const bool server = argc == 7 && std::string(argv[1]) == "server";
  if (!server && (argc != 8 || std::string(argv[1]) != "client")) {
    std::fputs("see export_driver.cc\n", stderr);
    return 2;
  }
  const auto common = arguments.last(3);
  return ktlsd::handshake::Run(
      {.server = server,
       .parameters = arguments.subspan(2, server ? 2 : 3),
       .suite = static_cast<uint16_t>(std::strtoul(common[0], nullptr, 16)),
       .label = common[1],
       .bytes = std::strtoul(common[2], nullptr, 10)});
}
