# Everything here needs Go and make. The tests also need a C compiler, for the race detector, what the examples in
# docs/ are written for (Node, Python and netcat), and Chromium with two npm packages for the tests in a browser.

GO      ?= go
VERSION  = $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
# The same with the v of a tag, which may be left out.
TAG      = $(shell echo '$(VERSION)' | sed 's/^\([0-9][0-9]*\.[0-9]\)/v\1/')
ARGS    ?=
# How long each fuzz target runs.
FUZZTIME ?= 1m
# By default, making one interesting input smaller may take that whole minute.
MINIMIZETIME ?= 1s

.DEFAULT_GOAL := help
.PHONY: help dev build test fmt lint bench pictures fuzz soak clean dist-files packages sbom check-packaging check-completion release-notes module cc node netcat python browser gobench

help: ## show what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

dev: build ## build and run a gateway for trying out; flags in ARGS="..."
	@exec bin/seagate dev $(ARGS)

build: ## build bin/seagate, a static binary
	@[ -e bin/seagate ] || echo "Building bin/seagate, which takes a minute or two the first time"
	@CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-X main.version=$(TAG)' -o bin/seagate ./cmd/seagate

# vet, staticcheck, the tests and what they build share what is compiled, so all of it has the same flags. Without what
# a debugger needs, the compiler takes a quarter less time. The race detector needs cgo, and what is released is built
# without it: with the tags the tests use the parts in Go for zstd, names of hosts and users, too.
NODEBUG    = -gcflags=all=-dwarf=false
# The first two settings of the race detector spare a process page faults, and a second of sleep at its end.
FORTESTS   = CGO_ENABLED=1 GORACE="no_huge_pages_for_shadow=0 atexit_sleep_ms=100 $$GORACE" GOFLAGS="$$($(GO) env GOFLAGS) -race $(NODEBUG) -tags=pebblegozstd,netgo,osusergo"

# How many packages are tested at a time: one more than processors, as tests often wait.
PACKAGES ?= $$((1 + $$(nproc 2>/dev/null || getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)))
# Lint has run all of vet by then, and go test would run a part of it again. The packages whose tests take longest begin.
test: cc node netcat python browser lint ## run every check and test; this is what has to pass
	$(FORTESTS) $(GO) test -vet=off -p $(PACKAGES) -timeout 1h ./cmd/seagate ./storage/pebble ./...

fmt: ## format the code
	@gofmt -w .

lint: cc ## check formatting, vet, staticcheck
	@unformatted=$$(gofmt -l .) || exit 1; if [ -n "$$unformatted" ]; then \
		echo "not formatted; run make fmt:"; echo "$$unformatted"; exit 1; fi
	$(FORTESTS) $(GO) vet ./...
	@echo staticcheck ./...; program=$$(GOFLAGS="$$($(GO) env GOFLAGS) $(NODEBUG)" $(GO) tool -n staticcheck) && \
	$(FORTESTS) "$$program" ./...

bench: build ## measure the gateway beside a bare loop, and keep the tables in docs/performance.md
	@$(GO) build -o bin/cases ./cmd/seagate/bench/cases
	@bin/cases $(ARGS)

pictures: build browser ## take the pictures of README.md anew, in docs/pictures
	@PATH="$(CURDIR)/.tools/node_modules/.bin:$$PATH" node e2e/pictures.mjs bin/seagate && ls -l docs/pictures

gobench: ## run the Go benchmarks
	$(GO) test -run '^$$' -bench . -benchmem ./...

fuzz: ## run each fuzz target for FUZZTIME (1m)
	@listed=$$($(GO) test -list '^Fuzz' ./...) || { echo "$$listed"; exit 1; }; \
	echo "$$listed" | awk '/^Fuzz/ { names[++n] = $$1 } \
		/^ok/ { for (i = 1; i <= n; i++) print $$2, names[i]; n = 0 }' | \
	while read -r package target; do \
		echo "== $$package $$target"; \
		$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) \
			-fuzzminimizetime $(MINIMIZETIME) "$$package" </dev/null || exit 1; \
	done

soak: cc ## run the long tests at full length: soaks, 500 kills, 1,000 power cuts
	SEAGATE_SOAK=1 SEAGATE_KILL_ROUNDS=500 SEAGATE_POWER_ROUNDS=1000 CGO_ENABLED=1 \
		$(GO) test -race -run 'Soak|Kill|Linearizable|Stalled|PowerLoss' -count 1 -timeout 3h ./...
	SEAGATE_SOAK=1 $(GO) test -run HostileNeighbour -v -count 1 -timeout 1h ./cmd/seagate

clean: ## remove what was built; data stays
	@rm -rf bin dist

# Packages. The tools are fetched when they are used, and are not among the modules of the gateway.
NFPM       = $(GO) run github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.45.2
HELM       = $(GO) run helm.sh/helm/v3/cmd/helm@v3.22.0
GORELEASER = $(GO) run github.com/goreleaser/goreleaser/v2@v2.15.1
CYCLONEDX  = $(GO) run github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.10.0
# A version as packages sort it: 1.2.3, before it 1.2.3~rc.1, after it 1.2.3+4.gabc1234, and 0.0.0~abc1234 without a tag. The v of a tag may be left out.
RELEASE    = $(shell echo '$(VERSION)' | sed -e 's/^v\([0-9]\)/\1/; t tagged' -e 's/^[0-9]*\.[0-9]/&/; t tagged' -e 's/^/0.0.0~/; :tagged' \
	-e 's/-dirty$$/+dirty/; s/-\([0-9]*\)-\(g[0-9a-f]*\)\(+dirty\)\{0,1\}$$/+\1.\2\3/' | tr - '~')
ARCH      ?= $(shell $(GO) env GOARCH)

dist-files: build # what the packages have beside the binary
	@rm -rf dist/man dist/man-packages && mkdir -p dist/man dist/man-packages dist/completion
	@bin/seagate config --defaults | packaging/settings.sh > dist/seagate.toml
	@for shell in bash zsh fish; do bin/seagate completion $$shell > dist/completion/$$shell; done
	@# Those of the packages name the place where the packages have the documents.
	@bin/seagate man --dir dist/man >/dev/null && for page in dist/man/*.1; do \
		sed 's#\([^/]\)\(docs/[a-z]*\.md\)#\1/usr/share/doc/seagate/\2#g' "$$page" >"dist/man-packages/$${page##*/}"; done && \
	gzip -9n dist/man/* dist/man-packages/*

packages: dist-files ## make a deb and an rpm in dist/
	@CGO_ENABLED=0 GOOS=linux GOARCH=$(ARCH) $(GO) build -trimpath -ldflags '-s -w -X main.version=$(TAG)' -o dist/seagate ./cmd/seagate
	@for format in deb rpm; do \
		ARCH=$(ARCH) VERSION='$(RELEASE)' $(NFPM) package --config packaging/nfpm.yaml --packager $$format --target dist/ || exit 1; done

sbom: build ## list the modules in the binary, with their licenses, in dist/seagate.cdx.json
	@mkdir -p dist
	@CYCLONEDX='$(CYCLONEDX)' packaging/sbom.sh '$(RELEASE)' bin/seagate dist/seagate.cdx.json

check-packaging: ## check the Helm chart, the goreleaser configuration and the systemd units with their own tools
	$(HELM) lint --strict packaging/helm/seagate
	HELM='$(HELM)' packaging/helm/check.sh
	@# It asks for a remote, which a copy without a home has not: so it looks at a copy that has one.
	@copy=$$(mktemp -d) && trap 'rm -rf "$$copy"' EXIT && git init -q "$$copy" && \
	git -C "$$copy" remote add origin https://github.com/OWNER/NAME && cp packaging/goreleaser.yaml "$$copy" && \
	echo "goreleaser check packaging/goreleaser.yaml" && cd "$$copy" && $(GORELEASER) check --config goreleaser.yaml
	@# The units name a program that is not installed here, so copies name another.
	@command -v systemd-analyze >/dev/null || { echo "the units are not checked: there is no systemd-analyze"; exit 0; }; \
	copies=$$(mktemp -d) && trap 'rm -rf "$$copies"' EXIT && cp packaging/systemd/* "$$copies" && \
	sed -i 's#/usr/bin/seagate#/bin/true#; /^Documentation=man:/d' "$$copies"/seagate.* && \
	echo "systemd-analyze verify packaging/systemd/*" && systemd-analyze verify "$$copies"/seagate.*

# The shells, and bash-completion, without which bash has no completion of this kind.
SHELLS = bash bash-completion zsh fish
check-completion: ## try the completion in real shells: bash, zsh, fish
	@[ -e /usr/share/bash-completion/bash_completion ] && command -v zsh >/dev/null && command -v fish >/dev/null || { \
	echo "Completion is tried in real shells and some are missing: installing $(SHELLS)"; \
	command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ] && \
		apt-get update -q && apt-get install -qy --no-install-recommends $(SHELLS); } || { \
	echo "That did not work. Install $(SHELLS) with the system's package manager"; exit 1; }
	SEAGATE_SHELLS=1 $(GO) test -run TestCompletionInShells -count 1 -v ./cmd/seagate

release-notes: ## print what CHANGELOG.md says of a release: RELEASE_NOTES=1.0.0, by default Unreleased
	@awk -v want='$(or $(RELEASE_NOTES),Unreleased)' '/^## / { on = $$2 == want; found = found || on } on && !/^## / { print } \
		END { if (!found) { print "CHANGELOG.md has no section " want > "/dev/stderr"; exit 1 } }' CHANGELOG.md

# make module PATH=... replaces the variable in which programs are looked for, so it is taken from make's own environment.
ifeq ($(origin PATH),command line)
MODULE := $(PATH)
SEARCH := $(shell echo "$$PATH")
ifeq ($(SEARCH),$(MODULE))
SEARCH := /usr/local/go/bin:/usr/local/bin:/opt/homebrew/bin:/usr/bin:/bin
endif
override PATH := $(SEARCH)
export PATH
endif
module: ## change the module path everywhere: make module PATH=github.com/OWNER/NAME
	@packaging/module.sh '$(MODULE)'

# The race detector links C. Saying so beats the linker's own words.
cc:
	@cc=$$($(GO) env CC); command -v "$${cc%% *}" >/dev/null || { \
		echo "The race detector needs a C compiler and there is no $$cc. Install one:"; \
		echo "  Debian, Ubuntu   apt-get install gcc libc6-dev"; \
		echo "  Fedora           dnf install gcc"; \
		echo "  Alpine           apk add gcc musl-dev"; \
		echo "  macOS            xcode-select --install"; \
		exit 1; }

# The examples of docs/lines.md run with netcat and Python. If one is missing, it is installed where that is possible.
netcat: PROGRAM = nc
netcat: PACKAGE = netcat-openbsd
python: PROGRAM = python3
python: PACKAGE = python3-minimal
netcat python:
	@command -v $(PROGRAM) >/dev/null && exit 0; \
	echo "The tests run the examples of the documents and there is no $(PROGRAM): installing $(PACKAGE)"; \
	command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ] && \
		apt-get update -q && apt-get install -qy --no-install-recommends $(PACKAGE); \
	command -v $(PROGRAM) >/dev/null || { echo "That did not work. Install $(PROGRAM) with the system's package manager"; exit 1; }

# A Node that has WebSocket: 22 or later, or 20 with a flag. If there is none, one is installed into .tools.
NODE_WORKS = for node in .tools/node_modules/.bin/node node; do for flag in --no-warnings --experimental-websocket; do \
	$$node $$flag -e 'process.exit(typeof WebSocket === "function" ? 0 : 1)' 2>/dev/null && exit 0; done; done

node:
	@$(NODE_WORKS); \
	echo "The tests run a JavaScript client and there is no Node 20 or later: installing Node 22 into .tools"; \
	command -v npm >/dev/null || { command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ] && \
		apt-get update -q && apt-get install -qy --no-install-recommends npm; }; \
	npm install --no-audit --no-fund --prefix .tools node@22; \
	$(NODE_WORKS); \
	echo "That did not work. Install Node 22 or later: https://nodejs.org"; \
	exit 1

# What the browser tests in e2e/ need: Chromium, and the packages that e2e/package-lock.json pins.
browser: node
	@command -v chromium-headless-shell >/dev/null && exit 0; \
	some() { command -v chromium || command -v chromium-browser || command -v google-chrome; } >/dev/null; \
	install() { command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ] && \
		apt-get update -q && apt-get install -qy --no-install-recommends "$$1"; }; \
	some && ! command -v apt-get >/dev/null && exit 0; \
	echo "The tests run pages in Chromium, best in one without windows: installing chromium-headless-shell"; \
	install chromium-headless-shell || some || { install chromium && some; } || { \
	echo "That did not work. Install Chromium with the system's package manager"; exit 1; }
	@[ e2e/node_modules/.package-lock.json -nt e2e/package-lock.json ] && exit 0; \
	echo "The tests control Chromium with packages of npm: installing those of e2e/package-lock.json into e2e/node_modules"; \
	command -v npm >/dev/null || { command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ] && \
		apt-get update -q && apt-get install -qy --no-install-recommends npm; }; \
	npm ci --no-audit --no-fund --ignore-scripts --prefix e2e && touch e2e/node_modules/.package-lock.json || { \
	echo "That did not work. npm and its registry are needed once"; exit 1; }
