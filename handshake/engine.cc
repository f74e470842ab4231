#include "handshake/engine.h"

#include <concepts>
#include <new>
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

template <typename S>
concept Choosing = requires(S state, Channel& channel) {
  state.offered();
  std::move(state).Choose(std::nullopt, channel);
};
template <typename S>
concept Binding =
    requires(S state, const HashSecret& binder, Channel& channel) {
      state.binder_request();
      std::move(state).Bind(binder, channel);
    };
template <typename S>
concept Proving = requires(S state, PskVerified verified) {
  state.psk_proof();
  std::move(state).Accept(std::move(verified));
};
template <typename S>
concept Agreeing = requires(S state, HashSecret secret, Channel& channel) {
  state.secret_request();
  std::move(state).Agree(std::move(secret), channel);
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
  engine.client_ = true;
  engine.Guarded([&] {
    Result<ClientStart> start = StartClient(std::move(config), engine.channel_);
    if (!start.ok()) {
      // No ClientHello: an alert would tell the server about nothing.
      engine.state_ = Failed{start.error(), std::nullopt};
      return;
    }
    engine.Enter(std::move(start));
  });
  return engine;
}

Engine Engine::Server() { return Engine(State(AwaitClientHello())); }

Wait Engine::wait() const {
  const Wait behind = WaitBehindOutput();
  const bool one_flight = std::holds_alternative<NeedSignature>(behind);
  return channel_.output().empty() || one_flight ? behind : HaveOutput{};
}

Wait Engine::WaitBehindOutput() const {
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
                        [](const Choosing auto& state) -> Wait {
                          return NeedPskChoice{&state.offered(),
                                               &state.hashes()};
                        },
                        [](const Binding auto& state) -> Wait {
                          return NeedPskBinder{&state.binder_request()};
                        },
                        [](const Proving auto& state) -> Wait {
                          return NeedPskVerdict{&state.psk_proof()};
                        },
                        [](const Agreeing auto& state) -> Wait {
                          return NeedPskSecret{&state.secret_request()};
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

// Runs a step of the handshake: without memory, it is over.
template <typename Step>
void Engine::Guarded(Step step) {
  try {
    step();
  } catch (const std::bad_alloc&) {
    RunOutOfMemory();
  }
}

void Engine::RunOutOfMemory() {
  constexpr Error kError = {Code::kNoMemory, "no memory for the handshake"};
  try {
    Fail(kError);
  } catch (const std::bad_alloc&) {
    state_ = Failed{kError, std::nullopt};
  }
}

void Engine::Feed(ByteView bytes) {
  Guarded([&] {
    if (!std::holds_alternative<NeedInput>(wait())) {
      return Abort(kNotWaitedFor);
    }
    const Status added = channel_.Add(bytes);
    if (!added.ok()) {
      return Fail(added.error());
    }
    TakeMessages();
  });
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

// Gives the answer to the state that waits for it, by `transition`(state,
// answer), or fails with the error that came instead.
template <typename Answer, typename Transition>
void Engine::Give(Result<Answer> answer, Transition transition) {
  Guarded([&] {
    std::visit(
        [&]<typename S>(S& state) {
          if constexpr (!std::invocable<Transition, S, Answer>) {
            Abort(kNotWaitedFor);
          } else if (!answer.ok()) {
            Fail(answer.error());
          } else {
            S current = std::move(state);
            Enter(transition(std::move(current), std::move(answer).value()));
          }
        },
        state_);
    TakeMessages();
  });
}

void Engine::Configure(Result<ServerConfig> config) {
  Give(std::move(config), [this](AwaitServerConfig state, ServerConfig chosen) {
    return std::move(state).Configure(std::move(chosen), channel_);
  });
}

void Engine::Sign(Result<Bytes> signature) {
  Give(std::move(signature), [this](Signing auto state, const Bytes& bytes) {
    return std::move(state).Sign(bytes, channel_);
  });
}

void Engine::Judge(Result<PeerVerified> verdict) {
  Give(std::move(verdict), [](Judging auto state, PeerVerified verified) {
    return Result(std::move(state).Accept(std::move(verified)));
  });
}

void Engine::ChoosePsk(Result<std::optional<PskChoice>> choice) {
  Give(choice,
       [this](AwaitPskChoice state, const std::optional<PskChoice>& chosen) {
         return std::move(state).Choose(chosen, channel_);
       });
}

void Engine::GivePskBinder(Result<HashSecret> binder) {
  Give(std::move(binder), [this](Binding auto state, const HashSecret& mac) {
    return std::move(state).Bind(mac, channel_);
  });
}

void Engine::JudgePsk(Result<PskVerified> verdict) {
  Give(std::move(verdict), [](Proving auto state, PskVerified verified) {
    return std::move(state).Accept(std::move(verified));
  });
}

void Engine::GivePskSecret(Result<HashSecret> handshake_secret) {
  Give(std::move(handshake_secret),
       [this](Agreeing auto state, HashSecret secret) {
         return std::move(state).Agree(std::move(secret), channel_);
       });
}

void Engine::ReadTicket() {
  Guarded([this] {
    if (!std::holds_alternative<Completed>(state_) || !client_ ||
        !info_.psk_identity) {
      return Abort(kNotWaitedFor);
    }
    Completed completed = std::get<Completed>(std::move(state_));
    Enter(AwaitTicket::Begin(std::move(completed), channel_));
  });
}

void Engine::PeerClosed(bool reset) {
  Abort(reset ? Error{Code::kPeerReset, "the peer reset the connection"}
              : Error{Code::kPeerClosed, "the peer closed the connection"});
}

void Engine::Abort(const Error& error) {
  if (!std::holds_alternative<Failed>(state_)) {
    Guarded([&] { Fail(error); });
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
