/* bare.c - secrets given where everybody reads them: told by the name they stand under, or by how they
 * look.
 *
 * An option that is no secret is stored, exported and shown as it was written.  What is meant to let
 * somebody in has no place there: it is kept as a secret of the team, granted, and written ${NAME}.
 * Names are few and well known, and looks only those of keys that say what they are; a password has
 * none. */
#include <string.h>
#include <strings.h>

#include "core/base/base.h"
#include "core/plugin/inner.h"

static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
static const char digits[] = "0123456789";

/* Keys that begin with who made them. */
static const struct look {
    const char *what;
    const char *begin;
    size_t more;                /* so many characters of it behind that, at least */
    const char *marks;          /* what it is made of beside letters and digits */
} looks[] = {
    {"a token of GitHub", "ghp_", 30, ""},
    {"a token of GitHub", "gho_", 30, ""},
    {"a token of GitHub", "ghu_", 30, ""},
    {"a token of GitHub", "ghs_", 30, ""},
    {"a token of GitHub", "github_pat_", 30, "_"},
    {"a token of GitLab", "glpat-", 20, "-_"},
    {"a token of Slack", "xoxb-", 20, "-"},
    {"a token of Slack", "xoxp-", 20, "-"},
    {"a token of Slack", "xapp-", 20, "-"},
    {"a token of Hugging Face", "hf_", 30, ""},
    {"a key of Weights & Biases", "wandb_v1_", 20, "_-"},
    {"a key of OpenAI", "sk-proj-", 32, "-_"},
    {"a key of Anthropic", "sk-ant-", 32, "-_"},
    {"a key of OpenAI", "sk-", 32, ""},
    {"a key of Stripe", "sk_live_", 16, ""},
    {"a key of AWS", "AKIA", 16, ""},
    {"a key of AWS", "ASIA", 16, ""},
    {"a key of Google", "AIza", 35, "-_"},
    {"a token of npm", "npm_", 36, ""},
    {"a token of PyPI", "pypi-", 50, "-_"},
    {"a key that signs webhooks", "whsec_", 24, "+/="},
    {"a key of Belfry", "bf-", 40, ""},
};

static bool is_of(const char *marks, char c)
{
    return c && (strchr(letters, c) || strchr(digits, c) || strchr(marks, c));
}

static size_t span_of(const char *marks, const char *text)
{
    size_t n = 0;

    while (is_of(marks, text[n]))
        n++;
    return n;
}

/* "eyJ….eyJ….…": a JSON Web Token, whose parts are objects in base64url. */
static bool is_jwt(const char *text)
{
    size_t n;

    for (int part = 0; part < 2; part++) {
        n = strncmp(text, "eyJ", 3) == 0 ? span_of("-_", text) : 0;
        if (n < 10 || text[n] != '.')
            return false;
        text += n + 1;
    }
    return span_of("-_", text) >= 10;
}

static const char *look_of(const char *text)
{
    for (size_t i = 0; i < BF_COUNT(looks); i++) {
        size_t len = strlen(looks[i].begin);

        if (strncmp(text, looks[i].begin, len) == 0 &&
            span_of(looks[i].marks, text + len) >= looks[i].more)
            return looks[i].what;
    }
    return is_jwt(text) ? "a JSON Web Token" : NULL;
}

const char *bf_bare_token(const char *text)
{
    const char *what = text && strstr(text, "PRIVATE KEY-----") ? "a private key" : NULL;

    for (const char *at = text; !what && at && *at; at++)
        if (at == text || !is_of("_-", at[-1]))
            what = look_of(at);
    return what;
}

bool bf_bare_name(const char *name)
{
    static const char *const whole[] = {"authorization", "proxy-authorization", "cookie", "x-auth",
                                        "auth", "key", "sig", "code", "pass", "pwd"};
    static const char *const parts[] = {"token", "secret", "password", "passwd", "passphrase",
                                        "credential", "api-key", "apikey", "api_key", "access-key",
                                        "access_key", "auth-key", "auth_key", "app-key",
                                        "application-key", "functions-key", "subscription-key",
                                        "private-key", "license-key"};

    for (size_t i = 0; i < BF_COUNT(whole); i++)
        if (strcasecmp(name, whole[i]) == 0)
            return true;
    for (size_t i = 0; i < BF_COUNT(parts); i++)
        if (strcasestr(name, parts[i]))
            return true;
    return false;
}

bool bf_bare_query(const char *url, char *name, size_t size)
{
    const char *at = strchr(url, '?');

    while (at && *at && *at != '#') {
        size_t len = strcspn(++at, "=&#"), value = 0;

        if (at[len] == '=')
            value = strcspn(at + len + 1, "&#");
        if (value && len < size && !memmem(at + len + 1, value, "${", 2)) {
            memcpy(name, at, len);
            name[len] = '\0';
            if (bf_bare_name(name))
                return true;
        }
        at += strcspn(at, "&#");
    }
    return false;
}
