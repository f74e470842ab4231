#include "agent/control/control_server.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <exception>
#include <memory>
#include <string_view>
#include <utility>

namespace ktlsd::agent {
namespace {

// Taken at one event; the rest comes with the next.
constexpr int kMostAccepts = 16;

// Of a few words only: they fit into an empty socket.
void TurnAway(const OwnedFd& socket, std::string_view why) {
  const std::string reply = FormatControlReply({false, why});
  static_cast<void>(::send(socket.raw(), reply.data(), reply.size(),
                           MSG_NOSIGNAL | MSG_DONTWAIT));
}

}  // namespace

Status ControlServer::Open(const std::string& path) {
  ASSIGN_OR_RETURN(ControlSocket socket, ControlSocket::Listen(path));
  socket_ = std::make_unique<ControlSocket>(std::move(socket));
  const Status watched = Watch();
  if (!watched.ok()) {
    socket_.reset();
  }
  return watched;
}

Status ControlServer::Watch() {
  ASSIGN_OR_RETURN(incoming_, loop_.OnReadable(socket_->listener(),
                                               [this] { AcceptAll(); }));
  return Ok{};
}

void ControlServer::AcceptAll() {
  for (int i = 0; i < kMostAccepts; ++i) {
    OwnedFd socket = socket_->Accept();
    if (!socket.valid()) {
      if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
        // It stays readable: to be told again and again would help nobody.
        incoming_->Stop();
        paused_until_ = clock_.Now() + kPause;
      }
      return;
    }
    try {
      Admit(std::move(socket));
    } catch (const std::exception&) {
      // No memory for one more; its socket is closed.
      std::erase_if(clients_, [](const Client& client) {
        return client.readable == nullptr;
      });
    }
  }
}

void ControlServer::Admit(OwnedFd socket) {
  if (!admits_(socket.borrow())) {
    return TurnAway(socket, "only root may ask");
  }
  if (clients() >= kMaxClients) {
    return TurnAway(socket, "too many clients at once, try again");
  }
  clients_.emplace_back();
  Client& client = clients_.back();
  client.socket = std::move(socket);
  client.deadline = clock_.Now() + kTimePerClient;
  Result<MonitorLoop::WatchPtr> readable = loop_.OnReadable(
      client.socket.borrow(),
      [this, &client] { Guard(client, [&] { Read(client); }); });
  if (!readable.ok()) {
    clients_.pop_back();
    return;
  }
  client.readable = std::move(readable).value();
}

template <typename Step>
void ControlServer::Guard(Client& client, Step step) {
  try {
    step();
  } catch (const std::exception&) {
    End(client);
  }
}

void ControlServer::Read(Client& client) {
  std::array<char, kMaxControlQuestion> part;
  const ssize_t got = ::recv(client.socket.raw(), part.data(),
                             part.size() - client.question.size(), 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
    return;
  }
  if (got <= 0) {
    return End(client);
  }
  client.question.append(part.data(), static_cast<std::size_t>(got));
  if (client.question.ends_with('\n') ||
      client.question.size() == kMaxControlQuestion) {
    client.readable->Stop();
    Ask(client);
  }
}

void ControlServer::Ask(Client& client) {
  const std::string_view line = client.question;
  const std::optional<ControlQuestion> question =
      line.ends_with('\n')
          ? ParseControlQuestion(line.substr(0, line.size() - 1))
          : std::nullopt;
  if (!question.has_value()) {
    return Reply(client, {false, "not a question that this ktlsd knows"});
  }
  std::string answer;
  try {
    answer = answer_(*question);
  } catch (const std::exception&) {
    return Reply(client, {false, "no memory for the answer"});
  }
  if (answer.size() > kMaxControlAnswer / 2) {
    return Reply(client, {false, "the answer is too long"});
  }
  Reply(client, {true, answer});
}

void ControlServer::Reply(Client& client, const ControlReply& reply) {
  client.answer = FormatControlReply(reply);
  Send(client);
  if (client.done) {
    return;
  }
  Result<MonitorLoop::WatchPtr> writable = loop_.OnWritable(
      client.socket.borrow(),
      [this, &client] { Guard(client, [&] { Send(client); }); });
  if (!writable.ok()) {
    return End(client);
  }
  client.writable = std::move(writable).value();
}

void ControlServer::Send(Client& client) {
  const std::string_view rest =
      std::string_view(client.answer).substr(client.sent);
  const ssize_t sent = ::send(client.socket.raw(), rest.data(), rest.size(),
                              MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent < 0 && (errno == EAGAIN || errno == EINTR)) {
    return;
  }
  if (sent < 0) {
    return End(client);
  }
  client.sent += static_cast<std::size_t>(sent);
  if (client.sent == client.answer.size()) {
    End(client);
  }
}

// It is destroyed later: this may be its own callback.
void ControlServer::End(Client& client) {
  client.done = true;
  if (client.readable != nullptr) {
    client.readable->Stop();
  }
  if (client.writable != nullptr) {
    client.writable->Stop();
  }
}

void ControlServer::OnTime() {
  const MonotonicTime now = clock_.Now();
  clients_.remove_if(
      [now](Client& client) { return client.done || client.deadline <= now; });
  if (paused_until_.has_value() && *paused_until_ <= now) {
    paused_until_ = Watch().ok() ? std::nullopt : std::optional(now + kPause);
  }
}

std::optional<MonotonicTime> ControlServer::NextWake() const {
  std::optional<MonotonicTime> first = paused_until_;
  for (const Client& client : clients_) {
    first = std::min(first.value_or(client.deadline), client.deadline);
  }
  return first;
}

std::size_t ControlServer::clients() const {
  return static_cast<std::size_t>(std::ranges::count_if(
      clients_, [](const Client& client) { return !client.done; }));
}

}  // namespace ktlsd::agent
