// JSON as the control socket writes it: one line, ASCII.
//
// Layer:     agent/control; nlohmann-json.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace ktlsd::agent {

// Keeps the order in which members were added.
using Json = nlohmann::ordered_json;

inline std::string Dump(const Json& json) {
  return json.dump(-1, ' ', true, Json::error_handler_t::replace) + '\n';
}

}  // namespace ktlsd::agent
