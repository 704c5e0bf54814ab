# `make demo` and `make test` need Python 3.11 to 3.13, Go, root and a package mirror.
VALE := .cache/vale-3.22.0/vale
export PATH := $(CURDIR)/.venv/bin:$(CURDIR)/$(dir $(VALE)):$(PATH)
export ANSIBLE_CONFIG := $(CURDIR)/ansible.cfg
export ANSIBLE_COLLECTIONS_PATH := $(CURDIR)/.cache/collections
export MOLECULE_GLOB := molecule/*/molecule.yml
# Material for MkDocs warns of MkDocs 2 at each build.
export NO_MKDOCS_2_WARNING := 1
export TEST_PARTS := $(CURDIR)/.cache/test-parts
TEST_LOG := .cache/tests.log
PART := python tests/tools/parts.py run
# One process of tests per processor. Tests that change the same parts of this machine share a process.
PYTEST := python -m pytest --numprocesses=auto
LINK := .cache/collections/ansible_collections/mlops/gpu_monitoring
# Scenarios with tests that guard a promise of the README; `make test-all` runs the others too.
SCENARIOS := default roles security toolkit verify
# Sanity tests whose place `make lint` takes: ruff, mypy and yamllint. They are half of the time of `make sanity`.
SANITY_OF_LINT := pep8 pylint yamllint
BENCHMARKS := $(addprefix bench-,grafana rerun hosts overhead collector freshness alerts backup queries rules fleet)
DEMO := ansible-playbook -i .lab/demo/inventory.yml

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^##@ / {printf "\n%s\n", substr($$0, 5)} \
		/^[a-z-]+:.*## / {printf "  %-17s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.venv/installed: requirements-dev.txt
	$$(tests/tools/find-python.sh) -m venv .venv
	.venv/bin/pip install --quiet -r requirements-dev.txt
	touch $@

$(LINK):
	mkdir -p $(dir $@)
	ln -sfn $(CURDIR) $@

$(VALE):
	GOBIN=$(CURDIR)/$(@D) go install github.com/vale-cli/vale/v3/cmd/vale@v$(patsubst .cache/vale-%/vale,%,$@)

.PHONY: tools
tools: .venv/installed $(LINK)

##@ Try it (needs root, Go and a package mirror)

.PHONY: demo
demo: tools ## Deploy the stack on three emulated hosts, and print what Prometheus and Grafana see
	python -m tests.lab up --name demo
	$(DEMO) playbooks/site.yml
	python -m tests.lab.report --name demo

.PHONY: verify
verify: tools ## Check that the demo's Prometheus and Grafana see all that its hosts have
	$(DEMO) playbooks/verify.yml -e verify_report=$(CURDIR)/.demo/verify.json

.PHONY: demo-down
demo-down: tools ## Remove the demo and its data
	python -m tests.lab down --name demo --services
	rm -rf .demo

##@ Check a change

.PHONY: unit
unit: tools ## Run the unit and contract tests; they need no Docker
	$(PYTEST) tests/unit tests/contract

.PHONY: contract
contract: tools ## Test the Grafana modules, on a real Grafana with GRAFANA_URL=... GRAFANA_PASSWORD=...
	python -m pytest $(addprefix tests/contract/test_grafana_,present.py robust.py secrets.py)

.PHONY: lint
lint: tools $(VALE) site ## Run all linters, import all tests, and build the site
	$(PART) checks/ruff ruff check
	$(PART) checks/ruff-format ruff format --check
	$(PART) checks/codespell codespell
	$(PART) checks/prose python tests/tools/lint_prose.py
	$(PART) checks/lines python tests/tools/lint_lines.py
	$(PART) checks/changelog antsibull-changelog lint
	$(PART) checks/yamllint yamllint --strict .
	$(PART) checks/collect python -m pytest --collect-only -qqq -m "" tests
	$(PART) checks/collect-molecule python -m pytest --collect-only -qqq -m "" molecule
	$(PART) checks/ansible-lint ansible-lint --profile production --offline --strict
	$(PART) checks/mypy mypy

.PHONY: site
site: tools ## Build the documentation into .cache/site; a warning or a broken link fails
	$(PART) checks/docs antsibull-docs lint-collection-docs --plugin-docs --validate-collection-refs=self --skip-rstcheck .
	$(PART) checks/site mkdocs build --strict --quiet

.PHONY: external-links
external-links: site ## Ask other servers for the pages that the documentation links to; needs the internet
	python tests/tools/site/external_links.py

.PHONY: sanity
sanity: tools ## Run ansible-test sanity
	$(PART) checks/sanity tests/tools/sanity.sh $(addprefix --skip-test=,$(SANITY_SKIPPED))

.PHONY: molecule
molecule: tools ## Test the stack on three emulated hosts: make molecule SCENARIOS="toolkit verify"
	molecule destroy
	$(PART) tests/molecule molecule test $(addprefix --scenario-name=,$(SCENARIOS))

.PHONY: services
services: tools ## Test the services, rules and dashboards on a Docker engine
	python -m tests.lab ensure-engine
	python -m pytest tests/engine tests/rules

.PHONY: forget-parts
forget-parts:
	rm -f $(TEST_PARTS)

.PHONY: tests
tests:
	nice -n 10 $(PYTEST) >$(TEST_LOG) 2>&1; status=$$?; cat $(TEST_LOG); exit $$status

# The other tests run beside molecule, which waits for hosts part of the time. They show their output at their end.
.PHONY: test
test: forget-parts tools ## Run lint, sanity, molecule and all tests, and check the archive
	$(PART) checks $(MAKE) --jobs=2 --output-sync=target SANITY_SKIPPED="$(SANITY_OF_LINT)" lint sanity package
	python -m tests.lab ensure-engine
	$(PART) tests $(MAKE) --jobs=2 SCENARIOS="$(SCENARIOS)" molecule tests
	python tests/tools/parts.py table
	tail --lines=1 $(TEST_LOG)

.PHONY: test-all
test-all: export PYTEST_ADDOPTS := -m ""
test-all: SANITY_OF_LINT :=
test-all: SCENARIOS += variables alerts remove offline replicas
test-all: test $(BENCHMARKS) ## Run `test`, the longer tests and the benchmarks

##@ Measure

.PHONY: bench-grafana
bench-grafana: tools ## grafana_resources against community.grafana
	python bench/grafana.py

.PHONY: bench-rerun
bench-rerun: tools ## An unchanged run of the site playbook against a playbook written by hand
	python bench/rerun.py

.PHONY: bench-hosts
bench-hosts: tools ## An unchanged run and a dry run for 200 stand-ins of hosts
	python bench/many_hosts.py

.PHONY: bench-overhead
bench-overhead: tools ## The cost of cAdvisor with the flags of the role and with its defaults
	python bench/overhead.py

.PHONY: bench-collector
bench-collector: tools ## The cost of the container GPU collector with 8 GPUs and 50 containers
	python bench/collector.py

.PHONY: bench-freshness
bench-freshness: demo ## The time from a change of a GPU value to Grafana
	python bench/freshness.py

.PHONY: bench-alerts
bench-alerts: demo ## The time from a GPU fault to a webhook
	python bench/alerts.py

.PHONY: bench-backup
bench-backup: demo ## What users notice of a backup, and of a backup by hand
	python bench/backup.py

.PHONY: bench-queries
bench-queries: tools ## Each dashboard query for ten 8-GPU hosts, and a month of GPU hours of a hundred hosts
	python -m tests.lab ensure-engine
	python bench/gpu_hours.py
	python bench/queries.py

.PHONY: bench-rules
bench-rules: tools ## Each Prometheus rule for a hundred 8-GPU hosts
	python -m tests.lab ensure-engine
	python bench/rules.py

.PHONY: bench-fleet
bench-fleet: tools ## The cost of 50, 100 and 200 simulated 8-GPU hosts for Prometheus and VictoriaMetrics
	python -m tests.lab ensure-engine
	python bench/fleet.py

##@ Write generated files

.PHONY: docs
docs: tools ## Write the READMEs of the roles, and the pages of alerts, images and security
	python tests/tools/role_readme.py
	python tests/tools/alerts_page.py
	python tests/tools/images_page.py
	python tests/tools/security_page.py

.PHONY: dashboards
dashboards: tools ## Write the dashboards as JSON for the import of any Grafana, into build/dashboards
	python tests/tools/export_dashboards.py build/dashboards

.PHONY: update-images
update-images: tools ## Update versions and digests of the default images from their registries
	python tests/tools/update_images.py; status=$$?; $(MAKE) docs && exit $$status

##@ Release

.cache/release/installed: requirements-release.txt
	$$(tests/tools/find-python.sh) -m venv .cache/release
	.cache/release/bin/pip install --quiet -r requirements-release.txt
	touch $@

.PHONY: package
package: .cache/release/installed ## Build the archive of the collection, and check it with galaxy-importer
	$(PART) checks/package tests/tools/package.sh

.PHONY: execution-environment
execution-environment: .cache/release/installed ## Write the build context of execution-environment.yml
	.cache/release/bin/ansible-builder create --context .cache/execution-environment
