// Credentials from what the monitor hands over: open files, or DER.
//
// Layer:     agent/keeper.
// Threads:   pure functions.
// Privilege: none: the files are open.
#pragma once

#include <cstddef>
#include <string_view>

#include "agent/keeper/token_keys.h"
#include "base/bytes.h"
#include "base/owned_fd.h"
#include "base/result.h"
#include "handshake/credential.h"

namespace ktlsd::agent {

// Two PEM files. The key's must not be accessible to others than its owner:
// 0400 or 0600. Errors: kCertificateUnusable, kPrivateKeyUnusable with the
// reason.
Result<handshake::Credential> LoadFiles(BorrowedFd certificate, BorrowedFd key);

// A PEM file, and the key that was opened by `url`.
Result<handshake::Credential> LoadToken(BorrowedFd certificate,
                                        std::string_view url,
                                        const TokenKeys& tokens);

// `loaded`, unless its key is not post-quantum. Where libcrypto has no such
// keys that is the reason, whatever is wrong with the files.
// Errors: kPrivateKeyUnusable; those of `loaded`.
Result<handshake::Credential> OnlyPostQuantum(
    Result<handshake::Credential> loaded);

// DER: `certificate_size` bytes of certificates, then a private key. The
// caller wipes `der`.
Result<handshake::Credential> LoadDer(ByteView der,
                                      std::size_t certificate_size);

}  // namespace ktlsd::agent
