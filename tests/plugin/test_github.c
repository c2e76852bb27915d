/* test_github.c - what the github sink refuses, sends, and makes of GitHub's answers. */
#include <stdlib.h>

#include "tests/plugin/fake_host.h"
#include "tests/test.h"

extern const struct bf_plugin bf_plugin_v1_github;

#define GITHUB(...) fake_sink(&bf_plugin_v1_github, "token", "github_pat_11A", __VA_ARGS__, NULL)
#define DEPLOY(...) GITHUB("repo", "octo-org/models", "event_type", "deploy", __VA_ARGS__)
#define DISPATCHES  "/repos/octo-org/models/dispatches"

static const char *sent_header(const struct fake *f, const char *name)
{
    for (const char *const *p = f->sent.headers; p && *p; p += 2)
        if (strcmp(p[0], name) == 0)
            return p[1];
    return "";
}

/* `n` times `unit`, between the ends.  Kept until the test's process ends. */
static const char *long_text(const char *before, const char *unit, size_t n, const char *after)
{
    static char *kept[16];
    static size_t n_kept;
    char *text = calloc(1, strlen(before) + n * strlen(unit) + strlen(after) + 1), *to = text;

    CHECK(n_kept < sizeof(kept) / sizeof(*kept));
    kept[n_kept++] = text;
    to = stpcpy(to, before);
    for (size_t i = 0; i < n; i++)
        to = stpcpy(to, unit);
    stpcpy(to, after);
    return text;
}


/* --- the integration ------------------------------------------------------------ */

TEST(github_takes_a_repository_by_owner_and_name)
{
    static const char *const names[] = {
        "octo-org/models", "a/b", "mona_acme/.github", "Octo/m.o_d-e.l.s", "o/-",
        "a23456789-123456789-123456789-123456789/x",
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        struct fake f = GITHUB("repo", names[i], "event_type", "deploy");

        CHECK_STR(f.refused, "");
        fake_close(&f);
    }
}

TEST(github_says_what_to_write_as_a_repository)
{
    static const struct { const char *repo, *words; } rows[] = {
        { "https://github.com/octo/models", "write octo/models" },
        { "https://github.com/octo/models.git", "write octo/models" },
        { "https://github.com/octo/models/tree/main?x=1#y", "write octo/models" },
        { "git@github.com:octo/models.git", "write octo/models" },
        { "ssh://git@github.com/octo/models.git", "write octo/models" },
        { "https://ghe.acme.example/octo/models/", "write octo/models" },
        { "github.com/octo/models", "write octo/models" },
        { "octo/models.git", "write octo/models" },
        { "octo/models/", "write octo/models" },
        { "models", "\"models\" is no repository; it is written owner/name" },
        { "", "no repository" },
        { "/", "no repository" },
        { "octo/", "no repository" },
        { "/models", "no repository" },
        { "octo/..", "no repository" },
        { "octo/.", "no repository" },
        { "octo/mo dels", "no repository" },
        { "octo/mödels", "no repository" },
        { "oc.to/models", "no repository" },
        { "-octo/models", "no repository" },
        { "octo/models.wiki", "no repository" },
        { "octo/.git", "no repository" },
        { "https://github.com", "no repository" },
        { "https://github.com/octo", "no repository" },
        { "git@github.com:", "no repository" },
        { "a23456789-123456789-123456789-1234567890/x", "no repository" },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct fake f = GITHUB("repo", rows[i].repo, "event_type", "deploy");

        CHECK_STR(f.option, "repo");
        CHECK_HAS(f.refused, rows[i].words);
        fake_close(&f);
    }
}

TEST(github_takes_names_of_a_hundred_characters_and_no_more)
{
    struct fake at = GITHUB("repo", long_text("o/", "x", 100, ""), "event_type", "deploy");
    struct fake over = GITHUB("repo", long_text("o/", "x", 101, ""), "event_type", "deploy");

    CHECK_STR(at.refused, "");
    CHECK_HAS(over.refused, "no repository");
    fake_close(&at);
    fake_close(&over);
}

TEST(github_asks_for_what_it_needs)
{
    struct fake no_repo = GITHUB("event_type", "deploy");
    struct fake no_type = GITHUB("repo", "a/b");
    struct fake no_token = fake_sink(&bf_plugin_v1_github, "repo", "a/b", "event_type", "x", NULL);
    struct fake version = DEPLOY("api_version", "v3");
    struct fake typo = DEPLOY("payload", "{}");

    CHECK_STR(no_repo.refused, "repo: required");
    CHECK_STR(no_type.refused, "event_type: required");
    CHECK_STR(no_token.refused, "token: required");
    CHECK_HAS(version.refused, "api_version is a date such as 2022-11-28");
    CHECK_STR(typo.refused, "payload: no such option");
    fake_close(&no_repo);
    fake_close(&no_type);
    fake_close(&no_token);
    fake_close(&version);
    fake_close(&typo);
}

TEST(github_knows_where_the_api_is)
{
    static const struct { const char *base, *url; } rows[] = {
        { "https://api.github.com", "https://api.github.com" DISPATCHES },
        { "https://API.github.com/", "https://API.github.com" DISPATCHES },
        { "https://api.octocorp.ghe.com", "https://api.octocorp.ghe.com" DISPATCHES },
        { "https://git.acme.example/api/v3", "https://git.acme.example/api/v3" DISPATCHES },
        { "https://git.acme.example:8443/api/v3//",
          "https://git.acme.example:8443/api/v3" DISPATCHES },
        { "http://git.acme.example/in/front/api/v3",
          "http://git.acme.example/in/front/api/v3" DISPATCHES },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct fake f = DEPLOY("api_base", rows[i].base);

        CHECK_STR(f.refused, "");
        CHECK_STR(f.warned, "");
        fake_answer(&f, 204, "");
        CHECK_INT(fake_deliver(&f, "run.state", "{}"), BF_DELIVERED);
        CHECK_STR(f.sent.url, rows[i].url);
        fake_close(&f);
    }
}

TEST(github_says_where_the_api_is_that_was_meant)
{
    static const struct { const char *base, *words; } rows[] = {
        { "https://github.com", "leave api_base out for its API, which is https://api.github.com" },
        { "https://www.github.com/octo-org", "leave api_base out" },
        { "https://api.github.com/repos", "write https://api.github.com, with nothing behind it" },
        { "https://api.github.com/api/v3", "with nothing behind it" },
        { "http://api.github.com", "write https://api.github.com" },
        { "https://octocorp.ghe.com/api/v3", "its API is https://api.octocorp.ghe.com" },
        { "http://api.octocorp.ghe.com", "write https://api.octocorp.ghe.com" },
        { "api.github.com", "api_base is an address such as https://HOST/api/v3" },
        { "ftp://git.acme.example/api/v3", "api_base is an address" },
        { "https:///api/v3", "api_base is an address" },
        { "https://", "api_base is an address" },
        { "https://me:pass@git.acme.example/api/v3", "no user, query or fragment" },
        { "https://git.acme.example/api/v3?x=/api/v3", "no user, query or fragment" },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct fake f = DEPLOY("api_base", rows[i].base);

        CHECK_STR(f.option, "api_base");
        CHECK_HAS(f.refused, rows[i].words);
        fake_close(&f);
    }
}

TEST(github_doubts_an_enterprise_server_without_its_path)
{
    static const char *const bases[] = { "https://git.acme.example", "https://git.acme.example/v3",
                                         "https://git.acme.example/api/v3/repos" };

    for (size_t i = 0; i < sizeof(bases) / sizeof(*bases); i++) {
        struct fake f = DEPLOY("api_base", bases[i]);

        CHECK_STR(f.refused, "");
        CHECK_HAS(f.warned, "is at https://git.acme.example/api/v3;");
        fake_close(&f);
    }
}


/* --- an automation is saved ------------------------------------------------------- */

static int check(struct fake *f)
{
    return fake_check(f, "artifact.alias.add", "{\"alias\":\"production\"}");
}

TEST(github_refuses_an_event_type_that_is_too_long_whatever_its_values_are)
{
    struct fake at = GITHUB("repo", "a/b", "event_type", long_text("", "ä", 100, "${alias}"));
    struct fake over = GITHUB("repo", "a/b", "event_type", long_text("", "ä", 101, "${alias}"));
    struct fake literal = GITHUB("repo", "a/b", "event_type", long_text("$${", "x", 99, "}"));

    CHECK_INT(check(&at), 0);
    CHECK_INT(check(&over), BF_ECONFIG);
    CHECK_STR(over.option, "event_type");
    CHECK_STR(over.complaint, "event_type has 101 characters, whatever its variables are, and GitHub"
              " takes 100");
    CHECK_INT(check(&literal), BF_ECONFIG);
    CHECK_HAS(literal.complaint, "has 102 characters");
    fake_close(&at);
    fake_close(&over);
    fake_close(&literal);
}

TEST(github_refuses_an_event_type_that_is_always_empty)
{
    struct fake always = GITHUB("repo", "a/b", "event_type", "");
    struct fake maybe = GITHUB("repo", "a/b", "event_type", "${run_name}");

    CHECK_INT(check(&always), BF_ECONFIG);
    CHECK_STR(always.complaint, "event_type is empty");
    CHECK_INT(check(&maybe), 0);
    fake_close(&always);
    fake_close(&maybe);
}

#define NINE "\"1\":1,\"2\":1,\"3\":1,\"4\":1,\"5\":1,\"6\":1,\"7\":1,\"8\":1,\"9\":1"

TEST(github_takes_an_object_of_ten_members_in_which_nested_ones_do_not_count)
{
    static const struct { const char *payload, *words; } rows[] = {
        { "{}", NULL },
        { "{" NINE ",\"10\":\"${alias}\"}", NULL },
        { "{" NINE ",\"10\":{" NINE ",\"11\":{" NINE "}}}", NULL },
        { "{" NINE ",\"10\":1,\"11\":1}", "client_payload has 11 members, and GitHub takes 10" },
        { "[]", "client_payload has to be an object" },
        { "\"${alias}\"", "client_payload has to be an object" },
        { "null", "client_payload has to be an object" },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct fake f = DEPLOY("client_payload", rows[i].payload);

        CHECK_INT(check(&f), rows[i].words ? BF_ECONFIG : 0);
        if (rows[i].words) {
            CHECK_STR(f.option, "client_payload");
            CHECK_HAS(f.complaint, rows[i].words);
        }
        fake_close(&f);
    }
}

TEST(github_refuses_a_payload_that_is_too_large_whatever_its_values_are)
{
    struct fake at = DEPLOY("client_payload", long_text("{\"k\":\"", "x", 65535 - 8, "\"}"));
    struct fake over = DEPLOY("client_payload", long_text("{\"k\":\"", "x", 65536 - 8, "\"}"));
    struct fake maybe = DEPLOY("client_payload",
                               long_text("{\"k\":\"", "x", 65535 - 8, "${alias}\"}"));

    CHECK_INT(check(&at), 0);
    CHECK_INT(check(&over), BF_ECONFIG);
    CHECK_HAS(over.complaint, "has 65536 bytes, whatever its variables are, and GitHub takes 65535");
    CHECK_INT(check(&maybe), 0);
    fake_close(&at);
    fake_close(&over);
    fake_close(&maybe);
}


/* --- what is sent -------------------------------------------------------------------- */

TEST(github_sends_a_dispatch)
{
    struct fake f = GITHUB("repo", "octo-org/models", "event_type", "deploy-${alias}",
                           "client_payload", "{\"by\":\"${event_author}\",\"n\":{\"a\":[1]}}");

    fake_answer(&f, 204, "");
    CHECK_INT(fake_deliver(&f, "artifact.alias.add", "{\"alias\":\"prod\\\"\\n\"}"), BF_DELIVERED);
    CHECK_STR(f.sent.method, "POST");
    CHECK_STR(f.sent.url, "https://api.github.com" DISPATCHES);
    CHECK_STR(f.sent.type, "application/json");
    CHECK_STR(f.sent.body, "{\"event_type\":\"deploy-prod\\\"\\n\","
              "\"client_payload\":{\"by\":\"ada\",\"n\":{\"a\":[1]}}}");
    CHECK_STR(sent_header(&f, "Accept"), "application/vnd.github+json");
    CHECK_STR(sent_header(&f, "X-GitHub-Api-Version"), "2022-11-28");
    CHECK_STR(sent_header(&f, "Authorization"), "Bearer github_pat_11A");
    fake_close(&f);
}

TEST(github_sends_an_empty_payload_and_another_version_if_it_is_told)
{
    struct fake f = DEPLOY("api_version", "2026-03-10");

    fake_answer(&f, 204, "");
    fake_deliver(&f, "run.state", "{}");
    CHECK_STR(f.sent.body, "{\"event_type\":\"deploy\",\"client_payload\":{}}");
    CHECK_STR(sent_header(&f, "X-GitHub-Api-Version"), "2026-03-10");
    fake_close(&f);
}

/* Scripts can make of a payload what no template can be. */
TEST(github_sends_nothing_that_github_would_not_take)
{
    static const struct { const char *payload, *reason; } rows[] = {
        { "[]", "client_payload is no JSON object" },
        { "{" NINE ",\"10\":1,\"11\":1,\"12\":{}}",
          "client_payload has 12 members, and GitHub takes 10" },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct fake f = DEPLOY("client_payload", rows[i].payload);

        CHECK_INT(fake_deliver(&f, "run.state", "{}"), BF_REJECTED);
        CHECK_STR(f.reason, rows[i].reason);
        CHECK_INT(f.n_sent, 0);
        fake_close(&f);
    }
}

TEST(github_measures_what_the_values_made)
{
    struct fake f = GITHUB("repo", "a/b", "event_type", "${run_name}",
                           "client_payload", "{\"k\":\"${alias}\"}");
    const char *at = long_text("{\"run\":{\"name\":\"", "é", 100, "\"},\"alias\":\"\"}");
    const char *over = long_text("{\"run\":{\"name\":\"", "é", 101, "\"},\"alias\":\"\"}");
    const char *large = long_text("{\"run\":{\"name\":\"x\"},\"alias\":\"", "x", 65535 - 8, "\"}");
    const char *larger = long_text("{\"run\":{\"name\":\"x\"},\"alias\":\"", "x", 65535 - 7, "\"}");

    fake_answer(&f, 204, "");
    fake_answer(&f, 204, "");
    CHECK_INT(fake_deliver(&f, "run.state", at), BF_DELIVERED);
    CHECK_INT(fake_deliver(&f, "run.state", over), BF_REJECTED);
    CHECK_STR(f.reason, "event_type has 101 characters, and GitHub takes 100");
    CHECK_INT(fake_deliver(&f, "run.state", "{\"run\":{\"name\":\"\"}}"), BF_REJECTED);
    CHECK_STR(f.reason, "event_type is empty");
    CHECK_INT(fake_deliver(&f, "run.state", large), BF_DELIVERED);
    CHECK_INT(fake_deliver(&f, "run.state", larger), BF_REJECTED);
    CHECK_STR(f.reason, "client_payload has 65536 bytes, and GitHub takes 65535");
    CHECK_INT(f.n_sent, 2);
    fake_close(&f);
}

/* A stand-in has 40 bytes, "KEY's" has 5, and that of a longer name more than 40. */
TEST(github_measures_secrets_as_they_leave)
{
    const char *longer = long_text("{\"a\":\"${", "K", 45, "}\",\"k\":\"");
    struct fake f = DEPLOY("client_payload",
                           long_text("{\"a\":\"${KEY}\",\"k\":\"", "x", 65535 - 55, "\"}"));
    struct fake over = DEPLOY("client_payload", long_text(longer, "x", 65535 - 56, "\"}"));

    fake_answer(&f, 204, "");
    CHECK_INT(fake_deliver(&f, "run.state", "{}"), BF_DELIVERED);
    CHECK_INT(strlen(f.sent.body),
              65535 - 40 + 5 + sizeof("{\"event_type\":\"deploy\",\"client_payload\":}") - 1);
    CHECK_INT(fake_deliver(&over, "run.state", "{}"), BF_REJECTED);
    CHECK_INT(over.n_sent, 0);
    fake_close(&f);
    fake_close(&over);
}

TEST(github_is_asked_once_and_one_at_a_time)
{
    const struct bf_sink *s = bf_plugin_v1_github.sinks[0];

    CHECK(s->flags & BF_ONCE);
    CHECK_INT(s->max_parallel, 1);
    CHECK_STR(s->pace, "1/s 60/m 400/h");
    CHECK_INT(s->max_merged, 0);
}


/* --- what GitHub answers ------------------------------------------------------------- */

#define DOCS ",\"documentation_url\":\"https://docs.github.com/rest/repos/repos\"}"

TEST(github_judges_what_has_no_second_meaning)
{
    static const struct { int status; const char *body; int outcome; const char *words; } rows[] = {
        { 204, "", BF_DELIVERED, "" },
        { 200, "<html>", BF_UNKNOWN, "HTTP 200, where GitHub answers 204" },
        { 202, "{}", BF_UNKNOWN, "look at the runs of octo-org/models" },
        { 400, "{\"message\":\"Problems parsing JSON\"" DOCS, BF_REJECTED,
          "HTTP 400: Problems parsing JSON" },
        { 401, "{\"message\":\"Bad credentials\"" DOCS, BF_REJECTED,
          "HTTP 401: Bad credentials (the token is wrong, expired or revoked)" },
        { 403, "{\"message\":\"Resource not accessible by personal access token\"" DOCS,
          BF_REJECTED, "HTTP 403: Resource not accessible by personal access token (the token needs"
          " Contents: write on octo-org/models)" },
        { 403, "{\"message\":\"Resource not accessible by integration\"" DOCS, BF_REJECTED,
          "(the token needs Contents: write on octo-org/models)" },
        { 403, "{\"message\":\"Repository was archived so is read-only.\"" DOCS, BF_REJECTED,
          "HTTP 403: Repository was archived so is read-only." },
        { 404, "{\"message\":\"Not Found\"" DOCS, BF_REJECTED,
          "HTTP 404: the token cannot see the repository octo-org/models, or it does not exist" },
        { 408, "", BF_RETRY, "HTTP 408" },
        { 410, "", BF_REJECTED, "HTTP 410: no words" },
        { 422, "{\"message\":\"Invalid request.\\n\\nOnly 100 characters are allowed; 101 were"
          " supplied.\"" DOCS, BF_REJECTED,
          "HTTP 422: Invalid request. Only 100 characters are allowed; 101 were supplied." },
        { 422, "{\"message\":\"client_payload is too large.\"" DOCS, BF_REJECTED,
          "HTTP 422: client_payload is too large." },
        { 422, "{\"message\":\"Validation Failed\",\"errors\":[{\"resource\":\"R\",\"field\":\"ref\","
          "\"code\":\"invalid\"},{\"message\":\"is odd\",\"code\":\"custom\"},\"plain\"]}",
          BF_REJECTED, "HTTP 422: Validation Failed; ref invalid; is odd; plain" },
        { 500, "{\"message\":\"Server Error\"}", BF_UNKNOWN, "HTTP 500: Server Error (the workflow"
          " may have started all the same; look at the runs of octo-org/models" },
        { 502, "<html>", BF_UNKNOWN, "HTTP 502: no words" },
        { 503, "", BF_UNKNOWN, "may have started" },
        { 504, "", BF_UNKNOWN, "may have started" },
    };
    struct fake f = DEPLOY("client_payload", "{}");

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        fake_answer(&f, rows[i].status, rows[i].body);
        CHECK_INT(fake_deliver(&f, "run.state", "{}"), rows[i].outcome);
        CHECK_HAS(f.reason, rows[i].words);
    }
    fake_close(&f);
}

TEST(github_is_not_asked_again_when_nobody_answered)
{
    struct fake f = DEPLOY("client_payload", "{}");

    fake_answer_err(&f, BF_ETIMEDOUT, true);
    CHECK_INT(fake_deliver(&f, "run.state", "{}"), BF_UNKNOWN);
    fake_answer_err(&f, BF_EIO, false);
    CHECK_INT(fake_deliver(&f, "run.state", "{}"), BF_RETRY);
    fake_close(&f);
}

TEST(github_waits_as_long_as_it_is_told)
{
    static const struct { int status; const char *name, *value, *reset; int64_t after_ms; } rows[] = {
        { 403, "Retry-After", "30", NULL, -1 },         /* the hub reads it */
        { 429, "retry-after", "30", "1764003600", -1 },
        { 403, "x-ratelimit-remaining", "0", "1764003600", 3601000 },
        { 429, "X-RateLimit-Remaining", "0", "1764000000", 1000 },
        { 403, "x-ratelimit-remaining", "0", "1763999999", 60000 },     /* is over, by our clock */
        { 403, "x-ratelimit-remaining", "0", "soon", 60000 },
        { 403, "x-ratelimit-remaining", "0", NULL, 60000 },
        { 403, "x-ratelimit-remaining", "0", "99999999999999999999", 24 * 3600000LL },
        { 429, "x-ratelimit-remaining", "12", "1764003600", 60000 },
        { 429, "X-Nothing", "", NULL, 60000 },
    };
    struct fake f = DEPLOY("client_payload", "{}");

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        fake_answer(&f, rows[i].status, "{\"message\":\"Slow down\"}");
        fake_answer_header(&f, rows[i].name, rows[i].value);
        if (rows[i].reset)
            fake_answer_header(&f, "x-ratelimit-reset", rows[i].reset);
        CHECK_INT(fake_deliver(&f, "run.state", "{}"), BF_RETRY);
        CHECK_INT(f.after_ms, rows[i].after_ms);
        CHECK_HAS(f.reason, "Slow down");
    }
    fake_close(&f);
}

TEST(github_waits_a_minute_when_words_alone_tell_of_a_limit)
{
    static const char *const words[] = {
        "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.",
        "You have triggered an abuse detection mechanism. Please wait.",
        "API rate limit exceeded for user ID 1.",
    };
    struct fake f = DEPLOY("client_payload", "{}");
    char body[256];

    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
        snprintf(body, sizeof(body), "{\"message\":\"%s\"}", words[i]);
        fake_answer(&f, 403, body);
        fake_answer_header(&f, "x-ratelimit-remaining", "4987");
        CHECK_INT(fake_deliver(&f, "run.state", "{}"), BF_RETRY);
        CHECK_INT(f.after_ms, 60000);
        CHECK_HAS(f.reason, words[i]);
    }
    fake_close(&f);
}

TEST(github_says_what_a_token_lacks)
{
    struct fake f = DEPLOY("client_payload", "{}");

    fake_answer(&f, 403, "{\"message\":\"Resource protected by organization SAML enforcement.\"}");
    fake_answer_header(&f, "X-GitHub-SSO", "required; url=https://github.com/orgs/o/sso?x=1");
    CHECK_INT(fake_deliver(&f, "run.state", "{}"), BF_REJECTED);
    CHECK_HAS(f.reason, "SAML enforcement. (authorize the token for the organization's single");
    fake_answer(&f, 403, "{\"message\":\"Resource not accessible by personal access token\"}");
    fake_answer_header(&f, "X-Accepted-GitHub-Permissions", "contents=write");
    CHECK_INT(fake_deliver(&f, "run.state", "{}"), BF_REJECTED);
    CHECK_HAS(f.reason, "Contents: write on octo-org/models; GitHub names contents=write)");
    fake_close(&f);
}

TEST(github_does_not_follow_a_repository_that_has_moved)
{
    static const struct { int status; const char *body, *location, *words; } rows[] = {
        { 307, "{\"message\":\"Moved Permanently\"}", "https://api.github.com/repositories/1",
          "HTTP 307: the repository octo-org/models has moved; write its new name as repo" },
        { 301, "", "https://git.acme.example/api/v3/repositories/1/dispatches", "has moved" },
        { 302, "", "https://login.acme.example/", "HTTP 302 to https://login.acme.example/:"
          " redirects are not followed; is api_base right?" },
        { 304, "", NULL, "HTTP 304" },
    };
    struct fake f = DEPLOY("client_payload", "{}");

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        fake_answer(&f, rows[i].status, rows[i].body);
        if (rows[i].location)
            fake_answer_header(&f, "Location", rows[i].location);
        CHECK_INT(fake_deliver(&f, "run.state", "{}"), BF_REJECTED);
        CHECK_HAS(f.reason, rows[i].words);
        CHECK_INT(f.n_sent, i + 1);
    }
    fake_close(&f);
}

TEST(github_is_quoted_on_one_line_and_not_for_pages)
{
    struct fake f = DEPLOY("client_payload", "{}");

    fake_answer(&f, 422, long_text("{\"message\":\"\\n a \\t\\r\\n", "é", 300, "\"}"));
    fake_deliver(&f, "run.state", "{}");
    CHECK_STR(f.reason, long_text("HTTP 422: a ", "é", 199, "… (101 more characters)"));
    fake_answer(&f, 422, long_text("{\"message\":\"", "x", 400, "\"}"));
    fake_deliver(&f, "run.state", "{}");
    CHECK_STR(f.reason, long_text("HTTP 422: ", "x", 400, ""));
    fake_answer(&f, 422, long_text("{\"message\":\"x", "é", 200, "\"}"));
    fake_deliver(&f, "run.state", "{}");
    CHECK_STR(f.reason, long_text("HTTP 422: x", "é", 199, "… (1 more characters)"));
    fake_close(&f);
}
