/* code.h - automations as code: a Lua file that describes what a hub should have.
 *
 *   manifest "acme-vision"
 *   local ops = webhook("deployer", { team = "acme" })
 *
 *   for _, name in ipairs { "vision", "speech" } do
 *       automation("accuracy fell in " .. name) {
 *           run_metric(project("acme/" .. name), metric("accuracy"):avg(5):lt(0.85))
 *               >> ops { payload = { run = "${run_name}" } }
 *       }
 *   end
 *
 * The file is run in a box of this process (box.h); what it said becomes one JSON document, which is
 * all that a hub ever sees of it:
 *   {"manifest":"acme-vision","teams":[…],"integrations":[…],"automations":[…]}
 * Each is as REST takes it, but that things are known by their names: a team has a "name", an
 * integration a "team" and a "name", and an action names its integration so too ("deployer", or
 * "acme/deployer").  Secrets are named and never held. */
#ifndef BF_CODE_H
#define BF_CODE_H

#include <stddef.h>

#include "core/base/buf.h"
#include "core/base/error.h"
#include "core/base/json.h"

#define BF_CODE_MAX     (4 * 1024 * 1024)       /* bytes of a file, and of its document */
#define BF_CODE_THINGS  10000                   /* that one file may describe */

struct bf_code;

/* Run a file.  BF_ECONFIG with file, line, the value and a hint. */
int bf_code_read(const char *path, struct bf_code **out, struct bf_error *err);
void bf_code_free(struct bf_code *c);           /* NULL is fine */
const char *bf_code_document(const struct bf_code *c, size_t *len);     /* JSON; borrowed */

/* A document as such a file, which gives the same document again.  BF_ECONFIG if it is none. */
int bf_code_write(const struct bf_json *document, struct bf_buf *out, struct bf_error *err);

#endif
