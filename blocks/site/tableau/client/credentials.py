"""Signing in to Tableau: a personal access token, or a connected app's JWT. No request is made here."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING

from pydantic import BaseModel, Field, SecretStr

from blocks.site.tableau.client.versions import APP

if TYPE_CHECKING:
    from tableauserverclient import JWTAuth, PersonalAccessTokenAuth

LIFE_SECONDS = 300  # a JWT may live 10 minutes at most, and signs in once
SCOPES = (
    "tableau:content:read",
    "tableau:projects:*",
    "tableau:datasources:*",
    "tableau:workbooks:*",
    "tableau:workbook_tags:update",
    "tableau:workbook_tags:delete",
    "tableau:datasource_tags:update",
    "tableau:datasource_tags:delete",
    "tableau:view_tags:update",
    "tableau:file_uploads:create",
    "tableau:jobs:read",
    "tableau:views:download",
    "tableau:workbooks:download",
    "tableau:groups:read",
    "tableau:permissions:read",
    "tableau:permissions:update",
    "tableau:tasks:run",
)


class AccessToken(BaseModel):
    """A personal access token. One session lives at a time: signing in again ends the one before."""

    name: str = Field(description="the token's name")
    secret: SecretStr = Field(description="the token's secret")

    @property
    def call(self) -> str:
        """The call that signs in, as versions.CALLS names it."""
        return "auth/signin with a personal access token"

    @property
    def description(self) -> str:
        """How one signs in with it, as in "signed in as bot"."""
        return f"with token {self.name}"

    def authenticate(self, site: str) -> PersonalAccessTokenAuth:
        """Make the client's own object that signs in."""
        from tableauserverclient import PersonalAccessTokenAuth

        return PersonalAccessTokenAuth(self.name, self.secret.get_secret_value(), site_id=site)


class ConnectedApp(BaseModel):
    """A connected app with direct trust: signs in as a user, in as many sessions as there are runs."""

    client: str = Field(description="the app's client id")
    secret_id: str = Field(description="the id of its secret")
    secret: SecretStr = Field(description="the secret's value")
    user: str = Field(description="the user to work as")

    @property
    def call(self) -> str:
        """The call that signs in, as versions.CALLS names it."""
        return APP

    @property
    def description(self) -> str:
        """How one signs in with it, as in "signed in as bot"."""
        return f"as {self.user}"

    def authenticate(self, site: str) -> JWTAuth:
        """Make the client's own object that signs in, with a new token each time."""
        from tableauserverclient import JWTAuth

        return JWTAuth(self._write_token(), site_id=site)

    def _write_token(self) -> str:
        """A signed JWT with the claims that Tableau's connected apps ask for."""
        import jwt

        claims = {
            "iss": self.client,
            "sub": self.user,
            "aud": "tableau",
            "jti": str(uuid.uuid4()),
            "exp": int(time.time()) + LIFE_SECONDS,
            "scp": list(SCOPES),
        }
        head = {"kid": self.secret_id, "iss": self.client}
        return jwt.encode(claims, self.secret.get_secret_value(), algorithm="HS256", headers=head)
