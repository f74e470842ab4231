// Patterns of filters: * is any text, ? any one character.
//
// Scope:     text and pattern are looked at in characters as RFC 4514 writes
//            names: a backslash and what it escapes (one character, or two
//            hexadecimal digits) are one, and no other. So the "," of a
//            pattern is a separator of the name, never a comma within a value:
//            a subject "CN=a\,O=X" does not match "*,O=X".
// Layer:     agent/tags.
// Threads:   pure functions.
#pragma once

#include <string_view>

namespace ktlsd::agent {

// Costs at most the product of the two lengths.
bool MatchesWildcard(std::string_view pattern, std::string_view text);

}  // namespace ktlsd::agent
