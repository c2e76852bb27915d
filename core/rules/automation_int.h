/* automation_int.h - an automation while it is read from its JSON. */
#ifndef BF_AUTOMATION_INT_H
#define BF_AUTOMATION_INT_H

#include "core/rules/automation.h"

/* What is read from the JSON, still in scratch memory. */
struct draft {
    struct bf_arena *scratch;
    const struct bf_json *root;
    bool enabled;
    const char *name;
    const char *description;
    const char *entity;
    const char *project;
    const char *collection;
    const struct bf_trigger *trigger;
    struct bf_trigger own;              /* it, where the event's type is a trigger by itself */
    const struct bf_filter *filter;
    struct bf_conditions conditions;
    unsigned states;
    bool said_failed, said_crashed;     /* which are one state */
    struct bf_schedule schedule;        /* no `cron`: none; holds a reference to its zone */
    struct bf_absence absence;          /* no `of`: none */
    struct bf_limits limits;
    struct bf_hooks hooks;
    bool dry_run;
    uint32_t n_actions;
    struct {
        const char *integration;
        const struct bf_json *config;   /* NULL: {} */
        const char *secrets;
    } actions[BF_ACTIONS_MAX];
};

/* Refuses what is no object, and members by name that are not of the list for people, "a, b, c". */
int bf_draft_members(struct draft *d, const struct bf_json *object, const char *members,
                     struct bf_error *err);
/* A member that may be absent; null is the same. */
const struct bf_json *bf_draft_member(const struct bf_json *object, const char *name);
/* A string of `min` to `max` characters; *out stays as it is where there is none and min is 0. */
int bf_draft_text(struct draft *d, const struct bf_json *object, const char *name, size_t min,
                  size_t max, const char **out, struct bf_error *err);

/* --- automation_event.c --------------------------------------------------------- */

/* The value of "event": the trigger, and whatever it waits for. */
int bf_draft_event(struct draft *d, const struct bf_json *event, struct bf_error *err);

#endif
