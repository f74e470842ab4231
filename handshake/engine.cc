#include "handshake/engine.h"

#include <concepts>
#include <type_traits>
#include <utility>

#include "base/error_codes.h"
#include "base/overload.h"

namespace ktlsd::handshake {
namespace {

// States that a handshake message moves on, with and without the channel.
template <typename S>
concept TakesMessage = requires(S state, const HandshakeMessage& message) {
  std::move(state).Receive(message);
};
template <typename S>
concept TakesMessageAndChannel =
    requires(S state, const HandshakeMessage& message, Channel& channel) {
      std::move(state).Receive(message, channel);
    };
template <typename S>
concept Reading = TakesMessage<S> || TakesMessageAndChannel<S>;

template <typename S>
concept Signing = requires(S state, Channel& channel) {
  state.request();
  std::move(state).Sign(ByteView(), channel);
};
template <typename S>
concept Judging = requires(S state, PeerVerified verified) {
  state.proof();
  std::move(state).Accept(std::move(verified));
};

constexpr Error kNotWaitedFor = {Code::kApiMisuse,
                                 "an answer that was not waited for"};

// Errors after which the peer is told nothing: it spoke last.
bool EndsSilently(const Error& error) {
  return Describe(error.code).alert == Alert::kCloseNotify;
}

}  // namespace

Engine Engine::Client(ClientConfig config) {
  Engine engine{State(Failed{kNotWaitedFor, std::nullopt})};
  engine.Enter(StartClient(std::move(config), engine.channel_));
  return engine;
}

Engine Engine::Server() { return Engine(State(AwaitClientHello())); }

Wait Engine::wait() const {
  if (!channel_.output().empty()) {
    return HaveOutput{};
  }
  return std::visit(Overload{
                        [](const Failed& failed) -> Wait { return failed; },
                        [](const Completed&) -> Wait { return Done{}; },
                        [](const AwaitServerConfig& state) -> Wait {
                          return NeedServerConfig{&state.hello()};
                        },
                        [](const Signing auto& state) -> Wait {
                          return NeedSignature{state.request()};
                        },
                        [](const Judging auto& state) -> Wait {
                          return NeedPeerVerdict{&state.proof()};
                        },
                        [this](const Reading auto&) -> Wait {
                          return NeedInput{channel_.bytes_wanted()};
                        },
                    },
                    state_);
}

// Takes a transition's outcome: one state, one of several, or an error.
template <typename T>
void Engine::Enter(Result<T> next) {
  if (!next.ok()) {
    return Fail(next.error());
  }
  if constexpr (std::constructible_from<State, T>) {
    state_ = std::move(next).value();
  } else {
    std::visit([this](auto& state) { state_ = std::move(state); },
               next.value());
  }
  NoteInfo();
}

void Engine::NoteInfo() {
  std::visit(
      [this](const auto& state) {
        if constexpr (requires { state.info(); }) {
          info_ = state.info();
        }
      },
      state_);
  if (const auto* completed = std::get_if<Completed>(&state_)) {
    info_ = completed->session.info;
  }
}

void Engine::Fail(const Error& error) {
  std::optional<Alert> alert;
  if (!EndsSilently(error)) {
    alert = Describe(error.code).alert;
    if (!channel_.SendAlert(*alert).ok()) {
      alert.reset();  // could not even be sealed
    }
  }
  state_ = Failed{error, alert};
}

void Engine::Feed(ByteView bytes) {
  if (!std::holds_alternative<NeedInput>(wait())) {
    return Abort(kNotWaitedFor);
  }
  const Status added = channel_.Add(bytes);
  if (!added.ok()) {
    return Fail(added.error());
  }
  TakeMessages();
}

void Engine::TakeMessages() {
  while (TakeMessage()) {
  }
}

// Moves on by one message, if the state reads and there is one.
bool Engine::TakeMessage() {
  return std::visit(
      [this]<typename S>(S& state) {
        if constexpr (Reading<S>) {
          const auto message = channel_.NextMessage();
          if (!message.ok()) {
            Fail(message.error());
            return false;
          }
          if (!*message) {
            return false;
          }
          S current = std::move(state);
          if constexpr (TakesMessageAndChannel<S>) {
            Enter(std::move(current).Receive(**message, channel_));
          } else {
            Enter(std::move(current).Receive(**message));
          }
          return true;
        } else {
          return false;
        }
      },
      state_);
}

void Engine::Configure(Result<ServerConfig> config) {
  auto* state = std::get_if<AwaitServerConfig>(&state_);
  if (state == nullptr) {
    return Abort(kNotWaitedFor);
  }
  if (!config.ok()) {
    return Fail(config.error());
  }
  AwaitServerConfig current = std::move(*state);
  Enter(std::move(current).Configure(std::move(config).value(), channel_));
  TakeMessages();
}

void Engine::Sign(Result<Bytes> signature) {
  std::visit(
      [&]<typename S>(S& state) {
        if constexpr (!Signing<S>) {
          Abort(kNotWaitedFor);
        } else if (!signature.ok()) {
          Fail(signature.error());
        } else {
          S current = std::move(state);
          Enter(std::move(current).Sign(*signature, channel_));
        }
      },
      state_);
  TakeMessages();
}

void Engine::Judge(Result<PeerVerified> verdict) {
  std::visit(
      [&]<typename S>(S& state) {
        if constexpr (!Judging<S>) {
          Abort(kNotWaitedFor);
        } else if (!verdict.ok()) {
          Fail(verdict.error());
        } else {
          S current = std::move(state);
          Enter(Result(std::move(current).Accept(std::move(verdict).value())));
        }
      },
      state_);
  TakeMessages();
}

void Engine::PeerClosed(bool reset) {
  Abort(reset ? Error{Code::kPeerReset, "the peer reset the connection"}
              : Error{Code::kPeerClosed, "the peer closed the connection"});
}

void Engine::Abort(const Error& error) {
  if (!std::holds_alternative<Failed>(state_)) {
    Fail(error);
  }
}

Result<EstablishedSession> Engine::TakeSession() && {
  auto* completed = std::get_if<Completed>(&state_);
  std::optional<Flushed> flushed = channel_.ProveFlushed();
  if (completed == nullptr || !flushed) {
    return Error{Code::kApiMisuse,
                 "the session is not established and flushed"};
  }
  EstablishedSession session{
      std::move(completed->session), std::move(completed->finished),
      std::move(completed->drained), *std::move(flushed)};
  // The keys are the kernel's: not a record more is sealed here.
  state_ = Failed{{Code::kApiMisuse, "the session was taken"}, std::nullopt};
  return session;
}

}  // namespace ktlsd::handshake
