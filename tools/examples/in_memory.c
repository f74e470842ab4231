/* A TLS 1.3 handshake without any I/O: two engines in one program, and buffers
 * in place of a network. A program with an event loop of its own, or with
 * streams that are not sockets yet, drives its engine as advance() does.
 *
 *   in_memory
 *
 * The client offers a pre-shared key; the server looks at the ClientHello to
 * find the configuration for it; then both export the same keying material.
 * Exit status 0 when they do. It needs no kernel TLS: the keys, which
 * ktlsd_engine_install would give to a socket, are dropped. */
#include <ktlsd.h>
#include <stdio.h>
#include <string.h>

enum { kRoom = 4096, kMaterialBytes = 32 };

/* What is on its way to one end. */
struct buffer {
  uint8_t bytes[kRoom];
  size_t length;
};

struct end {
  ktlsd_engine* engine;
  int wait; /* the last one */
  struct buffer received;
};

/* Sends to `peer` what there is room for, as send(2) may; says how much. */
static size_t give(struct end* peer, const uint8_t* data, size_t length) {
  struct buffer* const to = &peer->received;
  const size_t room = kRoom - to->length;
  const size_t count = length < room ? length : room;
  memcpy(to->bytes + to->length, data, count);
  to->length += count;
  return count;
}

static void drop(struct buffer* from, size_t count) {
  from->length -= count;
  memmove(from->bytes, from->bytes + count, from->length);
}

static int fill_psk(ktlsd_config* config) {
  /* A key that both sides have: random bytes, not a password. */
  static const uint8_t key[32] = {0x3f, 0x09, 0x5c, 0xd2, 0x71};
  return ktlsd_config_add_psk(config, "sensor-7", 8, key, sizeof(key),
                              KTLSD_PSK_HASH_DEFAULT);
}

/* The server's answer to the ClientHello that it waits with. */
static int answer_hello(ktlsd_engine* engine, const ktlsd_config* for_psk) {
  const uint8_t* identity = NULL;
  size_t length = 0;
  if (ktlsd_hello_psk_identity(engine, 0, &identity, &length) == KTLSD_OK &&
      length == 8 && memcmp(identity, "sensor-7", 8) == 0) {
    return ktlsd_engine_configure(engine, for_psk);
  }
  return KTLSD_UNKNOWN_PSK_IDENTITY; /* nobody whom we serve */
}

/* Goes on until the handshake is done or needs bytes that are not here yet. */
static int advance(struct end* end, struct end* peer,
                   const ktlsd_config* for_psk) {
  for (;;) {
    const uint8_t* data = NULL;
    size_t bytes = 0;
    int code = ktlsd_engine_step(end->engine, &end->wait, &bytes);
    if (code != KTLSD_OK) {
      return code; /* any alert was sent: the step before wanted it */
    }
    switch (end->wait) {
      case KTLSD_WANT_WRITE:
        code = ktlsd_engine_output(end->engine, &data, &bytes);
        if (code == KTLSD_OK) {
          bytes = give(peer, data, bytes);
          code = ktlsd_engine_written(end->engine, bytes);
        }
        break;
      case KTLSD_WANT_READ:
        /* At most `bytes`: what follows belongs to the kernel. */
        if (bytes > end->received.length) {
          bytes = end->received.length;
        }
        if (bytes == 0) {
          return KTLSD_OK;
        }
        code = ktlsd_engine_feed(end->engine, end->received.bytes, bytes);
        drop(&end->received, bytes);
        break;
      case KTLSD_WANT_CONFIG:
        code = answer_hello(end->engine, for_psk);
        break;
      default:
        return KTLSD_OK; /* KTLSD_DONE: ktlsd_engine_install(engine, fd) */
    }
    if (code != KTLSD_OK) {
      return code;
    }
  }
}

/* Both sides of a session get the same bytes, and nobody else does. */
static int export_key(const ktlsd_engine* engine,
                      uint8_t material[kMaterialBytes]) {
  static const char label[] = "EXPORTER-example-channel";
  return ktlsd_session_export(engine, label, sizeof(label) - 1, "", 0, material,
                              kMaterialBytes);
}

static int run(struct end* client, struct end* server,
               const ktlsd_config* for_psk) {
  uint8_t ours[kMaterialBytes];
  uint8_t theirs[kMaterialBytes];
  int code = KTLSD_OK;
  while (code == KTLSD_OK &&
         (client->wait != KTLSD_DONE || server->wait != KTLSD_DONE)) {
    code = advance(client, server, for_psk);
    if (code == KTLSD_OK) {
      code = advance(server, client, for_psk);
    }
  }
  if (code == KTLSD_OK) {
    code = export_key(client->engine, ours);
  }
  if (code == KTLSD_OK) {
    code = export_key(server->engine, theirs);
  }
  if (code == KTLSD_OK && memcmp(ours, theirs, sizeof(ours)) != 0) {
    code = KTLSD_INTERNAL;
  }
  return code;
}

int main(void) {
  static struct end client;
  static struct end server;
  ktlsd_config* offers_psk = NULL;
  ktlsd_config* for_psk = NULL;
  int code = ktlsd_config_new_client(&offers_psk);
  if (code == KTLSD_OK) {
    code = fill_psk(offers_psk);
  }
  if (code == KTLSD_OK) {
    code = ktlsd_config_new_server(&for_psk);
  }
  if (code == KTLSD_OK) {
    code = fill_psk(for_psk);
  }
  if (code == KTLSD_OK) {
    code = ktlsd_engine_new(offers_psk, &client.engine);
  }
  if (code == KTLSD_OK) {
    code = ktlsd_engine_new_acceptor(&server.engine);
  }
  if (code == KTLSD_OK) {
    code = run(&client, &server, for_psk);
  }
  ktlsd_engine_free(server.engine);
  ktlsd_engine_free(client.engine);
  ktlsd_config_free(for_psk);
  ktlsd_config_free(offers_psk);
  printf("%s\n", ktlsd_code_name(code));
  return code == KTLSD_OK ? 0 : 1;
}
