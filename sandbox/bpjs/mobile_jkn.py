"""A caller like Mobile JKN: asks a clinic's queue service as a patient's phone would."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

# (method, path below the base, headers, body or None) -> the answer
Ask = Callable[[str, str, Mapping[str, str], Any], Awaitable[dict[str, Any]]]


class MobileJkn:
    """One phone; it requests its own token and registers the patient where the clinic demands that."""

    def __init__(self, ask: Ask, username: str, password: str) -> None:
        self._ask = ask
        self._username = username
        self._password = password
        self.token = ""

    async def log_in(self) -> dict[str, Any]:
        headers = {"x-username": self._username, "x-password": self._password}
        answer = await self._ask("GET", "/auth", headers, None)
        self.token = answer.get("response", {}).get("token", "")
        return answer

    async def status(self, poli: str, date: str) -> dict[str, Any]:
        return await self._call("GET", f"/antrean/status/{poli}/{date}")

    async def take(self, wish: Mapping[str, Any], patient: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Take a number; on 202 register the patient first, if given, and ask for the number again."""
        answer = await self._call("POST", "/antrean", dict(wish))
        if answer["metadata"]["code"] == 202 and patient is not None:
            await self._call("POST", "/peserta", dict(patient))
            return await self._call("POST", "/antrean", dict(wish))
        return answer

    async def remaining(self, card: str, poli: str, date: str) -> dict[str, Any]:
        return await self._call("GET", f"/antrean/sisapeserta/{card}/{poli}/{date}")

    async def cancel(self, wish: Mapping[str, Any]) -> dict[str, Any]:
        return await self._call("PUT", "/antrean/batal", dict(wish))

    async def register(self, patient: Mapping[str, Any]) -> dict[str, Any]:
        return await self._call("POST", "/peserta", dict(patient))

    async def _call(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        return await self._ask(method, path, {"x-token": self.token, "x-username": self._username}, body)
