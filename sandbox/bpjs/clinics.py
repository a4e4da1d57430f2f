"""The clinics that may call, and whether a call is really theirs (reference bpjs 1.2-1.4)."""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass

from sandbox.bpjs.envelope import Said
from sandbox.messages import Request

APPLICATION = "095"


@dataclass(frozen=True, slots=True)
class Clinic:
    """One clinic's access to both services."""

    cons_id: str
    secret: str
    pcare_key: str
    antrean_key: str
    username: str
    password: str
    provider: str
    """Its PPK code, 8 characters."""
    services: frozenset[str] = frozenset({"pcare", "antrean"})


DEMO_CLINIC = Clinic(
    "12345", "demo-rahasia", "demo-kunci-pcare", "demo-kunci-antrean", "demo-pcare", "Sandi#1", "10009901"
)


def identify(request: Request, service: str, clinics: dict[str, Clinic], now: float, skew: float) -> Clinic | Said:
    """The clinic that signed the request, or why it is refused."""
    shown = request.headers
    clinic = clinics.get(shown.get("x-cons-id", ""))
    if clinic is None:
        return Said(401, "Unauthorized! Consumer ID tidak ditemukan")
    if service not in clinic.services:
        return Said(404, "Unauthorized! You are not registered for this service!")
    timestamp = shown.get("x-timestamp", "")
    message = f"{clinic.cons_id}&{timestamp}".encode()
    right = base64.b64encode(hmac.digest(clinic.secret.encode(), message, hashlib.sha256)).decode()
    if not hmac.compare_digest(right, shown.get("x-signature", "")):
        return Said(401, "Signature Service Tidak Sesuai" if service == "pcare" else "Unauthorized, invalid signature")
    if not timestamp.isdigit() or abs(int(timestamp) - now) > skew:
        return Said(401, "Service Expired")
    if shown.get("user_key") != (clinic.pcare_key if service == "pcare" else clinic.antrean_key):
        return Said(401, "Unauthorized! user_key tidak sesuai")
    return _logged_in(clinic, shown.get("x-authorization", "")) if service == "pcare" else clinic


def _logged_in(clinic: Clinic, shown: str) -> Clinic | Said:
    if not shown.startswith("Basic "):
        return Said(400, "StartIndex cannot be less than zero. (Parameter 'startIndex')")
    login = f"{clinic.username}:{clinic.password}:{APPLICATION}"
    if shown.removeprefix("Basic ") != base64.b64encode(login.encode()).decode():
        return Said(401, "Username atau password PCare salah")
    return clinic
