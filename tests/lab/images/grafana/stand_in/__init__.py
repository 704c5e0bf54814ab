"""A stand-in for Grafana, for tests on machines without a Grafana. Part of the test lab only.

It answers the part of Grafana 12.4.0's HTTP API that the collection uses, as in recordings of a real server
(tests/contract). It runs panel queries against the real Prometheus. It has

- health, login, /api/user and /api/org, of one organisation: another one in X-Grafana-Org-Id or orgId is refused;
- datasources with their health, proxy and queries; folders; dashboards; search;
- people with a role and a password that can change, and a login that wrong passwords lock (no routes to add people);
- service accounts and their tokens;
- migrations of its database, of a length and an end that a test asks for (migrations.py);
- objects from provisioning files, where a test asks for them (provisioning.py).

Unlike a real server it caches nothing: a role, a disabled account or a new folder counts at once.
"""
