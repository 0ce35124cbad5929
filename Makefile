# Set-up, the main job, the tests. Needs Python 3.11 or 3.12; nothing else for `make run`.
PYTHON ?= $(shell for p in python3.12 python3.11 python3; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
RUN_ARGS ?=
TEST_ARGS ?=
# In the order of tests/conftest.py, which begins with what takes longest.
# A worker that crashed fails the run in any case; replaced by another, the rest of its file may never be run.
PYTEST := pytest -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder --max-worker-restart 0
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run test coverage check style types layers sql javascript docs peers bench soak mutants lock images sbom audit clean setup setup-dev

run: setup  ## the main job, on the demo company
	$(BIN)/python flows/main.py $(RUN_ARGS)

test: setup-dev  ## every test, with branch coverage; some of them by TEST_ARGS, without
ifeq ($(strip $(TEST_ARGS)),)
	@$(BIN)/coverage erase
	@status=0; $(BIN)/coverage run -m $(PYTEST) || status=$$?; \
	$(BIN)/coverage combine --quiet; \
	echo "coverage of flows, tasks and blocks, lines and branches: $$($(BIN)/coverage report --format=total) %"; \
	exit $$status
else
	$(BIN)/python -m $(PYTEST) $(TEST_ARGS)
endif

coverage:  ## what the last whole `make test` did not reach, file by file
	$(BIN)/coverage report --show-missing

check: style types layers sql javascript docs  ## lint, types, layers, style of SQL and JavaScript, links; -j 2 for two at once

style: setup-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup-dev
	$(BIN)/mypy

layers: setup-dev
	$(BIN)/lint-imports

sql: .venv-lint/done
	.venv-lint/bin/sqlfluff lint dbt

javascript: node_modules/.done peers
	npm run --silent check

docs: .venv-lint/done  ## the documentation as a site, every link checked: .local/docs-site/index.html
	NO_MKDOCS_2_WARNING=1 .venv-lint/bin/mkdocs build

soak: setup-dev  ## random sequences of runs, kills and rollbacks by the thousand, for hours; SOAK=0.01 plays a part
	$(BIN)/python -m pytest -m 'soak or hypothesis' --hypothesis-profile soak --timeout 0 -s tests $(TEST_ARGS)

mutants: setup-dev  ## which small changes of gate, diff, promotion and metrics no test notices; hours
	$(BIN)/python -m tests.soak.mutate $(MUTANT_ARGS)

bench: setup-dev  ## the figures of the README
	$(BIN)/python -m tests.benchmarks

setup: .venv/run
setup-dev: .venv/dev

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "No Python 3.11 or 3.12 found: install one, or make PYTHON=/path/to/it"; exit 1; }
	$(PYTHON) -m venv .venv

# --no-deps: the lock is complete, and old pips refuse hashes with extras; pip check proves it complete.
.venv/run: requirements.lock | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	$(BIN)/python -m pip check
	-$(BIN)/python -m compileall -q -j 0 .venv/lib flows tasks blocks demo >/dev/null 2>&1
	-$(BIN)/python -m flows.warmup
	touch $@

.venv/dev: requirements-dev.lock .venv/run tests/install-system.sh
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-dev.lock
	$(BIN)/python -m pip check
	-$(BIN)/python -m compileall -q -j 0 .venv/lib >/dev/null 2>&1
	sh tests/install-system.sh
	touch $@

peers: tests/peers/node_modules/.done  ## programs of others that tests hold ours against; without them these tests are skipped

tests/peers/node_modules/.done: tests/peers/package-lock.json tests/peers/package.json | .venv/dev
	@command -v npm >/dev/null || { echo "npm is not installed: see tests/install-system.sh"; exit 1; }
	npm ci --silent --prefix tests/peers
	touch $@

# sqlfluff and dbt want different clicks, so it lives apart, with what makes the SBOM, the audit and the docs' site.
.venv-lint/done: requirements-lint.lock
	$(PYTHON) -m venv .venv-lint
	.venv-lint/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-lint.lock
	touch $@

# For `check`: the product and its tests need no package of npm's, but for the peers below.
node_modules/.done: package-lock.json package.json | .venv/dev
	@command -v npm >/dev/null || { echo "npm is not installed: see tests/install-system.sh"; exit 1; }
	npm ci --silent
	touch $@

lock:  ## resolve again within pyproject.toml; hashes, no index address
	pip install --quiet uv
	uv pip compile pyproject.toml $(EXTRAS) $(LOCK_FLAGS) -o requirements.lock
	uv pip compile pyproject.toml --all-extras $(LOCK_FLAGS) -c requirements.lock -o requirements-dev.lock
	printf '%s\n' $(LINT) | uv pip compile - $(LOCK_FLAGS) -o requirements-lint.lock

images:  ## write the digest that each image's tag has today: Dockerfile, compose files (needs docker and a registry)
	$(PYTHON) deploy/pin_images.py

sbom: .venv-lint/done  ## what the image installs, as CycloneDX: .local/sbom.cdx.json
	@mkdir -p .local
	.venv-lint/bin/cyclonedx-py requirements requirements.lock --pyproject pyproject.toml --output-reproducible \
		--validate --of JSON -o .local/sbom.cdx.json

audit: .venv-lint/done  ## known vulnerabilities of requirements.lock; skipped where no advisories can be read
	$(PYTHON) deploy/audit_lock.py .venv-lint/bin/pip-audit requirements.lock

LINT := sqlfluff==4.5.0 mkdocs-material==9.8.2 cyclonedx-bom==7.5.0 pip-audit==2.10.1
EXTRAS := --extra databases --extra docker --extra dremio --extra files --extra jira --extra postgres --extra snowflake --extra tableau
LOCK_FLAGS := --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --no-emit-index-url \
	--no-emit-find-links --quiet

clean:  ## everything made here: environments and .local
	rm -rf .venv .venv-lint .local node_modules tests/peers/node_modules .coverage .coverage.*
