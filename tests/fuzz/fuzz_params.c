/* FastCGI parameters: NUL-separated "NAME=value" to a request. */
#include <string.h>

#include "poison.h"
#include "request.h"

int LLVMFuzzerTestOneInput(const unsigned char *, size_t);

int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t len)
{
	struct arena v_autoarena a = {0};
	char *text = arena_bytes(&a, data, len);
	char *envp[300];
	size_t n = 0;
	for (size_t i = 0; i < len && n < 299; i += strlen(text + i) + 1)
		envp[n++] = text + i;
	envp[n] = NULL;
	struct request r;
	struct verr e;
	const char *value;
	if (request_parse(&a, envp, 1 << 20, &r, &e) == 0)
		request_cookie(&r, &a, "session", &value, &e);
	return 0;
}
