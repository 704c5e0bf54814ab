# `make demo` and `make test` need Python 3.11 to 3.13, Go, root and a package mirror.
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export ANSIBLE_CONFIG := $(CURDIR)/ansible.cfg
export ANSIBLE_COLLECTIONS_PATH := $(CURDIR)/.cache/collections
export MOLECULE_GLOB := molecule/*/molecule.yml
LINK := .cache/collections/ansible_collections/mlops/gpu_monitoring
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
	$(DEMO) playbooks/site.yml -e grafana_admin_password_file=$(CURDIR)/.demo/grafana_admin_password
	python -m tests.lab.report --name demo

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
lint: tools ## yamllint, ansible-lint (production), mypy
	yamllint --strict .
	ansible-lint --profile production --offline --strict
	mypy

.PHONY: sanity
sanity: tools ## ansible-test sanity
	tests/tools/sanity.sh

.PHONY: molecule
molecule: tools ## The stack on three hosts: converge, idempotence, restarts, bad input
	molecule test

.PHONY: test
test: lint sanity molecule ## Everything that CI runs
	python -m tests.lab ensure-engine
	python -m pytest tests/unit tests/contract tests/engine

.PHONY: test-all
test-all: test bench-grafana ## What CI runs, and the benchmarks

.PHONY: bench-grafana
bench-grafana: tools ## Our Grafana module against community.grafana, in one run
	python bench/grafana.py

.PHONY: docs
docs: tools ## Write the roles' READMEs from their argument specifications
	python tests/tools/role_readme.py
