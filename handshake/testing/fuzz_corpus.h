// The inputs that the fuzz targets of handshake/ start from: real handshakes of
// our two ends in several variants, taken apart for each target.
//
// Scope:     the same bytes whenever it is called, with one libcrypto.
// Layer:     handshake/testing.
// Threads:   one thread.
#pragma once

#include <map>
#include <string>

#include "base/bytes.h"

namespace ktlsd::handshake {

// By its path in the tree: "handshake/testdata/engine/ours_psk_to_server".
using FuzzCorpus = std::map<std::string, Bytes>;

FuzzCorpus MakeFuzzCorpus();

}  // namespace ktlsd::handshake
