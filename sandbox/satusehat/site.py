"""SatuSehatSite as a site of the sandbox: the platform and its part of the control API."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.routing import Route

from sandbox.satusehat.control import control_routes
from sandbox.satusehat.platform import Platform


class SatuSehatSite(Platform):
    """The platform, served beside the other sites."""

    def control_routes(self) -> Sequence[Route]:
        return control_routes(self)
