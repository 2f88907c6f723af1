# vulcan-isolate: host/*.c, confine.c, the V8 shim and the bootstrap script. It is never
# sanitised: V8 is not, and a forked child must stay small.

V8_MK := build/deps/v8.mk
$(V8_MK): scripts/v8-deps
	@scripts/v8-deps build
	@touch $@
ifeq ($(filter help clean run test check bench fuzz lint stop status,$(MAKECMDGOALS)),)
-include $(V8_MK)
endif

ISO := $(BUILD)/isolate
ISO_OPT := -O2 -g
ISO_DEFS := -D_GNU_SOURCE -DVULCAN_VERSION='"$(VERSION)"' \
	-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
ISO_INC := -Ilib -Ibackends/isolate -Ibackends/isolate/host
ISO_CFLAGS = -std=gnu17 $(ISO_OPT) $(WARN) $(HARDEN_CFLAGS) $(ISO_DEFS) $(ISO_INC)
ISO_CXXFLAGS = -std=gnu++17 $(ISO_OPT) -Wall -Wextra -Werror -fno-exceptions \
	-fno-rtti $(filter-out -Wjump-misses-init,$(HARDEN_CFLAGS)) $(ISO_DEFS) $(ISO_INC) $(V8_CPPFLAGS)
# What of lib/ a child needs; its objects are built apart, without sanitizers.
ISO_LIB := buf fd num proc utf8 verr wire
ISO_OBJ := $(patsubst backends/isolate/host/%.c,$(ISO)/host/%.o,$(sort $(wildcard backends/isolate/host/*.c))) \
	$(patsubst %,$(ISO)/lib/%.o,$(ISO_LIB)) $(ISO)/confine.o $(ISO)/shim.o

ISO_JS := $(sort $(wildcard backends/isolate/bootstrap/*.js))
ISO_SCRIPT := $(ISO)/bootstrap.js
$(ISO_SCRIPT): $(ISO_JS)
	@mkdir -p $(@D)
	@cat $^ >$@

$(ISO)/host/%.o: backends/isolate/host/%.c $(FLAGS)
	@mkdir -p $(@D)
	@echo "  CC    $<"
	@$(CC) $(ISO_CFLAGS) -DBOOTSTRAP_FILE='"$(ISO_SCRIPT)"' -MMD -MP -c -o $@ $<
$(ISO)/host/bootstrap.o: $(ISO_SCRIPT)
$(ISO)/%.o: backends/isolate/%.c $(FLAGS)
	@mkdir -p $(@D)
	@echo "  CC    $<"
	@$(CC) $(ISO_CFLAGS) -MMD -MP -c -o $@ $<
$(ISO)/lib/%.o: lib/%.c $(FLAGS)
	@mkdir -p $(@D)
	@echo "  CC    $<"
	@$(CC) $(ISO_CFLAGS) -MMD -MP -c -o $@ $<
$(ISO)/shim.o: backends/isolate/shim.cc $(FLAGS) $(V8_MK)
	@mkdir -p $(@D)
	@echo "  CXX   $<"
	@$(CXX) $(ISO_CXXFLAGS) -MMD -MP -c -o $@ $<

# -z now would bind all of libnode's symbols at start; it is kept, as the host
# starts once and its children inherit the bindings.
$(BIN)/vulcan-isolate: $(ISO_OBJ)
	@mkdir -p $(@D)
	@echo "  LD    $(@F)"
	@$(CXX) $(HARDEN_LDFLAGS) -o $@ $^ $(V8_LIBS) -lseccomp -lcjson
