# `make demo` and `make test` need Python 3.11 to 3.13, Go, root and a package mirror.
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export ANSIBLE_CONFIG := $(CURDIR)/ansible.cfg
export ANSIBLE_COLLECTIONS_PATH := $(CURDIR)/.cache/collections
export MOLECULE_GLOB := molecule/*/molecule.yml
export TEST_PARTS := $(CURDIR)/.cache/test-parts
PART := python tests/tools/parts.py run
LINK := .cache/collections/ansible_collections/mlops/gpu_monitoring
# Scenarios with tests that guard a promise of the README; `make test-all` runs the others besides.
SCENARIOS := default roles security toolkit verify
DEMO := ansible-playbook -i .lab/demo/inventory.yml

.PHONY: help
help: ## Show what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "%-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.venv/installed: requirements-dev.txt
	$$(tests/tools/find-python.sh) -m venv .venv
	.venv/bin/pip install --quiet -r requirements-dev.txt
	touch $@

$(LINK):
	mkdir -p $(dir $@)
	ln -sfn $(CURDIR) $@

.PHONY: tools
tools: .venv/installed $(LINK)

.PHONY: demo
demo: tools ## Three hosts with the whole stack, and what Prometheus and Grafana say of them
	python -m tests.lab up --name demo
	$(DEMO) playbooks/site.yml
	python -m tests.lab.report --name demo

.PHONY: verify
verify: tools ## Compare what the demo's Prometheus and Grafana see with what its hosts have
	$(DEMO) playbooks/verify.yml -e verify_report=$(CURDIR)/.demo/verify.json

.PHONY: demo-down
demo-down: tools ## Take the demo away, with its data
	python -m tests.lab down --name demo --services
	rm -rf .demo

.PHONY: unit
unit: tools ## Unit and contract tests: seconds, no Docker
	python -m pytest tests/unit tests/contract

.PHONY: contract
contract: tools ## The Grafana modules against the stand-in, or a real Grafana: GRAFANA_URL=... GRAFANA_PASSWORD=...
	python -m pytest tests/contract/test_grafana_present.py tests/contract/test_grafana_robust.py tests/contract/test_grafana_secrets.py

.PHONY: lint
lint: tools ## yamllint, the imports of the tests, ansible-lint (production), mypy
	$(PART) yamllint yamllint --strict .
	$(PART) collect python -m pytest --collect-only -qqq -m "" tests
	$(PART) collect-molecule python -m pytest --collect-only -qqq -m "" molecule
	$(PART) ansible-lint ansible-lint --profile production --offline --strict
	$(PART) mypy mypy

.PHONY: sanity
sanity: tools ## ansible-test sanity
	$(PART) sanity tests/tools/sanity.sh

.PHONY: molecule
molecule: tools ## The stack on three hosts, by subject: make molecule SCENARIOS="toolkit verify"
	molecule destroy
	$(PART) molecule molecule test $(addprefix --scenario-name=,$(SCENARIOS))

.PHONY: forget-parts
forget-parts:
	rm -f $(TEST_PARTS)

.PHONY: test
test: forget-parts lint sanity molecule ## Everything that CI runs
	python -m tests.lab ensure-engine
	python -m pytest tests/unit tests/contract tests/engine tests/rules

.PHONY: test-all
test-all: export PYTEST_ADDOPTS := -m ""
test-all: SCENARIOS += variables alerts remove offline
test-all: test bench-grafana bench-rerun bench-hosts bench-overhead bench-collector bench-freshness bench-alerts bench-backup bench-queries bench-rules ## What CI runs, the longer tests, and the benchmarks

.PHONY: bench-grafana
bench-grafana: tools ## Our Grafana module against community.grafana, in one run
	python bench/grafana.py

.PHONY: bench-rerun
bench-rerun: tools ## An unchanged run of the site playbook against a playbook written by hand, each on three hosts
	python bench/rerun.py

.PHONY: bench-hosts
bench-hosts: tools ## An unchanged run and a dry run of the site playbook for 200 hosts, for which a stand-in answers
	python bench/many_hosts.py

.PHONY: bench-overhead
bench-overhead: tools ## cAdvisor with our flags against its defaults, on this machine's engine
	python bench/overhead.py

.PHONY: bench-collector
bench-collector: tools ## What the container GPU collector costs on a host with 8 GPUs and 50 containers
	python bench/collector.py

.PHONY: bench-freshness
bench-freshness: demo ## From a change of a GPU's value to Grafana, on the demo's hosts
	python bench/freshness.py

.PHONY: bench-alerts
bench-alerts: demo ## From a fault of a GPU to a webhook, on the demo's hosts
	python bench/alerts.py

.PHONY: bench-backup
bench-backup: demo ## What users of the demo's monitoring host notice of a backup, against one by hand
	python bench/backup.py

.PHONY: bench-queries
bench-queries: tools ## Every query of the dashboards on a day of ten 8-GPU hosts, and a month of GPU hours of a hundred
	python -m tests.lab ensure-engine
	python bench/gpu_hours.py
	python bench/queries.py

.PHONY: bench-rules
bench-rules: tools ## Every rule of Prometheus for a hundred 8-GPU hosts
	python -m tests.lab ensure-engine
	python bench/rules.py

.PHONY: docs
docs: tools ## Write the roles' READMEs from their argument specifications, and the pages of alerts and images
	python tests/tools/role_readme.py
	python tests/tools/alerts_page.py
	python tests/tools/images_page.py

.PHONY: update-images
update-images: tools ## Take newer versions and digests of the default images from the registries that answer
	python tests/tools/update_images.py; status=$$?; $(MAKE) docs && exit $$status
