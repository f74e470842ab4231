// The blocks of a PEM file, all of them or none.
//
// Layer:     handshake/x509.
// Threads:   pure functions.
#pragma once

#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace ktlsd::handshake {

// Returns the contents of each block of `text`, every one of which must be
// labelled `label` ("CERTIFICATE") and be sound. Text between blocks is
// skipped; a line that begins like a block and is none is not: what an
// operator meant to be there must not vanish silently.
// Errors: `unusable`, with the reason.
Result<std::vector<Bytes>> PemBlocks(ByteView text, std::string_view label,
                                     Code unusable);

// The contents of the blocks labelled `label`; blocks with other labels (the
// key beside its certificate) are skipped. For public data.
Result<std::vector<Bytes>> PemBlocksAmongOthers(ByteView text,
                                                std::string_view label,
                                                Code unusable);

}  // namespace ktlsd::handshake
