/* code_lua.c - code.lua as a string in the program.  The path is seen from the top of the tree, where
 * make runs. */
#include "core/script/code_int.h"

__asm__(".section .rodata\n"
        ".global bf_code_lua\n"
        ".hidden bf_code_lua\n"
        ".type bf_code_lua, @object\n"
        "bf_code_lua:\n"
        ".incbin \"core/script/code.lua\"\n"
        ".global bf_code_lua_end\n"
        ".hidden bf_code_lua_end\n"
        "bf_code_lua_end:\n"
        ".byte 0\n"
        ".size bf_code_lua, . - bf_code_lua\n"
        ".previous\n");
