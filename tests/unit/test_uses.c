/* Who uses an integration or a secret, and what waits for one that is gone. */
#include "core/bus/uses.h"

#include <string.h>

#include "core/base/base.h"
#include "core/base/crypto.h"
#include "core/bus/bus.h"
#include "core/bus/automation_list.h"
#include "tests/test.h"

struct fixture {
    struct bf_db *db;
    struct bf_error err;
};

static void run_sql(struct fixture *f, const char *sql)
{
    CHECK_INT(bf_query_run(bf_db_query(f->db, sql)), 0);
}

/* The bus makes the tables; nobody runs it. */
static struct fixture begin(void)
{
    static const struct bf_bus_hooks none;
    struct fixture f = {0};
    struct bf_bus *bus;
    char path[200];

    snprintf(path, sizeof(path), "%s/test.db", test_dir());
    CHECK_INT(bf_crypto_init(&f.err), 0);
    CHECK_INT(bf_db_open(path, BF_DB_WRITE, &f.db, &f.err), 0);
    if (bf_bus_open(f.db, bf_clock_system(), NULL, &none, &bus, &f.err))
        test_failed(__FILE__, __LINE__, "%s", f.err.words);
    bf_bus_close(bus);
    run_sql(&f, "INSERT INTO automations (id, entity, name, revision, created, updated) VALUES"
                " ('A1', 'acme', 'second', 1, 1, 1), ('A2', 'other', 'first', 2, 1, 1)");
    return f;
}

static void save(struct fixture *f, const char *id, const struct bf_action *actions, uint32_t n)
{
    struct bf_automation a = {.n_actions = n, .actions = actions};

    snprintf(a.id, sizeof(a.id), "%s", id);
    CHECK_INT(bf_uses_save(f->db, &a), 0);
}

static bool on_use(void *arg, const char *id, const char *name, const char *entity)
{
    char *seen = arg;

    sprintf(seen + strlen(seen), "%s/%s/%s ", id, name, entity);
    return true;
}

static const char *users(struct fixture *f, const char *integration, const char *secret)
{
    static char seen[200];

    *seen = '\0';
    CHECK_INT(bf_uses_list(f->db, integration, secret, on_use, seen), 0);
    return seen;
}

TEST(uses_are_those_of_what_was_saved_last)
{
    static const struct bf_action both[] = {
        {.integration = "I1", .secrets = ""}, {.integration = "I2", .secrets = "ONE TWO"}};
    static const struct bf_action twice[] = {
        {.integration = "I2", .secrets = "ONE"}, {.integration = "I2", .secrets = "ONE"}};
    struct fixture f = begin();

    CHECK(bf_uses_none(f.db));
    save(&f, "A1", both, 2);
    save(&f, "A2", twice, 2);
    CHECK(!bf_uses_none(f.db));
    CHECK_STR(users(&f, "I1", ""), "A1/second/acme ");
    CHECK_STR(users(&f, "I2", ""), "A2/first/other A1/second/acme ");
    CHECK_STR(users(&f, "I2", "ONE"), "A2/first/other A1/second/acme ");
    CHECK_STR(users(&f, "I2", "TWO"), "A1/second/acme ");
    CHECK_STR(users(&f, "I1", "ONE"), "");
    save(&f, "A1", both, 1);
    CHECK_STR(users(&f, "I2", ""), "A2/first/other ");
    CHECK_STR(users(&f, "I1", ""), "A1/second/acme ");
    run_sql(&f, "DELETE FROM automations WHERE id = 'A1'");
    CHECK_STR(users(&f, "I1", ""), "");
    bf_db_close(f.db);
}

/* An older hub saved the automation, and knew no table of uses. */
TEST(uses_of_an_older_database_are_filled_in_when_it_is_opened)
{
    static const struct bf_bus_hooks none;
    struct fixture f = begin();
    struct bf_bus *bus;

    run_sql(&f, "INSERT INTO automation_revisions (revision, automation, entity, spec) VALUES"
                " (1, 'A1', 'acme', '{\"name\":\"second\",\"scope\":{\"entity\":\"acme\"},"
                "\"event\":{\"type\":\"LINK_MODEL\"},\"actions\":[{\"integration\":\"I7\","
                "\"secrets\":[\"X\"]}]}')");
    CHECK_INT(bf_bus_open(f.db, bf_clock_system(), NULL, &none, &bus, &f.err), 0);
    CHECK_STR(users(&f, "I7", ""), "A1/second/acme ");
    CHECK_STR(users(&f, "I7", "X"), "A1/second/acme ");
    bf_bus_close(bus);
    bf_db_close(f.db);
}

static void add_execution(struct fixture *f, int64_t number, const char *integration, int status,
                          int64_t due)
{
    struct bf_query *q = bf_db_query(
        f->db, "INSERT INTO executions (number, entity, event, automation, revision, action,"
               " integration, trigger_name, status, attempts, created, due, first_attempt,"
               " finished) VALUES (?, 'acme', 1, 'A1', 1, 0, ?, 'LINK_MODEL', ?, 1, 1, ?, 1, 0)");

    bf_query_int(q, 1, number);
    bf_query_text(q, 2, integration);
    bf_query_int(q, 3, status);
    bf_query_int(q, 4, due);
    CHECK_INT(bf_query_run(q), 0);
}

TEST(what_is_due_later_can_be_made_due_a_slice_at_a_time)
{
    struct fixture f = begin();
    struct bf_query *q;
    int64_t n;

    for (int i = 1; i <= 5; i++)
        add_execution(&f, i, "I1", BF_PENDING, 1000 + i);
    add_execution(&f, 6, "I1", BF_FAILED, 1000);
    add_execution(&f, 7, "I2", BF_PENDING, 1000);
    add_execution(&f, 8, "I1", BF_PENDING, 50);
    CHECK_INT(bf_outbox_hasten(f.db, "I1", 100, 3, &n), 0);
    CHECK_INT(n, 3);
    CHECK_INT(bf_outbox_hasten(f.db, "I1", 100, 3, &n), 0);
    CHECK_INT(n, 2);
    CHECK_INT(bf_outbox_hasten(f.db, "I1", 100, 3, &n), 0);
    CHECK_INT(n, 0);
    q = bf_db_query(f.db, "SELECT SUM(due) FROM executions");
    CHECK_INT(bf_query_step(q), 1);
    CHECK_INT(bf_query_col_int(q, 0), 5 * 100 + 1000 + 1000 + 50);
    bf_query_end(q);
    bf_db_close(f.db);
}
