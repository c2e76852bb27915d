/* code.h - automations as code: a Lua file that describes what a hub should have.
 *
 *   manifest "acme-vision"
 *   local ops = webhook "deployer"
 *
 *   for _, name in ipairs { "vision", "speech" } do
 *       automation("accuracy fell in " .. name) {
 *           run_metric(project("acme/" .. name), metric("accuracy"):avg(5):lt(0.85))
 *               >> ops { payload = { run = "${run_name}" } }
 *       }
 *   end
 *
 * The file is run in a state of its own, with limits, in the process that reads it; what it said
 * becomes one JSON document, which is all that a hub ever sees of it:
 *   {"manifest":"acme-vision","teams":[…],"integrations":[…],"automations":[…]}
 * Each is as REST takes it, but that things are known by their names: a team has a "name" (and perhaps
 * an "organization"), an integration a "team" and a "name".  An action names its integration so too:
 * "deployer" is one of the entity in the automation's scope, as the file wrote it, and "acme/deployer"
 * another's; beside it stands the "sink" that its author takes it for, if he said so.  Secrets are
 * named and never held.
 *
 * Automations have been checked as far as that needs no hub (bf_automation_parse): what is left for it
 * are names, roles and the options of sinks.
 *
 * The words of the language are written in Lua (code.lua); `belfry help code` lists them. */
#ifndef BF_CODE_H
#define BF_CODE_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/buf.h"
#include "core/base/error.h"
#include "core/base/json.h"

#define BF_CODE_MAX     (4 * 1024 * 1024)       /* bytes of a file, and of its document */
#define BF_CODE_THINGS  10000                   /* that one file may describe */

/* belfry.h has the rest: bf_code_read() and what is to be had from it. */

/* The same from memory; `path` is what errors call it, `steps` how many instructions it has, 0 for
 * those of a file.  [any] */
int bf_code_read_text(const char *path, const char *text, size_t len, uint64_t steps,
                      struct bf_code **out, struct bf_error *err);

/* A document as such a file, which gives the same document again: what it says may be written
 * otherwise ({"alias":{"$eq":"x"}} as {"alias":"x"}), and members of objects may change places.
 * BF_ECONFIG if it is none. */
int bf_code_write(const struct bf_json *document, struct bf_buf *out, struct bf_error *err);

#endif
