/* page.h - a small page for a person whose browser came by: no script, and everything escaped. */
#ifndef BF_SLACK_PAGE_H
#define BF_SLACK_PAGE_H

#include <belfry/plugin.h>

/* A title and words, a paragraph for each line of them.  Gives the status. */
int slack_page(struct bf_reply *re, struct bf_arena *a, int status, const char *title,
               const char *words);

/* What every answer to a browser has, pages and redirects: it is kept nowhere, and no other site
 * learns the address, which may hold a code. */
void slack_page_headers(struct bf_reply *re);

#endif
