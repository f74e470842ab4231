// The entries of ktlsd.h about engines and sessions, in whatever state.
#include <array>
#include <chrono>
#include <string_view>

#include "handshake/c/fuzz/calls.h"
#include "handshake/testing/fuzz_world.h"
#include "handshake/testing/test_pki.h"

namespace ktlsd::handshake {
namespace {

// Reads all that a getter gave out: it must be there.
void Touch(const void* data, std::size_t length) {
  volatile unsigned sum = 0;
  for (const uint8_t byte :
       ByteView(static_cast<const uint8_t*>(data), length)) {
    sum = sum + byte;
  }
}

// Calls a getter of one value, which may write it on KTLSD_OK only.
template <typename T>
void One(Calls& c, int (*get)(const ktlsd_engine*, T*)) {
  const ktlsd_engine* const engine = c.Engine();
  const T before = static_cast<T>(0x5a);
  T value = before;
  const int code = get(engine, c.arguments.Maybe(&value));
  c.Note(code);
  Require(code == KTLSD_OK || value == before);
}

void Text(Calls& c, int (*get)(const ktlsd_engine*, const char**)) {
  const ktlsd_engine* const engine = c.Engine();
  const char* text = nullptr;
  const int code = get(engine, c.arguments.Maybe(&text));
  c.Note(code);
  Require((code == KTLSD_OK) == (text != nullptr));
  if (text != nullptr) {
    Touch(text, std::string_view(text).size());
  }
}

template <typename T>
void Check(Calls& c, int code, const T* data, std::size_t length) {
  c.Note(code);
  if (code == KTLSD_OK) {
    Touch(data, length);
  } else {
    Require(data == nullptr && length == 12345);
  }
}

template <typename T>
void Bytes(Calls& c, int (*get)(const ktlsd_engine*, const T**, size_t*)) {
  const ktlsd_engine* const engine = c.Engine();
  const T* data = nullptr;
  size_t length = 12345;
  const int code = get(engine, c.arguments.Maybe(&data), &length);
  Check(c, code, data, length);
}

void BytesOf(Calls& c, int (*get)(const ktlsd_engine*, size_t, const uint8_t**,
                                  size_t*)) {
  const ktlsd_engine* const engine = c.Engine();
  const std::size_t index = c.arguments.Size();
  const uint8_t* data = nullptr;
  size_t length = 12345;
  const int code = get(engine, index, &data, c.arguments.Maybe(&length));
  Check(c, code, data, length);
}

void NumberOf(Calls& c, int (*get)(const ktlsd_engine*, size_t, uint16_t*)) {
  const ktlsd_engine* const engine = c.Engine();
  const std::size_t index = c.arguments.Size();
  uint16_t number = 0x5a5a;
  const int code = get(engine, index, c.arguments.Maybe(&number));
  c.Note(code);
  Require(code == KTLSD_OK || number == 0x5a5a);
}

void NewEngineCall(Calls& c) {
  const std::size_t index = c.Index();
  ktlsd_engine* made = nullptr;
  const ktlsd_config* const config = c.AnyConfig();
  const int code = ktlsd_engine_new(config, c.arguments.Maybe(&made));
  c.Replace(index, code, made);
}

void SetTime(Calls& c) {
  ktlsd_engine* const engine = c.Engine();
  const auto years = static_cast<int8_t>(c.arguments.Byte());
  const CalendarTime time = kTestNow + years * std::chrono::days(365);
  const int64_t seconds =
      years == INT8_MIN   ? INT64_MIN
      : years == INT8_MAX ? INT64_MAX
                          : time.time_since_epoch() / std::chrono::seconds(1);
  c.Note(ktlsd_engine_set_time(engine, seconds));
}

void ToSign(Calls& c) {
  const ktlsd_engine* const engine = c.Engine();
  std::size_t certificate = 0;
  uint16_t scheme = 0;
  const uint8_t* content = nullptr;
  std::size_t length = 12345;
  const int code = ktlsd_engine_to_sign(engine, c.arguments.Maybe(&certificate),
                                        &scheme, &content, &length);
  Check(c, code, content, length);
}

void Export(Calls& c) {
  const ktlsd_engine* const engine = c.Engine();
  const Data label = c.arguments.Any();
  const Data context = c.arguments.Any();
  ktlsd::Bytes out(c.arguments.Size() + 1);
  const std::size_t length = out.size() - c.arguments.Byte() % 2;
  c.Note(ktlsd_session_export(engine, label.bytes, label.length, context.bytes,
                              context.length, c.arguments.Maybe(out.data()),
                              length));
}

constexpr std::array kCalls = {
    +[](Calls& c) { c.Step(); },
    +[](Calls& c) { c.Send(); },
    +[](Calls& c) { c.Receive(); },
    +[](Calls& c) { c.Finish(); },
    +[](Calls& c) { NewEngineCall(c); },
    +[](Calls& c) {
      const std::size_t index = c.Index();
      ktlsd_engine* made = nullptr;
      const int code = ktlsd_engine_new_acceptor(c.arguments.Maybe(&made));
      c.Replace(index, code, made);
    },
    +[](Calls& c) {
      const std::size_t index = c.Index();
      ktlsd_engine_free(c.engines[index].release());
      c.failures[index] = KTLSD_OK;
    },
    +[](Calls& c) { Bytes<uint8_t>(c, ktlsd_engine_output); },
    +[](Calls& c) {
      ktlsd_engine* const engine = c.Engine();
      c.Note(ktlsd_engine_written(engine, c.arguments.Size()));
    },
    +[](Calls& c) {
      ktlsd_engine* const engine = c.Engine();
      const Data data = c.arguments.Any();
      c.Note(ktlsd_engine_feed(engine, data.bytes, data.length));
    },
    +[](Calls& c) {
      ktlsd_engine* const engine = c.Engine();
      c.Note(ktlsd_engine_peer_closed(engine, c.arguments.Byte() % 2));
    },
    +[](Calls& c) { SetTime(c); },
    +[](Calls& c) { Text(c, ktlsd_engine_error_text); },
    +[](Calls& c) { One<uint8_t>(c, ktlsd_engine_peer_alert); },
    +[](Calls& c) { Bytes<char>(c, ktlsd_hello_server_name); },
    +[](Calls& c) { BytesOf(c, ktlsd_hello_alpn); },
    +[](Calls& c) { NumberOf(c, ktlsd_hello_suite); },
    +[](Calls& c) { NumberOf(c, ktlsd_hello_group); },
    +[](Calls& c) { NumberOf(c, ktlsd_hello_scheme); },
    +[](Calls& c) { BytesOf(c, ktlsd_hello_psk_identity); },
    +[](Calls& c) { One<int>(c, ktlsd_hello_status_request); },
    +[](Calls& c) {
      ktlsd_engine* const engine = c.Engine();
      c.Note(ktlsd_engine_configure(engine, c.AnyConfig()));
    },
    +[](Calls& c) { ToSign(c); },
    +[](Calls& c) {
      ktlsd_engine* const engine = c.Engine();
      const Data data = c.arguments.Any();
      c.Note(ktlsd_engine_sign(engine, data.bytes, data.length));
    },
    +[](Calls& c) { c.Note(ktlsd_engine_accept_peer(c.Engine())); },
    +[](Calls& c) {
      ktlsd_engine* const engine = c.Engine();
      c.Note(ktlsd_engine_refuse_peer(engine,
                                      static_cast<int>(c.arguments.Size())));
    },
    +[](Calls& c) { BytesOf(c, ktlsd_engine_peer_certificate); },
    +[](Calls& c) { Text(c, ktlsd_engine_peer_subject); },
    +[](Calls& c) { Bytes<uint8_t>(c, ktlsd_engine_peer_ocsp_response); },
    +[](Calls& c) { One<uint16_t>(c, ktlsd_session_suite); },
    +[](Calls& c) { One<uint16_t>(c, ktlsd_session_group); },
    +[](Calls& c) { Bytes<uint8_t>(c, ktlsd_session_alpn); },
    +[](Calls& c) { Bytes<uint8_t>(c, ktlsd_session_psk_identity); },
    +[](Calls& c) { One<int>(c, ktlsd_session_peer_verified); },
    +[](Calls& c) { Export(c); },
    +[](Calls& c) {
      ktlsd_engine* const engine = c.Engine();
      c.Note(ktlsd_engine_install(engine, c.Socket()));
    },
    +[](Calls& c) {
      ktlsd_engine* const engine = c.Engine();
      const int fd = c.Socket();
      int wait = -1;
      const int code = ktlsd_handshake_fd(engine, fd, c.arguments.Maybe(&wait));
      c.Note(code);
      Require((code == KTLSD_OK) == (wait != -1));
    },
};

}  // namespace

std::span<const Call> EngineCalls() { return kCalls; }

}  // namespace ktlsd::handshake
