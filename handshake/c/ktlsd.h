/* libktlsd: TLS 1.3 handshakes for kernel TLS, from C99 or C++.
 *
 * A handshake is an engine: bytes in, bytes out, and a reason why it waits. It
 * does no I/O by itself. ktlsd_handshake_fd drives one over a connected TCP
 * socket and leaves the session's keys in the kernel: from then on read,
 * write, sendfile and splice on that socket carry application data, encrypted
 * by the kernel (kTLS). The keys never reach the program.
 *
 *   ktlsd_config *config;
 *   ktlsd_engine *engine;
 *   int wait;
 *   ktlsd_config_new_client(&config);
 *   ktlsd_config_set_server_name(config, "files.example");
 *   ktlsd_config_set_trust_files(config, "ca.pem");
 *   ktlsd_engine_new(config, &engine);
 *   code = ktlsd_handshake_fd(engine, fd, &wait);
 *
 * One file, longer than others of the project: it is the library's manual.
 *
 * Rules for every function:
 * - It returns KTLSD_OK or another number of ktlsd_codes.h, and writes its
 *   outputs only on KTLSD_OK (but see ktlsd_session_export). It never aborts,
 *   exits or throws.
 * - No pointer may be NULL, also where a length is 0, but for the _free
 *   functions: else KTLSD_API_MISUSE. Lengths are in bytes, counts in items.
 * - Input is copied before the function returns. What a getter gives out is
 *   the object's, read-only, and valid until the object's next call that is
 *   not a getter.
 * - An object is used by one thread at a time; different objects are
 *   independent. Nothing is global.
 * - No thread is cancelled inside (pthread_cancel(3)): a request waits until
 *   the function has returned.
 * - The calling thread's queue of libcrypto's errors (ERR_get_error(3)) is
 *   empty afterwards: what the program had in it is gone.
 * - A setting marked "Client:" or "Server:" is KTLSD_API_MISUSE for a config of
 *   the other role.
 * - After KTLSD_NO_MEMORY or KTLSD_INTERNAL an engine is over; a config is as
 *   it was before the call.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "ktlsd_codes.h"

#if defined(__cplusplus)
#define KTLSD_NOEXCEPT noexcept
extern "C" {
#else
#define KTLSD_NOEXCEPT
#endif
#define KTLSD_API __attribute__((visibility("default")))

typedef struct ktlsd_config ktlsd_config;
typedef struct ktlsd_engine ktlsd_engine;

/* --- Codes as text --- */

/* The code's word ("certificate_expired"), or "unknown"; never NULL. */
KTLSD_API const char* ktlsd_code_name(int code) KTLSD_NOEXCEPT;

/* Whose fault a code is. */
enum ktlsd_fault {
  KTLSD_FAULT_NONE = 0,
  KTLSD_FAULT_PEER = 1,
  KTLSD_FAULT_CONFIG = 2,
  KTLSD_FAULT_KERNEL = 3,
  KTLSD_FAULT_RESOURCE = 4,
  KTLSD_FAULT_BUG = 5
};
KTLSD_API int ktlsd_code_fault(int code) KTLSD_NOEXCEPT;

/* --- Configuration: may be used for any number of engines, changed and freed
 *     at any time; an engine keeps what it was made with. --- */

KTLSD_API int ktlsd_config_new_client(ktlsd_config** out) KTLSD_NOEXCEPT;
KTLSD_API int ktlsd_config_new_server(ktlsd_config** out) KTLSD_NOEXCEPT;
KTLSD_API void ktlsd_config_free(ktlsd_config* config) KTLSD_NOEXCEPT;

/* Our certificate chain (end entity first) and its unencrypted private key, in
 * PEM. Required of a server without PSKs. KTLSD_CERTIFICATE_UNUSABLE,
 * KTLSD_PRIVATE_KEY_UNUSABLE. The files must be regular ones, of 1 MiB at
 * most; one that cannot be read gives the same codes.
 *
 * A config may have up to 16 certificates, with keys of different kinds, best
 * first: a peer is shown the first whose key signs with a scheme that the peer
 * takes. They are counted from 0. The set_ functions put one in place of all
 * that are there, the add_ functions one behind them (KTLSD_CONFIG_UNUSABLE
 * for one too many). */
KTLSD_API int ktlsd_config_set_certificate_pem(
    ktlsd_config* config, const void* chain, size_t chain_length,
    const void* key, size_t key_length) KTLSD_NOEXCEPT;
KTLSD_API int ktlsd_config_set_certificate_files(
    ktlsd_config* config, const char* chain_path,
    const char* key_path) KTLSD_NOEXCEPT;

KTLSD_API int ktlsd_config_add_certificate_pem(
    ktlsd_config* config, const void* chain, size_t chain_length,
    const void* key, size_t key_length) KTLSD_NOEXCEPT;
KTLSD_API int ktlsd_config_add_certificate_files(
    ktlsd_config* config, const char* chain_path,
    const char* key_path) KTLSD_NOEXCEPT;

/* Our certificate chain in PEM, with a key that is elsewhere: the engine waits
 * with KTLSD_WANT_SIGNATURE. `schemes` are the SignatureSchemes of RFC 8446
 * section 4.2.3 that the key signs with, best first. */
KTLSD_API int ktlsd_config_set_certificate_external(
    ktlsd_config* config, const void* chain, size_t chain_length,
    const uint16_t* schemes, size_t scheme_count) KTLSD_NOEXCEPT;

KTLSD_API int ktlsd_config_add_certificate_external(
    ktlsd_config* config, const void* chain, size_t chain_length,
    const uint16_t* schemes, size_t scheme_count) KTLSD_NOEXCEPT;

/* Server: an OCSP response in DER, of 1 to 32768 bytes, about the certificate
 * with this index, for clients that ask for one (RFC 8446 section 4.4.2.1). It
 * is sent as it is: fetching and renewing it is the program's.
 * KTLSD_CONFIG_UNUSABLE for another length, or an index without certificate. */
KTLSD_API int ktlsd_config_set_ocsp_response(ktlsd_config* config, size_t index,
                                             const void* response,
                                             size_t length) KTLSD_NOEXCEPT;

/* The authorities that may vouch for the peer, in PEM, and the revocation
 * lists; with any, every certificate of a chain must be covered by one.
 * Required of a client, and of a server that asks for certificates; without
 * use where no certificate is judged: with PSKs, with KTLSD_CLIENT_AUTH_NONE.
 * KTLSD_TRUST_STORE_UNUSABLE, KTLSD_CRL_UNUSABLE; a block that does not parse
 * refuses the whole. */
KTLSD_API int ktlsd_config_set_trust_pem(ktlsd_config* config,
                                         const void* anchors,
                                         size_t length) KTLSD_NOEXCEPT;
KTLSD_API int ktlsd_config_set_trust_pem_crls(
    ktlsd_config* config, const void* anchors, size_t anchors_length,
    const void* crls, size_t crls_length) KTLSD_NOEXCEPT;
KTLSD_API int ktlsd_config_set_trust_files(ktlsd_config* config,
                                           const char* path) KTLSD_NOEXCEPT;
KTLSD_API int ktlsd_config_set_trust_files_crls(
    ktlsd_config* config, const char* anchors_path,
    const char* crls_path) KTLSD_NOEXCEPT;

/* Peers are judged by the program, not by a trust store: the engine waits with
 * KTLSD_WANT_VERDICT. Of this and the set_trust functions, the one that is
 * called last holds. */
KTLSD_API int ktlsd_config_set_verifier_external(ktlsd_config* config)
    KTLSD_NOEXCEPT;

enum ktlsd_ocsp {
  KTLSD_OCSP_NONE = 0,   /* no response is asked for */
  KTLSD_OCSP_ASK = 1,    /* must hold if it comes; must-staple is heeded */
  KTLSD_OCSP_REQUIRE = 2 /* and must come: KTLSD_OCSP_RESPONSE_MISSING */
};
/* Client: without PSKs, an OCSP response about the server's certificate (RFC
 * 6066 section 8; must-staple is RFC 7633); NONE unless set. With an external
 * verifier only whether one must come is checked, the rest is the program's. */
KTLSD_API int ktlsd_config_request_ocsp(ktlsd_config* config,
                                        int level) KTLSD_NOEXCEPT;

enum ktlsd_profile {
  KTLSD_PROFILE_TLS = 0,
  /* RFC 9289 section 5.2.1: the peer's certificate is for RPC-over-TLS by its
   * key purposes (id-kp-rpcTLSServer, id-kp-rpcTLSClient), and no wildcard
   * stands for a name. */
  KTLSD_PROFILE_RPC = 1
};
/* What a trust store asks of the peer's certificate; TLS unless set. Not with
 * an external verifier (KTLSD_CONFIG_UNUSABLE from ktlsd_engine_new). */
KTLSD_API int ktlsd_config_set_profile(ktlsd_config* config,
                                       int profile) KTLSD_NOEXCEPT;

/* Client: the server's DNS name or IP address (192.0.2.1, 2001:db8::1). It is
 * what the certificate must have as a subjectAltName; a DNS name is also sent
 * (server_name). KTLSD_NO_PEER_NAME for what is neither. Required but with an
 * external verifier. */
KTLSD_API int ktlsd_config_set_server_name(ktlsd_config* config,
                                           const char* name) KTLSD_NOEXCEPT;

enum ktlsd_psk_hash {
  KTLSD_PSK_HASH_DEFAULT = 0, /* the identity's (NVMe/TCP), else SHA-256 */
  KTLSD_PSK_HASH_SHA256 = 1,
  KTLSD_PSK_HASH_SHA384 = 2
};
/* Adds an external PSK (RFC 8446 section 4.2.11), used only with a key
 * agreement; several may be added, best first. `identity`: 1 to 65535 bytes;
 * `key`: 1 to 256, which the program wipes. A client with PSKs needs no trust
 * store and no name (a DNS name is sent, and no more), must have no
 * certificate, and refuses a server that chooses none of them. A server with
 * PSKs needs no certificate; it serves clients by certificate only when it has
 * one. KTLSD_CONFIG_UNUSABLE for a length out of range or an identity that is
 * here; KTLSD_KEY_REJECTED for an NVMe/TCP identity ("NVMe1R01 ...") that
 * disagrees with the key's length or with `hash`. */
KTLSD_API int ktlsd_config_add_psk(ktlsd_config* config, const void* identity,
                                   size_t identity_length, const void* key,
                                   size_t key_length, int hash) KTLSD_NOEXCEPT;

/* Adds a protocol for ALPN (RFC 7301), 1 to 255 bytes, best first. A server
 * refuses a client that offers others only. */
KTLSD_API int ktlsd_config_add_alpn(ktlsd_config* config, const void* protocol,
                                    size_t length) KTLSD_NOEXCEPT;

/* Whether a peer that agrees on no protocol is refused: a client that offers
 * none, a server that chooses none; not unless set. Needs a protocol that was
 * added (KTLSD_CONFIG_UNUSABLE from ktlsd_engine_new). */
KTLSD_API int ktlsd_config_require_alpn(ktlsd_config* config,
                                        int on) KTLSD_NOEXCEPT;

enum ktlsd_client_auth {
  KTLSD_CLIENT_AUTH_NONE = 0,    /* no certificate is asked for */
  KTLSD_CLIENT_AUTH_REQUEST = 1, /* verified when there is one */
  KTLSD_CLIENT_AUTH_REQUIRE = 2
};
/* Server: NONE unless set. A client that uses a PSK is known by it and asked
 * for no certificate (RFC 8446 section 4.3.2), also with REQUIRE. A server with
 * PSKs and no certificate therefore asks nobody: all but NONE is
 * KTLSD_CONFIG_UNUSABLE from ktlsd_engine_new. */
KTLSD_API int ktlsd_config_set_client_auth(ktlsd_config* config,
                                           int client_auth) KTLSD_NOEXCEPT;

/* Whether the size of records is negotiated (RFC 8449); not unless set. For
 * kernels with TLS_TX_MAX_PAYLOAD_LEN only, which keeps to the peer's limit:
 * without it ktlsd_engine_install fails when the peer has one. */
KTLSD_API int ktlsd_config_set_record_size_limit(ktlsd_config* config,
                                                 int on) KTLSD_NOEXCEPT;

/* Cipher suites (RFC 8446 appendix B.4) and groups (section 4.2.7) by number,
 * best first. KTLSD_CONFIG_UNUSABLE for one that is not supported, or none. */
KTLSD_API int ktlsd_config_set_suites(ktlsd_config* config,
                                      const uint16_t* suites,
                                      size_t count) KTLSD_NOEXCEPT;
KTLSD_API int ktlsd_config_set_groups(ktlsd_config* config,
                                      const uint16_t* groups,
                                      size_t count) KTLSD_NOEXCEPT;

/* --- Engine --- */

/* A handshake in the config's role. KTLSD_NO_CERTIFICATE_CONFIGURED,
 * KTLSD_TRUST_STORE_UNUSABLE, KTLSD_NO_PEER_NAME when something that is
 * required is not set; KTLSD_CONFIG_UNUSABLE for settings that do not go
 * together. */
KTLSD_API int ktlsd_engine_new(const ktlsd_config* config,
                               ktlsd_engine** out) KTLSD_NOEXCEPT;
/* A server that learns its configuration from the ClientHello: it waits with
 * KTLSD_WANT_CONFIG. */
KTLSD_API int ktlsd_engine_new_acceptor(ktlsd_engine** out) KTLSD_NOEXCEPT;
KTLSD_API void ktlsd_engine_free(ktlsd_engine* engine) KTLSD_NOEXCEPT;

enum ktlsd_wait {
  KTLSD_WANT_WRITE = 1,     /* send ktlsd_engine_output */
  KTLSD_WANT_READ = 2,      /* ktlsd_engine_feed what arrives */
  KTLSD_WANT_CONFIG = 3,    /* ktlsd_engine_configure */
  KTLSD_WANT_SIGNATURE = 4, /* ktlsd_engine_sign */
  KTLSD_WANT_VERDICT = 5,   /* ktlsd_engine_accept_peer or _refuse_peer */
  KTLSD_DONE = 6            /* ktlsd_engine_install */
};
/* Goes on as far as possible and says what is awaited. `bytes`: how many may
 * be read from the peer at most (never more: the rest is the kernel's), or are
 * to be sent; else 0. What is sent with a signature waits for it.
 * A failed handshake returns the code of its failure, after its alert, if it
 * has one, was waited for with KTLSD_WANT_WRITE. */
KTLSD_API int ktlsd_engine_step(ktlsd_engine* engine, int* wait,
                                size_t* bytes) KTLSD_NOEXCEPT;

KTLSD_API int ktlsd_engine_output(const ktlsd_engine* engine,
                                  const uint8_t** data,
                                  size_t* length) KTLSD_NOEXCEPT;
/* `count` bytes of the output were sent. */
KTLSD_API int ktlsd_engine_written(ktlsd_engine* engine,
                                   size_t count) KTLSD_NOEXCEPT;
/* 1 to as many bytes from the peer as ktlsd_engine_step named. */
KTLSD_API int ktlsd_engine_feed(ktlsd_engine* engine, const void* data,
                                size_t length) KTLSD_NOEXCEPT;
/* The stream ended, by a FIN or (`reset` not 0) by a RST. */
KTLSD_API int ktlsd_engine_peer_closed(ktlsd_engine* engine,
                                       int reset) KTLSD_NOEXCEPT;
/* The time for certificates, in seconds since 1970 and before the year 2262;
 * the system's unless set. */
KTLSD_API int ktlsd_engine_set_time(ktlsd_engine* engine,
                                    int64_t seconds) KTLSD_NOEXCEPT;

/* Why the handshake failed, in a few words for a log; "" when it has not. */
KTLSD_API int ktlsd_engine_error_text(const ktlsd_engine* engine,
                                      const char** text) KTLSD_NOEXCEPT;
/* The alert (RFC 8446 section 6.2) that the peer sent; KTLSD_END without. */
KTLSD_API int ktlsd_engine_peer_alert(const ktlsd_engine* engine,
                                      uint8_t* alert) KTLSD_NOEXCEPT;

/* KTLSD_WANT_CONFIG: the ClientHello, and the answer to it, a server's config.
 * KTLSD_END behind the last item of a list, or when there is no name. The name
 * is as the client sent it: unchecked, without a NUL at its end. */
KTLSD_API int ktlsd_hello_server_name(const ktlsd_engine* engine,
                                      const char** name,
                                      size_t* length) KTLSD_NOEXCEPT;
KTLSD_API int ktlsd_hello_alpn(const ktlsd_engine* engine, size_t index,
                               const uint8_t** protocol,
                               size_t* length) KTLSD_NOEXCEPT;
KTLSD_API int ktlsd_hello_suite(const ktlsd_engine* engine, size_t index,
                                uint16_t* suite) KTLSD_NOEXCEPT;
KTLSD_API int ktlsd_hello_group(const ktlsd_engine* engine, size_t index,
                                uint16_t* group) KTLSD_NOEXCEPT;
KTLSD_API int ktlsd_hello_scheme(const ktlsd_engine* engine, size_t index,
                                 uint16_t* scheme) KTLSD_NOEXCEPT;
/* The identities of the PSKs that the client offers, not proven yet. */
KTLSD_API int ktlsd_hello_psk_identity(const ktlsd_engine* engine, size_t index,
                                       const uint8_t** identity,
                                       size_t* length) KTLSD_NOEXCEPT;
/* 1 when the client asks for an OCSP response, else 0. */
KTLSD_API int ktlsd_hello_status_request(const ktlsd_engine* engine,
                                         int* asked) KTLSD_NOEXCEPT;
KTLSD_API int ktlsd_engine_configure(ktlsd_engine* engine,
                                     const ktlsd_config* config) KTLSD_NOEXCEPT;

/* KTLSD_WANT_SIGNATURE: what to sign with the key of which certificate (its
 * index) by which scheme, and the signature. */
KTLSD_API int ktlsd_engine_to_sign(const ktlsd_engine* engine,
                                   size_t* certificate, uint16_t* scheme,
                                   const uint8_t** content,
                                   size_t* length) KTLSD_NOEXCEPT;
KTLSD_API int ktlsd_engine_sign(ktlsd_engine* engine, const void* signature,
                                size_t length) KTLSD_NOEXCEPT;

/* KTLSD_WANT_VERDICT: the program has looked at the peer's certificates.
 * Accepting checks that the peer holds the first one's key; all else (issuer,
 * name, time, purpose) was the program's. Refusing takes a code of the 200s,
 * which decides the alert. */
KTLSD_API int ktlsd_engine_accept_peer(ktlsd_engine* engine) KTLSD_NOEXCEPT;
KTLSD_API int ktlsd_engine_refuse_peer(ktlsd_engine* engine,
                                       int code) KTLSD_NOEXCEPT;

/* The peer's certificates in DER, its own first; KTLSD_END behind the last.
 * Unverified while KTLSD_WANT_VERDICT. The subject of the first (RFC 2253,
 * ASCII, at most 255 characters, ""  without certificate), refused or not. */
KTLSD_API int ktlsd_engine_peer_certificate(const ktlsd_engine* engine,
                                            size_t index, const uint8_t** der,
                                            size_t* length) KTLSD_NOEXCEPT;
KTLSD_API int ktlsd_engine_peer_subject(const ktlsd_engine* engine,
                                        const char** subject) KTLSD_NOEXCEPT;
/* The OCSP response that came with the peer's own certificate, in DER;
 * KTLSD_END without. Unverified while KTLSD_WANT_VERDICT. */
KTLSD_API int ktlsd_engine_peer_ocsp_response(const ktlsd_engine* engine,
                                              const uint8_t** der,
                                              size_t* length) KTLSD_NOEXCEPT;

/* --- After KTLSD_DONE; before it KTLSD_API_MISUSE --- */

KTLSD_API int ktlsd_session_suite(const ktlsd_engine* engine,
                                  uint16_t* suite) KTLSD_NOEXCEPT;
KTLSD_API int ktlsd_session_group(const ktlsd_engine* engine,
                                  uint16_t* group) KTLSD_NOEXCEPT;
/* The protocol agreed on; length 0 without. */
KTLSD_API int ktlsd_session_alpn(const ktlsd_engine* engine,
                                 const uint8_t** protocol,
                                 size_t* length) KTLSD_NOEXCEPT;
/* The identity of the PSK that was agreed on; length 0 without. */
KTLSD_API int ktlsd_session_psk_identity(const ktlsd_engine* engine,
                                         const uint8_t** identity,
                                         size_t* length) KTLSD_NOEXCEPT;
/* 1 when the peer showed a certificate that was accepted, else 0. */
KTLSD_API int ktlsd_session_peer_verified(const ktlsd_engine* engine,
                                          int* verified) KTLSD_NOEXCEPT;
/* Keying material of this session (RFC 8446 section 7.5): fills `out`, of 1 to
 * 8160 bytes. `label`: at most 249 bytes. After any failure `out` is all zeros,
 * or its first 8160 bytes are when `out_length` is more. */
KTLSD_API int ktlsd_session_export(const ktlsd_engine* engine,
                                   const void* label, size_t label_length,
                                   const void* context, size_t context_length,
                                   void* out, size_t out_length) KTLSD_NOEXCEPT;

/* Gives the keys to the kernel for `fd`, the TCP socket over which the bytes
 * went, and reads back that they took hold. Once. After a failure nothing may
 * be sent over the socket any more: when it may be half keyed, it was shut
 * down. KTLSD_KERNEL_LACKS_TLS (no tls module), KTLSD_CIPHER_NOT_OFFLOADABLE,
 * KTLSD_OFFLOAD_FAILED, KTLSD_OFFLOAD_NOT_CONFIRMED, KTLSD_PEER_CLOSED. */
KTLSD_API int ktlsd_engine_install(ktlsd_engine* engine, int fd) KTLSD_NOEXCEPT;

/* The whole handshake over `fd`, a connected TCP socket that nobody else reads
 * or writes meanwhile, which stays the program's.
 *
 * `wait` is KTLSD_DONE when the socket is a kTLS socket. Else it says what to
 * do before the next call: a non-blocking socket (or one with SO_RCVTIMEO or
 * SO_SNDTIMEO) is to be polled for input (KTLSD_WANT_READ) or room
 * (KTLSD_WANT_WRITE); the other waits are answered as above. A call after
 * KTLSD_DONE is KTLSD_API_MISUSE and leaves the socket as it is.
 * Over a blocking socket without timeouts it waits for the peer without limit,
 * and cannot be cancelled meanwhile: shutdown(2), from another thread, ends it.
 * After a failure the alert was sent, as far as the socket took it, and the
 * sending side is shut down. No signal is raised (SIGPIPE). */
KTLSD_API int ktlsd_handshake_fd(ktlsd_engine* engine, int fd,
                                 int* wait) KTLSD_NOEXCEPT;

#if defined(__cplusplus)
}
#endif
