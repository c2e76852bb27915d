/* schema.c - envelope.schema.json as a string in the program, so that the hub shows the very
 * file that people read.  The path is seen from the top of the tree, where make runs. */
#include "core/event/envelope.h"

__asm__(".section .rodata\n"
        ".global bf_envelope_schema\n"
        ".hidden bf_envelope_schema\n"
        ".type bf_envelope_schema, @object\n"
        "bf_envelope_schema:\n"
        ".incbin \"core/event/envelope.schema.json\"\n"
        ".byte 0\n"
        ".size bf_envelope_schema, . - bf_envelope_schema\n"
        ".previous\n");
