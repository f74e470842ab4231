// The version of ktlsd and ktlsctl. tools/install reads it here.
//
// Layer:     agent.
#pragma once

namespace ktlsd::agent {

inline constexpr char kVersion[] = "0.1.0";

}  // namespace ktlsd::agent
