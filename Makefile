# Everything a newcomer or a pipeline runs. `make help` lists it.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
.DEFAULT_GOAL := help
# What talks to a store of its own is measured where that store runs, by `make sinks`.
REMOTE_SINKS := keyplan/ledgers/postgres/*,keyplan/ledgers/s3/*,keyplan/sinks/age/*,keyplan/sinks/aws/*,keyplan/sinks/azure/*,keyplan/sinks/command/*,keyplan/sinks/gcp/*,keyplan/sinks/github/*,keyplan/sinks/gitlab/*,keyplan/sinks/keyring/*,keyplan/sinks/kubernetes/*,keyplan/sinks/sops/*,keyplan/sinks/vault/*,keyplan/sinks/forge.py
WORKFLOWS := $(wildcard .github/workflows/*.yml examples/github/workflows/*.yml)
ISSUE_FORMS := $(filter-out %/config.yml,$(wildcard .github/ISSUE_TEMPLATE/*.yml))

.PHONY: help demo test check contract processes sinks providers format soak mutants image dist sbom clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 28

$(VENV)/.python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "keyplan needs Python 3.11 or newer; say PYTHON=/path/to/python3.11" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

# $(call install,dev sinks): what requirements/ pins for these extras, by its digests; then this checkout, with what
# pyproject.toml asks for and no lock pins yet, so that a new dependency can be tried before `make lock`.
PIP   := -m pip --quiet --disable-pip-version-check install
COMMA := ,
install = $(BIN)/python $(PIP) --require-hashes $(foreach lock,build core $(1),-r requirements/$(lock).lock) \
  && $(BIN)/python $(PIP) --no-build-isolation -e '.[$(subst $() ,$(COMMA),$(strip $(1)))]'

$(VENV)/.demo: $(VENV)/.python pyproject.toml requirements/sandbox.lock
	$(call install,sandbox)
	@touch $@

$(VENV)/.dev: $(VENV)/.python pyproject.toml requirements/dev.lock
	$(call install,dev)
	@touch $@ $(VENV)/.demo

$(VENV)/.mutants: $(VENV)/.dev pyproject.toml
	$(call install,mutants)
	@touch $@

demo: $(VENV)/.demo  ## the whole tour on a local sandbox: plan, apply, plan again
	$(BIN)/keyplan demo

test: $(VENV)/.dev  ## all tests, in random order on two cores, with the coverage that we hold
	rm -f .coverage .coverage.*
	$(BIN)/pytest -q --cov --cov-report=
	$(BIN)/coverage report --fail-under=95 --omit='$(REMOTE_SINKS)'
	$(BIN)/coverage report --include='keyplan/model/*,keyplan/documents/*,keyplan/manifest/*,keyplan/planner/*,keyplan/applier/*' --fail-under=100

.PHONY: test-uncovered
test-uncovered: $(VENV)/.dev  # the same tests without their coverage, for systems on which parts of keyplan do not run
	$(BIN)/pytest -q

check: $(VENV)/.dev  ## format, lint, types, import contracts, rules of the house, pipelines, README
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -q -n0 tests/test_house.py
	$(BIN)/hadolint Dockerfile
	$(BIN)/shellcheck $(wildcard action/*)
	$(BIN)/shellcheck --external-sources tests/image/build tests/image/publish
	PATH="$(BIN):$$PATH" $(BIN)/actionlint $(WORKFLOWS)
	$(BIN)/zizmor --offline --quiet --persona pedantic action.yml $(WORKFLOWS) .github/dependabot.yml .pre-commit-hooks.yaml .pre-commit-config.yaml examples/pre-commit/.pre-commit-config.yaml
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-actions action.yml
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-workflows $(WORKFLOWS)
	$(BIN)/check-jsonschema --quiet --builtin-schema custom.github-workflows-require-timeout $(WORKFLOWS)
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.dependabot .github/dependabot.yml
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-issue-config .github/ISSUE_TEMPLATE/config.yml
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-issue-forms $(ISSUE_FORMS)
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.gitlab-ci --data-transform gitlab-ci examples/gitlab/.gitlab-ci.yml
	$(BIN)/yamllint --strict action.yml .github examples .yamllint.yaml .pre-commit-hooks.yaml .pre-commit-config.yaml
	$(BIN)/python tests/readme_help.py

contract: $(VENV)/.dev  ## drive the sandbox with the official SDKs, each in an environment of its own
	$(BIN)/python tests/official_sdk/run.py

$(VENV)/.sinks: $(VENV)/.dev pyproject.toml
	$(call install,sinks)
	tests/sinks/install_programs
	@touch $@

sinks: $(VENV)/.sinks  ## the contract of every sink and ledger on its real server or emulator, and its whole life
	rm -f .coverage .coverage.*
	$(BIN)/pytest -q -m 'not soak' --cov=keyplan.sinks --cov=keyplan.ledgers --cov-report= tests/sinks tests/ledgers tests/contracts tests/security tests/upgrades
	$(BIN)/coverage report --fail-under=95

# In a pipeline: `make sinks-installed` before `make test`, which then runs, with every extra, what needs no server, and
# leaves its coverage here; `make sinks-marked` after it runs the others alone, and judges both runs together.
.PHONY: collected sinks-installed sinks-marked
collected: $(VENV)/.dev
	@$(BIN)/pytest -n0 --collect-only -q --snapshot-warn-unused >$(VENV)/collected.txt 2>&1 || { tail -n 100 $(VENV)/collected.txt; exit 1; }

sinks-installed: $(VENV)/.sinks

sinks-marked: $(VENV)/.sinks
	test -f .coverage || { echo "no coverage of an earlier run is here: run make test before" >&2; exit 1; }
	$(BIN)/pytest -q -m 'sinks and not soak' --cov=keyplan.sinks --cov=keyplan.ledgers --cov-append --cov-report= tests/sinks tests/ledgers tests/contracts tests/security tests/upgrades
	$(BIN)/coverage report --fail-under=95 --include='keyplan/sinks/*,keyplan/ledgers/*'

.PHONY: sinks-again
sinks-again: $(VENV)/.sinks  # what failed in `make sinks`, once more, and nothing else
	$(BIN)/pytest -q -m 'not soak' --last-failed --last-failed-no-failures none tests/sinks tests/ledgers tests/contracts tests/security tests/upgrades

# One stamp for each version: installation.py knows them, and leaves alone what is complete.
$(VENV)/.servers: $(VENV)/.dev pyproject.toml tests/servers/installation.py
	$(call install,servers)
	PYTHONPATH=tests $(BIN)/python -m servers.installation
	@touch $@

providers: $(VENV)/.servers  ## each provider on its real server: installs Phoenix and ZenML beside keyplan and starts them
	KEYPLAN_PROVIDERS=1 $(BIN)/pytest -q --dist loadgroup -m 'providers and not soak' tests/servers tests/providers tests/contracts tests/e2e tests/documentation

processes: $(VENV)/.dev  ## kill, interrupt, starve and watch real processes; run the pipelines of examples/
	tests/security/install_programs
	$(BIN)/pytest -q -m 'processes and not soak' tests/e2e tests/pipelines tests/security tests/upgrades tests/test_benchmarks.py

.PHONY: races races-quick
races: $(VENV)/.sinks  ## many real applies of one manifest at once, killed and stopped: prints what came of the keys
	env -u PYTHONDONTWRITEBYTECODE PYTHONPATH=tests $(BIN)/python -m races.real

races-quick: $(VENV)/.sinks  # the same with a few combinations, in about two minutes
	env -u PYTHONDONTWRITEBYTECODE PYTHONPATH=tests $(BIN)/python -m races.real --short
	$(BIN)/pytest -q -n0 -m sinks tests/races

.PHONY: networks networks-quick
networks: $(VENV)/.dev  ## every client of the built wheel, on each Python, in every network: real proxies, real TLS
	env -u PYTHONDONTWRITEBYTECODE PYTHONPATH=tests $(BIN)/python -m networks.run

networks-quick: $(VENV)/.dev  # the same with the clients that need no large SDK
	env -u PYTHONDONTWRITEBYTECODE PYTHONPATH=tests $(BIN)/python -m networks.run --short

$(VENV)/.browser: $(VENV)/.dev pyproject.toml
	$(call install,browser)
	tests/browser/install_programs
	@touch $@

.PHONY: report
report: $(VENV)/.browser  ## open the page of keyplan report in Chromium: keyboard, axe-core, two widths; pictures in .browser
	$(BIN)/pytest -q -n0 -m browser tests/browser

$(VENV)/.chart: $(VENV)/.dev pyproject.toml tests/chart/helm.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev,chart]'
	PYTHONPATH=tests $(BIN)/python -m chart.tools $(VENV)/chart-tools
	@touch $@

.PHONY: chart
chart: $(VENV)/.chart  ## lint, render, judge and package the Helm chart with helm 4 and helm 3
	$(BIN)/pytest -q -n0 -m 'chart or not chart' tests/chart

.PHONY: pictures
pictures: $(VENV)/.browser  ## record the pictures of README and docs anew: a session at a terminal, and the page of a report
	env -u PYTHONDONTWRITEBYTECODE PYTHONPATH=tests $(BIN)/python -m pictures.session docs/pictures/session.svg
	env -u PYTHONDONTWRITEBYTECODE PYTHONPATH=tests $(BIN)/python -m pictures.report docs/pictures/report.png

$(VENV)/.docs: $(VENV)/.dev pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev,docs]'
	@touch $@

.PHONY: docs docs-look
docs: $(VENV)/.docs  ## build the site of docs/ into build/site, and fail on a dead link, a missing anchor, a lost page
	PYTHONPATH=tests $(BIN)/python -m website.build
	$(BIN)/pytest -q -n0 -m docs tests/website

docs-look: docs $(VENV)/.browser  # open every page of the site in Chromium, at two widths; search it offline; axe-core
	$(BIN)/pytest -q -n0 -m docs tests/browser/test_site_pages.py

.PHONY: scale
scale: $(VENV)/.sinks  ## a hundred manifests of a hundred keys on one PostgreSQL: time of plan and apply, load of the database
	env -u PYTHONDONTWRITEBYTECODE PYTHONPATH=tests $(BIN)/python -m races.real.scale

.PHONY: rehearsals
rehearsals: $(VENV)/.dev  ## kill more than 200 real applies, and compare each with what keyplan rehearse predicts
	$(BIN)/pytest -q -n0 -s -m soak tests/e2e/test_rehearsed_kills.py

soak: $(VENV)/.dev  ## the long forms of the proofs: every crash point, every pair, long histories
	tests/security/install_programs
	KEYPLAN_SOAK=1 $(BIN)/pytest -q -m soak

image: $(VENV)/.dev  ## build the image, and run keyplan in it: read-only root, unknown user, process 1
	tests/image/install_programs
	tests/image/build $(BIN)/pytest -q -n0 -m image tests/image tests/pipelines

.PHONY: image-twice
image-twice: $(VENV)/.dev  # with buildah: the same base and commit give the same image, byte for byte
	tests/image/install_programs
	ENGINE=buildah TWICE=yes SOURCE_DATE_EPOCH="$$(git log -1 --format=%ct)" tests/image/build true

dist: $(VENV)/.dev  ## build wheel and sdist twice, compare them, and install what came out; install keyplan in every way that pages show
	$(BIN)/python tests/release/build_dist.py
	$(BIN)/pytest -q -n0 -m release tests/release/test_dist.py tests/release/test_locked_install.py tests/documentation

.PHONY: man
man: $(VENV)/.dev  ## write a man page for each command, from its help, into man/
	SOURCE_DATE_EPOCH="$$(git log -1 --format=%ct)" $(BIN)/python tests/release/write_man_pages.py man

$(VENV)/.sbom: $(VENV)/.dev pyproject.toml
	$(call install,sbom)
	@touch $@

sbom: $(VENV)/.sbom dist  ## write what an installation consists of, with EXTRAS=vault,age if given: dist/keyplan.cdx.json
	$(BIN)/python tests/release/write_sbom.py '$(EXTRAS)'
	$(BIN)/pytest -q -n0 -m release tests/release/test_sbom.py

# How a version is released: docs/releasing.md. The release workflow runs the same targets.
.PHONY: release-prepare release-check release-notes
release-prepare: $(VENV)/.dev  ## write VERSION=X.Y.Z and its date into the changelog and everything that names the version
	PYTHONPATH=tests $(BIN)/python -m release.versions '$(VERSION)' '$(DATE)'

release-check: $(VENV)/.dev  ## whether this commit can be released as VERSION=X.Y.Z, with TAG=vX.Y.Z once it has a tag
	PYTHONPATH=tests $(BIN)/python -m release.check_release '$(VERSION)' $(if $(TAG),'$(TAG)')

release-notes: $(VENV)/.dev  ## write what the changelog says about VERSION=X.Y.Z into dist/NOTES.md
	mkdir -p dist
	PYTHONPATH=tests $(BIN)/python -m release.changelog '$(VERSION)' >dist/NOTES.md

$(VENV)/.rehearsal: $(VENV)/.dev pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev,rehearsal]'
	@touch $@

.PHONY: release-rehearsal
release-rehearsal: $(VENV)/.rehearsal  ## run the scripts of the release workflow in clones, up to an index on loopback
	tests/image/install_programs
	PYTHONPATH=tests $(BIN)/python -m release.rehearsal '$(VERSION)'

.PHONY: surface
surface: $(VENV)/.dev  ## add new names to tests/repository/surface.txt, and report those that are missing
	PYTHONPATH=tests $(BIN)/python -m repository.surface --write

.PHONY: worlds
worlds: $(VENV)/.sinks  ## write anew what this version stores, for the upgrade tests of later ones: docs/stability.md
	PYTHONPATH=tests $(BIN)/python -m upgrades.worlds

.PHONY: action-pins
action-pins: $(VENV)/.dev  ## ask the repositories of pinned actions whether each commit is that of its version: needs github.com
	PYTHONPATH=tests $(BIN)/python -m repository.pins

$(VENV)/.packaging: $(VENV)/.dev pyproject.toml
	$(call install,packaging)
	@touch $@

.PHONY: lock
lock: $(VENV)/.packaging  ## pin the newest releases that fit pyproject.toml, with digests, in requirements/
	$(BIN)/python tests/release/locks.py

.PHONY: pins
pins: $(VENV)/.dev  ## write what docs, examples and action say about installing, from release.toml
	$(BIN)/python tests/release/pins.py

.PHONY: test-all lowest
test-all: $(VENV)/.packaging  ## the suite on every supported Python that is installed; PARTS=tests/planner for a part of it
	PYTHONPATH=tests $(BIN)/python -m release.pythons $(PARTS)

# tests/test_house.py needs import-linter, which needs a newer rich.
lowest: $(VENV)/.packaging  ## the suite with the lowest releases that pyproject.toml allows, on the oldest Python
	PYTHONPATH=tests $(BIN)/python -m release.pythons --lowest --ignore=tests/test_house.py $(PARTS)

.PHONY: licences audit-dependencies supply-chain
supply-chain: licences  # in a pipeline; asks no service for vulnerabilities, but proves that one would be found
	$(BIN)/pytest -q -n0 -m release tests/release/test_audit.py

licences: $(VENV)/.packaging  ## the licences of all that any extra installs, compared with requirements/licences.toml
	PYTHONPATH=tests $(BIN)/python -m release.licences

# Needs a network. A service of your own that speaks OSV's interface: AUDIT='--vulnerability-service=osv --osv-url=URL'
audit-dependencies: $(VENV)/.packaging  ## ask for known vulnerabilities of all that the lock files of core and extras pin
	PYTHONPATH=tests $(BIN)/python -m release.audit $(AUDIT)

mutants: $(VENV)/.mutants  ## break the planner in every small way, and see whether its tests notice
	rm -rf mutants
	nice $(BIN)/mutmut run --max-children 2
	$(BIN)/python tests/mutant_score.py

format: $(VENV)/.dev  ## format the code and write the README's help block anew
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/python tests/readme_help.py --write

clean:  ## remove what these targets made
	rm -rf $(VENV) .rehearsal .servers .bench .contract .networks .pythons .browser dist build man mutants .image .coverage .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

.PHONY: bench bench-quick
# Byte code is part of what users have: nothing in the environment may keep it from being written.
bench: $(VENV)/.dev  ## measure everything that has an aim, beside the peers; writes benchmarks/RESULTS.md
	env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -m benchmarks

bench-quick: $(VENV)/.dev  # the same with fewer rounds and nothing larger than 10,000 keys; writes nothing
	env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -m benchmarks --quick
