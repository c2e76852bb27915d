/* box_time.c - belfry.time: what a moment is called, in UTC and in other zones.
 *
 * Moments are milliseconds of Unix time.  There is no clock: a script goes by the times in its event,
 * so that it says the same when it is asked about a recorded one. */
#include "core/script/box_int.h"

#include <string.h>

#include "core/base/clock.h"
#include "core/base/tz.h"

#define DAY_MS   (INT64_C(24) * 3600 * 1000)
#define FIRST_MS (-INT64_C(62167219200000))     /* 0000-01-01 */
#define LAST_MS  INT64_C(253402214400000)       /* 9999-12-31, so that no zone is in another year */

/* Rounding down, before 1970 as well. */
static int64_t divide(int64_t a, int64_t b) { return a / b - (a % b < 0); }

static int64_t moment_at(lua_State *L, int arg)
{
    lua_Number ms = luaL_checknumber(L, arg);

    luaL_argcheck(L, ms >= FIRST_MS + DAY_MS && ms <= LAST_MS, arg,
                  "a moment is in milliseconds, of the years 0 to 9999");
    return lua_isinteger(L, arg) ? lua_tointeger(L, arg) : (int64_t)ms;
}

/* Seconds that clocks in the zone of an argument are ahead then; 0 if there is none. */
static int64_t offset_at(lua_State *L, int arg, int64_t ms)
{
    const char *name = luaL_optstring(L, arg, "UTC");
    struct bf_tz *z = bf_tz_new(name);
    int64_t offset;

    if (!z)
        luaL_error(L, "there is no time zone \"%s\"; zones are named as in \"Europe/Berlin\", and a script"
                   " has to name those it uses in its text", name);
    offset = bf_tz_offset(z, divide(ms, 1000));
    bf_tz_unref(z);
    return offset;
}

/* belfry.time.parse(text)
 * The milliseconds of an RFC 3339 time, as an event's times are; or nil and a message. */
static int time_parse(lua_State *L)
{
    size_t len;
    const char *text = luaL_checklstring(L, 1, &len);
    int64_t ms;

    if (strlen(text) == len && bf_time_parse(text, &ms)) {
        lua_pushinteger(L, ms);
        return 1;
    }
    lua_pushnil(L);
    lua_pushliteral(L, "this is no time as in 2026-11-23T12:00:00Z");
    return 2;
}

/* belfry.time.format(ms[, zone])
 * A moment as RFC 3339 has it: in UTC, or as clocks in a zone show it. */
static int time_format(lua_State *L)
{
    int64_t ms = moment_at(L, 1), offset = offset_at(L, 2, ms);
    int64_t minutes = divide(offset, 60), ahead = minutes < 0 ? -minutes : minutes;
    char text[48];

    bf_time_print(ms + minutes * 60000, text);
    if (!lua_isnoneornil(L, 2))
        snprintf(strchr(text, 'Z'), 8, "%c%02d:%02d", minutes < 0 ? '-' : '+',
                 (int)(ahead / 60) % 100, (int)(ahead % 60));
    lua_pushstring(L, text);
    return 1;
}

static void set_number(lua_State *L, const char *name, lua_Integer value)
{
    lua_pushinteger(L, value);                          /* +1 */
    lua_setfield(L, -2, name);                          /* -1 */
}

/* belfry.time.parts(ms[, zone])
 * What calendar and clock show then, as year, month, day, hour, min, sec and ms; wday counts from 1,
 * which is Monday; offset is by how many seconds the zone is ahead of UTC. */
static int time_parts(lua_State *L)
{
    int64_t ms = moment_at(L, 1), offset = offset_at(L, 2, ms);
    int64_t wall = ms + offset * 1000, days = divide(wall, DAY_MS), of_day = wall - days * DAY_MS;
    struct bf_date d = bf_date_of_days(days);

    lua_createtable(L, 0, 9);                           /* +1 */
    set_number(L, "year", d.year);
    set_number(L, "month", d.month);
    set_number(L, "day", d.day);
    set_number(L, "hour", of_day / 3600000);
    set_number(L, "min", of_day / 60000 % 60);
    set_number(L, "sec", of_day / 1000 % 60);
    set_number(L, "ms", of_day % 1000);
    set_number(L, "wday", days + 3 - 7 * divide(days + 3, 7) + 1);      /* 1970 began on a Thursday */
    set_number(L, "offset", offset);
    return 1;
}

const struct bf_box_function bf_box_time[] = {
    {"format", time_format, "belfry.time.format(ms[, zone])",
     "a moment as RFC 3339 has it: in UTC, or as clocks in a zone such as \"Europe/Berlin\" show it"},
    {"parse", time_parse, "belfry.time.parse(text)",
     "the milliseconds of an RFC 3339 time, as an event's times are; or nil and a message"},
    {"parts", time_parts, "belfry.time.parts(ms[, zone])",
     "what calendar and clock show then, as year, month, day, hour, min, sec and ms; wday counts from 1,"
     " which is Monday; offset is by how many seconds the zone is ahead of UTC"},
    {NULL, NULL, NULL, NULL},
};
