/* What the database keeps of scripts: texts by number, files' last good ones, disabled hooks. */
#include "core/bus/scripts_kept.h"

#include <string.h>

#include "core/base/base.h"
#include "tests/test.h"

static struct bf_db *open_db(void)
{
    struct bf_error err;
    struct bf_db *db;
    char path[200];

    snprintf(path, sizeof(path), "%s/test.db", test_dir());
    CHECK_INT(bf_db_open(path, BF_DB_WRITE, &db, &err), 0);
    CHECK_INT(bf_scripts_kept_open(db, &err), 0);
    return db;
}

TEST(a_script_has_one_number)
{
    struct bf_db *db = open_db();
    char hash[BF_HASH_LEN + 1];
    int64_t a, b, again;

    CHECK_INT(bf_script_number(db, "aa", "return {}", 9, &a), 0);
    CHECK_INT(bf_script_number(db, "bb", NULL, 0, &b), 0);
    CHECK_INT(bf_script_number(db, "aa", NULL, 0, &again), 0);
    CHECK(a != b);
    CHECK_INT(again, a);
    CHECK_INT(bf_script_hash(db, b, hash), 0);
    CHECK_STR(hash, "bb");
    CHECK_INT(bf_script_hash(db, 99, hash), BF_ENOENT);
    bf_db_close(db);
}

TEST(a_text_may_be_added_later_and_is_kept_then)
{
    struct bf_arena *a = bf_arena_new(65536);
    struct bf_db *db = open_db();
    const char *text;
    int64_t n;
    size_t len;

    CHECK_INT(bf_script_number(db, "aa", NULL, 0, &n), 0);
    CHECK_INT(bf_script_text(db, a, "aa", &text, &len), BF_ENOENT);
    CHECK_INT(bf_script_number(db, "aa", "return 1", 8, &n), 0);
    CHECK_INT(bf_script_number(db, "aa", "another", 7, &n), 0);
    CHECK_INT(bf_script_text(db, a, "aa", &text, &len), 0);
    CHECK_INT(len, 8);
    CHECK_STR(text, "return 1");
    CHECK_INT(bf_script_text(db, a, "cc", &text, &len), BF_ENOENT);
    bf_arena_free(a);
    bf_db_close(db);
}

static void on_file(void *arg, const struct bf_kept_file *f)
{
    char *seen = arg;

    sprintf(seen + strlen(seen), "%s: %s, refused %s %s %lld; ", f->file, f->text ? f->text : "-",
            f->refused ? f->refused : "-", f->words ? f->words : "-", (long long)f->since_ms);
}

static const char *files(struct bf_db *db)
{
    static char seen[500];

    *seen = '\0';
    CHECK_INT(bf_kept_files_each(db, on_file, seen), 0);
    return seen;
}

TEST(a_refused_text_stands_beside_the_good_one_until_there_is_a_better)
{
    struct bf_db *db = open_db();

    CHECK_INT(bf_kept_file_refuse(db, "a.lua", "xx", "line 1", 5), 0);
    CHECK_STR(files(db), "a.lua: -, refused xx line 1 5; ");
    CHECK_INT(bf_kept_file_set(db, "a.lua", "aa", "good", 4), 0);
    CHECK_STR(files(db), "a.lua: good, refused - - 0; ");
    CHECK_INT(bf_kept_file_refuse(db, "a.lua", "yy", "line 2", 7), 0);
    CHECK_STR(files(db), "a.lua: good, refused yy line 2 7; ");
    CHECK_INT(bf_kept_file_set(db, "a.lua", "bb", "better", 6), 0);
    CHECK_STR(files(db), "a.lua: better, refused - - 0; ");
    bf_db_close(db);
}

static void on_hook(void *arg, const struct bf_kept_hook *h)
{
    char *seen = arg;

    sprintf(seen + strlen(seen), "%s %d %s %lld %s; ", h->automation ? h->automation : "-",
            (int)h->kind, h->file ? h->file : "-", (long long)h->since_ms, h->words);
}

static const char *hooks(struct bf_db *db)
{
    static char seen[500];

    *seen = '\0';
    CHECK_INT(bf_kept_hooks_each(db, on_hook, seen), 0);
    return seen;
}

TEST(a_hook_is_disabled_until_it_is_enabled_or_its_automation_forgotten)
{
    struct bf_db *db = open_db();
    struct bf_kept_hook filter = {.automation = "A1", .entity = "acme", .kind = BF_HOOK_FILTER,
                                  .since_ms = 3, .words = "nil"};
    struct bf_kept_hook global = {.file = "on.lua", .kind = BF_HOOK_ON_EVENT, .words = "slow"};
    bool was;

    CHECK_INT(bf_kept_hook_disable(db, &filter), 0);
    CHECK_INT(bf_kept_hook_disable(db, &global), 0);
    CHECK_STR(hooks(db), "- 2 on.lua 0 slow; A1 0 - 3 nil; ");
    CHECK_INT(bf_kept_hook_enable(db, "A1", BF_HOOK_TRANSFORM, &was), 0);
    CHECK(!was);
    CHECK_INT(bf_kept_hooks_forget(db, "A1"), 0);
    CHECK_STR(hooks(db), "- 2 on.lua 0 slow; ");
    CHECK_INT(bf_kept_hook_enable(db, NULL, BF_HOOK_ON_EVENT, &was), 0);
    CHECK(was);
    CHECK_STR(hooks(db), "");
    bf_db_close(db);
}
