/* test_as_of.c - automations and teams as they were before a record. */
#include "core/bus/as_of.h"
#include "tests/unit/bus_fixture.h"

#define ON(alias, more)                                                                            \
    "{\"name\":\"n\",\"scope\":{\"entity\":\"acme\"},\"event\":{\"type\":\"ADD_ARTIFACT_ALIAS\","   \
    "\"filter\":{\"alias\":\"" alias "\"}}" more ",\"actions\":[{\"integration\":\"I1\"}]}"

static int apply_delete(struct posted *p, struct bf_tx *tx, struct bf_error *err)
{
    return bf_bus_delete_automation(tx, p->text, "ana", err);
}

static void delete_it(struct fixture *f, const char *id)
{
    struct posted p = {.apply = apply_delete, .text = id};

    p.work.alters_rules = true;
    p.work.may_fail = true;
    CHECK_INT(post(f, &p), 0);
}

/* "acme was-org": where a team was, by a record as the API makes one. */
static int apply_move(struct posted *p, struct bf_tx *tx, struct bf_error *err)
{
    int rc = bf_bus_record(tx, "belfry.team.saved", "acme", "ana", "{}", 2, err);

    return rc ? rc : bf_bus_moved(tx, "acme", p->text, err);
}

static void move(struct fixture *f, const char *was)
{
    struct posted p = {.apply = apply_move, .text = was};

    p.work.alters_rules = true;
    CHECK_INT(post(f, &p), 0);
}

/* The place of the next record. */
static struct bf_place_in_time emit_one(struct fixture *f)
{
    struct bf_place_in_time at = {.received_ms = f->wall_ms};
    struct bf_receipt r;
    int64_t ms;

    CHECK_INT(emit(f, ALIAS_EVENT("x", ""), &r), 0);
    CHECK(bf_id_parse(r.id, bf_bus_hub(f->bus), &ms, &at.seq));
    return at;
}

static struct bf_db *reader(struct fixture *f)
{
    struct bf_error err;
    struct bf_db *db;

    CHECK_INT(bf_db_open(f->path, BF_DB_READ, &db, &err), 0);
    return db;
}

/* "ID:alias " of each, and one that is not there with a mark. */
static bool on_then(void *arg, const struct bf_automation_then *then)
{
    static const char marks[] = {[BF_THERE] = ' ', [BF_NOT_YET] = '+', [BF_NO_MORE] = '-'};
    const char *text = then->automation ? strstr(then->automation->spec, "\"alias\":\"") : NULL;
    struct bf_buf *b = arg;

    bf_buf_printf(b, "%s:%.*s%s%c", then->id, text ? (int)strcspn(text + 9, "\"") : 1,
                  text ? text + 9 : "?", then->automation && then->automation->enabled ? "" : "!",
                  marks[then->presence]);
    return true;
}

static const char *list(struct fixture *f, struct bf_place_in_time at, const char *after)
{
    static char text[4096];
    struct bf_db *db = reader(f);
    struct bf_buf b;

    bf_buf_init(&b, sizeof(text));
    CHECK_INT(bf_automations_as_of(db, &at, "acme", "initech-org", after, on_then, &b), 0);
    snprintf(text, sizeof(text), "%s", bf_buf_text(&b));
    bf_buf_fini(&b);
    bf_db_close(db);
    return text;
}

static const char *one(struct fixture *f, struct bf_place_in_time at, const char *id)
{
    static char text[256];
    struct bf_db *db = reader(f);
    struct bf_buf b;
    int rc;

    bf_buf_init(&b, sizeof(text));
    rc = bf_automation_as_of(db, &at, id, on_then, &b);
    snprintf(text, sizeof(text), "%s", rc ? bf_strerror(rc) : bf_buf_text(&b));
    bf_buf_fini(&b);
    bf_db_close(db);
    return text;
}

static const char *placed(struct fixture *f, struct bf_place_in_time at, const char *now)
{
    static char text[256];
    struct bf_db *db = reader(f);
    struct bf_buf b;

    bf_buf_init(&b, sizeof(text));
    CHECK_INT(bf_placement_as_of(db, at.seq, "acme", now, &b), 0);
    snprintf(text, sizeof(text), "%s", bf_buf_text(&b));
    bf_buf_fini(&b);
    bf_db_close(db);
    return text;
}

TEST(an_event_met_the_last_revision_before_it)
{
    struct fixture f = {.wall_ms = 1000};
    struct bf_place_in_time before, first, second;

    fixture_open(&f);
    before = emit_one(&f);
    CHECK_INT(save(&f, "A1", ON("one", ""), NULL), 0);
    first = emit_one(&f);
    CHECK_INT(save(&f, "A1", ON("two", ""), NULL), 0);
    second = emit_one(&f);
    CHECK_STR(list(&f, before, ""), "");
    CHECK_STR(list(&f, first, ""), "A1:one ");
    CHECK_STR(list(&f, second, ""), "A1:two ");
    CHECK_STR(one(&f, before, "A1"), "A1:one+");
    CHECK_STR(one(&f, first, "A1"), "A1:one ");
    CHECK_STR(one(&f, second, "A1"), "A1:two ");
    CHECK_STR(one(&f, second, "A2"), bf_strerror(BF_ENOENT));
    fixture_close(&f);
}

/* The record of a change is an event itself: it is judged by what was before the change. */
TEST(the_record_of_a_change_met_what_was_before_it)
{
    struct fixture f = {.wall_ms = 1000};
    struct bf_place_in_time at;

    fixture_open(&f);
    CHECK_INT(save(&f, "A1", ON("one", ""), NULL), 0);
    at = emit_one(&f);
    CHECK_INT(save(&f, "A1", ON("two", ""), NULL), 0);
    at.seq++;
    CHECK_STR(list(&f, at, ""), "A1:one ");
    delete_it(&f, "A1");
    at.seq++;
    CHECK_STR(list(&f, at, ""), "A1:two ");
    at.seq++;
    CHECK_STR(list(&f, at, ""), "");
    fixture_close(&f);
}

TEST(what_was_deleted_later_was_there_and_what_was_disabled_says_so)
{
    struct fixture f = {.wall_ms = 1000};
    struct bf_place_in_time before, after;

    fixture_open(&f);
    CHECK_INT(save(&f, "A1", ON("one", ""), NULL), 0);
    CHECK_INT(save(&f, "A2", "{\"name\":\"other\",\"enabled\":false,\"scope\":{\"entity\":\"acme\"},"
                             "\"event\":{\"type\":\"ADD_ARTIFACT_ALIAS\",\"filter\":"
                             "{\"alias\":\"two\"}},\"actions\":[{\"integration\":\"I1\"}]}", NULL), 0);
    before = emit_one(&f);
    delete_it(&f, "A1");
    after = emit_one(&f);
    CHECK_STR(list(&f, before, ""), "A1:one A2:two! ");
    CHECK_STR(list(&f, before, "A1"), "A2:two! ");
    CHECK_STR(list(&f, after, ""), "A2:two! ");
    CHECK_STR(one(&f, after, "A1"), "A1:one-");
    fixture_close(&f);
}

/* An older hub noted when it deleted, and not where in the journal. */
TEST(a_deletion_of_an_older_hub_is_placed_by_its_time)
{
    struct fixture f = {.wall_ms = 1000};
    struct bf_place_in_time before, after;
    struct bf_error err;
    struct bf_db *db;

    fixture_open(&f);
    CHECK_INT(save(&f, "A1", ON("one", ""), NULL), 0);
    before = emit_one(&f);
    f.wall_ms = 2000;
    delete_it(&f, "A1");
    f.wall_ms = 3000;
    after = emit_one(&f);
    CHECK_INT(bf_db_open(f.path, BF_DB_WRITE, &db, &err), 0);
    CHECK_INT(bf_query_run(bf_db_query(db, "UPDATE automations_deleted SET seq = NULL")), 0);
    bf_db_close(db);
    CHECK_STR(list(&f, before, ""), "A1:one ");
    CHECK_STR(list(&f, after, ""), "");
    CHECK_STR(one(&f, after, "A1"), "A1:one-");
    fixture_close(&f);
}

TEST(a_list_goes_on_past_what_is_looked_up_at_once)
{
    struct fixture f = {.wall_ms = 1000};
    struct bf_place_in_time at;
    size_t n = 0;

    fixture_open(&f);
    for (unsigned i = 0; i < 300; i++) {
        char id[16], spec[300];

        snprintf(id, sizeof(id), "A%03u", i);
        snprintf(spec, sizeof(spec),
                 "{\"name\":\"n%u\",\"scope\":{\"entity\":\"acme\"},\"event\":{\"type\":"
                 "\"ADD_ARTIFACT_ALIAS\"},\"actions\":[{\"integration\":\"I1\"}]}", i);
        CHECK_INT(save(&f, id, spec, NULL), 0);
    }
    at = emit_one(&f);
    for (const char *s = list(&f, at, ""); (s = strchr(s, ' ')); s++)
        n++;
    CHECK_INT(n, 300);
    fixture_close(&f);
}

TEST(a_team_was_where_the_next_move_took_it_from)
{
    struct fixture f = {.wall_ms = 1000};
    struct bf_place_in_time first, second, third;

    fixture_open(&f);
    first = emit_one(&f);
    move(&f, "initech-org");
    second = emit_one(&f);
    move(&f, NULL);
    third = emit_one(&f);
    CHECK_STR(placed(&f, first, "globex-org"), "initech-org");
    CHECK_STR(placed(&f, second, "globex-org"), "");
    CHECK_STR(placed(&f, third, "globex-org"), "globex-org");
    CHECK_STR(placed(&f, third, NULL), "");
    third.seq--;                /* the record of the move met where it had been */
    CHECK_STR(placed(&f, third, "globex-org"), "");
    fixture_close(&f);
}
