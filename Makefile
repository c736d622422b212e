# The commands that people and CI use. Each installs what it needs and is quick when there is nothing to do.
#   make run         build, then let the built-in model speak
#   make test        release tests, format, include arrows, instruction sets, clang-tidy on changed files
#   make test-asan test-tsan test-tidy test-peers test-clients test-web fuzz bench docs install
#   make web         the web page's bundle, after a change in web/ (needs Node)

JOBS ?= $(shell nproc)
PREFIX ?= /usr/local
CTEST = ctest --output-on-failure --no-tests=error -j$(JOBS)
SOURCES = $(shell git ls-files '*.cc' '*.h')

.PHONY: build run test test-release test-asan test-tsan test-tidy test-peers test-clients test-web web format check fuzz bench docs install clean

build: build/release/build.ninja
	@ninja -C build/release hadal

run: build
	@tools/run_builtin.sh

test: test-release check

test-release: packages-test build/release/build.ninja
	@ninja -C build/release
	@$(CTEST) --test-dir build/release

test-asan: packages-test build/asan/build.ninja
	@ninja -C build/asan
	@$(CTEST) --test-dir build/asan -LE heavy

# The parts with threads: the pool, the ops over it, generation.
test-tsan: packages-test build/tsan/build.ninja
	@ninja -C build/tsan base_test ops_test engine_test
	@$(CTEST) --test-dir build/tsan -L '^(base|ops|engine)$$'

test-tidy: packages-test packages-check build/release/build.ninja
	@ninja -C build/release
	@tools/tidy.sh all

test-peers: packages-test build
	@tests/peers/run.sh

# Clients and agents of PyPI and npm against the program. Needs Node.
test-clients: packages-test build tests/clients/js/node_modules tests/clients/agents/node_modules
	@tests/clients/run.sh

# The page in Chromium, against a mock of the API and against the program. Needs Node.
test-web: packages-web build web/node_modules tests/web/node_modules
	@npm --prefix web run --silent check
	@HADAL=$(CURDIR)/build/release/hadal npm --prefix tests/web test

web: web/node_modules
	@npm --prefix web run build

# Not npm ci: a registry need not have the agents' builds for every platform, and ci wants them all in the lock.
tests/clients/agents/node_modules: tests/clients/agents/package-lock.json
	@npm --prefix $(@D) install --no-save --no-audit --no-fund
	@touch $@

%/node_modules: %/package-lock.json
	@npm --prefix $* ci --no-audit --no-fund
	@touch $@

# What make test checks beside the tests, of the sources and of the objects that make test built.
check: packages-test packages-check build/release/build.ninja
	@clang-format-19 --dry-run -Werror $(SOURCES)
	@python3 tools/check_includes.py
	@python3 tools/check_isa.py build/release
	@tools/tidy.sh changed
	@tools/check_web.sh

format: packages-check
	@clang-format-19 -i $(SOURCES)

fuzz: packages-fuzz build/fuzz/build.ninja
	@ninja -C build/fuzz

bench: packages-bench build/bench/build.ninja
	@ninja -C build/bench

install: build
	@cmake --install build/release --prefix $(PREFIX)

# The man page, the completions and the tables of docs/CLI.md, from the program's own help.
docs: build
	@python3 tools/make_docs.py build/release/hadal

clean:
	@rm -rf build

build/%/build.ninja: | packages-build
	@cmake --preset $* > build-$*.log 2>&1 || { cat build-$*.log; rm -f build-$*.log; exit 1; }
	@rm -f build-$*.log

.PHONY: packages-build packages-test packages-check packages-fuzz packages-bench packages-web
packages-build packages-check packages-fuzz packages-bench packages-web:
	@tools/install_packages.sh $(@:packages-%=%)
packages-test:
	@tools/install_packages.sh build test
