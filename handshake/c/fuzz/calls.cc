#include "handshake/c/fuzz/calls.h"

#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <string_view>
#include <utility>

#include "handshake/testing/fuzz_world.h"
#include "handshake/testing/test_ocsp.h"
#include "handshake/testing/test_pki.h"

namespace ktlsd::handshake {
namespace {

constexpr uint16_t kEd25519 = 0x0807;
constexpr std::size_t kMostOnTheWay = 1U << 17;  // bytes

ConfigPtr WithPsk(int (*make)(ktlsd_config**)) {
  ktlsd_config* config = nullptr;
  Require(make(&config) == KTLSD_OK);
  Require(ktlsd_config_add_psk(config, "mine", 4, "key", 3, 0) == KTLSD_OK);
  return ConfigPtr(config);
}

}  // namespace

UsualConfigs::UsualConfigs()
    : pki(KeyKind::kEd25519),
      crl(pki.pki.root.CrlPem({})),
      ocsp_response(
          OcspResponse({.statements = {{.subject = &pki.pki.server,
                                        .issuer = &pki.pki.intermediate}},
                        .signer = &pki.pki.intermediate})),
      clients{NewClientConfig(pki), WithPsk(ktlsd_config_new_client),
              NewClientConfig(pki)},
      servers{NewServerConfig(pki, KTLSD_CLIENT_AUTH_REQUIRE),
              WithPsk(ktlsd_config_new_server),
              NewServerConfig(pki, KTLSD_CLIENT_AUTH_NONE)} {
  Require(ktlsd_config_set_verifier_external(clients[2].get()) == KTLSD_OK);
  Require(ktlsd_config_set_certificate_external(
              servers[2].get(), pki.server_chain.data(),
              pki.server_chain.size(), &kEd25519, 1) == KTLSD_OK);
}

const UsualConfigs& Usual() {
  static const UsualConfigs kUsual;
  return kUsual;
}

uint8_t Arguments::Byte() {
  if (rest_.empty()) {
    return 0;
  }
  const uint8_t byte = rest_.front();
  rest_ = rest_.subspan(1);
  return byte;
}

std::size_t Arguments::Size() {
  const uint8_t byte = Byte();
  return byte < 0xf0 ? byte : (byte & 0x0fU) << 12 | Byte();
}

Data Arguments::Keep(ByteView bytes) {
  auto copy = std::make_unique<uint8_t[]>(bytes.size());
  std::ranges::copy(bytes, copy.get());
  kept_.push_back(std::move(copy));
  return {kept_.back().get(), bytes.size()};
}

Data Arguments::Any() {
  const UsualConfigs& usual = Usual();
  const auto text = [](const std::string& pem) -> Data {
    return {pem.data(), pem.size()};
  };
  switch (const uint8_t choice = Byte(); choice) {
    case 0:
      return text(usual.pki.trust);
    case 1:
      return text(usual.pki.server_chain);
    case 2:
      return text(usual.pki.server_key);
    case 3:
      return text(usual.pki.client_chain);
    case 4:
      return text(usual.pki.client_key);
    case 5:
      return text(usual.crl);
    case 6:
      return {usual.ocsp_response.data(), usual.ocsp_response.size()};
    case 7:
      return {"mine", 4};
    case 0xff:
      return {nullptr, 0};
    default: {
      const std::size_t size = std::min<std::size_t>(choice - 8, rest_.size());
      const ByteView bytes = rest_.first(size);
      rest_ = rest_.subspan(size);
      return Keep(bytes);
    }
  }
}

const char* Arguments::Text() {
  static constexpr std::array kTexts = {
      "server.example", "192.0.2.1", "2001:db8::1",  "*.example", "", ".",
      "/dev/null",      "/",         "/nonexistent", "a b"};
  return Maybe(kTexts[Byte() % kTexts.size()]);
}

const ktlsd_config* Calls::AnyConfig() {
  const uint8_t choice = arguments.Byte() % 9;
  return choice < 3   ? Usual().clients[choice].get()
         : choice < 6 ? Usual().servers[choice - 3U].get()
                      : configs[choice - 6U].get();
}

int Calls::Socket() {
  const std::size_t index = Index();
  if (index == 2) {
    return -1;
  }
  if (!sockets[0].valid()) {
    std::array<int, 2> made{};
    Require(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
                         made.data()) == 0);
    sockets = {OwnedFd(made[0]), OwnedFd(made[1])};
  }
  return sockets[index].raw();
}

void Calls::Note(int code) {
  Require(std::string_view(ktlsd_code_name(code)) != "unknown");
  Require(code == KTLSD_API_MISUSE ||
          ktlsd_code_fault(code) != KTLSD_FAULT_BUG);
  Require(code != KTLSD_NO_MEMORY);
}

void Calls::Replace(std::size_t index, int code, ktlsd_engine* engine) {
  Note(code);
  Require((code == KTLSD_OK) == (engine != nullptr));
  if (engine != nullptr) {
    engines[index].reset(engine);
    failures[index] = KTLSD_OK;
    // Not the time of the run: it would not be the same again.
    Note(ktlsd_engine_set_time(
        engine, kTestNow.time_since_epoch() / std::chrono::seconds(1)));
  }
}

void Calls::Step() {
  const std::size_t index = Index();
  int wait = -1;
  std::size_t bytes = 12345;
  const int code = ktlsd_engine_step(engines[index].get(), &wait, &bytes);
  Note(code);
  if (code != KTLSD_OK) {
    Require(wait == -1 && bytes == 12345);
  } else {
    Require(wait >= KTLSD_WANT_WRITE && wait <= KTLSD_DONE);
    const bool io = wait == KTLSD_WANT_READ || wait == KTLSD_WANT_WRITE;
    Require(io == (bytes > 0));
  }
  // A failure is for good.
  Require(failures[index] == KTLSD_OK || code == failures[index]);
  if (engines[index]) {
    failures[index] = code;
  }
}

void Calls::Send() {
  const std::size_t index = Index() % 2;
  const std::size_t most = arguments.Size() * 16;
  const uint8_t change = arguments.Byte();
  const std::size_t place = change == 0 ? 0 : arguments.Size();
  const uint8_t* data = nullptr;
  std::size_t length = 0;
  ktlsd_engine* const engine = engines[index].get();
  if (ktlsd_engine_output(engine, &data, &length) != KTLSD_OK ||
      on_the_way[index].size() + length > kMostOnTheWay) {
    return;
  }
  const std::size_t count = std::min(length, most);
  Bytes& queue = on_the_way[index];
  queue.insert(queue.end(), data, data + count);
  if (count > 0) {
    queue[queue.size() - 1 - place % count] ^= change;
  }
  Note(ktlsd_engine_written(engine, count));
}

void Calls::Receive() {
  const std::size_t index = Index() % 2;
  const std::size_t most = arguments.Size() * 16;
  Bytes& queue = on_the_way[1 - index];
  int wait = 0;
  std::size_t bytes = 0;
  ktlsd_engine* const engine = engines[index].get();
  if (ktlsd_engine_step(engine, &wait, &bytes) != KTLSD_OK ||
      wait != KTLSD_WANT_READ) {
    return;
  }
  const std::size_t count = std::min({bytes, queue.size(), most});
  const auto end = queue.begin() + static_cast<std::ptrdiff_t>(count);
  const Bytes exactly(queue.begin(), end);
  queue.erase(queue.begin(), end);
  if (count > 0) {
    Note(ktlsd_engine_feed(engine, exactly.data(), exactly.size()));
  }
}

void Calls::Finish() {
  if (!engines[0] || !engines[1]) {
    return;
  }
  std::array<CEnd, 2> ends;
  for (std::size_t i = 0; i < ends.size(); ++i) {
    ends[i].engine = engines[i].get();
    ends[i].sent = std::move(on_the_way[i]);
    ends[i].answer = [this, i](int wait) -> int {
      ktlsd_engine* const engine = engines[i].get();
      if (wait == KTLSD_WANT_CONFIG) {
        return ktlsd_engine_configure(engine, Usual().servers[0].get());
      }
      return wait == KTLSD_WANT_VERDICT ? ktlsd_engine_accept_peer(engine)
                                        : ktlsd_engine_sign(engine, "x", 1);
    };
  }
  Connect(ends[0], ends[1]);
  for (std::size_t i = 0; i < ends.size(); ++i) {
    Note(ends[i].code);
    on_the_way[i] = std::move(ends[i].sent);
  }
}

void Calls::RequireAgreement() const {
  std::array<std::array<uint8_t, 32>, 2> material{};
  std::array<uint16_t, 2> suites{};
  for (std::size_t i = 0; i < 2; ++i) {
    ktlsd_engine* const engine = engines[i].get();
    if (ktlsd_session_suite(engine, &suites[i]) != KTLSD_OK) {
      return;
    }
    Require(ktlsd_session_export(engine, "EXPORTER-x", 10, "", 0,
                                 material[i].data(),
                                 material[i].size()) == KTLSD_OK);
  }
  Require(suites[0] == suites[1] && material[0] == material[1]);
}

}  // namespace ktlsd::handshake
