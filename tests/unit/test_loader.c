/* Loading shared objects: the size rule, what a plugin must look like, and who may write to it.
 * The plugins are compiled here, with the header as it is and with older and newer layouts. */
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/plugin/inner.h"
#include "tests/test.h"

/* A whole sink; what differs is put in by the test. */
#define SINK_HEAD                                                                        \
    "#include <belfry/plugin.h>\n"                                                       \
    "static int request(void *s, const struct bf_delivery *d, struct bf_request *r)\n"   \
    "{ (void)s; (void)d; (void)r; return 0; }\n"

#define PLAIN_SINK                                                                       \
    SINK_HEAD "static const struct bf_sink s = { BF_SINK(\"t\", \"x\"), .request = request };\n" \
              "BF_PLUGIN(t, \"1.0\", BF_SINKS(&s));\n"

static void compile(const char *name, const char *source)
{
    char path[512], command[2048];
    FILE *f;

    snprintf(path, sizeof(path), "%s/%s.c", test_dir(), name);
    f = fopen(path, "w");
    CHECK(f != NULL);
    fputs(source, f);
    fclose(f);
    snprintf(command, sizeof(command),
             "${CC:-cc} -std=c11 -Iinclude -fPIC -shared -o %s/%s.so %s/%s.c", test_dir(), name,
             test_dir(), name);
    CHECK_INT(system(command), 0);
}

static int open_source(const char *source, struct bf_loaded **l, struct bf_error *err)
{
    memset(err, 0, sizeof(*err));
    compile("t", source);
    return bf_loaded_open(test_dir(), "t", l, err);
}

static void check_refused(const char *source, const char *why)
{
    struct bf_loaded *l;
    struct bf_error err;

    CHECK(open_source(source, &l, &err) != 0);
    CHECK_HAS(err.words, why);
    CHECK_HAS(err.words, "t.so");
}

TEST(a_plugin_of_this_header_loads)
{
    struct bf_loaded *l;
    struct bf_error err;

    CHECK_INT(open_source(PLAIN_SINK, &l, &err), 0);
    CHECK_STR(l->plugin.name, "t");
    CHECK_STR(l->plugin.version, "1.0");
    CHECK_STR(l->plugin.sinks[0]->name, "t");
    CHECK(l->plugin.sinks[1] == NULL);
    CHECK(l->plugin.sources[0] == NULL);
    bf_loaded_free(l);
}

TEST(an_older_sink_reads_as_zero_beyond_its_end)
{
    struct bf_loaded *l;
    struct bf_error err;

    /* Ends before max_parallel; what lies behind it in memory is not ours to read. */
    CHECK_INT(open_source(SINK_HEAD
                          "static const struct bf_sink s = { BF_SINK(\"t\", \"x\"),\n"
                          " .size = offsetof(struct bf_sink, max_parallel), .request = request,\n"
                          " .max_parallel = 77, .pace = \"1/s\" };\n"
                          "BF_PLUGIN(t, \"1\", BF_SINKS(&s));\n",
                          &l, &err), 0);
    CHECK_INT(l->plugin.sinks[0]->max_parallel, 0);
    CHECK(l->plugin.sinks[0]->pace == NULL);
    bf_loaded_free(l);
}

TEST(a_newer_sink_loads_while_what_we_do_not_know_is_zero)
{
    struct bf_loaded *l;
    struct bf_error err;

    CHECK_INT(open_source(SINK_HEAD
                          "static const struct { struct bf_sink s; long more[2]; } s = {\n"
                          " .s = { BF_SINK(\"t\", \"x\"), .size = sizeof(s), .request = request } };\n"
                          "BF_PLUGIN(t, \"1\", BF_SINKS(&s.s));\n",
                          &l, &err), 0);
    bf_loaded_free(l);
}

TEST(a_newer_sink_that_wants_more_is_refused_by_name)
{
    char want[128];

    snprintf(want, sizeof(want),
             "plugin t.so needs a newer hub: field beyond byte %zu of struct bf_sink is set",
             sizeof(struct bf_sink));
    check_refused(SINK_HEAD
                  "static const struct { struct bf_sink s; long more[2]; } s = {\n"
                  " .s = { BF_SINK(\"t\", \"x\"), .size = sizeof(s), .request = request },\n"
                  " .more = { 0, 1 } };\n"
                  "BF_PLUGIN(t, \"1\", BF_SINKS(&s.s));\n", want);
}

TEST(a_newer_plugin_struct_that_wants_more_is_refused)
{
    check_refused(SINK_HEAD
                  "static const struct bf_sink s = { BF_SINK(\"t\", \"x\"), .request = request };\n"
                  "struct newer { struct bf_plugin p; long more; };\n"
                  "BF_EXPORT const struct newer bf_plugin_v1 = { .p = {\n"
                  " .size = sizeof(struct bf_plugin) + sizeof(long), .name = \"t\",\n"
                  " .version = \"1\", BF_SINKS(&s) }, .more = 1 };\n", "struct bf_plugin");
}

#define OLD_OPTION                                                                       \
    "struct old { const char *name; uint32_t type, offset, flags; const char *def; };\n" \
    "struct c { const char *a, *b; };\n"                                                 \
    "static const struct old options[] = {\n"                                            \
    " { \"a\", BF_T_STRING, 0, 0, \"x\" }, { \"b\", BF_T_STRING, 8, 0, \"y\" }, { 0 } };\n"

TEST(shorter_table_elements_are_walked_by_their_own_size)
{
    struct bf_loaded *l;
    struct bf_error err;

    CHECK_INT(open_source(SINK_HEAD OLD_OPTION
                          "static const struct bf_sink s = { BF_SINK(\"t\", \"x\"),\n"
                          " .option_size = sizeof(struct old),\n"
                          " .integration = (const struct bf_option *)options,\n"
                          " .integration_size = sizeof(struct c), .request = request };\n"
                          "BF_PLUGIN(t, \"1\", BF_SINKS(&s));\n",
                          &l, &err), 0);
    CHECK_STR(l->plugin.sinks[0]->integration[1].name, "b");
    CHECK_STR(l->plugin.sinks[0]->integration[1].def, "y");
    CHECK(l->plugin.sinks[0]->integration[1].help == NULL);
    CHECK(l->plugin.sinks[0]->integration[2].name == NULL);
    bf_loaded_free(l);
}

TEST(longer_table_elements_must_be_zero_where_we_do_not_know)
{
    check_refused(SINK_HEAD
                  "struct c { const char *a; };\n"
                  "static const struct { struct bf_option o; long more; } options[] = {\n"
                  " { BF_STRING(struct c, a), 5 }, { { 0 }, 0 } };\n"
                  "static const struct bf_sink s = { BF_SINK(\"t\", \"x\"),\n"
                  " .option_size = sizeof(options[0]), .integration = &options[0].o,\n"
                  " .integration_size = sizeof(struct c), .request = request };\n"
                  "BF_PLUGIN(t, \"1\", BF_SINKS(&s));\n", "struct bf_option");
}

#define SINK_WITH(fields)                                                                \
    SINK_HEAD "static void deliver(void *s, const struct bf_delivery *d)"                \
              "{ (void)s; (void)d; }\n"                                                  \
              "struct c { const char *a; };\n"                                           \
              "static const struct bf_option outside[] = { { .name = \"a\", .type = 1,"  \
              " .offset = 800 }, BF_OPTIONS_END };\n"                                    \
              "static const struct bf_option strange[] = { { .name = \"a\", .type = 99 }," \
              " BF_OPTIONS_END };\n"                                                     \
              "static const struct bf_option baddef[] = { { .name = \"a\", .type = 2,"   \
              " .def = \"many\" }, BF_OPTIONS_END };\n"                                  \
              "static const struct bf_option secret[] = {"                               \
              " BF_STRING(struct c, a, .flags = BF_SECRET), BF_OPTIONS_END };\n"         \
              "static const struct bf_sink s = { BF_SINK(\"t\", \"x\"), " fields " };\n" \
              "const void *const used[] = { deliver, request, outside, strange, baddef," \
              " secret };\n"                                                             \
              "BF_PLUGIN(t, \"1\", BF_SINKS(&s));\n"

TEST(what_a_hub_cannot_work_with_is_refused_with_the_cause)
{
    static const struct {
        const char *source, *why;
    } rows[] = {
        {SINK_WITH(".flags = 0"), "0 ways to deliver"},
        {SINK_WITH(".request = request, .deliver = deliver"), "2 ways to deliver"},
        {SINK_WITH(".request = request, .flags = 1u << 30"), "needs a newer hub"},
        {SINK_WITH(".request = request, BF_INTEGRATION(struct c, outside)"), "its place"},
        {SINK_WITH(".request = request, BF_INTEGRATION(struct c, strange)"), "its type"},
        {SINK_WITH(".request = request, BF_ACTION(struct c, baddef)"), "default of a"},
        {SINK_WITH(".request = request, BF_ACTION(struct c, secret)"), "integration only"},
        {SINK_HEAD "const int nothing = 1;\n", "BF_PLUGIN()"},
        {"#include <belfry/plugin.h>\n"
         "static const struct bf_source s = { BF_SOURCE(\"t\", \"x\") };\n"
         "BF_PLUGIN(t, \"1\", BF_SOURCES(&s));\n", "does nothing"},
        {"#include <belfry/plugin.h>\n"
         "static const struct bf_route r[] = { { \"GET\", \"x\", 0 }, BF_ROUTES_END };\n"
         "static const struct bf_source s = { BF_SOURCE(\"t\", \"x\"), .routes = r };\n"
         "BF_PLUGIN(t, \"1\", BF_SOURCES(&s));\n", "does not begin with /"},
        {SINK_HEAD "static const struct bf_sink s = { BF_SINK(\"u\", \"x\"), .request = request };\n"
                   "BF_PLUGIN(t, \"1\", BF_SINKS(&s));\n", "neither \"t\" nor"},
        {SINK_HEAD "static const struct bf_sink s = { BF_SINK(\"t\", \"x\"), .request = request };\n"
                   "BF_PLUGIN(u, \"1\", BF_SINKS(&s));\n", "t.so"},
    };

    for (size_t i = 0; i < BF_COUNT(rows); i++) {
        struct bf_loaded *l;
        struct bf_error err = {0};
        char name[16];

        /* Another file each time: an object that was loaded stays. */
        snprintf(name, sizeof(name), "t");
        compile(name, rows[i].source);
        if (fork() == 0) {
            int rc = bf_loaded_open(test_dir(), "t", &l, &err);

            if (!rc || !strstr(err.words, rows[i].why))
                fprintf(stderr, "row %zu: %d %s\n", i, rc, err.words);
            _exit(rc && strstr(err.words, rows[i].why) ? 0 : 1);
        }
        int status;

        CHECK(wait(&status) > 0);
        CHECK_INT(status, 0);
    }
}

TEST(a_file_that_others_may_write_to_is_not_loaded)
{
    struct bf_loaded *l;
    struct bf_error err;
    char path[512];

    compile("t", PLAIN_SINK);
    snprintf(path, sizeof(path), "%s/t.so", test_dir());
    CHECK_INT(chmod(path, 0775), 0);
    CHECK_INT(bf_loaded_open(test_dir(), "t", &l, &err), BF_EPERM);
    CHECK_HAS(err.words, "chmod go-w");
    CHECK_HAS(err.words, path);
}

TEST(a_directory_that_others_may_write_to_is_not_used)
{
    struct bf_loaded *l;
    struct bf_error err;

    compile("t", PLAIN_SINK);
    CHECK_INT(chmod(test_dir(), 0777), 0);
    CHECK_INT(bf_loaded_open(test_dir(), "t", &l, &err), BF_EPERM);
    CHECK_HAS(err.words, "others may write");
}

/* With plugins = "*" all that is there by such a name is opened. */
TEST(what_is_no_file_is_not_opened)
{
    struct bf_loaded *l;
    struct bf_error err;
    char path[512];

    snprintf(path, sizeof(path), "%s/pipe.so", test_dir());
    CHECK_INT(mkfifo(path, 0600), 0);
    CHECK_INT(bf_loaded_open(test_dir(), "pipe", &l, &err), BF_ECONFIG);
    CHECK_HAS(err.words, "pipe.so is no file");
    snprintf(path, sizeof(path), "%s/dir.so", test_dir());
    CHECK_INT(mkdir(path, 0700), 0);
    CHECK_INT(bf_loaded_open(test_dir(), "dir", &l, &err), BF_ECONFIG);
    CHECK_HAS(err.words, "dir.so is no file");
    snprintf(path, sizeof(path), "%s/pipe.so", test_dir());
    CHECK_INT(bf_loaded_open(path, "pipe", &l, &err), BF_ECONFIG);
    CHECK_HAS(err.words, "is no directory");
}

TEST(a_missing_file_is_named_with_the_way_out)
{
    struct bf_loaded *l;
    struct bf_error err;

    CHECK_INT(bf_loaded_open(test_dir(), "nope", &l, &err), BF_ENOENT);
    CHECK_HAS(err.words, "nope.so");
    CHECK_HAS(err.words, "plugin_dir");
}

TEST(a_name_cannot_leave_the_directory)
{
    struct bf_loaded *l;
    struct bf_error err;

    CHECK_INT(bf_loaded_open(test_dir(), "../t", &l, &err), BF_ECONFIG);
    CHECK_INT(bf_loaded_open(test_dir(), "", &l, &err), BF_ECONFIG);
}
