// ENGINE is what OpenSSL 3.0 has for PKCS#11 where no provider is installed.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "agent/keeper/token_keys.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/opensslconf.h>
#include <openssl/provider.h>
#include <openssl/store.h>
#include <openssl/ui.h>
#include <unistd.h>
#if !defined(OPENSSL_NO_ENGINE)
#include <openssl/engine.h>
#endif

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <utility>

#include "agent/keeper/token_pin.h"
#include "base/fn_deleter.h"
#include "base/key_access.h"

namespace ktlsd::agent {
namespace {

Error Unusable(std::string_view what) {
  return {Code::kPrivateKeyUnusable, what};
}

// CKR_PIN_INCORRECT, _INVALID, _LEN_RANGE, _EXPIRED, _LOCKED: libp11 and
// pkcs11-provider pass the module's codes on as reasons.
constexpr std::array kPinReasons = {0xa0, 0xa1, 0xa2, 0xa3, 0xa4};

// Why nothing was loaded, by libcrypto's queue, which is empty afterwards.
Error WhyNotLoaded() {
  bool pin = false;
  while (const unsigned long error = ::ERR_get_error()) {
    const char* const library = ::ERR_lib_error_string(error);
    const bool of_token =
        library != nullptr &&
        std::string_view(library).find("PKCS#11") != std::string_view::npos;
    pin = pin || (of_token &&
                  std::ranges::count(kPinReasons, ERR_GET_REASON(error)) != 0);
  }
  return Unusable(pin ? "the token refuses the PIN"
                      : "no token, or no private key in it, that the URL "
                        "names; or it needs a PIN");
}

// libcrypto's callback for passphrases: gives the PIN, or none.
int GivePin(char* into, int size, int /*writing*/, void* pin) {
  const auto text = static_cast<const TokenPin*>(pin)->Reveal(KeyAccess());
  if (text.empty() || size < 0 ||
      text.size() > static_cast<std::size_t>(size)) {
    return -1;
  }
  std::ranges::copy(text, into);
  return static_cast<int>(text.size());
}

using Context = std::unique_ptr<OSSL_LIB_CTX, FnDeleter<OSSL_LIB_CTX_free>>;
using Store = std::unique_ptr<OSSL_STORE_CTX, FnDeleter<OSSL_STORE_close>>;
using StoreInfo =
    std::unique_ptr<OSSL_STORE_INFO, FnDeleter<OSSL_STORE_INFO_free>>;
using Questions = std::unique_ptr<UI_METHOD, FnDeleter<UI_destroy_method>>;

// The first private key that is there, or null.
EVP_PKEY* FindInStore(const handshake::KeyHome& home, const std::string& object,
                      const TokenPin& pin) {
  const Questions questions(::UI_UTIL_wrap_read_pem_callback(GivePin, 0));
  const Store store(questions
                        ? ::OSSL_STORE_open_ex(object.c_str(), home.library,
                                               home.properties, questions.get(),
                                               const_cast<TokenPin*>(&pin),
                                               nullptr, nullptr, nullptr)
                        : nullptr);
  if (!store || ::OSSL_STORE_expect(store.get(), OSSL_STORE_INFO_PKEY) != 1) {
    return nullptr;
  }
  while (::OSSL_STORE_eof(store.get()) == 0) {
    const StoreInfo info(::OSSL_STORE_load(store.get()));
    EVP_PKEY* const key =
        info ? ::OSSL_STORE_INFO_get1_PKEY(info.get()) : nullptr;
    if (key != nullptr || ::OSSL_STORE_error(store.get()) != 0) {
      return key;
    }
  }
  return nullptr;
}

}  // namespace

// What libcrypto has loaded for tokens: a context of its own for each kind,
// with the token's provider beside the default one. The process's own context
// stays as it was: no hash of ours is computed in a TPM.
class TokenKeys::Libraries {
 public:
  Result<Key> Load(const TokenUrl& url, const TokenPin& pin) {
    return url.kind == TokenKind::kTpm ? LoadFromTpm(url, pin)
                                       : LoadFromPkcs11(url, pin);
  }

 private:
  // Null where the provider is not installed.
  static Context ContextWith(const char* provider) {
    Context context(::OSSL_LIB_CTX_new());
    if (!context || ::OSSL_PROVIDER_load(context.get(), provider) == nullptr ||
        ::OSSL_PROVIDER_load(context.get(), "default") == nullptr) {
      ::ERR_clear_error();
      return nullptr;
    }
    return context;
  }

  static Result<Key> Take(EVP_PKEY* key, const handshake::KeyHome& home) {
    if (key == nullptr) {
      return WhyNotLoaded();
    }
    return Key{std::unique_ptr<EVP_PKEY, FreeKey>(key), home};
  }

  static Result<Key> LoadByStore(const handshake::KeyHome& home,
                                 const std::string& object,
                                 const TokenPin& pin) {
    return Take(FindInStore(home, object, pin), home);
  }

  Result<Key> LoadFromTpm(const TokenUrl& url, const TokenPin& pin) {
    if (!tpm_) {
      tpm_ = ContextWith("tpm2");
    }
    if (!tpm_) {
      return Unusable(
          "libcrypto has no provider for TPMs (tpm2-openssl), or "
          "it reaches none");
    }
    return LoadByStore({tpm_.get(), "?provider=tpm2"}, url.object, pin);
  }

  Result<Key> LoadFromPkcs11(const TokenUrl& url, const TokenPin& pin) {
    RETURN_IF_ERROR(UseModule(url.module));
    if (pkcs11_) {
      return LoadByStore({pkcs11_.get(), "?provider=pkcs11"}, url.object, pin);
    }
    return LoadByEngine(url, pin);
  }

  // Both the provider and the engine load one module, once.
  Status UseModule(const std::string& module) {
    if (module_) {
      return *module_ == module
                 ? Status(Ok{})
                 : Unusable("URLs with different modules (module-path)");
    }
    if (!module.empty() && ::access(module.c_str(), R_OK) != 0) {
      return Unusable("the PKCS#11 module (module-path) cannot be read");
    }
    module_ = module;
    if (!module.empty()) {
      ::setenv("PKCS11_PROVIDER_MODULE", module.c_str(), 1);
    }
    pkcs11_ = ContextWith("pkcs11");
    return Ok{};
  }

#if !defined(OPENSSL_NO_ENGINE)
  static void FreeEngine(ENGINE* engine) {
    ::ENGINE_finish(engine);
    ::ENGINE_free(engine);
  }

  Status StartEngine() {
    if (engine_) {
      return Ok{};
    }
    ::ENGINE_load_builtin_engines();
    ENGINE* const engine = ::ENGINE_by_id("pkcs11");
    ::ERR_clear_error();
    if (engine == nullptr) {
      return Unusable("libcrypto has neither provider nor engine for PKCS#11");
    }
    const std::string module = module_.value_or("");
    const bool started =
        (module.empty() || ::ENGINE_ctrl_cmd_string(engine, "MODULE_PATH",
                                                    module.c_str(), 0) == 1) &&
        ::ENGINE_init(engine) == 1;
    ::ERR_clear_error();
    if (!started) {
      ::ENGINE_free(engine);
      return Unusable("the PKCS#11 module does not load");
    }
    engine_.reset(engine);
    return Ok{};
  }

  // It keeps the last one; an empty one makes it forget that of another token,
  // and counts as an attempt.
  void GiveEngine(const TokenPin& pin) {
    if (pin.empty() && !engine_has_pin_) {
      return;
    }
    std::array<char, kMaxPin + 1> text{};
    const auto secret = pin.Reveal(KeyAccess());
    std::ranges::copy(secret, text.begin());
    ::ENGINE_ctrl_cmd_string(engine_.get(), "PIN", text.data(), 0);
    ::explicit_bzero(text.data(), text.size());
    engine_has_pin_ = true;
  }

  Result<Key> LoadByEngine(const TokenUrl& url, const TokenPin& pin) {
    RETURN_IF_ERROR(StartEngine());
    GiveEngine(pin);
    // Else it would ask at the terminal.
    return Take(
        ::ENGINE_load_private_key(engine_.get(), url.object.c_str(),
                                  const_cast<UI_METHOD*>(::UI_null()), nullptr),
        {});
  }

  std::unique_ptr<ENGINE, FnDeleter<FreeEngine>> engine_;
  bool engine_has_pin_ = false;
#else
  static Result<Key> LoadByEngine(const TokenUrl&, const TokenPin&) {
    return Unusable("libcrypto has no provider for PKCS#11");
  }
#endif

  Context tpm_;
  Context pkcs11_;
  std::optional<std::string> module_;
};

void TokenKeys::FreeKey::operator()(evp_pkey_st* key) const {
  ::EVP_PKEY_free(key);
}

TokenKeys::TokenKeys() = default;
TokenKeys::~TokenKeys() = default;

void TokenKeys::Open(const std::string& url) {
  if (keys_.count(url) == 0) {
    keys_.emplace(url, Load(url));
    ::ERR_clear_error();
  }
}

Result<TokenKeys::Key> TokenKeys::Load(const std::string& url) {
  ASSIGN_OR_RETURN(const TokenUrl parsed, ParseTokenUrl(url));
  TokenPin pin;
  if (!parsed.pin_source.empty()) {
    ASSIGN_OR_RETURN(pin, ReadPin(parsed.pin_source));
  }
  if (!libraries_) {
    libraries_ = std::make_unique<Libraries>();
  }
  return libraries_->Load(parsed, pin);
}

Result<handshake::Credential> TokenKeys::Use(std::string_view url,
                                             ByteView certificates) const {
  const auto found = keys_.find(url);
  if (found == keys_.end()) {
    return Unusable("a token's key that was not opened at the start");
  }
  if (!found->second.ok()) {
    return found->second.error();
  }
  const Key& key = found->second.value();
  return handshake::Credential::FromKey(certificates, *key.key, key.home);
}

}  // namespace ktlsd::agent
