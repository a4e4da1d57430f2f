"""/schema/docs: the OpenAPI document as a page, with files of our own under the strict content policy."""

from __future__ import annotations

import re

import httpx
import pytest

from admin.http.security_headers import POLICY

pytestmark = pytest.mark.anyio


async def test_the_page_is_open_and_names_no_other_host(nobody: httpx.AsyncClient) -> None:
    answer = await nobody.get("/schema/docs")
    assert (answer.status_code, answer.headers["content-security-policy"]) == (200, POLICY)
    assert "//" not in re.sub(r"<!doctype html>", "", answer.text)
    assert re.findall(r"<script(?! src=\"/static/)|<style| style=| on\w+=", answer.text) == []


async def test_every_file_of_the_page_is_there(nobody: httpx.AsyncClient) -> None:
    files = re.findall(r'(?:src|href)="(/static/[^"]+)"', (await nobody.get("/schema/docs")).text)
    assert len(files) >= 5
    assert {path: (await nobody.get(path)).status_code for path in files} == dict.fromkeys(files, 200)
