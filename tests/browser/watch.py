"""Watches every page of a test for forbidden events: errors, breaches of the policy, foreign requests, dialogs."""

from __future__ import annotations

import re

from playwright.sync_api import BrowserContext, ConsoleMessage, Dialog, Error, Request


class PageWatch:
    """Complaints of every page of a context; a test may expect some by a pattern."""

    def __init__(self, context: BrowserContext, address: str) -> None:
        self._address = address
        self._complaints: list[str] = []
        self._expected: list[str] = []
        context.on("console", self._console)
        context.on("weberror", lambda error: self._note(f"page error: {error.error}"))
        context.on("request", self._request)
        context.on("requestfailed", self._failed)
        context.on("dialog", self._dialog)

    def expect(self, pattern: str) -> None:
        """Ignore complaints that match; they are the subject of the test."""
        self._expected.append(pattern)

    @property
    def complaints(self) -> list[str]:
        """Complaints that no test expected."""
        return [line for line in self._complaints if not any(re.search(p, line) for p in self._expected)]

    def _note(self, complaint: str) -> None:
        self._complaints.append(complaint)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self._note(f"console {message.type}: {message.text} ({message.location.get('url', '')})")

    def _request(self, request: Request) -> None:
        if not request.url.startswith((f"{self._address}/", "data:", "blob:")):
            self._note(f"request to elsewhere: {request.url}")

    def _failed(self, request: Request) -> None:
        # Leaving a page cancels its open requests.
        if request.failure != "net::ERR_ABORTED":
            self._note(f"request failed: {request.url}: {request.failure}")

    def _dialog(self, dialog: Dialog) -> None:
        if dialog.type != "beforeunload":
            self._note(f"dialog: {dialog.message}")
        try:
            dialog.accept()
        except Error:  # the dialog was closed with its page
            return
