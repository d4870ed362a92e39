# What can be done here, by name: `make` lists it. It takes Go, and a Docker engine for what runs containers; the linters are
# built from the Go module proxy. GNU make 3.81 (macOS) is enough.

# Not in go.mod, where they would choose versions for the code. Renew them by hand.
golangci_lint := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
actionlint    := github.com/rhysd/actionlint/cmd/actionlint@v1.7.12
govulncheck   := golang.org/x/vuln/cmd/govulncheck@v1.9.0

assay := go run ./harness/cmd/assay

# Which scenarios, e.g. make scenarios SCENARIOS=./scenarios/messaging/...
SCENARIOS ?= ./scenarios/...
# Which benchmarks, and for how long each.
BENCH     ?= .
BENCHTIME ?= 1s
# How many busy loops run beside the scenarios, and how many times those are run.
LOOPS     ?= 8
RUNS      ?= 10

# The race detector takes a C compiler.
race = $(if $(filter 1,$(shell go env CGO_ENABLED)),-race)

.PHONY: help test vet rooms unit scenarios soak sabotage bench lint vulns images report list readme clean
# Two of these at once would measure each other.
.NOTPARALLEL:

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

test: vet rooms scenarios ## go vet, then all tests: of harness and fixtures, then the scenarios (make -k: all of it in any case)

vet: ## go vet
	go vet ./...

# Without the cache here and below: an engine is no file that the go command could see changing.
rooms: ## the tests of harness and fixtures, also those that need Docker
	go test -count=1 $(race) -timeout 30m ./harness/... ./fixtures/...

unit: ## the tests that need no Docker, in seconds
	go test -short $(race) ./...

# As many packages at once as there are processors, two scenarios of each: on two cores, eight at once took 200 s in place of 120,
# and left their predictions. The limit leaves time to build images.
scenarios: ## put the claims to the test, and show what was seen (SCENARIOS=./scenarios/messaging/...)
	$(assay) test $(SCENARIOS)

soak: ## put the claims to the test again and again on a machine that is kept busy (LOOPS=8 RUNS=10)
	$(assay) soak -loops $(LOOPS) -runs $(RUNS) $(SCENARIOS)

sabotage: ## test the tests: with faults that do nothing, or half, no scenario that has one may pass
	$(assay) sabotage

bench: ## the benchmarks, one package after the other (BENCH=Link BENCHTIME=5s)
	go test -run '^$$' -bench '$(BENCH)' -benchtime '$(BENCHTIME)' -benchmem -p 1 -timeout 60m ./...

# Sets new to the README with the claims that the code makes now.
new_readme = \
	claims=$$($(assay) list -markdown) || exit 1; \
	new=$$(printf '%s\n' "$$claims" | awk ' \
		NR == FNR { claims = claims $$0 "\n"; next } \
		$$0 == "<!-- claims -->" { print; printf "\n%s\n", claims; inside = 1; marks++; next } \
		$$0 == "<!-- /claims -->" { inside = 0; marks++ } \
		!inside { print } \
		END { exit marks != 2 || inside }' - README.md) || \
		{ echo "README.md: the claims go between a line <!-- claims --> and a line <!-- /claims -->" >&2; exit 1; }

lint: ## golangci-lint (with gofmt, go vet, staticcheck), go.mod, the README's claims, the workflows, the shell script
	go run $(golangci_lint) run
	go mod tidy -diff
	@$(new_readme); \
	printf '%s\n' "$$new" | diff -u README.md - || { echo "README.md: the claims are out of date; make readme" >&2; exit 1; }
	go run $(actionlint) .github/workflows/*.yml
	@if command -v shellcheck >/dev/null; then set -x; shellcheck .ci/run; else echo "no shellcheck here: .ci/run is left out"; fi

vulns: ## known vulnerabilities in what the code calls (asks vuln.go.dev)
	go run $(govulncheck) -test ./...

images: ## build all images ahead of time
	$(assay) images

report: ## show what the last run has seen
	$(assay) report

list: ## list the claims
	$(assay) list

readme: ## put the list of claims into README.md
	@$(new_readme); \
	printf '%s\n' "$$new" >README.md

clean: ## remove what killed or kept tests have left in the engine
	$(assay) clean
