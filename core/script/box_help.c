/* box_help.c - the manual of what scripts are given, from the tables that give it to them. */
#include "core/script/box_int.h"

#include <string.h>

#include "core/base/base.h"

static const char introduction[] =
    "A script is a text in Lua 5.4 that returns a table of functions.  It stands in a file of the\n"
    "hub's scripts, or in an automation's hooks:\n"
    "\n"
    "    local hook = {}\n"
    "\n"
    "    function hook.filter(event)\n"
    "        return event.run.state == \"FAILED\"\n"
    "    end\n"
    "\n"
    "    function hook.transform(payload, event)\n"
    "        payload.title = event.data.message:match(\"^[^\\n]*\")\n"
    "        return payload\n"
    "    end\n"
    "\n"
    "    return hook\n"
    "\n"
    "filter(event) returns true, and the automation fires, or false.  transform(payload, event)\n"
    "returns the payload: what an action's option of that name gives once its variables are filled\n"
    "in, or else the action's options; event.action is the action's kind, as in \"webhook\".\n"
    "on_event(event), which a hub has one of, returns the event, changed or not, or false to drop it.\n"
    "Anything else that is returned is an error, and then the hook's on_error says what becomes of\n"
    "the firing.\n"
    "\n"
    "An event is what GET /api/v1/events/ID shows: event.run.name, event.metrics[1].value.  What is\n"
    "not there is nil; JSON's null is belfry.json.null, which is not nil and counts as true.  Integers\n"
    "of 64 bits are integers, other numbers doubles.  pairs, ipairs and # go through objects and\n"
    "arrays.  A filter and a transform cannot change the event, on_event can change all of it but\n"
    "id, received, entity, key and source.  What a script leaves alone keeps the bytes it was sent\n"
    "with, and its place.\n"
    "\n"
    "What a script says must be the same when it is asked again about a recorded event.  So there is\n"
    "no clock and no chance, no file and no network; what is asked for in vain says what to take\n"
    "instead.  A script may keep nothing of an event from one call to the next, and its own variables\n"
    "are gone whenever its process is.\n"
    "\n"
    "A call has 50 milliseconds, 10 million instructions and 16 MiB of memory, and a script 64 KiB of\n"
    "text.  Patterns of string.find and its like can take for ever on some texts; those of belfry.re\n"
    "cannot.\n";

static const struct {
    const char *part;           /* its heading */
    const char *library;        /* "string." in front of Lua's own */
    const struct bf_box_function *functions;
} parts[] = {
    {"JSON", "", bf_box_json},
    {"Patterns", "", bf_box_re},
    {"Time", "", bf_box_time},
    {"Hashes", "", bf_box_hash},
    {"The hub's log", "", bf_box_log},
    {"Of Lua's base library", "", bf_box_base},
    {"Of Lua's other libraries", "string", bf_box_string},
    {"Of Lua's other libraries", "table", bf_box_table},
    {"Of Lua's other libraries", "math", bf_box_math},
    {"Of Lua's other libraries", "utf8", bf_box_utf8},
};

const char *bf_box_introduction(void) { return introduction; }

/* "string.byte char find ...": those of which there is no more to say. */
static bool list_plain(const char *library, const struct bf_box_function *f, char out[BF_BOX_SIGNATURE])
{
    size_t len = 0;

    out[0] = '\0';
    for (; f->name; f++) {
        if (f->signature)
            continue;
        len += (size_t)snprintf(out + len, BF_BOX_SIGNATURE - len, "%s%s%s", len ? " " : library,
                                len ? "" : ".", f->name);
        bf_assert(len < BF_BOX_SIGNATURE);
    }
    return len > 0;
}

bool bf_box_describe(size_t i, struct bf_box_entry *out)
{
    for (size_t p = 0; p < BF_COUNT(parts); p++) {
        out->part = parts[p].part;
        if (*parts[p].library && list_plain(parts[p].library, parts[p].functions, out->signature) &&
            i-- == 0) {
            out->words = "as in Lua";
            return true;
        }
        for (const struct bf_box_function *f = parts[p].functions; f->name; f++) {
            if (!f->signature || i-- > 0)
                continue;
            snprintf(out->signature, sizeof(out->signature), "%s", f->signature);
            out->words = f->words;
            return true;
        }
    }
    return false;
}
