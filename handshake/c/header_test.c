/* ktlsd.h from C99: it compiles, and the library links to a C program. */
#include <stdio.h>
#include <string.h>

#include "handshake/c/ktlsd.h"

static int failures = 0;

static void expect(int holds, const char* what) {
  if (!holds) {
    fprintf(stderr, "not so: %s\n", what);
    ++failures;
  }
}

int main(void) {
  ktlsd_config* config = NULL;
  ktlsd_engine* engine = NULL;
  int wait = 0;
  size_t bytes = 0;

  expect(ktlsd_config_new_client(&config) == KTLSD_OK, "a config is made");
  expect(ktlsd_config_set_server_name(config, "files.example") == KTLSD_OK,
         "a name is taken");
  expect(ktlsd_engine_new(config, &engine) == KTLSD_TRUST_STORE_UNUSABLE,
         "no engine without trust");
  expect(engine == NULL, "an output is written only on success");
  expect(ktlsd_config_set_verifier_external(config) == KTLSD_OK, "verifier");
  expect(ktlsd_engine_new(config, &engine) == KTLSD_OK, "an engine is made");
  expect(ktlsd_engine_step(engine, &wait, &bytes) == KTLSD_OK, "it steps");
  expect(wait == KTLSD_WANT_WRITE && bytes > 100, "it has a ClientHello");
  expect(strcmp(ktlsd_code_name(KTLSD_NO_MEMORY), "no_memory") == 0, "a name");
  ktlsd_engine_free(engine);
  ktlsd_config_free(config);
  return failures == 0 ? 0 : 1;
}
