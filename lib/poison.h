/* Calls that invite mistakes do not compile; include after system headers. */
#ifndef POISON_H
#define POISON_H

#if defined(__GNUC__) && !defined(__cplusplus)
#pragma GCC poison atoi atol atoll strcpy strcat sprintf vsprintf strtok
#pragma GCC poison system popen gets tmpnam mktemp
#endif

#endif
