/* github - start a GitHub Actions workflow, by a repository_dispatch event.
 *
 * THE REQUEST (docs.github.com, REST, "Create a repository dispatch event").  POST to
 * {api_base}/repos/{owner}/{repo}/dispatches, of {"event_type", "client_payload"}.  A workflow
 * starts if its file is on the default branch and lists the event type under
 * on.repository_dispatch.types; GitHub takes types that no workflow lists, and does not say so.  The
 * token needs the repository permission Contents: write (a classic token the scope repo).  Whoever
 * may read the repository can read the payload in the log of the run, so it is no place for secrets;
 * a workflow has its own.  An Enterprise Server has its API at https://HOST/api/v3, Enterprise Cloud
 * with data residency at https://api.NAME.ghe.com.
 *
 * THE VERSION of the API is asked for by a header.  2022-11-28 is the oldest, and the only one that
 * every Enterprise Server in use knows; github.com keeps it at least until March 2028, two years
 * after the next one came.  A version that is dropped is answered 400, which is why it is an option.
 *
 * LIMITS.  event_type: 1 to 100 characters, that is code points ("Only 100 characters are allowed;
 * 101 were supplied").  client_payload: an object of at most 10 members, in which nested ones do not
 * count ("No more than 10 properties are allowed; 13 were supplied"), and "less than 64KB", which is
 * 65,535 bytes, as GitHub's support has told (the issue "Client Payload limit" of vsoch/askci).  We
 * measure the JSON that leaves, white space and secrets included.  Whether GitHub counts it as it
 * came or as it would write it, we do not know; beyond the limit it answers 422, "client_payload is
 * too large", which is as final here as our own refusal.
 *
 * ONCE.  GitHub has no key by which it could tell a repeat, so one request too many is one
 * deployment too many.  Where the answer is missing the outcome is unknown, and stays so until a
 * person has looked at the workflow's runs.  So it is with a 5xx: GitHub gives up on what takes it
 * more than 10 seconds, and has answered 500 to dispatches that had started; a client that tried
 * again got 56 runs of one workflow (pull request 8061 of pytorch/test-infra).  A redirect is not
 * followed: the repository has another name, and somebody else may get the old one some day.
 *
 * PACE (docs.github.com, "Rate limits for the REST API").  A user has 5,000 requests an hour, and in
 * general 80 a minute and 500 an hour of those that make something; GitHub asks for one at a time
 * and a second between them.  These are limits of the token's user, and the pace is an
 * integration's: two integrations with one token share what GitHub allows, so give each a token of
 * its own, or less pace.  Over a limit the answer is 403 or 429, with Retry-After, or with
 * x-ratelimit-remaining: 0 and the time of x-ratelimit-reset, or with words alone; then a minute is
 * the least to wait, and more each time. */
#include <belfry/plugin.h>

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define EVENT_TYPE_MAX 100
#define MEMBERS_MAX    10
#define PAYLOAD_MAX    65535
#define OWNER_MAX      39
#define REPO_MAX       100
#define SAID_MAX       400      /* bytes of GitHub's words in ours */
#define MINUTE_MS      60000
#define DAY_MS         (24 * 60 * (int64_t)MINUTE_MS)

struct integration {
    const char *repo;
    const char *token;
    const char *api_base;
    const char *api_version;
};

static const struct bf_option integration[] = {
    BF_STRING(struct integration, repo, .flags = BF_REQUIRED,
              .help = "repository, as owner/name"),
    BF_STRING(struct integration, token, .flags = BF_REQUIRED | BF_SECRET,
              .help = "access token with Contents: write on the repository (of a classic one: repo)"),
    BF_STRING(struct integration, api_base, .def = "https://api.github.com",
              .help = "address of the API; of an Enterprise Server https://HOST/api/v3"),
    BF_STRING(struct integration, api_version, .def = "2022-11-28",
              .help = "version of the API, sent as X-GitHub-Api-Version"),
    BF_OPTIONS_END
};

struct action {
    const char *event_type;
    const char *client_payload;
};

static const struct bf_option action[] = {
    BF_STRING(struct action, event_type, .flags = BF_REQUIRED | BF_TEMPLATE | BF_SHOWN,
              .help = "what a workflow lists under on.repository_dispatch.types; up to 100"
                      " characters"),
    BF_JSON(struct action, client_payload, .flags = BF_SHOWN, .def = "{}",
            .help = "object for github.event.client_payload; up to 10 members and 65535 bytes"),
    BF_OPTIONS_END
};


/* --- an integration is saved ---------------------------------------------------- */

static bool is_made_of(const char *text, size_t len, const char *others)
{
    for (size_t i = 0; i < len; i++) {
        bool plain = (text[i] >= 'a' && text[i] <= 'z') || (text[i] >= 'A' && text[i] <= 'Z') ||
                     (text[i] >= '0' && text[i] <= '9');

        if (!plain && !strchr(others, text[i]))
            return false;
    }
    return true;
}

static bool ends_in(const char *text, size_t len, const char *end)
{
    size_t n = strlen(end);

    return len >= n && strncasecmp(text + len - n, end, n) == 0;
}

/* An owner is letters, digits and hyphens, with the _short code of an enterprise's managed users; a
 * name has dots and underscores as well. */
static bool is_repository(const char *text)
{
    size_t owner = strcspn(text, "/"), name = text[owner] ? strlen(text + owner + 1) : 0;
    const char *n = text + owner + 1;

    return owner >= 1 && owner <= OWNER_MAX && name >= 1 && name <= REPO_MAX &&
           *text != '-' && is_made_of(text, owner, "-_") && is_made_of(n, name, "-_.") &&
           strcmp(n, ".") != 0 && strcmp(n, "..") != 0 &&
           !ends_in(n, name, ".git") && !ends_in(n, name, ".wiki");
}

/* Behind the host of an address as people copy it, https://… or git@…:…; else all of it. */
static const char *behind_host(const char *text)
{
    const char *at = strstr(text, "://");

    if (at)
        return at[3 + strcspn(at + 3, "/")] ? at + 3 + strcspn(at + 3, "/") + 1 : "";
    if (strchr(text, '@') && strchr(text, ':'))
        return strchr(text, ':') + 1;
    return strncasecmp(text, "github.com/", 11) == 0 ? text + 11 : text;
}

/* The repository that was meant, or NULL. */
static const char *repository_in(struct bf_arena *a, const char *text)
{
    const char *from = behind_host(text);
    size_t owner = strcspn(from, "/"), name = from[owner] ? strcspn(from + owner + 1, "/?#") : 0;
    const char *found;

    if (ends_in(from + owner + 1, name, ".git"))
        name -= 4;
    found = bf_printf(a, "%.*s", (int)(owner + 1 + name), from);
    return name && is_repository(found) ? found : NULL;
}

static int check_repository(struct bf_ctx *ctx, const char *repo)
{
    const char *meant;

    if (is_repository(repo))
        return 0;
    meant = repository_in(bf_scratch(ctx), repo);
    if (meant)
        return bf_refuse(ctx, "repo", "repo is owner and name alone: write %s", meant);
    return bf_refuse(ctx, "repo", "\"%.100s\" is no repository; it is written owner/name, such as"
                     " octo-org/models", repo);
}

/* The host with its port, behind https:// or http://; NULL if it is no such address. */
static const char *host_of(const char *base)
{
    static const char *const schemes[] = { "https://", "http://" };

    for (size_t i = 0; i < 2; i++) {
        const char *host = base + strlen(schemes[i]);

        if (strncasecmp(base, schemes[i], strlen(schemes[i])) == 0)
            return strcspn(host, "/") && !strpbrk(host, "?#@ \t\r\n") ? host : NULL;
    }
    return NULL;
}

static size_t without_slashes(const char *base)
{
    size_t len = strlen(base);

    while (len && base[len - 1] == '/')
        len--;
    return len;
}

static bool is_host(const char *host, size_t len, const char *name)
{
    return len == strlen(name) && strncasecmp(host, name, len) == 0;
}

/* GitHub's own hosts are known; everything else is an Enterprise Server, or a proxy before one. */
static int check_base(struct bf_ctx *ctx, const char *base)
{
    const char *host = host_of(base);
    size_t len = host ? strcspn(host, "/") : 0, end = without_slashes(base);
    bool residency = ends_in(host, len, ".ghe.com");

    if (!host)
        return bf_refuse(ctx, "api_base", "api_base is an address such as https://HOST/api/v3, with"
                         " no user, query or fragment");
    if (is_host(host, len, "github.com") || is_host(host, len, "www.github.com"))
        return bf_refuse(ctx, "api_base", "%.*s is the site; leave api_base out for its API, which"
                         " is https://api.github.com", (int)len, host);
    if (residency && strncasecmp(host, "api.", 4) != 0)
        return bf_refuse(ctx, "api_base", "%.*s is the site; its API is https://api.%.*s",
                         (int)len, host, (int)len, host);
    if (residency || is_host(host, len, "api.github.com")) {
        if (strncasecmp(base, "https://", 8) != 0 || host + len != base + end)
            return bf_refuse(ctx, "api_base", "write https://%.*s, with nothing behind it",
                             (int)len, host);
    } else if (!ends_in(base, end, "/api/v3")) {
        bf_warn(ctx, "api_base", "the API of an Enterprise Server is at https://%.*s/api/v3;"
                " without /api/v3 its web pages answer", (int)len, host);
    }
    return 0;
}

static int check_version(struct bf_ctx *ctx, const char *version)
{
    if (strlen(version) == 10 && strspn(version, "0123456789-") == 10)
        return 0;
    return bf_refuse(ctx, "api_version", "api_version is a date such as 2022-11-28");
}

static int github_create(struct bf_ctx *ctx, const void *options, void **self)
{
    const struct integration *to = options;
    int rc = check_repository(ctx, to->repo);

    *self = (void *)options;
    if (!rc)
        rc = check_base(ctx, to->api_base);
    return rc ? rc : check_version(ctx, to->api_version);
}


/* --- the limits ------------------------------------------------------------------- */

static size_t characters(const char *text)
{
    size_t n = 0;

    for (; *text; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

static size_t members(struct bf_arena *a, const char *json)
{
    struct bf_item it = { .size = sizeof(it) };
    size_t n = 0;

    while (bf_each(a, json, "", &it))
        n++;
    return n;
}

/* Why GitHub would not take it, or NULL. */
static const char *unfit(struct bf_arena *a, const char *type, const char *payload)
{
    size_t n = characters(type), size = strlen(payload);

    if (n == 0)
        return "event_type is empty";
    if (n > EVENT_TYPE_MAX)
        return bf_printf(a, "event_type has %zu characters, and GitHub takes %d", n,
                         EVENT_TYPE_MAX);
    if (size > PAYLOAD_MAX)
        return bf_printf(a, "client_payload has %zu bytes, and GitHub takes %d", size,
                         PAYLOAD_MAX);
    if (bf_type(a, payload, "") != BF_V_OBJECT)
        return bf_type(a, payload, "") == BF_V_STRING ? "client_payload is a text, and no JSON object"
                                                      : "client_payload is no JSON object";
    n = members(a, payload);
    if (n > MEMBERS_MAX)
        return bf_printf(a, "client_payload has %zu members, and GitHub takes %d", n, MEMBERS_MAX);
    return NULL;
}

/* A template with nothing in place of its variables: the least that it can come to. */
static const char *least_of(struct bf_arena *a, const char *tmpl)
{
    char *least = bf_alloc(a, strlen(tmpl) + 1), *to = least;

    if (!least)
        return "";
    while (*tmpl) {
        size_t literal = strncmp(tmpl, "$${", 3) == 0 ? 3 : 1;
        const char *end = strncmp(tmpl, "${", 2) == 0 ? strchr(tmpl, '}') : NULL;

        if (end) {
            tmpl = end + 1;
            continue;
        }
        memcpy(to, tmpl, literal);
        to += literal;
        tmpl += literal;
    }
    return least;
}

static int check_event_type(const struct bf_delivery *d, const char *tmpl)
{
    const char *least = least_of(d->arena, tmpl);
    size_t n = characters(bf_expand(d, least, BF_ESC_NONE));

    if (n > EVENT_TYPE_MAX)
        return bf_refuse(d->ctx, "event_type", "event_type has %zu characters, whatever its"
                         " variables are, and GitHub takes %d", n, EVENT_TYPE_MAX);
    if (n == 0 && strcmp(least, tmpl) == 0)
        return bf_refuse(d->ctx, "event_type", "event_type is empty");
    return 0;
}

/* The members of a template are known, as variables stand only within strings. */
static int check_payload(const struct bf_delivery *d, const char *tmpl)
{
    struct bf_arena *a = d->arena;
    size_t n = members(a, tmpl), size = strlen(bf_render(d, least_of(a, tmpl)));

    if (bf_type(a, tmpl, "") != BF_V_OBJECT)
        return bf_refuse(d->ctx, "client_payload", "client_payload has to be an object, such as"
                         " {\"model\": \"${artifact_version_string}\"}");
    if (n > MEMBERS_MAX)
        return bf_refuse(d->ctx, "client_payload", "client_payload has %zu members, and GitHub"
                         " takes %d; what stands within a member does not count, so put some"
                         " together", n, MEMBERS_MAX);
    if (size > PAYLOAD_MAX)
        return bf_refuse(d->ctx, "client_payload", "client_payload has %zu bytes, whatever its"
                         " variables are, and GitHub takes %d", size, PAYLOAD_MAX);
    return 0;
}

/* What is certain is refused; of what long values may come to the hub warns, by our request. */
static int github_check(void *self, const struct bf_delivery *d)
{
    const struct action *say = d->action;
    int rc = check_event_type(d, say->event_type);

    (void)self;
    return rc ? rc : check_payload(d, say->client_payload);
}


/* --- when it is sent -------------------------------------------------------------- */

static int github_request(void *self, const struct bf_delivery *d, struct bf_request *req)
{
    const struct integration *to = self;
    const struct action *say = d->action;
    const char *type = bf_expand(d, say->event_type, BF_ESC_NONE);
    const char *payload = bf_render(d, say->client_payload);
    const char *why = unfit(d->arena, type, payload);
    const char *body;

    if (why)
        return bf_reject(d, "%s", why);
    body = bf_printf(d->arena, "{\"event_type\":%s,\"client_payload\":%s}",
                     bf_quote(d->arena, type), payload);
    bf_request_to(req, "POST",
                  bf_printf(d->arena, "%.*s/repos/%s/dispatches",
                            (int)without_slashes(to->api_base), to->api_base, to->repo));
    bf_request_header(req, "Accept", "application/vnd.github+json");
    bf_request_header(req, "X-GitHub-Api-Version", to->api_version);
    bf_request_header(req, "Authorization", bf_printf(d->arena, "Bearer %s", to->token));
    bf_request_bytes(req, "application/json", body, strlen(body));
    /* Secrets in the payload are measured when they have been put in. */
    bf_request_limit(req, 0, strlen(body) - strlen(payload) + PAYLOAD_MAX);
    return 0;
}


/* --- what GitHub says ------------------------------------------------------------- */

/* On one line, and cut if it is long. */
static const char *one_line(struct bf_arena *a, const char *text)
{
    char *line = bf_alloc(a, SAID_MAX + 1);
    size_t n = 0;

    if (!line)
        return "";
    for (; *text; text++) {
        bool blank = (unsigned char)*text <= ' ' || *text == 0x7f;

        if (blank && (n == 0 || line[n - 1] == ' '))
            continue;
        if (n == SAID_MAX)
            break;
        line[n++] = blank ? ' ' : *text;
    }
    while (*text && n && ((unsigned char)*text & 0xc0) == 0x80) {   /* not within a character */
        text--;
        n--;
    }
    line[n] = '\0';
    return *text ? bf_printf(a, "%s… (%zu more characters)", line, characters(text)) : line;
}

/* An element of "errors" is a text, or an object with a message or with a field and a code. */
static const char *one_error(struct bf_arena *a, const struct bf_item *it)
{
    const char *message;

    if (it->type != BF_V_OBJECT)
        return it->value;
    message = bf_get(a, it->value, "/message");
    return *message ? message : bf_printf(a, "%s %s", bf_get(a, it->value, "/field"),
                                          bf_get(a, it->value, "/code"));
}

/* The message of an answer and its errors; "no words" if it is none of GitHub's. */
static const char *said(struct bf_arena *a, const struct bf_http_out *out)
{
    struct bf_item it = { .size = sizeof(it) };
    struct bf_text words = { 0 };

    bf_append(a, &words, "%s", bf_get(a, out->body, "/message"));
    while (bf_each(a, out->body, "/errors", &it))
        bf_append(a, &words, "%s%s", words.len ? "; " : "", one_error(a, &it));
    return words.len ? one_line(a, words.s) : "no words";
}

static bool is_over_limit(const struct bf_delivery *d, const struct bf_http_out *out)
{
    const char *left = bf_header(d->ctx, out->headers, "x-ratelimit-remaining");
    const char *message = bf_get(d->arena, out->body, "/message");

    return out->status == 429 || bf_header(d->ctx, out->headers, "Retry-After") ||
           (left && strcmp(left, "0") == 0) || strcasestr(message, "rate limit") ||
           strcasestr(message, "abuse detection");
}

/* Until the hour is over, and a second more; 0 if the headers do not tell. */
static int64_t until_reset(const struct bf_delivery *d, const struct bf_http_out *out)
{
    const char *left = bf_header(d->ctx, out->headers, "x-ratelimit-remaining");
    const char *reset = bf_header(d->ctx, out->headers, "x-ratelimit-reset");
    int64_t at_s = reset ? strtoll(reset, NULL, 10) : 0, now_s = bf_now_ms(d->ctx) / 1000;

    if (!left || strcmp(left, "0") != 0 || at_s < now_s)
        return 0;
    return at_s - now_s >= DAY_MS / 1000 ? DAY_MS : (at_s - now_s + 1) * 1000;
}

/* It did not happen, and may be asked for again; GitHub bans who does so too early. */
static int over_limit(const struct bf_delivery *d, const struct bf_http_out *out)
{
    const char *words = said(d->arena, out);
    int64_t ms = until_reset(d, out);

    if (bf_header(d->ctx, out->headers, "Retry-After"))
        return bf_retry(d, -1, "HTTP %d, over a rate limit: %s", out->status, words);
    if (ms)
        return bf_retry(d, ms, "HTTP %d, the token's requests of this hour are used up: %s",
                        out->status, words);
    ms = (int64_t)MINUTE_MS << (d->attempt > 7 ? 6 : d->attempt - 1);
    return bf_retry(d, ms, "HTTP %d, over a rate limit: %s", out->status, words);
}

static int forbidden(const struct bf_delivery *d, const struct integration *to,
                     const struct bf_http_out *out)
{
    const char *needs = bf_header(d->ctx, out->headers, "X-Accepted-GitHub-Permissions");
    const char *words = said(d->arena, out);

    if (bf_header(d->ctx, out->headers, "X-GitHub-SSO"))
        return bf_reject(d, "HTTP 403: %s (authorize the token for the organization's single"
                         " sign-on)", words);
    if (needs || strcasestr(words, "not accessible"))
        return bf_reject(d, "HTTP 403: %s (the token needs Contents: write on %s%s%s)", words,
                         to->repo, needs ? "; GitHub names " : "",
                         needs ? one_line(d->arena, needs) : "");
    return bf_reject(d, "HTTP 403: %s", words);
}

static int redirected(const struct bf_delivery *d, const struct integration *to,
                      const struct bf_http_out *out)
{
    const char *where = bf_header(d->ctx, out->headers, "Location");

    if (strncasecmp(bf_get(d->arena, out->body, "/message"), "Moved", 5) == 0 ||
        (where && strstr(where, "/repositories/")))
        return bf_reject(d, "HTTP %d: the repository %s has moved; write its new name as repo",
                         out->status, to->repo);
    if (where)
        return bf_reject(d, "HTTP %d to %s: redirects are not followed; is api_base right?",
                         out->status, one_line(d->arena, where));
    return bf_default(d, out);
}

static int github_judge(void *self, const struct bf_delivery *d, const struct bf_http_out *out)
{
    const struct integration *to = self;
    int status = out->status;

    if (status == 204)
        return BF_DELIVERED;
    if (status < 300)
        return bf_unknown(d, "HTTP %d, where GitHub answers 204: look at the runs of %s, and"
                          " whether api_base is GitHub's API", status, to->repo);
    if (status >= 500)
        return bf_unknown(d, "HTTP %d: %s (the workflow may have started all the same; look at the"
                          " runs of %s before you send it again)", status, said(d->arena, out),
                          to->repo);
    if (status < 400)
        return redirected(d, to, out);
    if ((status == 403 || status == 429) && is_over_limit(d, out))
        return over_limit(d, out);
    if (status == 401)
        return bf_reject(d, "HTTP 401: %s (the token is wrong, expired or revoked)",
                         said(d->arena, out));
    if (status == 403)
        return forbidden(d, to, out);
    if (status == 404)
        return bf_reject(d, "HTTP 404: the token cannot see the repository %s, or it does not"
                         " exist", to->repo);
    if (status == 408 || status == 425)
        return bf_default(d, out);
    return bf_reject(d, "HTTP %d: %s", status, said(d->arena, out));
}

static const struct bf_sink github = {
    BF_SINK("github", "Start a GitHub Actions workflow (repository_dispatch)"),
    BF_INTEGRATION(struct integration, integration),
    BF_ACTION(struct action, action),
    .flags = BF_ONCE | BF_QUICK,
    .create = github_create,
    .check = github_check,
    .request = github_request,
    .judge = github_judge,
    .max_parallel = 1,
    .pace = "1/s 60/m 400/h",
};

BF_PLUGIN(github, "1.0", BF_SINKS(&github));
