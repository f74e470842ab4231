#include "tools/ktlsctl/sessions_view.h"

#include <fmt/format.h>

#include <string_view>

#include "tools/ktlsctl/table.h"

namespace ktlsd::ktlsctl {
namespace {

using agent::Json;

std::string Text(const Json& session, std::string_view name) {
  return session.value(std::string(name), std::string());
}

// "10.0.0.1:2049" and "[::1]:2049" without the port.
std::string_view Address(std::string_view peer) {
  std::string_view address = peer.substr(0, peer.rfind(':'));
  if (address.starts_with('[') && address.ends_with(']')) {
    address = address.substr(1, address.size() - 2);
  }
  return address;
}

bool IsOf(const Json& session, const std::string& peer) {
  const std::string whole = Text(session, "peer");
  return whole == peer || Address(whole) == peer ||
         Text(session, "name") == peer;
}

std::string Duration(const Json& session) {
  const auto found = session.find("total_us");
  return found == session.end()
             ? ""
             : fmt::format("{:.1f} ms", found->get<double>() / 1000);
}

std::string Why(const Json& session) {
  const std::string code = Text(session, "code");
  const std::string reason = Text(session, "reason");
  return reason.empty() ? code : code + ": " + reason;
}

// By what the peer was, or should have been, known.
std::string Name(const Json& session) {
  for (const std::string_view field : {"name", "identity", "subject"}) {
    if (std::string name = Text(session, field); !name.empty()) {
      return name;
    }
  }
  return "";
}

}  // namespace

Json Select(const Json& sessions, const SessionFilter& filter) {
  Json selected = Json::array();
  for (const Json& session : sessions) {
    if ((!filter.failed || Text(session, "outcome") != "ok") &&
        (filter.peer.empty() || IsOf(session, filter.peer))) {
      selected.push_back(session);
    }
  }
  if (filter.last > 0 && selected.size() > filter.last) {
    selected.erase(selected.begin(),
                   selected.end() - static_cast<std::ptrdiff_t>(filter.last));
  }
  return selected;
}

std::string SessionsText(const Json& sessions) {
  Table table(
      {"TIME", "OUTCOME", "SIDE", "CONSUMER", "PEER", "NAME", "TOOK", "WHY"});
  for (const Json& session : sessions) {
    table.Add({Text(session, "time"), Text(session, "outcome"),
               Text(session, "side"), Text(session, "consumer"),
               Text(session, "peer"), Name(session), Duration(session),
               Why(session)});
  }
  return table.empty() ? "no handshakes\n" : table.Text();
}

std::string LiveText(const Json& live) {
  Table table(
      {"SINCE", "SIDE", "PEER", "NAME", "SETTINGS", "NEXT LOOK", "STATE"});
  for (const Json& session : live) {
    table.Add({Text(session, "since"), Text(session, "side"),
               Text(session, "peer"), Name(session), Text(session, "settings"),
               Text(session, "due"), Text(session, "state")});
  }
  return table.empty() ? "no sessions are watched\n" : table.Text();
}

}  // namespace ktlsd::ktlsctl
