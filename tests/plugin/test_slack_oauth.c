/* test_slack_oauth.c - teams connect Slack: the way of a browser, who is turned back on it, and what
 * is kept in the end. */
#include <string.h>

#include "tests/plugin/fake_host.h"
#include "tests/test.h"

extern const struct bf_plugin bf_plugin_v1_slack;

#define NONE     "{\"items\":[],\"next\":null}"
#define GRANTED  "{\"ok\":true,\"access_token\":\"xoxb-token\",\"team\":{\"id\":\"T1\",\"name\":\"Acme\"}," \
                 "\"incoming_webhook\":{\"channel\":\"#ml-alerts\",\"channel_id\":\"C1\"," \
                 "\"url\":\"https://hooks.slack.com/services/T1/B1/hush\"}}"
#define MADE     "{\"id\":\"01NEW\",\"name\":\"ml-alerts\"}"
#define UNUSED   "{\"used_by\":{\"integrations\":[],\"automations\":[],\"intakes\":[]}}"
#define STEP_MS  (10 * 60 * 1000)

/* A team that has the secrets of its app, its admin asking, and what the answers were. */
struct way {
    struct fake f;
    char ticket[2000], status[2000], state[2000], cookie[200];
};

static void open_way(struct way *w)
{
    *w = (struct way){.f = fake_source(&bf_plugin_v1_slack, NULL)};
    fake_team_secret(&w->f, "acme", "SLACK_CLIENT_ID", "12345.67890");
    fake_team_secret(&w->f, "acme", "SLACK_CLIENT_SECRET", "s3cret");
    fake_caller(&w->f, "ada", BF_ADMIN, "acme");
}

/* The text between two others; "" if they are not there. */
static void cut(const char *text, const char *before, const char *after, char *out, size_t size)
{
    const char *at = strstr(text, before);

    *out = '\0';
    if (!at)
        return;
    at += strlen(before);
    snprintf(out, size, "%.*s", (int)strcspn(at, after), at);
}

static int begin(struct way *w, const char *body)
{
    int status = fake_call(&w->f, "POST", "/connect/slack/acme", body);

    cut(w->f.body, "slack-go?ticket=", "\"", w->ticket, sizeof(w->ticket));
    cut(w->f.body, "status?ticket=", "\"", w->status, sizeof(w->status));
    return status;
}

static int go(struct way *w)
{
    char target[2100];
    int status;

    fake_caller(&w->f, NULL, 0, NULL);          /* the browser is nobody's */
    snprintf(target, sizeof(target), "/connect/slack-go?ticket=%s", w->ticket);
    status = fake_call(&w->f, "GET", target, "");
    if (status == 302) {
        cut(fake_reply_header(&w->f, "Location"), "&state=", "&", w->state, sizeof(w->state));
        cut(fake_reply_header(&w->f, "Set-Cookie"), "", ";", w->cookie, sizeof(w->cookie));
    }
    return status;
}

/* `more` is what comes along with the state: "&code=c0de". */
static int done(struct way *w, const char *method, const char *more, const char *cookie)
{
    char target[2300];

    snprintf(target, sizeof(target), "/connect/slack-done?state=%s%s", w->state, more);
    if (cookie)
        fake_header(&w->f, "Cookie", cookie);
    return fake_call(&w->f, method, target, "");
}

static int come_back(struct way *w) { return done(w, "GET", "&code=c0de", w->cookie); }

static int ask_status(struct way *w, const char *team)
{
    char target[2100];

    fake_caller(&w->f, "ada", BF_ADMIN, team);
    snprintf(target, sizeof(target), "/connect/slack/%s/status?ticket=%s", team, w->status);
    return fake_call(&w->f, "GET", target, "");
}

/* Up to the moment when Slack sends the browser back. */
static void go_to_slack(struct way *w)
{
    open_way(w);
    fake_answer(&w->f, 200, NONE);
    CHECK_INT(begin(w, "{\"name\":\"ml-alerts\"}"), 200);
    CHECK_INT(go(w), 302);
    w->f.n_sent = 0;
}

static const char *sent_header(const struct fake_request *r, const char *name)
{
    for (const char *const *h = r->headers; h && *h; h += 2)
        if (strcmp(h[0], name) == 0)
            return h[1];
    return "";
}

static void check_request(const struct way *w, size_t i, const char *method, const char *url)
{
    CHECK(w->f.n_sent > i);
    CHECK_STR(w->f.requests[i].method, method);
    CHECK_STR(w->f.requests[i].url, url);
}


/* --- beginning ------------------------------------------------------------------------ */

TEST(an_admin_gets_an_address_for_any_browser)
{
    struct way w;

    open_way(&w);
    fake_answer(&w.f, 200, NONE);
    CHECK_INT(begin(&w, "{\"name\":\"ml-alerts\"}"), 200);
    CHECK_HAS(w.f.body, "{\"url\":\"https://hub.example/connect/slack-go?ticket=");
    CHECK_HAS(w.f.body, "\"expires_in_s\":600}");
    CHECK_STR(fake_reply_header(&w.f, "Cache-Control"), "no-store");
    CHECK_STR(w.f.requests[0].as, "ada");
    fake_close(&w.f);
}

TEST(a_browser_that_is_logged_in_is_sent_on_at_once)
{
    struct way w;

    open_way(&w);
    fake_answer(&w.f, 200, NONE);
    CHECK_INT(fake_call(&w.f, "GET", "/connect/slack/acme?name=ml-alerts", ""), 303);
    CHECK_HAS(fake_reply_header(&w.f, "Location"), "https://hub.example/connect/slack-go?ticket=");
    CHECK_INT(fake_call(&w.f, "GET", "/connect/slack/acme?name=", ""), 400);
    CHECK_HAS(w.f.body, "<h1>Slack is not connected</h1>");
    fake_close(&w.f);
}

TEST(only_admins_of_the_team_begin)
{
    struct way w;

    open_way(&w);
    fake_caller(&w.f, NULL, 0, NULL);
    CHECK_INT(begin(&w, "{\"name\":\"a\"}"), 401);
    fake_caller(&w.f, "mia", BF_READ | BF_EDIT, "acme");
    CHECK_INT(begin(&w, "{\"name\":\"a\"}"), 403);
    fake_caller(&w.f, "roy", BF_ADMIN, "rivals");
    CHECK_INT(begin(&w, "{\"name\":\"a\"}"), 403);
    fake_close(&w.f);
}

TEST(what_is_missing_or_misspelt_is_named)
{
    static const struct {
        const char *body, *words, *field;
    } rows[] = {
        {"[]", "must be a JSON object", ""},
        {"{\"name\":\"a\",\"cleint_id\":\"A\"}", "there is no member", "cleint_id"},
        {"{\"name\":7}", "must be a string", "name"},
        {"{}", "name is what", "name"},
        {"{\"name\":\"a/b\"}", "name is what", "name"},
        {"{\"name\":\" a\"}", "name is what", "name"},
        {"{\"name\":\"a\",\"scopes\":\"chat:write\"}", "incoming-webhook among them", "scopes"},
        {"{\"name\":\"a\",\"scopes\":\"incoming-webhook&x=1\"}", "apart by commas", "scopes"},
        {"{\"name\":\"a\",\"client_secret\":\"NONE\"}",
         "Client Secret of your Slack app, from its page Basic Information, with PUT"
         " /api/v1/teams/acme/secrets/NONE", "client_secret"},
        {"{\"name\":\"a\",\"client_id\":\"../x\"}", "no secret", "client_id"},
    };
    struct way w;

    open_way(&w);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        CHECK_INT(begin(&w, rows[i].body), 400);
        CHECK_HAS(w.f.body, rows[i].words);
        CHECK_STR(w.f.option, rows[i].field);
    }
    CHECK_INT(w.f.n_sent, 0);
    fake_close(&w.f);
}

/* The client's id is shown in the address line: any other secret named so could be read there. */
TEST(a_secret_that_is_no_client_id_is_not_shown_as_one)
{
    static const char *const others[] = {"hunter2", "1234567890", "12.34.56", ".5", "5.", "1.2x"};
    struct way w;

    open_way(&w);
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        char name[8], body[80];

        snprintf(name, sizeof(name), "S%zu", i);
        snprintf(body, sizeof(body), "{\"name\":\"a\",\"client_id\":\"%s\"}", name);
        fake_team_secret(&w.f, "acme", name, others[i]);
        CHECK_INT(begin(&w, body), 400);
        CHECK_STR(w.f.option, "client_id");
        CHECK(!strstr(w.f.body, others[i]));
    }
    fake_close(&w.f);
}

TEST(a_name_that_another_sink_has_is_refused_before_anybody_goes_to_slack)
{
    struct way w;

    open_way(&w);
    fake_answer(&w.f, 200, "{\"items\":[{\"id\":\"01A\",\"name\":\"other\",\"sink\":\"slack\"}],"
                           "\"next\":\"c2\"}");
    fake_answer(&w.f, 200, "{\"items\":[{\"id\":\"01B\",\"name\":\"ops\",\"sink\":\"webhook\"}],"
                           "\"next\":null}");
    CHECK_INT(begin(&w, "{\"name\":\"ops\"}"), 400);
    CHECK_HAS(w.f.body, "of sink webhook");
    check_request(&w, 1, "GET", "/api/v1/teams/acme/integrations?limit=1000&cursor=c2");
    fake_close(&w.f);
}

TEST(a_service_is_an_address)
{
    static const char *const wrong[] = {"slack.com", "https://", "https://slack.com/", "ftp://a"};

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct fake f = fake_source(&bf_plugin_v1_slack, "service", wrong[i], NULL);

        CHECK_HAS(f.refused, "service: ");
        fake_close(&f);
    }
}


/* --- off to Slack ----------------------------------------------------------------------- */

TEST(the_browser_is_sent_to_slack_with_a_cookie_of_its_own)
{
    struct way w;
    char first[200];

    go_to_slack(&w);
    CHECK_HAS(fake_reply_header(&w.f, "Location"),
              "https://slack.com/oauth/v2/authorize?client_id=12345.67890&scope=incoming-webhook"
              "&redirect_uri=https%3A%2F%2Fhub.example%2Fconnect%2Fslack-done&state=");
    CHECK_HAS(fake_reply_header(&w.f, "Set-Cookie"),
              "; Path=/connect; Max-Age=600; HttpOnly; SameSite=Lax; Secure");
    CHECK_STR(fake_reply_header(&w.f, "Referrer-Policy"), "no-referrer");
    snprintf(first, sizeof(first), "%s", w.cookie);
    fake_header(&w.f, "Cookie", first);
    CHECK_INT(go(&w), 302);
    CHECK_STR(w.cookie, first);                 /* the same browser, in another tab */
    CHECK_INT(go(&w), 302);
    CHECK(strcmp(w.cookie, first) != 0);        /* another one */
    fake_close(&w.f);
}

TEST(an_address_that_is_forged_late_or_of_a_former_admin_leads_nowhere)
{
    struct way w;
    char good[2000];

    go_to_slack(&w);
    snprintf(good, sizeof(good), "%s", w.ticket);
    snprintf(w.ticket, sizeof(w.ticket), "nonsense");
    CHECK_INT(go(&w), 400);
    snprintf(w.ticket, sizeof(w.ticket), "%s", w.state);        /* of another step */
    CHECK_INT(go(&w), 400);
    snprintf(w.ticket, sizeof(w.ticket), "%s", w.status);
    CHECK_INT(go(&w), 400);
    snprintf(w.ticket, sizeof(w.ticket), "%s", good);
    fake_revoke(&w.f, "ada");
    CHECK_INT(go(&w), 403);
    CHECK_HAS(w.f.body, "no admin of team acme any more");
    fake_caller(&w.f, "ada", BF_ADMIN, "acme");
    w.f.now_ms += STEP_MS + 1;
    CHECK_INT(go(&w), 400);
    fake_close(&w.f);
}


/* --- and back ------------------------------------------------------------------------------ */

static void answer_until_kept(struct way *w)
{
    fake_answer(&w->f, 200, GRANTED);
    fake_answer(&w->f, 200, NONE);
    fake_answer(&w->f, 404, "{}");              /* no such secret yet */
    fake_answer(&w->f, 201, "{}");
    fake_answer(&w->f, 201, MADE);
}

TEST(what_slack_grants_becomes_a_secret_and_an_integration)
{
    struct way w;

    go_to_slack(&w);
    answer_until_kept(&w);
    CHECK_INT(come_back(&w), 200);
    CHECK_INT(w.f.n_sent, 5);
    check_request(&w, 0, "POST", "https://slack.com/api/oauth.v2.access");
    CHECK_STR(w.f.requests[0].body,
              "code=c0de&redirect_uri=https%3A%2F%2Fhub.example%2Fconnect%2Fslack-done");
    CHECK_STR(sent_header(&w.f.requests[0], "Authorization"), "Basic MTIzNDUuNjc4OTA6czNjcmV0");
    check_request(&w, 3, "PUT", "/api/v1/teams/acme/secrets/SLACK_WEBHOOK_ML_ALERTS");
    CHECK_STR(w.f.requests[3].body, "{\"value\":\"https://hooks.slack.com/services/T1/B1/hush\"}");
    CHECK_STR(w.f.requests[3].as, "ada");
    check_request(&w, 4, "POST", "/api/v1/teams/acme/integrations");
    CHECK_STR(w.f.requests[4].body,
              "{\"name\":\"ml-alerts\",\"sink\":\"slack\",\"config\":{\"webhook_url\":"
              "\"SLACK_WEBHOOK_ML_ALERTS\",\"channel\":\"#ml-alerts\",\"workspace\":\"Acme\"}}");
    CHECK_HAS(w.f.body, "<p>Slack channel #ml-alerts of workspace Acme is connected as integration"
                        " ml-alerts of team acme.</p>\n<p>You can close this page.</p>");
    CHECK_STR(w.f.type, "text/html; charset=utf-8");
    CHECK(!strstr(w.f.logged, "hush") && !strstr(w.f.logged, "c0de"));
    CHECK(!strstr(w.f.body, "hush") && !strstr(w.f.body, "xoxb"));
    CHECK_INT(ask_status(&w, "acme"), 200);
    CHECK_HAS(w.f.body, "{\"status\":\"connected\",\"message\":\"Slack channel #ml-alerts");
    CHECK_HAS(w.f.body, "\"integration\":\"01NEW\"}");
    fake_close(&w.f);
}

TEST(pages_run_nothing_and_escape_everything)
{
    struct way w;

    go_to_slack(&w);
    fake_answer(&w.f, 200, "{\"ok\":true,\"team\":{\"name\":\"<script>\\\"'&\"},\"incoming_webhook\":"
                           "{\"channel\":\"#<img src=x>\",\"url\":\"https://hooks.slack.com/x\"}}");
    fake_answer(&w.f, 200, NONE);
    fake_answer(&w.f, 404, "{}");
    fake_answer(&w.f, 201, "{}");
    fake_answer(&w.f, 201, MADE);
    CHECK_INT(come_back(&w), 200);
    CHECK_HAS(w.f.body, "#&lt;img src=x&gt; of workspace &lt;script&gt;&quot;&#39;&amp; is");
    CHECK_HAS(fake_reply_header(&w.f, "Content-Security-Policy"), "default-src 'none'; style-src 'sha");
    CHECK(!strstr(fake_reply_header(&w.f, "Content-Security-Policy"), "unsafe"));
    CHECK_STR(fake_reply_header(&w.f, "X-Content-Type-Options"), "nosniff");
    CHECK_STR(fake_reply_header(&w.f, "Referrer-Policy"), "no-referrer");
    CHECK_STR(fake_reply_header(&w.f, "Cache-Control"), "no-store");
    fake_close(&w.f);
}

TEST(nobody_finishes_in_another_browser)
{
    struct way w, other;
    char mixed[500];

    go_to_slack(&w);
    CHECK_INT(done(&w, "GET", "&code=c0de", NULL), 403);
    CHECK_INT(done(&w, "GET", "&code=c0de", "belfry_connect_=x; a=b"), 403);
    go_to_slack(&other);
    CHECK_INT(done(&w, "GET", "&code=c0de", other.cookie), 403);
    snprintf(mixed, sizeof(mixed), "%.*s%s", (int)(strchr(w.cookie, '=') + 1 - w.cookie), w.cookie,
             strchr(other.cookie, '=') + 1);
    CHECK_INT(done(&w, "GET", "&code=c0de", mixed), 403);       /* the name alone is not enough */
    CHECK_INT(w.f.n_sent, 0);
    CHECK_HAS(w.f.body, "began in another browser");
    answer_until_kept(&w);
    snprintf(mixed, sizeof(mixed), "a=b; %s; c=d", w.cookie);
    CHECK_INT(done(&w, "GET", "&code=c0de", mixed), 200);
    fake_close(&other.f);
    fake_close(&w.f);
}

TEST(a_state_is_good_for_ten_minutes_and_nothing_else_is_one)
{
    struct way w;
    char good[2000];

    go_to_slack(&w);
    snprintf(good, sizeof(good), "%s", w.state);
    snprintf(w.state, sizeof(w.state), "%s", w.ticket);
    CHECK_INT(come_back(&w), 400);
    snprintf(w.state, sizeof(w.state), "nonsense");
    CHECK_INT(come_back(&w), 400);
    snprintf(w.state, sizeof(w.state), "%s", good);
    w.f.now_ms += STEP_MS + 1;
    CHECK_INT(come_back(&w), 400);
    CHECK_INT(fake_call(&w.f, "GET", "/connect/slack-done", ""), 400);
    CHECK_INT(w.f.n_sent, 0);
    fake_close(&w.f);
}

TEST(whoever_is_no_admin_any_more_connects_nothing)
{
    struct way w;

    go_to_slack(&w);
    fake_revoke(&w.f, "ada");
    CHECK_INT(come_back(&w), 403);
    fake_caller(&w.f, "ada", BF_READ, "acme");
    CHECK_INT(come_back(&w), 403);
    CHECK_INT(w.f.n_sent, 0);
    fake_close(&w.f);
}

TEST(a_code_is_used_once_and_the_page_may_be_loaded_again)
{
    struct way w;
    size_t sent;

    go_to_slack(&w);
    answer_until_kept(&w);
    CHECK_INT(come_back(&w), 200);
    sent = w.f.n_sent;
    CHECK_INT(come_back(&w), 200);
    CHECK_HAS(w.f.body, "is connected as integration ml-alerts");
    CHECK_INT(done(&w, "GET", "&code=another", w.cookie), 200);
    CHECK_INT(w.f.n_sent, sent);
    CHECK_INT(go(&w), 409);                     /* nor does the address begin it again */
    fake_close(&w.f);
}

TEST(nothing_is_used_before_the_nonce_is_on_disk)
{
    struct way w;

    go_to_slack(&w);
    w.f.commits_to_fail = 1;
    CHECK_INT(come_back(&w), 503);
    CHECK_INT(w.f.n_sent, 0);
    answer_until_kept(&w);
    CHECK_INT(come_back(&w), 200);
    fake_close(&w.f);
}

TEST(who_says_no_may_still_say_yes)
{
    struct way w;

    go_to_slack(&w);
    CHECK_INT(done(&w, "GET", "&error=access_denied", w.cookie), 200);
    CHECK_HAS(w.f.body, "Nothing was connected");
    CHECK_INT(done(&w, "GET", "&error=access_denied", NULL), 403);
    CHECK_INT(done(&w, "GET", "&error=%3Cb%3E&code=c", w.cookie), 400);
    CHECK_HAS(w.f.body, "Slack says &lt;b&gt;.");
    CHECK_INT(done(&w, "GET", "", w.cookie), 400);
    CHECK_INT(ask_status(&w, "acme"), 200);
    CHECK_HAS(w.f.body, "\"status\":\"waiting\"");
    answer_until_kept(&w);
    CHECK_INT(go(&w), 302);
    CHECK_INT(come_back(&w), 200);
    fake_close(&w.f);
}

TEST(what_slack_refuses_is_explained)
{
    static const struct {
        int status, err;
        const char *body, *words;
        int want;
    } rows[] = {
        {200, 0, "{\"ok\":false,\"error\":\"invalid_code\"}", "Slack does not know the code", 502},
        {200, 0, "{\"ok\":false,\"error\":\"bad_redirect_uri\"}",
         "https://hub.example/connect/slack-done must stand among the app&#39;s Redirect URLs", 502},
        {200, 0, "{\"ok\":false,\"error\":\"bad_client_secret\"}",
         "the secret SLACK_CLIENT_SECRET of team acme is not the app", 502},
        {200, 0, "{\"ok\":false,\"error\":\"invalid_client_id\"}", "is not the Client ID", 502},
        {200, 0, "{\"ok\":false,\"error\":\"ratelimited\"}", "Slack says ratelimited.", 502},
        {200, 0, "{\"ok\":false,\"error\":{}}", "something else than it should", 502},
        {200, 0, "<html>", "something else than it should", 502},
        {200, 0, "{\"ok\":true,\"access_token\":\"x\"}", "gave no incoming webhook", 502},
        {200, 0, "{\"ok\":true,\"incoming_webhook\":{\"url\":\"http://hooks.slack.com/x\"}}",
         "gave no incoming webhook", 502},
        {200, 0, "{\"ok\":true,\"incoming_webhook\":{\"url\":7}}", "gave no incoming webhook", 502},
        {500, 0, "", "HTTP status 500", 502},
        {0, BF_ETIMEDOUT, "", "does not answer in time", 504},
        {0, BF_EPERM, "", "allows no connection", 504},
        {0, BF_EIO, "", "cannot be reached", 504},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct way w;

        go_to_slack(&w);
        if (rows[i].err)
            fake_answer_err(&w.f, rows[i].err, true);
        else
            fake_answer(&w.f, rows[i].status, rows[i].body);
        CHECK_INT(come_back(&w), rows[i].want);
        CHECK_HAS(w.f.body, rows[i].words);
        CHECK_HAS(w.f.body, "Begin again");
        CHECK_INT(w.f.n_sent, 1);
        CHECK_INT(ask_status(&w, "acme"), 200);
        CHECK_HAS(w.f.body, "{\"status\":\"failed\"");
        fake_caller(&w.f, NULL, 0, NULL);
        CHECK_INT(come_back(&w), 409);
        CHECK_HAS(w.f.body, rows[i].words);
        fake_close(&w.f);
    }
}

TEST(a_head_request_does_nothing)
{
    struct way w;

    go_to_slack(&w);
    CHECK_INT(done(&w, "HEAD", "&code=c0de", w.cookie), 204);
    CHECK_INT(w.f.n_sent, 0);
    fake_close(&w.f);
}

TEST(what_became_of_it_is_told_to_admins_of_the_team)
{
    struct way w;

    go_to_slack(&w);
    CHECK_INT(ask_status(&w, "rivals"), 404);
    snprintf(w.status, sizeof(w.status), "%s", w.ticket);
    CHECK_INT(ask_status(&w, "acme"), 404);
    fake_close(&w.f);
}


/* --- keeping ---------------------------------------------------------------------------------- */

#define THERE(id, sink, config) \
    "{\"items\":[{\"id\":\"" id "\",\"name\":\"ml-alerts\",\"sink\":\"" sink "\",\"config\":" config \
    ",\"disabled\":false}],\"next\":null}"

TEST(a_secret_that_was_made_goes_again_if_the_integration_cannot_be_saved)
{
    struct way w;

    go_to_slack(&w);
    fake_answer(&w.f, 200, GRANTED);
    fake_answer(&w.f, 200, NONE);
    fake_answer(&w.f, 404, "{}");
    fake_answer(&w.f, 201, "{}");
    fake_answer(&w.f, 400, "{\"error\":{\"message\":\"channel is no option\"}}");
    CHECK_INT(come_back(&w), 400);
    check_request(&w, 5, "DELETE", "/api/v1/teams/acme/secrets/SLACK_WEBHOOK_ML_ALERTS");
    CHECK_HAS(w.f.body, "the integration cannot be saved: channel is no option");
    fake_close(&w.f);
}

TEST(connected_again_it_keeps_the_name_of_its_secret)
{
    struct way w;

    go_to_slack(&w);
    fake_answer(&w.f, 200, GRANTED);
    fake_answer(&w.f, 200, THERE("01OLD", "slack", "{\"webhook_url\":\"SLACK_WEBHOOK_ML_ALERTS_3\"}"));
    fake_answer(&w.f, 200, "{\"used_by\":{\"integrations\":[{\"id\":\"01OLD\"}],\"automations\":[],"
                           "\"intakes\":[]}}");
    fake_answer(&w.f, 200, "{}");
    fake_answer(&w.f, 200, "{\"id\":\"01OLD\"}");
    CHECK_INT(come_back(&w), 200);
    check_request(&w, 3, "PUT", "/api/v1/teams/acme/secrets/SLACK_WEBHOOK_ML_ALERTS_3");
    check_request(&w, 4, "PATCH", "/api/v1/integrations/01OLD");
    CHECK_HAS(w.f.requests[4].body, "\"webhook_url\":\"SLACK_WEBHOOK_ML_ALERTS_3\"");
    CHECK_HAS(w.f.requests[4].body, "\"token\":null");
    fake_close(&w.f);
}

/* "ml-alerts" and "ml alerts" would have one name for their secrets. */
TEST(no_secret_of_another_is_written_over)
{
    static const char *const users[] = {"integrations", "automations", "intakes"};

    for (size_t i = 0; i < 3; i++) {
        struct way w;
        char used[200];

        go_to_slack(&w);
        snprintf(used, sizeof(used), "{\"used_by\":{\"%s\":[{\"id\":\"01OTHER\"}]}}", users[i]);
        fake_answer(&w.f, 200, GRANTED);
        fake_answer(&w.f, 200, THERE("01OLD", "slack", "{\"webhook_url\":\"MINE\"}"));
        fake_answer(&w.f, 200, used);
        fake_answer(&w.f, 200, UNUSED);         /* what an earlier try left */
        fake_answer(&w.f, 200, "{}");
        fake_answer(&w.f, 200, "{\"id\":\"01OLD\"}");
        CHECK_INT(come_back(&w), 200);
        check_request(&w, 2, "GET", "/api/v1/teams/acme/secrets/SLACK_WEBHOOK_ML_ALERTS");
        check_request(&w, 4, "PUT", "/api/v1/teams/acme/secrets/SLACK_WEBHOOK_ML_ALERTS_2");
        fake_close(&w.f);
    }
}

TEST(an_integration_that_appears_or_changes_at_the_same_moment_is_found)
{
    struct way w;

    go_to_slack(&w);
    fake_answer(&w.f, 200, GRANTED);
    fake_answer(&w.f, 200, NONE);
    fake_answer(&w.f, 404, "{}");
    fake_answer(&w.f, 201, "{}");
    fake_answer(&w.f, 409, "{\"error\":{\"message\":\"taken\"}}");
    fake_answer(&w.f, 200, THERE("01NOW", "slack", "{\"webhook_url\":\"X\"}"));
    fake_answer(&w.f, 200, "{\"id\":\"01NOW\"}");
    CHECK_INT(come_back(&w), 200);
    check_request(&w, 6, "PATCH", "/api/v1/integrations/01NOW");
    fake_close(&w.f);
}

TEST(a_name_that_another_sink_took_meanwhile_is_left_alone)
{
    struct way w;

    go_to_slack(&w);
    fake_answer(&w.f, 200, GRANTED);
    fake_answer(&w.f, 200, THERE("01WEB", "webhook", "{}"));
    CHECK_INT(come_back(&w), 409);
    CHECK_INT(w.f.n_sent, 2);
    fake_close(&w.f);
}
