"""Clinics that may call, and the check of a call's signature and login."""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass

from sandbox.bpjs.envelope import Result
from sandbox.messages import SandboxRequest

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
    provider: str  # PPK code, 8 characters
    services: frozenset[str] = frozenset({"pcare", "antrean"})


DEMO_CLINIC = Clinic(
    "12345", "demo-rahasia", "demo-kunci-pcare", "demo-kunci-antrean", "demo-pcare", "Sandi#1", "10009901"
)
SECOND_DEMO_CLINIC = Clinic(
    "12346", "demo-rahasia-2", "demo-kunci-pcare-2", "demo-kunci-antrean-2", "demo-pcare-2", "Sandi#2", "10009902"
)


def identify(
    request: SandboxRequest, service: str, clinics: dict[str, Clinic], now: float, skew: float
) -> Clinic | Result:
    """Return the clinic that signed the request, or the refusal."""
    headers = request.headers
    clinic = clinics.get(headers.get("x-cons-id", ""))
    if clinic is None:
        return Result(401, "Unauthorized! Consumer ID tidak ditemukan")
    if service not in clinic.services:
        return Result(404, "Unauthorized! You are not registered for this service!")
    timestamp = headers.get("x-timestamp", "")
    message = f"{clinic.cons_id}&{timestamp}".encode()
    right = base64.b64encode(hmac.digest(clinic.secret.encode(), message, hashlib.sha256)).decode()
    if not hmac.compare_digest(right, headers.get("x-signature", "")):
        return Result(
            401, "Signature Service Tidak Sesuai" if service == "pcare" else "Unauthorized, invalid signature"
        )
    if not timestamp.isdigit() or abs(int(timestamp) - now) > skew:
        return Result(401, "Service Expired")
    if headers.get("user_key") != (clinic.pcare_key if service == "pcare" else clinic.antrean_key):
        return Result(401, "Unauthorized! user_key tidak sesuai")
    return _logged_in(clinic, headers.get("x-authorization", "")) if service == "pcare" else clinic


def _logged_in(clinic: Clinic, authorization: str) -> Clinic | Result:
    if not authorization.startswith("Basic "):
        return Result(400, "StartIndex cannot be less than zero. (Parameter 'startIndex')")
    login = f"{clinic.username}:{clinic.password}:{APPLICATION}"
    if authorization.removeprefix("Basic ") != base64.b64encode(login.encode()).decode():
        return Result(401, "Username atau password PCare salah")
    return clinic
