# SPDX-License-Identifier: GPL-2.0-only
#
# The one entry point. `make help` lists the targets; everything built lands in build/, everything fetched in the cache
# (${XDG_CACHE_HOME:-~/.cache}/devmemkit).

KERNEL	?= debian-7.3
PREFIX	?= /usr/local
CC	?= cc
CLANG	?= clang
BPFTOOL	?= $(firstword $(wildcard /usr/sbin/bpftool /usr/local/sbin/bpftool) bpftool)
STRIP	?= llvm-strip
CFLAGS	?= -O2 -g
VM	:= selftests/vm

# V=1 shows the commands; else a short line each.
Q	:= $(if $(V),,@)
say	= @$(if $(V),:,printf '  %-7s %s\n' "$(1)" "$(2)")

DEVMEM_CFLAGS := -std=gnu11 -Wall -Wextra -Wno-missing-field-initializers -D_GNU_SOURCE -Iinclude -Itools/lib -Ibuild
DEVMEM_LIBS := -lbpf -lmnl -ljson-c -lcap -lncursesw -ltinfo -lelf -lz
BPF_CFLAGS := -target bpf -mcpu=v3 -O2 -g -Wall -D__TARGET_ARCH_x86 -Ibpf -Iinclude

LIB_SRC	:= $(wildcard tools/lib/*.c)
BPF_SRC	:= $(wildcard bpf/*.bpf.c)
TOOLS	:= $(filter-out lib man completion bpftrace iproute2,$(notdir $(patsubst %/,%,$(dir $(wildcard tools/*/*.c)))))
TOOLS	:= $(sort $(TOOLS))
TEST_BPF := $(patsubst %.bpf.c,build/%.bpf.o,$(wildcard selftests/*/*.bpf.c))
TEST_SRC := $(filter-out %.bpf.c,$(wildcard selftests/*/*.c))
SKELS	:= $(BPF_SRC:bpf/%.bpf.c=build/%.skel.h)

# A host test is a program that needs no VM: check-host runs those.
HOST_TESTS := $(patsubst selftests/%.c,build/selftests/%,$(filter %_test.c,$(TEST_SRC)))
TEST_PROGS := $(patsubst selftests/%.c,build/selftests/%,$(filter-out %_test.c,$(TEST_SRC)))

all: tools	## build the tools and BPF programs for this machine

help:		## list the targets
	@sed -n 's/^\([a-z][a-z-]*\):.*##[ \t]*\(.*\)/\1\t\2/p' Makefile | expand -t 16

tools: deps-auto $(TOOLS:%=build/%) $(TEST_PROGS) $(TEST_BPF) build/iproute2/link_devmem_lo.so

# ---- tools, library, BPF

build/%.bpf.o: bpf/%.bpf.c $(wildcard bpf/*.h include/devmem/*.h) Makefile
	@mkdir -p $(@D)
	$(call say,BPF,$@)
	$(Q)$(CLANG) $(BPF_CFLAGS) -c $< -o $@
	$(Q)$(STRIP) -g $@

# With the uAPI headers of this machine, which Debian keeps in a directory of its own.
build/selftests/%.bpf.o: selftests/%.bpf.c $(wildcard selftests/*/*.h) Makefile
	@mkdir -p $(@D)
	$(call say,BPF,$@)
	$(Q)$(CLANG) $(BPF_CFLAGS) -idirafter /usr/include/$(shell $(CC) -print-multiarch) -c $< -o $@
	$(Q)$(STRIP) -g $@

build/%.skel.h: build/%.bpf.o
	$(call say,SKEL,$@)
	$(Q)$(BPFTOOL) gen skeleton $< name $*_bpf >$@.tmp && mv $@.tmp $@

build/obj/%.o: %.c Makefile | $(SKELS)
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) $(CPPFLAGS) $(DEVMEM_CFLAGS) $(CFLAGS) -MMD -MP -c $< -o $@

build/libdevmem.a: $(LIB_SRC:%.c=build/obj/%.o)
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@.tmp $^ && mv $@.tmp $@

define tool_rule
build/$(1): $$(patsubst %.c,build/obj/%.o,$$(wildcard tools/$(1)/*.c)) build/libdevmem.a
	$$(call say,LD,$$@)
	$$(Q)$$(CC) $$(CFLAGS) $$(LDFLAGS) $$(filter %.o,$$^) build/libdevmem.a $$(DEVMEM_LIBS) -o $$@
endef
$(foreach t,$(TOOLS),$(eval $(call tool_rule,$(t))))

build/iproute2/%.so: tools/iproute2/%.c Makefile
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(CPPFLAGS) $(DEVMEM_CFLAGS) $(CFLAGS) $(LDFLAGS) -shared -fPIC $< -o $@

build/selftests/%: build/obj/selftests/%.o build/libdevmem.a
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $< build/libdevmem.a $(DEVMEM_LIBS) $(if $(filter %_test,$@),-lcmocka) -o $@

-include $(shell find build/obj -name '*.d' 2>/dev/null)
.SECONDARY:

# ---- virtual machines

# $(value) keeps make from expanding what is meant for the guest's shell.
vm: export VM_CMD = $(value CMD)

vm: deps-auto	## run CMD as root in a VM: make vm KERNEL=debian-7.3 CMD='uname -a'; without CMD: a shell
	@$(VM)/boot $(KERNEL) -- "$$VM_CMD"

module: deps-auto	## build devmem_lo.ko against KERNEL's headers
	@$(VM)/module $(KERNEL)

demo: tools	## watch devmem TCP and catch a leak: in a VM, under 90 s with a warm cache (DEMO_LEAK=0: nothing leaks)
	@selftests/demo/run $(KERNEL)

# ---- tests

check: tools $(HOST_TESTS)	## what CI runs: host tests, Debian 6.12 and 7.3 in full, 6.18 and 7.2 as a smoke test
	@HOST_TESTS="$(HOST_TESTS)" selftests/check quick

check-all: tools $(HOST_TESTS)	## the full matrix and the long tests; hours
	@HOST_TESTS="$(HOST_TESTS)" selftests/check all

check-host: tools $(HOST_TESTS)	## the tests that need no devmem kernel
	@HOST_TESTS="$(HOST_TESTS)" selftests/check host

check-vm: tools	## one kernel's tests: make check-vm KERNEL=debian-7.3 [TESTS='core lo bpf tools']
	@selftests/check vm $(KERNEL) $(TESTS)

check-upstream: tools	## the kernel's own NIC selftests on devmem_lo, and their table: make check-upstream [TESTS='stats.py hw/rss_ctx.py']
	@selftests/check upstream $(KERNEL) $(TESTS)

bench: tools	## guest instructions per MB and per packet, devmem_lo beside veth, recv() beside devmem (about 10 min)
	@$(VM)/module $(KERNEL) >/dev/null
	@VM_ACCEL=icount VM_TIMEOUT=1800 $(VM)/boot $(KERNEL) -- selftests/bench/rx

# ---- installing and housekeeping

install: tools	## install tools, man pages, completion and scripts below $(DESTDIR)$(PREFIX)
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/lib/devmemkit $(DESTDIR)$(PREFIX)/share/man/man1 $(DESTDIR)$(PREFIX)/share/man/man8 \
		$(DESTDIR)$(PREFIX)/share/bash-completion/completions $(DESTDIR)$(PREFIX)/share/devmemkit/bpftrace
	install $(TOOLS:%=build/%) $(DESTDIR)$(PREFIX)/bin
	install -m 644 build/iproute2/link_devmem_lo.so $(DESTDIR)$(PREFIX)/lib/devmemkit
	$(foreach s,1 8,install -m 644 $(wildcard tools/man/*.$(s)) $(DESTDIR)$(PREFIX)/share/man/man$(s);)
	install -m 644 $(wildcard tools/completion/*) $(DESTDIR)$(PREFIX)/share/bash-completion/completions
	install -m 644 $(wildcard tools/bpftrace/*.bt) $(DESTDIR)$(PREFIX)/share/devmemkit/bpftrace

cache-list:	## what the cache holds, and how much
	@$(VM)/cache list

cache-prune:	## remove from the cache what this tree no longer uses (ALL=1: everything)
	@$(VM)/cache prune $(if $(ALL),all)

deps-auto:
	@packaging/deps --auto

deps:		## install what is missing (root; Debian or Ubuntu)
	@packaging/deps --install

clean:		## remove what was built here; the cache stays
	rm -rf build

.PHONY: all help tools vm module demo check check-all check-host check-vm check-upstream bench install cache-list cache-prune deps deps-auto clean
