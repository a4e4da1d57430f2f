"""The catalog of the small hub, with visits and findings that can be withdrawn by `state: wrong`."""

from __future__ import annotations

from tests.engine.small_hub import CATALOG

STATE = "state: {type: string}"
DECLARED = "withdrawal: {state: wrong}"
WITHDRAWABLE = CATALOG
for old, new in {
    "        note: {type: string}\n": f"        note: {{type: string}}\n        {STATE}\n",
    'note: "{{ record.note }}"\n    ex': 'note: "{{ record.note }}"\n      state: "{{ record.state }}"\n    ex',
    "    patient: {norm": f"    {DECLARED}\n    patient: {{norm",
    "    endpoint: {path: /Finding}\n": (
        f'    endpoint: {{path: /Finding}}\n    {DECLARED}\n    update: {{path: "/Finding/{{{{ reference }}}}"}}\n'
    ),
    "visit: {type: string}, at": f"visit: {{type: string}}, person: {{type: string}}, {STATE}, at",
    "    needs: {visit: {spec: Visit,": '    patient: {norm: "{{ record.person }}"}\n    needs: {visit: {spec: Visit,',
    "payload: {kind: Finding,": 'payload: {kind: Finding, state: "{{ record.state }}",',
}.items():
    assert old in WITHDRAWABLE
    WITHDRAWABLE = WITHDRAWABLE.replace(old, new)
