/* Embeds the bootstrap script, which the makefile names. */
#include "bootstrap.h"

__asm__(".section .rodata\n"
	".global bootstrap_script\n"
	".global bootstrap_script_end\n"
	"bootstrap_script:\n"
	".incbin \"" BOOTSTRAP_FILE "\"\n"
	"bootstrap_script_end:\n"
	".byte 0\n"
	".previous\n");
