"""Signing in to Tableau: a personal access token, or a connected app's JWT. No request is made here."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
import uuid
from typing import Any

from pydantic import BaseModel, Field, SecretStr

LIFE_SECONDS = 300  # a JWT may live 10 minutes at most, and signs in once
SCOPES = (
    "tableau:content:read",
    "tableau:projects:*",
    "tableau:datasources:*",
    "tableau:workbooks:*",
    "tableau:workbook_tags:update",
    "tableau:workbook_tags:delete",
    "tableau:file_uploads:create",
    "tableau:jobs:read",
    "tableau:views:download",
    "tableau:workbooks:download",
    "tableau:groups:read",
    "tableau:permissions:update",
    "tableau:tasks:run",
)


class AccessToken(BaseModel):
    """A personal access token. One session lives at a time: signing in again ends the one before."""

    name: str = Field(description="the token's name")
    secret: SecretStr = Field(description="the token's secret")

    @property
    def named(self) -> str:
        """How one signs in with it, for a person."""
        return f"with token {self.name}"

    def request(self, site: str) -> Any:
        """What signs in, as the client's own object."""
        from tableauserverclient import PersonalAccessTokenAuth

        return PersonalAccessTokenAuth(self.name, self.secret.get_secret_value(), site_id=site)


class ConnectedApp(BaseModel):
    """A connected app with direct trust: signs in as a user, in as many sessions as there are runs."""

    client: str = Field(description="the app's client id")
    secret_id: str = Field(description="the id of its secret")
    secret: SecretStr = Field(description="the secret's value")
    user: str = Field(description="the user to work as")

    @property
    def named(self) -> str:
        """How one signs in with it, for a person."""
        return f"as {self.user}"

    def request(self, site: str) -> Any:
        """What signs in, as the client's own object; made anew for each sign-in."""
        from tableauserverclient import JWTAuth

        return JWTAuth(self._token(), site_id=site)

    def _token(self) -> str:
        """A signed JWT (HS256, RFC 7519) with the claims that Tableau's connected apps ask for."""
        head = {"alg": "HS256", "typ": "JWT", "kid": self.secret_id, "iss": self.client}
        claims = {
            "iss": self.client,
            "sub": self.user,
            "aud": "tableau",
            "jti": str(uuid.uuid4()),
            "exp": int(time.time()) + LIFE_SECONDS,
            "scp": SCOPES,
        }
        body = ".".join(_encoded(json.dumps(part).encode()) for part in (head, claims))
        key = self.secret.get_secret_value().encode()
        return f"{body}.{_encoded(hmac.new(key, body.encode(), hashlib.sha256).digest())}"


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
